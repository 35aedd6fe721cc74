"""Average precision and recall of boxes, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kyara.errors import DataError
from kyara.evaluate.detection import (
    DetectionFigures,
    Judged,
    average_precision,
    figures_of,
    judge,
    recall_at,
)
from kyara.evaluate.detector_fit import calibrated
from kyara.manifest.detector import DetectionSpec

HEADS = np.asarray([[0, 0, 10, 10], [20, 0, 30, 10]], dtype=np.float32)


def judged(rows: list[tuple[float, float, float, float, float]], **options: bool) -> Judged:
    found = np.asarray(rows, dtype=np.float32).reshape(-1, 5)
    return judge(found[:, :4], found[:, 4], HEADS, longest=100.0, **options)


def figures(*pictures: Judged, threshold: float = 0.5, samples: int = 0) -> DetectionFigures:
    return figures_of(pictures, threshold, samples=samples)


def test_a_box_has_the_head_that_it_overlaps_most() -> None:
    one = judged([(0, 0, 10, 9, 0.9), (21, 0, 30, 10, 0.8), (50, 50, 60, 60, 0.7)])
    assert one.right.tolist() == [True, True, False]
    assert one.reached == pytest.approx([0.9, 0.8])
    assert one.sizes.tolist() == pytest.approx([0.1, 0.1])


def test_the_better_of_two_boxes_has_the_head_and_the_other_is_wrong() -> None:
    one = judged([(0, 0, 10, 9, 0.6), (0, 0, 10, 10, 0.9)])
    assert one.scores.tolist() == pytest.approx([0.9, 0.6])
    assert one.right.tolist() == [True, False]
    assert np.isnan(one.reached[1])


def test_half_an_overlap_is_needed() -> None:
    # 10 x 10 against 10 x 5 within it: one half; against 10 x 4.9: less.
    assert judged([(0, 0, 10, 5, 0.9)]).right.tolist() == [True]
    assert judged([(0, 0, 10, 4.9, 0.9)]).right.tolist() == [False]


def test_where_heads_lack_boxes_a_wrong_box_does_not_count() -> None:
    rows = [(0, 0, 10, 10, 0.9), (50, 50, 60, 60, 0.95)]
    assert judged(rows).right.tolist() == [False, True]
    assert judged(rows, complete=False).right.tolist() == [True]


def test_a_box_on_what_is_doubtful_counts_neither_way() -> None:
    found = np.asarray(
        [[50, 50, 60, 60], [52, 52, 56, 56], [80, 80, 90, 90], [0, 0, 10, 10]], dtype=np.float32
    )
    scores = np.asarray([0.9, 0.8, 0.7, 0.6], dtype=np.float32)
    doubtful = np.asarray([[48, 50, 60, 60], [0, 0, 12, 12]], dtype=np.float32)
    one = judge(found, scores, HEADS, longest=100.0, doubtful=doubtful)
    # The first two lie there; the third nowhere; the last has a head, whatever is doubtful.
    assert one.scores.tolist() == pytest.approx([0.7, 0.6])
    assert one.right.tolist() == [False, True]


def test_average_precision_by_hand() -> None:
    # Right, wrong, right, of four heads: precision 1 up to a quarter, 2/3 up to a half.
    scores = np.asarray([0.9, 0.8, 0.7])
    right = np.asarray([True, False, True])
    once = np.ones(3)
    assert average_precision(scores, right, once, 4) == pytest.approx(0.25 * 1 + 0.25 * 2 / 3)
    assert average_precision(scores, ~right, once, 1) == pytest.approx(0.5)
    assert average_precision(scores[:0], right[:0], once[:0], 4) == 0.0
    assert np.isnan(average_precision(scores, right, once, 0))


def test_the_precision_that_counts_is_the_best_still_to_come() -> None:
    # Wrong, then two right ones: precision 0, 1/2, 2/3; both halves count with 2/3.
    scores, right = np.asarray([0.9, 0.8, 0.7]), np.asarray([False, True, True])
    assert average_precision(scores, right, np.ones(3), 2) == pytest.approx(2 / 3)


def test_equal_scores_are_not_put_in_order() -> None:
    scores, right = np.asarray([0.9, 0.9]), np.asarray([True, False])
    for order in ([0, 1], [1, 0]):
        ap = average_precision(scores[order], right[order], np.ones(2), 1)
        assert ap == pytest.approx(0.5)
        assert recall_at(scores[order], right[order], np.ones(2), 1, 0) == 0.0


def test_recall_at_so_many_false_boxes() -> None:
    scores = np.asarray([0.9, 0.8, 0.7, 0.6])
    right = np.asarray([True, False, True, False])
    once = np.ones(4)
    assert recall_at(scores, right, once, 2, 0) == 0.5
    assert recall_at(scores, right, once, 2, 1) == 1.0


def test_figures_of_two_pictures() -> None:
    found = judged([(0, 0, 10, 10, 0.9), (50, 50, 60, 60, 0.6), (20, 0, 30, 10, 0.3)])
    nothing = judge(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), HEADS, longest=20.0)
    told = figures(found, nothing)
    assert (told.pictures, told.heads) == (2, 4)
    assert told.ap is not None
    assert told.ap.value == pytest.approx(0.25 + 0.25 * 2 / 3)
    assert told.recall is not None
    assert [one.value for one in told.recall] == [0.25, 0.5]  # 0.2 and 2 false boxes in all
    assert told.recall_at_threshold == 0.25
    assert told.false_at_threshold.value == 0.5
    # Heads of 10 pixels: a tenth of one picture, half of the other.
    assert told.by_size == ((0, None), (0, None), (2, 0.5), (0, None), (2, 0.0))


def test_without_heads_only_false_boxes_are_told() -> None:
    none = np.zeros((0, 4), np.float32)
    box = np.asarray([[0, 0, 5, 5]], np.float32)
    empty = judge(box, np.asarray([0.7], np.float32), none, longest=10.0)
    told = figures(empty, samples=20)
    assert told.ap is None
    assert told.recall is None
    assert told.false_at_threshold.value == 1.0


def test_intervals_are_over_pictures() -> None:
    good = judged([(0, 0, 10, 10, 0.9), (20, 0, 30, 10, 0.8)])
    bad = judged([(50, 50, 60, 60, 0.95)])
    told = figures(good, good, bad, bad, samples=200)
    assert told.ap is not None
    assert told.ap.low is not None
    assert told.ap.high is not None
    assert told.ap.low < told.ap.value < told.ap.high == 1.0
    sure = figures(good, good, samples=50)
    assert sure.ap is not None
    assert (sure.ap.low, sure.ap.high) == (1.0, 1.0)


def test_a_calibrated_score_says_how_often_a_box_is_right() -> None:
    random = np.random.default_rng(0)
    odds = random.normal(0, 2, 4000)
    right = random.random(4000) < 1 / (1 + np.exp(-(1.5 * odds - 1)))
    scores = 1 / (1 + np.exp(-odds))
    one = Judged(scores, right, np.full(int(right.sum()), 0.1), scores[right])
    spec = calibrated({"drawn": [one]}, DetectionSpec())
    assert spec.slope == pytest.approx(1.5, abs=0.15)
    assert spec.intercept == pytest.approx(-1, abs=0.15)
    assert 0.3 < spec.threshold < 0.55
    # Fitted on what it says now, it stays as it is.
    said = 1 / (1 + np.exp(-(spec.slope * odds + spec.intercept)))
    again = calibrated({"drawn": [Judged(said, right, one.sizes, said[right])]}, spec)
    assert again.slope == pytest.approx(spec.slope, abs=0.01)
    assert again.threshold == pytest.approx(spec.threshold, abs=0.01)


def test_the_threshold_has_the_best_f1() -> None:
    scores = np.asarray([0.9, 0.8, 0.7, 0.2, 0.1])
    right = np.asarray([True, True, True, False, False])
    one = Judged(scores, right, np.full(3, 0.1), scores[:3])
    spec = calibrated({"drawn": [one]}, DetectionSpec())
    chances = 1 / (1 + np.exp(-(spec.slope * np.log(scores / (1 - scores)) + spec.intercept)))
    assert spec.threshold == pytest.approx(chances[2], abs=1e-3)


def test_a_calibration_needs_both_kinds_of_boxes() -> None:
    with pytest.raises(DataError, match="right and wrong"):
        calibrated({"drawn": [judged([(0, 0, 10, 10, 0.9)])]}, DetectionSpec())
