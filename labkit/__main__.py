"""`python3 -m labkit WORD`: what `./lab` hands over, with one set of exit codes.

`python3 -m labkit parse WORD` looks at the arguments only: `./lab` asks before it builds anything.

0 done; 1 it ran, and the outcome is not what it should be; 2 bad arguments; 3 the machine lacks
something, and the last line says what; 129, 130 and 143 interrupted, after the clean-up.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from labkit import Failed, UsageError, docker

# Each module has configure(parser), whose prog ends with the word, and main(args), the exit code.
WORDS = {
    "compare": "labkit.compare",
    "doctor": "labkit.doctor",
    "trace": "labkit.trace",
    "draw": "labkit.draw",
    **dict.fromkeys(("run", "check", "clean", "record", "break", "fix"), "labkit.pages.words"),
}


def main(argv: Sequence[str]) -> int:
    """Run one word; return the exit code."""
    docker.take_signals()
    parser = argparse.ArgumentParser(prog="./lab", description=__doc__)
    parser.add_argument("word", choices=WORDS)
    parse, argv = argv[:1] == ["parse"], argv[argv[:1] == ["parse"] :]
    try:
        word = parser.parse_args(argv[:1]).word
        module = importlib.import_module(WORDS[word])
        parser = argparse.ArgumentParser(
            prog=f"./lab {word}",
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        parser.set_defaults(word=word)
        module.configure(parser)
        args = parser.parse_args(argv[1:])
        return 0 if parse else int(module.main(args))
    except docker.Interrupted as stopped:
        print("lab: interrupted", file=sys.stderr)
        return stopped.code
    except (UsageError, Failed, docker.EngineError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return error.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
