"""Each fault by itself: told by its right kind, survived, and every call answered in the end."""

import pytest

from tests.support.chaos import Tell, Troubled
from tests.support.chaos_faults import FAULTS, codes, suffer


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_by_its_kind(trouble: Troubled, tell: Tell, name: str) -> None:
    lives, before, mark = trouble.lives(), trouble.count(), trouble.mark()
    suffer(trouble, name)
    trouble.recovered()
    outcome = trouble.count().since(before)
    tell(f"{name}: {outcome}")
    told, fault = codes(trouble.lines(mark)["client"]), FAULTS[name]
    assert fault.told <= told <= fault.told | fault.also
    assert bool(told) == bool(fault.told | fault.also)  # felt at all
    assert outcome.lost == 0
    assert trouble.lives() == lives


def test_both_sides_have_counted_the_same(trouble: Troubled, tell: Tell) -> None:
    tell(f"all of these: {trouble.settle()}")
