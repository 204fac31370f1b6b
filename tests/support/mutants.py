"""Wrong pages made from a right one: each must fail against what the commands really printed."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from labkit.pages.match import Bindings, match
from labkit.pages.parse import ELLIPSIS, Command
from labkit.pages.play import Step
from labkit.pages.rules import Rule, Rules

Mentions = Counter[tuple[str, str]]


def replay(steps: Sequence[Step], bindings: Bindings) -> Step | None:
    """Compare STEPS again without running anything; return the first that does not match."""
    for step in steps:
        if step.block.compare:
            learned = match(step.command.expected, step.outcome.output, bindings)
            if not learned:
                return step
            bindings = learned
    return None


def tried(steps: Sequence[Step], own: Sequence[Rule] = ()) -> Iterator[tuple[Command, bool]]:
    """Yield wrong commands made from STEPS, which match, each with whether it is caught.

    One character in every word that is no value of a rule; a line too many; a line too few; and,
    for each value that the page mentions more than once, one mention with another value.
    """
    compared, bindings = [step for step in steps if step.block.compare], Bindings(own)
    mentions = Counter(
        key
        for step in compared
        for line in step.command.expected
        for rule, m in bindings.rules.values(line)
        for key in rule.keys(m[0])
    )
    for n, step in enumerate(compared):
        for wrong in _mutants(step.command, bindings.rules, mentions):
            # What comes before is as it was, so only this step and those after it can differ.
            rest = [replace(step, command=wrong), *compared[n + 1 :]]
            yield wrong, replay(rest, bindings) is not None
        learned = match(step.command.expected, step.outcome.output, bindings)
        assert learned, "the right page must match what was printed"
        bindings = learned


def _mutants(command: Command, rules: Rules, mentions: Mentions) -> Iterator[Command]:
    yield replace(command, expected=(*command.expected, "one line too many"))
    if command.expected:
        yield replace(command, expected=command.expected[:-1])
    for n, line in enumerate(command.expected):
        if line != ELLIPSIS:
            for wrong in (*_wrong_words(line, rules), *_wrong_values(line, rules, mentions)):
                expected = (*command.expected[:n], wrong, *command.expected[n + 1 :])
                yield replace(command, expected=expected)


def _wrong_words(line: str, rules: Rules) -> Iterator[str]:
    taken = [range(m.start(), m.end()) for _, m in rules.values(line)]
    for word in re.finditer(r"[A-Za-z0-9]+", line):
        at = (word.start() + word.end()) // 2
        if not any(at in span for span in taken):
            yield line[:at] + _other(line[at]) + line[at + 1 :]


def _wrong_values(line: str, rules: Rules, mentions: Mentions) -> Iterator[str]:
    found = rules.values(line)
    for n, (rule, m) in enumerate(found):
        for i, key in enumerate(rule.keys(m[0])):
            if mentions[key] < 2:
                continue
            for at in range(m.end() - 1, m.start() - 1, -1):
                wrong = line[:at] + _other(line[at]) + line[at + 1 :]
                after = rules.values(wrong)
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
