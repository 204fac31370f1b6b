"""Faults in random order, each begun before the pair has recovered from the one before."""

import random

import pytest

from tests.support.chaos import Tell, Troubled
from tests.support.chaos_faults import FAULTS, codes, suffer

LENGTH = 4  # faults in a sequence
HOLD = 6  # calls that the client makes at most before one is taken back


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "number" in metafunc.fixturenames:
        metafunc.parametrize("number", range(12 if metafunc.config.getoption("--long") else 1))


def test_a_random_sequence_is_survived(
    trouble: Troubled, tell: Tell, seed: int, number: int
) -> None:
    rng = random.Random(seed + number)
    plan = [(rng.choice([*FAULTS]), rng.randint(0, HOLD)) for _ in range(LENGTH)]
    print(f"again: CHAOS_SEED={seed + number} ./lab test chaos -k sequence")
    lives, before, mark = trouble.lives(), trouble.count(), trouble.mark()
    for name, calls in plan:
        suffer(trouble, name, calls)
    trouble.recovered()
    outcome = trouble.count().since(before)
    tell(f"seed {seed + number}, {', '.join(name for name, _ in plan)}: {outcome}")
    may = frozenset[int]().union(*(FAULTS[name].told | FAULTS[name].also for name, _ in plan))
    assert codes(trouble.lines(mark)["client"]) <= may
    assert outcome.lost == 0
    assert trouble.lives() == lives


def test_both_sides_have_counted_the_same(trouble: Troubled, tell: Tell) -> None:
    tell(f"all sequences: {trouble.settle()}")
