"""What was said outranks what the model finds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyara.identify.answer import heed
from kyara.library.said import NOTHING, Said
from kyara.types import Match

NAMES = ["ruby", "jade", "azure", "dee"]


def ranked(names: list[str]) -> list[Match]:
    return [Match(name, 1.0 - n / 10, None) for n, name in enumerate(names)]


def test_a_picture_cannot_show_whom_it_does_not_show() -> None:
    with pytest.raises(ValueError, match="one verdict"):
        Said("ruby", frozenset({"ruby"}))
    with pytest.raises(ValueError, match="one verdict"):
        Said("ruby", ignored=True)


@given(
    order=st.permutations(NAMES),
    who=st.none() | st.sampled_from(NAMES),
    rejected=st.frozensets(st.sampled_from(NAMES)),
)
def test_what_is_left_keeps_the_order_of_the_model(
    order: list[str], who: str | None, rejected: frozenset[str]
) -> None:
    left = [m.character for m in heed(ranked(order), Said(who, rejected - {who or ""}))]
    assert set(left) == set(NAMES) - (rejected - {who})
    if who is not None:
        assert left.pop(0) == who
    assert left == [name for name in order if name in left]


def test_nothing_said_changes_nothing() -> None:
    assert heed(ranked(NAMES), NOTHING) == ranked(NAMES)
