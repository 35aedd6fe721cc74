"""Groups of figures that nobody named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyara.cluster.grouping import ALONE, group_figures
from kyara.types import FloatArray, normalised


def heap(characters: int, pictures: int, spread: float = 0.4, seed: int = 0) -> FloatArray:
    """Embeddings of some characters, `pictures` of each in turn, and all of one look."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(characters, 1, 64)) + rng.normal(size=64)
    rows = points + spread * rng.normal(size=(characters, pictures, 64))
    return normalised(rows.reshape(-1, 64).astype(np.float32))


def test_each_character_is_a_group() -> None:
    groups = group_figures(heap(8, 12), 0.45).reshape(8, 12)
    assert all(len(set(row)) == 1 for row in groups.tolist())
    assert sorted(groups[:, 0]) == list(range(8))


def test_the_largest_group_comes_first() -> None:
    rows = heap(3, 10)
    keep = [*range(10), *range(10, 14), *range(20, 27)]
    groups = group_figures(rows[keep], 0.45)
    assert groups.tolist() == [0] * 10 + [2] * 4 + [1] * 7


def test_a_figure_like_no_other_is_alone() -> None:
    rows = heap(6, 8)
    strangers = normalised(np.random.default_rng(5).normal(size=(3, 64)).astype(np.float32))
    groups = group_figures(np.concatenate([rows, strangers]), 0.45)
    assert groups[-3:].tolist() == [ALONE] * 3
    assert (groups[:-3] != ALONE).all()


def test_one_character_alone_is_one_group() -> None:
    assert set(group_figures(heap(1, 30), 0.45).tolist()) == {0}


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_figures(count: int) -> None:
    assert group_figures(heap(1, 2)[:count], 0.45).tolist() == [[], [ALONE], [0, 0]][count]


@given(st.integers(0, 2**32 - 1))
def test_order_does_not_matter(seed: int) -> None:
    rows = heap(7, 5, spread=0.8)
    order = np.random.default_rng(seed).permutation(len(rows))
    assert (group_figures(rows[order], 0.45) == group_figures(rows, 0.45)[order]).all()


@given(st.floats(-1, 1), st.floats(0.2, 2.0))
def test_every_figure_is_once_in_a_group_of_at_least_two(similarity: float, spread: float) -> None:
    groups = group_figures(heap(5, 6, spread), similarity)
    numbers, sizes = np.unique(groups[groups != ALONE], return_counts=True)
    assert (sizes > 1).all()
    assert numbers.tolist() == list(range(len(numbers)))
    assert (np.diff(sizes) <= 0).all()
