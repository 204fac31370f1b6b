"""`python3 -m bench [parse] ARG...`: the word `bench` of `./lab`, with labkit's exit codes."""

import sys
from collections.abc import Sequence

from labkit import __main__ as labkit

labkit.WORDS["bench"] = "bench.command"


def main(argv: Sequence[str]) -> int:
    """Measure; return the exit code. After `parse` the arguments are looked at only."""
    parse = argv[:1] == ["parse"]
    return labkit.main([*argv[:parse], "bench", *argv[parse:]])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
