"""gunicorn's settings: `gunicorn --config python:webapp.gunicorn_conf`.

Each name below is one of https://docs.gunicorn.org/en/stable/settings.html; times are in seconds.
"""

import math
import os
import shutil
import signal
import sys
import tempfile
from types import FrameType
from typing import Any

from webapp.probes import stopping
from webapp.settings import Settings, SettingsError

try:
    settings = Settings.from_environ(os.environ)
except SettingsError as error:
    print(f"webapp: {error}", file=sys.stderr)
    # Here, before any worker: gunicorn would restart or trace a failure that comes later.
    raise SystemExit(2) from None

# Memory, where there is some: heartbeats and metrics on a slow disk would stall the workers.
_SHM = "/dev/shm"  # noqa: S108
_MEMORY = _SHM if os.access(_SHM, os.W_OK) else None

# For the workers' metrics, new at every start so that no old count survives. Set before anything
# imports prometheus_client, which looks once.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="webapp-metrics-", dir=_MEMORY)

wsgi_app = "webapp.app:create_app()"
bind = f"0.0.0.0:{settings.port}"  # every address of the container; which are published is Docker's
worker_class = "gthread"  # a thread that waits (for a name, for a slow caller) blocks no other
workers = settings.workers
threads = settings.threads
preload_app = True  # imported once and shared: 19 MB less, and a broken app fails before it listens
worker_tmp_dir = _MEMORY  # the heartbeat files
timeout = 30  # a worker whose main loop hangs that long is replaced; slow requests do not count
keepalive = 5  # above the client's 1 s interval, so that it can stay on one connection
graceful_timeout = math.ceil(settings.drain_seconds) + 8  # drain included; Docker kills after 10
limit_request_line = 4094  # bytes: the longest path and query answered, 414 above
limit_request_fields = 50  # headers, 431 above
limit_request_field_size = 8190  # bytes a header, 431 above
accesslog = None  # webapp.access_log writes it
control_socket_disable = True  # needs a writable home, which a read-only container lacks


def on_exit(_server: Any) -> None:
    """Leave no metrics behind."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the live gauges of a dead worker; its counts stay, as a sum must not go down."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def post_worker_init(worker: Any) -> None:
    """Put a drain before gunicorn's own stop.

    On SIGTERM the worker serves on for `drain_seconds`, as not ready and closing each connection
    after its answer, so that callers turn elsewhere. Then gunicorn finishes what is in flight.
    """
    set_accept_enabled = worker.set_accept_enabled

    def drain(_signum: int, _frame: FrameType | None) -> None:
        if stopping.is_set():
            return  # a second SIGTERM: the first still counts
        stopping.set()
        worker.cfg.set("keepalive", 0)  # gunicorn then answers with Connection: close
        # Never 0, which would switch the timer off.
        signal.setitimer(signal.ITIMER_REAL, max(settings.drain_seconds, 0.001))

    def accept_or_refuse(enabled: bool) -> None:
        set_accept_enabled(enabled)
        if not worker.alive:
            # gunicorn would leave them open: new callers would hang until the last old one is done.
            for listener in worker.sockets:
                listener.close()

    worker.set_accept_enabled = accept_or_refuse
    signal.signal(signal.SIGALRM, worker.handle_exit)
    signal.signal(signal.SIGTERM, drain)
