"""`python -m client`: the one place that touches the real process."""

import os
import signal
import sys

from client.main import main
from client.trouble import Code

if __name__ == "__main__":
    code = main(sys.argv[1:], os.environ, sys.stdout, sys.stderr)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not change the exit code
    if code == Code.OUTPUT:
        # The interpreter flushes once more on exit; that must not fail a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)
