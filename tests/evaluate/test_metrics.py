"""Metrics against values worked out by hand, against scikit-learn, and by their properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyara.evaluate.metrics import (
    ZACI20_FNR,
    average_precision,
    bootstrap,
    first_is_right,
    interval,
    roc_of,
    roc_of_counts,
)

sklearn_metrics = pytest.importorskip("sklearn.metrics", reason="needs the extra `evaluate`")

labelled = st.lists(st.tuples(st.integers(-50, 50), st.booleans()), min_size=2, max_size=60).filter(
    lambda pairs: len({same for _, same in pairs}) == 2
)


def split(pairs: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([s for s, _ in pairs], dtype=float), np.array([same for _, same in pairs])


def test_equal_error_rate_of_lists_worked_out_by_hand() -> None:
    # From the top: same, same, different, same, different, different. At the third step one
    # of three different is accepted and one of three same is missed.
    assert roc_of([6, 5, 4, 3, 2, 1], [1, 1, 0, 1, 0, 0]).equal_error_rate() == pytest.approx(1 / 3)
    assert roc_of([4, 3, 2, 1], [1, 1, 0, 0]).equal_error_rate() == 0.0
    assert roc_of([1, 2, 3, 4], [1, 1, 0, 0]).equal_error_rate() == 1.0


def test_equal_error_rate_is_interpolated_between_thresholds() -> None:
    # One same above all; the rest ties: the curve goes from (0, 1/2) straight to (1, 1), and
    # meets FPR = FNR where 1/2 (1 - x) = x.
    assert roc_of([2, 1, 1, 1], [1, 1, 0, 0]).equal_error_rate() == pytest.approx(1 / 3)
    assert roc_of([1, 1, 1], [1, 0, 0]).equal_error_rate() == pytest.approx(
        0.5
    )  # nothing is told apart


def test_rates_at_an_operating_point_by_hand() -> None:
    scores = [9, 8, 7, 6, 5, 4, 3, 2]
    same = [1, 1, 0, 1, 1, 0, 0, 0]
    assert roc_of(scores, same).fpr_at_fnr(0.5) == 0.0
    assert roc_of(scores, same).fpr_at_fnr(0.0) == pytest.approx(0.25)
    assert roc_of(scores, same).tpr_at_fpr(0.0) == pytest.approx(0.5)
    assert roc_of(scores, same).tpr_at_fpr(0.25) == pytest.approx(1.0)
    assert roc_of(scores, same).tpr_at_fpr(1.0) == 1.0
    # Half of the way along a tie of a same and a different pair is half of each.
    assert roc_of([1, 1, 0], [1, 0, 0]).tpr_at_fpr(0.25) == pytest.approx(0.5)


@given(labelled)
def test_equal_error_rate_does_not_change_with_the_scale(pairs: list[tuple[int, bool]]) -> None:
    scores, same = split(pairs)
    expected = roc_of(scores, same).equal_error_rate()
    for transformed in (3 * scores - 7, scores**3, np.arctan(scores / 20)):
        assert roc_of(transformed, same).equal_error_rate() == pytest.approx(expected)


@given(labelled)
def test_rates_lie_between_0_and_1_and_mirror(pairs: list[tuple[int, bool]]) -> None:
    scores, same = split(pairs)
    error = roc_of(scores, same).equal_error_rate()
    assert 0.0 <= error <= 1.0
    assert roc_of(-scores, same).equal_error_rate() == pytest.approx(1.0 - error)
    # Exchanging the kinds and turning the scores round exchanges the two errors.
    assert roc_of(-scores, ~same).equal_error_rate() == pytest.approx(error)
    assert 0.0 <= roc_of(scores, same).fpr_at_fnr(ZACI20_FNR) <= 1.0
    assert 0.0 <= roc_of(scores, same).tpr_at_fpr(0.01) <= 1.0


@given(labelled, st.floats(0.0, 1.0))
def test_operating_points_agree_with_each_other(pairs: list[tuple[int, bool]], rate: float) -> None:
    roc = roc_of(*split(pairs))
    assert roc.fpr_at_fnr(1.0 - roc.tpr_at_fpr(rate)) <= rate + 1e-9


@given(labelled)
def test_counted_pairs_give_the_same_curve(pairs: list[tuple[int, bool]]) -> None:
    scores, same = split(pairs)
    levels = np.searchsorted(np.unique(scores), scores)
    counted = roc_of_counts(
        np.bincount(levels[same], minlength=101).astype(float),
        np.bincount(levels[~same], minlength=101).astype(float),
    )
    assert counted is not None
    assert counted.equal_error_rate() == pytest.approx(roc_of(scores, same).equal_error_rate())


def test_a_rate_that_is_not_quite_a_step_of_the_curve_counts_as_it() -> None:
    # 9 of 10 same pairs are above all different ones; 0.9 as 1 - 0.1 + a rounding error.
    scores = [*range(20, 11, -1), *range(10, 5, -1), 0]
    same = [*[1] * 9, *[0] * 5, 1]
    for fnr in (0.1, 0.1 - 1e-16, 1.0 - 0.9, 0.1 + 1e-16):
        assert roc_of(scores, same).fpr_at_fnr(fnr) == pytest.approx(0.0, abs=1e-6)


def test_pairs_of_one_kind_have_no_curve() -> None:
    with pytest.raises(ValueError, match="both kinds"):
        roc_of([1, 2], [1, 1]).equal_error_rate()
    assert roc_of_counts(np.array([1.0, 2.0]), np.array([0.0, 0.0])) is None
    with pytest.raises(ValueError, match=r"\(3,\), \(2,\)"):
        roc_of([1, 2, 3], [1, 0]).equal_error_rate()


def test_retrieval_by_hand() -> None:
    scores = np.array([[0.9, 0.8, 0.7, 0.6]], dtype=np.float32)
    relevant = np.array([[False, True, False, True]])
    nothing = np.zeros_like(relevant)
    assert np.nanmean(first_is_right(scores, relevant, nothing)) == 0.0
    assert np.nanmean(average_precision(scores, relevant, nothing)) == pytest.approx(
        (1 / 2 + 2 / 4) / 2
    )
    first = np.array([[True, False, False, False]])
    assert np.nanmean(first_is_right(scores, relevant, first)) == 1.0
    assert np.nanmean(average_precision(scores, relevant, first)) == pytest.approx(
        (1 / 1 + 2 / 3) / 2
    )


def test_a_query_without_a_right_answer_does_not_count() -> None:
    scores = np.array([[0.9, 0.1], [0.9, 0.1]], dtype=np.float32)
    relevant = np.array([[True, False], [True, False]])
    excluded = np.array([[False, False], [True, False]])
    assert np.isnan(first_is_right(scores, relevant, excluded)[1])
    assert np.isnan(average_precision(scores, relevant, excluded)[1])
    assert np.nanmean(first_is_right(scores, relevant, excluded)) == 1.0


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_average_precision_is_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.permutation(200).reshape(10, 20).astype(np.float32)
    relevant = rng.random((10, 20)) < 0.3
    excluded = rng.random((10, 20)) < 0.2
    found = average_precision(scores, relevant, excluded)
    for row in range(10):
        kept = ~excluded[row]
        wanted = relevant[row, kept]
        if not wanted.any():
            assert np.isnan(found[row])
            continue
        expected = sklearn_metrics.average_precision_score(wanted, scores[row, kept])
        assert found[row] == pytest.approx(expected)


def test_bootstrap_draws_whole_clusters_and_is_seeded() -> None:
    values = np.array([0.0, 1.0, 2.0])

    def run() -> np.ndarray:
        chance = np.random.default_rng(5)
        return bootstrap(lambda w: np.array([w @ values / w.sum(), w.sum()]), 3, 400, chance)

    drawn = run()
    assert drawn.shape == (400, 2)
    assert (drawn[:, 1] == 3).all()  # as many as there are
    assert {round(3 * v) for v in drawn[:, 0]} == set(range(7))
    np.testing.assert_array_equal(drawn, run())


def test_interval_holds_its_share_and_passes_over_nan() -> None:
    values = np.arange(101.0)
    assert interval(values) == pytest.approx((2.5, 97.5))
    assert interval(np.append(values, [np.nan] * 50)) == pytest.approx((2.5, 97.5))
    assert interval(np.full(10, np.nan)) is None
    assert interval(np.append(np.full(10, np.nan), 1.0)) is None
