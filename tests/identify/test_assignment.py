"""Who is who in one picture: nobody twice, and no better way to name the figures."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kyara.identify.assignment import NOBODY, assign, best_pairs
from kyara.types import FloatArray

SIZES = st.tuples(st.integers(1, 4), st.integers(1, 4))
VALUES = st.one_of(st.just(-np.inf), st.integers(-8, 8).map(lambda n: n / 4))


@st.composite
def scores_of_a_picture(draw: st.DrawFn) -> FloatArray:
    return draw(arrays(np.float32, draw(SIZES), elements=VALUES))


def worth(scores: FloatArray, chosen: tuple[int, ...], threshold: float) -> float:
    return sum(float(scores[n, c]) - threshold for n, c in enumerate(chosen) if c != NOBODY)


def ways(scores: FloatArray, threshold: float | None) -> list[tuple[int, ...]]:
    """All ways to name the figures that are allowed."""
    figures, characters = scores.shape
    least = -np.inf if threshold is None else threshold
    return [
        way
        for way in itertools.product(range(NOBODY, characters), repeat=figures)
        if len(named := [c for c in way if c != NOBODY]) == len(set(named))
        and all(c == NOBODY or -np.inf < scores[n, c] >= least for n, c in enumerate(way))
    ]


@given(scores_of_a_picture(), st.sampled_from([-1.0, 0.0, 0.5]))
def test_no_way_to_name_them_is_better(scores: FloatArray, threshold: float) -> None:
    chosen = tuple(assign(scores, threshold).tolist())
    allowed = ways(scores, threshold)
    assert chosen in allowed
    best = max(worth(scores, way, threshold) for way in allowed)
    assert abs(worth(scores, chosen, threshold) - best) < 1e-6
    # A score that is the threshold itself is known.
    most = max(sum(c != NOBODY for c in w) for w in allowed if worth(scores, w, threshold) == best)
    assert sum(c != NOBODY for c in chosen) == most


@given(scores_of_a_picture())
def test_without_a_threshold_as_many_are_named_as_can_be(scores: FloatArray) -> None:
    chosen = tuple(assign(scores, None).tolist())
    allowed = ways(scores, None)
    assert chosen in allowed
    named = max(sum(c != NOBODY for c in way) for way in allowed)
    assert sum(c != NOBODY for c in chosen) == named
    of_them = [way for way in allowed if sum(c != NOBODY for c in way) == named]
    assert abs(worth(scores, chosen, 0) - max(worth(scores, way, 0) for way in of_them)) < 1e-6


def test_the_second_best_is_taken_where_that_is_better_for_both() -> None:
    scores = np.asarray([[5.0, 4.0], [4.5, -3.0]], dtype=np.float32)
    assert assign(scores, 0.0).tolist() == [1, 0]
    scores[0, 1] = -1.0
    assert assign(scores, 0.0).tolist() == [0, NOBODY]


@given(
    arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(0, 12)), elements=VALUES),
    st.sampled_from([-20.0, 0.0, 1.5]),
)
def test_pairs_are_worth_as_much_as_those_of_scipy(worth: FloatArray, alone: float) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    rows, columns = worth.shape
    chosen = best_pairs(worth, alone)
    paired = chosen[chosen >= 0]
    assert len(set(paired.tolist())) == len(paired)
    padded = np.hstack([worth, np.full((rows, rows), alone), np.full((rows, 1), -np.inf)])
    found = padded[np.arange(rows), np.where(chosen < 0, columns, chosen)].sum()
    costs = np.where(np.isfinite(padded), -padded, 1e6)
    assert found == pytest.approx(-costs[optimize.linear_sum_assignment(costs)].sum())
