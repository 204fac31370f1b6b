import pytest

from labkit.pages.match import Bindings, match, rewrite

LONG, OTHER = "a1b2c3d4e5f6" + "0" * 52, "f6e5d4c3b2a1" + "9" * 52


@pytest.mark.parametrize(
    ("page", "right", "wrong"),
    [
        ([LONG, LONG[:12]], [OTHER, OTHER[:12]], [OTHER, "0" * 12]),  # the id, then its short form
        (
            [LONG[:12], "br-" + LONG[:12]],
            [OTHER[:12], "br-" + OTHER[:12]],
            [OTHER[:12], "br-" + "1" * 12],
        ),
        (["172.17.0.2", "172.17.0.3"], ["172.17.0.7", "172.17.0.2"], ["172.17.0.7", "172.17.0.7"]),
    ],
)  # fmt: skip
def test_values_are_one_to_one_within_a_page(
    page: list[str], right: list[str], wrong: list[str]
) -> None:
    for lines, expected in ((page, True), (right, True), (wrong, False)):
        known: Bindings | None = Bindings()
        for ours, theirs in zip(page, lines, strict=True):
            known = known and match([ours], [theirs], known)
        assert (known is not None) is expected


def test_a_line_that_does_not_match_teaches_nothing() -> None:
    bindings = Bindings()
    assert not match([LONG, "x"], [OTHER, "y"], bindings)
    assert match([LONG], ["e" * 64], bindings)
    assert bindings.real == {}


@pytest.mark.parametrize("hidden", [0, 1, 15, 16])
def test_an_ellipsis_hides_at_least_one_line_and_no_more_than_the_most(hidden: int) -> None:
    got = ["first", *["noise"] * hidden, "last"]
    learned = match(["first", "...", "last"], got, Bindings())
    assert (learned is not None) is (1 <= hidden <= 15)


def test_what_follows_an_ellipsis_counts() -> None:
    assert not match(["first", "...", "last"], ["first", "noise", "other"], Bindings())
    assert not match(["first", "..."], ["first"], Bindings())


def test_no_output_and_more_output_are_no_match() -> None:
    assert match([], [], Bindings())
    assert not match([], ["x"], Bindings())
    assert not match(["x"], [], Bindings())
    assert not match(["x"], ["x", ""], Bindings())


def test_column_widths_and_trailing_blanks_do_not_count() -> None:
    page = "NAMES   STATUS         PORTS"
    assert match([page], ["NAMES        STATUS     PORTS  "], Bindings())
    assert not match([page], ["NAMES STATUS     PORTS"], Bindings())


def test_a_rewrite_keeps_the_lines_that_hold() -> None:
    page = ["id " + LONG[:12], "time=0.1 ms", "old"]
    real = ["time=0.9 ms", "new", "id " + OTHER[:12]]
    assert rewrite(page, real, Bindings()) == [page[1], "new", page[0]]


def test_a_rewrite_shows_a_known_value_as_the_page_does() -> None:
    bindings = match([LONG], [OTHER], Bindings())
    assert bindings
    assert rewrite(["nothing"], ["short " + OTHER[:12]], bindings) == ["short " + LONG[:12]]
