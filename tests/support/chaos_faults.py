"""What is done to the pair and taken back, and the exit codes by which the client must tell it."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from tests.support.chaos import CLIENTS, Lines, Troubled
from tests.support.engine import LABEL, docker
from tests.support.until import until

TOOLS = "two-bridges-tools"
FULL = "client: cannot write /tmp/client-state.json: No space left on device\n"
NAME, CONNECT, TIMEOUT = 6, 7, 28
ANY = frozenset({NAME, CONNECT, TIMEOUT})


def webapp(*words: str) -> Callable[[Troubled], object]:
    """A docker command on the webapp's container."""
    return lambda pair: docker(*words, pair.container("webapp"))


def pause(pair: Troubled) -> None:
    """Again where the kernel could not freeze it in time, as happens on a busy machine."""
    argv = ("pause", pair.container("webapp"))
    until(lambda: docker(*argv, check=False).returncode == 0)


def dies(pair: Troubled, *words: str) -> None:
    """End the webapp by a docker command, and wait until the engine has started it again."""
    count = pair.inspect("webapp")["RestartCount"]
    pair.unsaid += len(CLIENTS)
    docker(*words, check=False)

    def again() -> bool:
        now = pair.inspect("webapp")
        return bool(now["RestartCount"] > count and now["State"]["Pid"])

    until(again)


def kill(pair: Troubled) -> None:
    """As `kill -9` does on the host: what `docker kill` ends, the engine does not start again."""
    code = f"import os; os.kill({pair.inspect('webapp')['State']['Pid']}, 9)"
    argv = ("--pid", "host", "--user", "0", "--entrypoint", "python", "two-bridges-client")
    dies(pair, "run", "--rm", *LABEL, *argv, "-c", code)


def hit_memory_limit(pair: Troubled) -> None:
    """By a file in memory: it counts, and has no process that the kernel could end instead."""
    fill = ("dd", "if=/dev/zero", "of=/dev/shm/full", "bs=1M")
    dies(pair, "exec", pair.container("webapp"), *fill)


def squat(pair: Troubled) -> str:
    """Put one more container on the pair's network; the address that it took."""
    argv = ("run", "--detach", *LABEL, "--network", pair.network, "alpine", "sleep", "600")
    pair.squatters.append(docker(*argv).stdout.strip())
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return docker("inspect", "--format", form, pair.squatters[-1]).stdout.strip()


def recreate(pair: Troubled) -> None:
    """On another address, with somebody else on the one that it had."""
    old = pair.end("webapp")["IPAddress"]
    docker("stop", pair.container("webapp"))
    pair.gone = pair.served()
    until(lambda: squat(pair) == old)
    pair.compose("up", "--detach", "--no-deps", "--force-recreate", "webapp")
    del pair.ids["webapp"]
    assert pair.end("webapp")["IPAddress"] != old


def leave(pair: Troubled) -> None:
    docker("rm", "--force", *pair.squatters)
    pair.squatters.clear()


def attach(pair: Troubled, services: tuple[str, ...] = ("webapp",)) -> None:
    for one in services:
        docker("network", "connect", "--alias", one, pair.network, pair.container(one))


def detach(pair: Troubled, services: tuple[str, ...] = ("webapp",)) -> None:
    for one in services:
        docker("network", "disconnect", pair.network, pair.container(one))


def remove_network(pair: Troubled) -> None:
    detach(pair, ("webapp", *CLIENTS))
    docker("network", "rm", pair.network)


def make_network(pair: Troubled) -> None:
    """With the labels by which Compose knows its own."""
    compose = "com.docker.compose"
    labels = ("two-bridges=pair", f"{compose}.project={pair.project}", f"{compose}.network=pair")
    docker("network", "create", *(f"--label={label}" for label in labels), pair.network)
    attach(pair, ("webapp", *CLIENTS))


def fill_tmp(pair: Troubled) -> None:
    """Until both clients have said that they cannot keep the record of their health."""

    def full(service: str) -> bool:  # again where a client's own file has just gone meanwhile
        dd = ("exec", pair.container(service), "dd", "if=/dev/zero", "of=/tmp/full")
        no_space = "No space left" in docker(*dd, check=False).stderr
        return no_space and docker("logs", pair.container(service)).stderr.endswith(said[service])

    said = {"webapp": "", **dict.fromkeys(CLIENTS, FULL)}
    for service in said:
        until(partial(full, service))


def empty_tmp(pair: Troubled) -> None:
    """Until both keep it again."""
    for service in ("webapp", *CLIENTS):
        rm = ("rm", "-f", "/tmp/full", "/tmp/client-state.json")
        docker("exec", pair.container(service), *rm)

    def kept(service: str) -> bool:
        look = ("exec", pair.container(service), "test", "-s", "/tmp/client-state.json")
        return docker(*look, check=False).returncode == 0

    for service in CLIENTS:
        until(partial(kept, service))


def resolver(pair: Troubled, do: str) -> None:
    """Drop what comes to Docker's DNS server, which is on each container's own loopback."""
    for service in CLIENTS:
        at = ("--network", f"container:{pair.container(service)}", "--cap-add", "NET_ADMIN")
        drop = ("iptables", do, "INPUT", "-i", "lo", "-p", "udp", "-j", "DROP")
        docker("run", "--rm", *LABEL, *at, TOOLS, *drop)


def silence_resolver(pair: Troubled) -> None:
    """And end the connections, as those that are kept need no name."""
    docker("build", "--quiet", "--tag", TOOLS, "--file", "labs/tools.Dockerfile", "labs")
    resolver(pair, "-I")
    docker("restart", pair.container("webapp"))


class Fault(NamedTuple):
    """How it begins and ends; each of `told` must be told, and each of `also` may be."""

    begin: Callable[[Troubled], object]
    end: Callable[[Troubled], object] = lambda _: None  # by itself
    told: frozenset[int] = frozenset()
    also: frozenset[int] = frozenset()


# Which is told where it may be any depends on the moment: a name is back before its port is.
FAULTS = {
    "killed": Fault(kill, also=ANY),
    "stopped": Fault(webapp("stop"), webapp("start"), frozenset({NAME}), ANY),
    "paused": Fault(pause, webapp("unpause"), frozenset({TIMEOUT})),
    "recreated": Fault(recreate, leave, also=ANY),
    "disconnected": Fault(detach, attach, frozenset({NAME}), ANY),
    "network-removed": Fault(remove_network, make_network, frozenset({NAME}), ANY),
    "memory-limit": Fault(hit_memory_limit, also=ANY),
    "tmp-full": Fault(fill_tmp, empty_tmp),
    "resolver-silent": Fault(
        silence_resolver, lambda pair: resolver(pair, "-D"), frozenset({NAME}), ANY
    ),
}


def suffer(pair: Troubled, name: str, calls: int | None = None) -> None:
    """Do a fault until the client has told it, or has made a number of calls meanwhile."""
    fault, mark = FAULTS[name], pair.mark()

    def enough() -> bool:
        lines = pair.lines(mark)["client"]
        return fault.told <= codes(lines) if calls is None else len(lines) >= calls

    pair.faults += 1
    fault.begin(pair)
    try:
        until(enough)
    finally:
        fault.end(pair)


def codes(lines: Lines) -> set[int]:
    """The exit codes of the failed calls."""
    return {line["code"] for line in lines} - {0}
