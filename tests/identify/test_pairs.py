"""Two figures, judged as the user's pictures are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyara.identify.adapted import Adapted
from kyara.identify.domain import domain_of
from kyara.identify.pairs import log_odds_of_pairs
from tests.identify.test_adapted import SPEC, judge_of_the_book, world


def judge() -> Adapted:
    gallery, pictures, _ = world()
    return Adapted(judge_of_the_book(), SPEC, domain_of(gallery, pictures, 6.0))


def test_the_same_character_is_more_likely_than_another() -> None:
    _, pictures, owners = world()
    odds = log_odds_of_pairs(judge(), pictures)
    same = owners[:, None] == owners[None]
    apart = ~np.eye(len(owners), dtype=bool)
    assert np.median(odds[same & apart]) > np.quantile(odds[~same], 0.9)


@given(st.integers(0, 1000))
def test_which_is_asked_for_and_what_lies_beside_is_nothing_to_it(seed: int) -> None:
    _, pictures, _ = world()
    order = np.random.default_rng(seed).permutation(len(pictures))[:9]
    odds = log_odds_of_pairs(judge(), pictures)
    np.testing.assert_allclose(odds, odds.T)
    some = log_odds_of_pairs(judge(), pictures[order])
    np.testing.assert_allclose(some, odds[np.ix_(order, order)], atol=1e-4)


def test_how_many_characters_the_cast_has_is_nothing_to_a_pair() -> None:
    few, pictures, _ = world(characters=2)
    one = Adapted(judge_of_the_book(), SPEC, domain_of(few))
    assert one.domain.competing == pytest.approx(2.0)
    odds = log_odds_of_pairs(one, pictures[:2])[0, 1]
    crowd, _, _ = world(characters=40)
    domain = domain_of(crowd)
    same_look = type(domain)(one.domain.centre, one.domain.weight, 0, domain.competing)
    other = Adapted(judge_of_the_book(), SPEC, same_look)
    assert log_odds_of_pairs(other, pictures[:2])[0, 1] == pytest.approx(odds, abs=1e-4)
