"""What varies from run to run in an output, as a short list of typed rules.

A rule finds its values in the page's own text. The real output must then have, in the same place,
a value that the same rule accepts; everything else must be equal. IPv4 addresses, ports that a page
chose, counts and names are in no rule: they are compared as they are.

`keys` makes a rule one-to-one within a page: in each namespace the same value on the page always
stands for the same real value, and two different ones for two different ones.

A kind of value that a single page shows is a rule of that page's own (parse.py).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Keys = tuple[tuple[str, str], ...]


def free(_: str) -> Keys:
    """The keys of a rule whose values may stand for any other."""
    return ()


def one_to_one(namespace: str) -> Callable[[str], Keys]:
    """The keys of a rule whose values stand for one another within NAMESPACE."""
    return lambda value: ((namespace, value),)


def _id(value: str) -> Keys:
    # The short form of an id is the start of the long one, and of its bridge's name.
    short = ("id", value.removeprefix("br-")[:12])
    return (short, ("long id", value)) if len(value) == 64 else (short,)


def _pool_address(value: str) -> Keys:
    return (("subnet", value.rpartition(".")[0]), ("pool address", value))


@dataclass(frozen=True)
class Rule:
    """One kind of value; `pattern` accepts a whole value, in its context."""

    name: str
    pattern: str
    keys: Callable[[str], Keys] = free


_BYTE = r"25[0-4]|2[0-4]\d|1\d\d|[1-9]\d|[2-9]"  # 2 to 254
_EPHEMERAL = r"3276[89]|327[7-9]\d|32[89]\d\d|3[3-9]\d{3}|[45]\d{4}|60\d{3}"
_POOL = "|".join(str(third) for third in range(0, 256, 16))  # of 192.168.0.0/16 in /20
_SERVER = r"(?!127\.0\.0\.11(?!\d))(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:]+)(?![\w.])"

# The first that fits, from left to right, wins.
RULES = (
    Rule("bridge", r"(?<![\w-])br-[0-9a-f]{12}(?!\w)", _id),
    Rule("veth", r"(?<!\w)veth[0-9a-f]{7}(?!\w)", one_to_one("veth")),
    Rule("long id", r"(?<!\w)[0-9a-f]{64}(?!\w)", _id),
    Rule("id", r"(?<!\w)[0-9a-f]{12}(?!\w)", _id),
    Rule(
        "MAC",
        r"(?<![\w:])(?!00(?::00){5}|ff(?::ff){5})[0-9a-f]{2}(?::[0-9a-f]{2}){5}(?![\w:])",
        one_to_one("MAC"),
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
    # docker0 numbers its containers in order, and the reader may have others there already.
    Rule(
        "docker0 address", rf"(?<![\d.])172\.17\.0\.(?:{_BYTE})(?!\d|\.\d)", one_to_one("docker0")
    ),
    # The engine's default pools: a network without a subnet of its own gets the first one free.
    Rule(
        "pool address",
        rf"(?<![\d.])(?:172\.(?:1[89]|2\d|3[01])\.0|192\.168\.(?:{_POOL}))\.(?:{_BYTE})(?!\d|\.\d)",
        _pool_address,
    ),
    # What Linux gives out by itself: net.ipv4.ip_local_port_range, 32768 to 60999.
    Rule(
        "ephemeral port",
        rf"(?:(?<=\w:)|(?<=[sd]port=))(?:{_EPHEMERAL})(?!\d)",
        one_to_one("port"),
    ),
    Rule(
        "time",
        r"(?<!\d)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z(?!\w)"
        r"|(?<![\w:.])[0-2]\d:[0-5]\d:[0-5]\d(?![\w:])",
    ),
    Rule("round trips", r"(?<![\d.])\d+\.\d{3}/\d+\.\d{3}/\d+\.\d{3}(?= ms)"),
    # Measured times have decimals; whole ones are settings, and count.
    Rule("duration", r"(?<![\d.])\d+\.\d+(?= ms(?!\w))"),
)


class Rules:
    """RULES, and before them those of a page's own."""

    def __init__(self, own: Sequence[Rule] = ()) -> None:
        self.rules = (*own, *RULES)
        self._any = re.compile("|".join(f"(?P<r{n}>{r.pattern})" for n, r in enumerate(self.rules)))

    def values(self, line: str) -> list[tuple[Rule, re.Match[str]]]:
        """What varies in a LINE of a page, from left to right."""
        return [(self.rules[int(str(m.lastgroup)[1:])], m) for m in self._any.finditer(line)]

    def replace(self, line: str, by: Callable[[Rule, str], str]) -> str:
        """LINE with BY(rule, value) in place of each value."""
        for rule, m in reversed(self.values(line)):
            line = line[: m.start()] + by(rule, m[0]) + line[m.end() :]
        return line

    def pattern(self, line: str) -> tuple[re.Pattern[str], list[tuple[Rule, str]]]:
        """What accepts a real line in place of LINE, with a group for each of its values."""
        text, end, found = "", 0, self.values(line)
        for rule, m in found:
            text += re.escape(line[end : m.start()]) + f"({rule.pattern})"
            end = m.end()
        return re.compile(text + re.escape(line[end:])), [(rule, m[0]) for rule, m in found]
