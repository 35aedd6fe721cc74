"""The values are validated where they are made."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from kyara.types import Box, Detection, Thresholds, as_embeddings, normalised

FINITE = st.floats(allow_nan=False, allow_infinity=False)
ANY_FLOAT = st.floats()


@given(ANY_FLOAT, ANY_FLOAT, ANY_FLOAT, ANY_FLOAT)
def test_a_box_is_finite_and_has_an_area_or_is_refused(
    left: float, top: float, right: float, bottom: float
) -> None:
    edges = (left, top, right, bottom)
    if all(map(math.isfinite, edges)) and left < right and top < bottom:
        assert Box(*edges).as_tuple() == edges
    else:
        with pytest.raises(ValueError, match="expected") as raised:
            Box(*edges)
        assert str(edges) in str(raised.value)


@pytest.mark.parametrize("kind", ["head", "figure", "whole"])
def test_a_detection_knows_its_kinds(kind: str) -> None:
    assert Detection(Box(0, 0, 1, 1), kind).kind == kind


@pytest.mark.parametrize("kind", ["", "Head", "face"])
def test_other_kinds_of_detection_are_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=f"got {kind!r}"):
        Detection(Box(0, 0, 1, 1), kind)


@given(ANY_FLOAT)
def test_the_score_of_a_detection_is_from_0_to_1(score: float) -> None:
    if 0 <= score <= 1:
        assert Detection(Box(0, 0, 1, 1), "whole", score).score == score
    else:
        with pytest.raises(ValueError, match="score from 0 to 1"):
            Detection(Box(0, 0, 1, 1), "whole", score)


ROWS = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)


@given(ROWS)
def test_rows_become_unit_vectors_of_the_same_direction(rows: np.ndarray) -> None:
    unit = normalised(rows)
    assert unit.shape == rows.shape
    assert unit.dtype == np.float32
    for row, scaled in zip(rows.astype(np.float64), unit.astype(np.float64), strict=True):
        length = np.linalg.norm(row)
        if length == 0:
            assert not scaled.any()
        else:
            assert np.linalg.norm(scaled) == pytest.approx(1, abs=1e-5)
            assert scaled == pytest.approx(row / length, abs=1e-5)


@given(ROWS)
def test_normalising_twice_changes_nothing_more(rows: np.ndarray) -> None:
    once = normalised(rows)
    assert normalised(once) == pytest.approx(once, abs=1e-6)


@given(ROWS)
def test_embeddings_keep_their_values(rows: np.ndarray) -> None:
    embeddings = as_embeddings(rows.tolist(), dimension=rows.shape[1])
    assert embeddings.dtype == np.float32
    assert embeddings.flags.c_contiguous
    np.testing.assert_array_equal(embeddings, rows)


@given(array_shapes(min_dims=0, max_dims=4, max_side=3).map(np.zeros))
def test_embeddings_have_two_dimensions(array: np.ndarray) -> None:
    if array.ndim == 2:
        assert as_embeddings(array).shape == array.shape
    else:
        with pytest.raises(ValueError, match=r"shape \(n, d\)"):
            as_embeddings(array)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_embeddings_are_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        as_embeddings([[0.0, bad]])


def test_embeddings_have_the_dimension_that_is_expected() -> None:
    with pytest.raises(ValueError, match="dimension 4, got 3"):
        as_embeddings(np.zeros((2, 3)), dimension=4)


def test_a_threshold_between_two_rates_lies_on_the_logarithm() -> None:
    found = Thresholds((0.01, 0.1), (3.0, 1.0))
    assert found.at(0.01) == pytest.approx(3.0)
    assert found.at(0.01**0.5 * 0.1**0.5) == pytest.approx(2.0)  # half way
    assert (found.at(0.001), found.at(0.5)) == (3.0, 1.0)  # no guessing beyond what was measured


@pytest.mark.parametrize(
    ("rates", "scores"), [((), ()), ((0.1, 0.01), (1, 2)), ((0.0, 0.1), (2, 1)), ((0.1,), (2, 1))]
)
def test_thresholds_say_what_does_not_fit(
    rates: tuple[float, ...], scores: tuple[float, ...]
) -> None:
    with pytest.raises(ValueError, match="expected"):
        Thresholds(rates, scores)
