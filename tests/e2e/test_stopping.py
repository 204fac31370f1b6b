"""SIGTERM: what is under way is finished, and neither container has to be killed."""

import subprocess
from collections.abc import Callable

from tests.support.engine import LABEL, Pair, docker

# A worker sends 100 Continue when it has read the request and begins to answer it.
CALL = r"""
import socket
with socket.create_connection(("webapp", 8000)) as connection:
    head = "GET /delay/2 HTTP/1.1", "Host: webapp", "Expect: 100-continue", "Connection: close"
    connection.sendall("\r\n".join((*head, "", "")).encode())
    for line in connection.makefile():
        print(line, end="", flush=True)
"""


def test_a_request_under_way_is_finished_and_both_stop_with_exit_0(
    make_pair: Callable[[], Pair],
) -> None:
    pair = make_pair()
    services = ("webapp", "client")
    # From a container of its own: the client's is stopped too.
    argv = ["docker", "run", "--rm", *LABEL, "--network", pair.network]
    argv += ["--entrypoint", "python", "two-bridges-client", "-c", CALL]
    with subprocess.Popen(argv, text=True, stdout=subprocess.PIPE) as caller:
        assert caller.stdout
        assert "100 Continue" in caller.stdout.readline()
        docker("stop", *map(pair.container, services))
        answer = caller.stdout.read()
    assert caller.returncode == 0
    assert "HTTP/1.1 200 OK" in answer
    for service in services:
        state = pair.inspect(service)["State"]
        assert (state["ExitCode"], state["OOMKilled"]) == (0, False), service
    summary = pair.logs("client")[-1]
    assert summary["event"] == "summary"
    assert summary["calls"] == summary["answered"] > 0
