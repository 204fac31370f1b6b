"""gunicorn's settings, as in https://docs.gunicorn.org/en/stable/settings.html; seconds."""

import os
import shutil
import signal
import tempfile
from typing import Any

from webapp.settings import Settings

settings = Settings.from_environ(os.environ)

wsgi_app = "webapp.app:create_app()"
bind = f"0.0.0.0:{settings.port}"  # every address of the container; which are published is Docker's
worker_class = "gthread"  # a thread that waits (for a name, for a slow caller) blocks no other
workers = settings.workers
threads = settings.threads
preload_app = True  # imported once and shared: 19 MB less, and a broken app fails before it listens
keepalive = 5  # above the client's 1 s interval, so that it can stay on one connection
graceful_timeout = 8  # after SIGTERM, to finish what is in flight; Docker kills after 10
forwarded_allow_ips = ""  # no proxy before it is known, so no header of one is believed
logger_class = "webapp.observe.Observer"
control_socket_disable = True  # needs a writable home, which a read-only container lacks
# Heartbeats and metrics are files in memory: a slow disk would stall the workers.
worker_tmp_dir = "/dev/shm"  # noqa: S108
# No old count survives in a new directory; prometheus_client looks for its name once, at import.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp("", "webapp-metrics-", worker_tmp_dir)


def on_exit(_server: Any) -> None:
    """Leave no metrics behind."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


# A new worker has its master's handlers, which would lose a SIGTERM: let it end the worker.
os.register_at_fork(
    before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}),
    after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM}),
    after_in_child=lambda: (
        signal.signal(signal.SIGTERM, signal.SIG_DFL),
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM}),
    ),
)
