"""Wrong pages made from a right one: each must fail against what the commands really printed."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from scripts.pages.match import values
from scripts.pages.parse import ELLIPSIS, Command
from scripts.pages.play import Step


def mutants(steps: list[Step]) -> Iterator[Command]:
    """Yield the compared commands of STEPS, each with one thing wrong in its expected output.

    One character in every word that is no value of a rule; a line too many; a line too few; and,
    for each value that the page mentions more than once, one mention with another value.
    """
    compared = [step.command for step in steps if step.block.compare]
    mentions = Counter(
        key
        for command in compared
        for line in command.expected
        for rule, m in values(line)
        for key in rule.keys(m[0])
    )
    for command in compared:
        yield replace(command, expected=(*command.expected, "one line too many"))
        if command.expected:
            yield replace(command, expected=command.expected[:-1])
        for n, line in enumerate(command.expected):
            if line != ELLIPSIS:
                for wrong in (*_wrong_words(line), *_wrong_values(line, mentions)):
                    expected = (*command.expected[:n], wrong, *command.expected[n + 1 :])
                    yield replace(command, expected=expected)


def _wrong_words(line: str) -> Iterator[str]:
    taken = [range(m.start(), m.end()) for _, m in values(line)]
    for word in re.finditer(r"[A-Za-z0-9]+", line):
        at = (word.start() + word.end()) // 2
        if not any(at in span for span in taken):
            yield line[:at] + _other(line[at]) + line[at + 1 :]


def _wrong_values(line: str, mentions: Counter[tuple[str, str]]) -> Iterator[str]:
    found = values(line)
    for n, (rule, m) in enumerate(found):
        for i, key in enumerate(rule.keys(m[0])):
            if mentions[key] < 2:
                continue
            for at in range(m.end() - 1, m.start() - 1, -1):
                wrong = line[:at] + _other(line[at]) + line[at + 1 :]
                after = values(wrong)
                same_rules = [r for r, _ in after] == [r for r, _ in found]
                if same_rules and rule.keys(after[n][1][0])[i] not in mentions:
                    yield wrong
                    break


def _other(character: str) -> str:
    """Another character of the same kind: a digit for a digit, a letter for a letter."""
    if character.isdigit():
        return "2" if character == "3" else "3"
    if character.isalpha():
        return "b" if character == "a" else "a"
    return character
