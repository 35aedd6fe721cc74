"""Overlaps and suppression, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kyara.detect import crop_box
from kyara.detect.boxes import overlaps, suppressed
from kyara.types import Box, Detection

A = np.asarray([[0, 0, 10, 10], [5, 0, 15, 10], [40, 40, 50, 50]], dtype=np.float32)


def test_overlaps() -> None:
    third = 50 / 150
    expected = [[1, third, 0], [third, 1, 0], [0, 0, 1]]
    assert overlaps(A, A) == pytest.approx(np.asarray(expected))
    assert overlaps(A, A[:0]).shape == (3, 0)


def test_the_better_of_two_that_overlap_stays() -> None:
    scores = np.asarray([0.5, 0.9, 0.7], dtype=np.float32)
    assert suppressed(A, scores, 0.3).tolist() == [1, 2]
    assert suppressed(A, scores, 0.4).tolist() == [1, 2, 0]
    assert suppressed(A[:0], scores[:0], 0.3).tolist() == []


def test_what_goes_does_not_take_others_with_it() -> None:
    row = np.asarray([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], dtype=np.float32)
    assert suppressed(row, np.asarray([0.9, 0.8, 0.7], np.float32), 0.4).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("box", "cut"),
    [
        (Box(40, 40, 60, 80), (35.0, 30.0, 65.0, 90.0)),
        (Box(0, 0, 20, 20), (0.0, 0.0, 25.0, 25.0)),
        (Box(90, 90, 100, 100), (87.5, 87.5, 100.0, 100.0)),
    ],
)
def test_a_crop_has_a_margin_within_the_picture(box: Box, cut: tuple[float, ...]) -> None:
    assert crop_box(Detection(box, "head"), 0.25, 100, 100).as_tuple() == cut
    assert crop_box(Detection(box, "whole"), 0.25, 100, 100) == box
    assert crop_box(Detection(box, "head"), 0.0, 100, 100) == box
