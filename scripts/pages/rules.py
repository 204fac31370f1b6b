"""What varies from run to run in an output, as a short list of typed rules.

A rule finds its values in the page's own text. The real output must then have, in the same place,
a value that the same rule accepts; everything else must be equal. IPv4 addresses, ports that a page
chose, counts and names are in no rule: they are compared as they are.

`keys` makes a rule one-to-one within a page: in each namespace the same value on the page always
stands for the same real value, and two different ones for two different ones. The namespace SAME
wants equality.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

SAME = "same"
Keys = tuple[tuple[str, str], ...]


def _free(_: str) -> Keys:
    return ()


def _one_to_one(namespace: str) -> Callable[[str], Keys]:
    return lambda value: ((namespace, value),)


def _id(value: str) -> Keys:
    # The short form of an id is the start of the long one, and of its bridge's name.
    short = ("id", value.removeprefix("br-")[:12])
    return (short, ("long id", value)) if len(value) == 64 else (short,)


def _interface(value: str) -> Keys:
    """`9: veth1a2b3c4@if8`: indices are unique on the host only, so a peer's counts with its own.

    Engine 28 numbers each container's interfaces from 2; Engine 26 goes on with the host's numbers.
    """
    index, rest = value.split(": ")
    name, _, peer = rest.partition("@if")
    if not peer:
        return (("interface", index), *_interface_name(name))
    inside = name.startswith("eth")
    host, container = (peer, index) if inside else (index, peer)
    pair = f"{host} {container}"
    return (("interface", host), ("pair", pair), *_interface_name(name))


def _interface_name(name: str) -> Keys:
    if re.fullmatch(_VETH, name):
        return (("veth", name),)
    return _id(name) if re.fullmatch(_BRIDGE, name) else ((SAME, name),)


def _pool_address(value: str) -> Keys:
    return (("subnet", value.rpartition(".")[0]), ("pool address", value))


@dataclass(frozen=True)
class Rule:
    """One kind of value; `pattern` accepts a whole value, in its context."""

    name: str
    pattern: str
    keys: Callable[[str], Keys] = _free


_VETH = r"veth[0-9a-f]{7}"
_BRIDGE = r"br-[0-9a-f]{12}"
_AGE = (
    r"(?:Less than a second|About a minute|About an hour|"
    r"[1-9]\d* (?:second|minute|hour|day|week|month|year)s?)"
)
_BYTE = r"25[0-4]|2[0-4]\d|1\d\d|[1-9]\d|[2-9]"  # 2 to 254
_EPHEMERAL = r"3276[89]|327[7-9]\d|32[89]\d\d|3[3-9]\d{3}|[45]\d{4}|60\d{3}"
_POOL = "|".join(str(third) for third in range(0, 256, 16))  # of 192.168.0.0/16 in /20
_SERVER = r"(?!127\.0\.0\.11(?!\d))(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:]+)(?![\w.])"

# The first that fits, from left to right, wins.
RULES = (
    Rule(
        "interface",
        rf"^(?!1: lo)[1-9]\d*: (?:{_VETH}|{_BRIDGE}|[a-z][\w.-]*)(?:@if[1-9]\d*)?(?=:)",
        _interface,
    ),
    Rule("bridge", rf"(?<![\w-]){_BRIDGE}(?!\w)", _id),
    Rule("veth", rf"(?<!\w){_VETH}(?!\w)", _one_to_one("veth")),
    Rule("long id", r"(?<!\w)[0-9a-f]{64}(?!\w)", _id),
    Rule("id", r"(?<!\w)[0-9a-f]{12}(?!\w)", _id),
    Rule(
        "MAC",
        r"(?<![\w:])(?!00(?::00){5}|ff(?::ff){5})[0-9a-f]{2}(?::[0-9a-f]{2}){5}(?![\w:])",
        _one_to_one("MAC"),
    ),
    Rule(
        "link-local", r"(?<![\w:])fe80::[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,3}", _one_to_one("fe80")
    ),
    # On the default bridge a container has its host's resolver, never Docker's own.
    Rule(
        "host's resolver",
        rf"(?<=Resolver ){_SERVER}(?:, {_SERVER})*(?=: Docker's default bridge)"
        rf"|(?<![\w.:]){_SERVER}(?: {_SERVER})*(?= \(the host's\))",
        lambda value: (("resolver", value.replace(",", "")),),
    ),
    # Which of these it is depends on how that resolver says that it has no such name.
    Rule(
        "look-up error",
        r"(?:Name or service not known|No address associated with hostname"
        r"|Temporary failure in name resolution)(?=\. Resolver )",
    ),
    # Which rule keeps bridges apart depends on the engine's version; it names the bridge it guards.
    Rule(
        "isolation",
        rf"(?<=; dropped by )(?:filter|raw) [A-Z][A-Z0-9-]* (?=[^;]*{_BRIDGE})[^;]* -j DROP$",
        lambda value: _id(re.findall(_BRIDGE, value)[-1]),
    ),
    # docker0 numbers its containers in order, and the reader may have others there already.
    Rule(
        "docker0 address", rf"(?<![\d.])172\.17\.0\.(?:{_BYTE})(?!\d|\.\d)", _one_to_one("docker0")
    ),
    # The engine's default pools: a network without a subnet of its own gets the first one free.
    Rule(
        "pool address",
        rf"(?<![\d.])(?:172\.(?:1[89]|2\d|3[01])\.0|192\.168\.(?:{_POOL}))\.(?:{_BYTE})(?!\d|\.\d)",
        _pool_address,
    ),
    # The first overlay network of a new Swarm; which of its addresses a task gets is chance.
    Rule(
        "overlay address",
        rf"(?<![\d.])10\.0\.1\.(?:{_BYTE})(?!\d|\.\d)",
        _one_to_one("overlay"),
    ),
    # What Linux gives out by itself: net.ipv4.ip_local_port_range, 32768 to 60999.
    Rule(
        "ephemeral port",
        r"(?:(?<=[\w\]]:)|(?<=[sd]port=))"
        rf"(?:{_EPHEMERAL})(?!\d)",
        _one_to_one("port"),
    ),
    # A hash of the inner packet, which may be the same both ways or not.
    Rule("VXLAN port", rf"(?<=IP 10\.109\.0\.\d\.)(?:{_EPHEMERAL})(?= > 10\.109\.0\.\d\.4789:)"),
    Rule(
        "time",
        r"(?<!\d)\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| ?[+-]\d\d:?\d\d)?(?: UTC)?(?!\w)"
        r"|(?<!\d)\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"
        r"|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"
        r"|(?<![\w:.])[0-2]\d:[0-5]\d:[0-5]\d(?![\w:])",
    ),
    Rule("age", rf"{_AGE}(?= ago)|(?<=Up ){_AGE}"),
    Rule("round trips", r"(?<![\d.])\d+\.\d{3}/\d+\.\d{3}/\d+\.\d{3}(?= ms)"),
    # Measured times have decimals; whole ones are settings, and count.
    Rule("duration", r"(?<![\d.])(?:\d+\.\d+(?= ?(?:ms|µs|us)(?!\w))|\d+m\d+\.\d{3}(?=s(?!\w)))"),
    # After a slash it is a limit, which the page set.
    Rule("size", r"(?<![\w.])(?<!/ )(?:[1-9]\d*(?:\.\d+)?|0\.\d+)(?= ?(?:[kKMG]i?B)(?!\w))"),
    # Fifty and no fewer is the claim of lab 09.
    Rule("rate", r"(?<!\d)[5-9]\d(?= calls a second)"),
    Rule("calls", r"(?<![\d.])[1-9]\d{3}(?= (?:sent|answered)(?!\w))", _one_to_one("calls")),
    Rule("share", r"(?<!\d)(?:[1-9]|1\d|20)(?= of 20 clients changed over)"),
    Rule("usage", r"(?<![\w.])\d+\.\d+(?=%)"),
)
