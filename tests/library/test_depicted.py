"""Which figure of a reference picture is its character."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kyara.library.depicted import depicted

ANN, BO, DEE = np.eye(3, dtype=np.float32)


def boxed(left: list[float], sides: list[float]) -> np.ndarray:
    """Squares of those sides, at those left edges."""
    edges = [(x, 0.0, x + side, side) for x, side in zip(left, sides, strict=True)]
    return np.asarray(edges, dtype=np.float64)


def kept(
    *pictures: tuple[str, int, np.ndarray],
    sides: list[float] | None = None,
    left: list[float] | None = None,
    certain: list[bool] | None = None,
) -> list[int]:
    rows = np.stack([row for *_, row in pictures])
    boxes = boxed(left or [10.0 * n for n in range(len(rows))], sides or [1.0] * len(rows))
    sure = None if certain is None else np.asarray(certain)
    return depicted([(name, n) for name, n, _ in pictures], rows, boxes, sure).kept.tolist()


def test_what_is_alone_in_a_picture_is_the_character() -> None:
    assert kept(("ann", 0, ANN), ("ann", 1, BO), ("bo", 1, BO)) == [0, 1, 2]


def test_the_one_that_is_like_the_others_is_taken() -> None:
    assert kept(("ann", 0, ANN), ("ann", 1, BO), ("ann", 1, ANN)) == [0, 2]
    # Another character's references do not count.
    assert kept(("bo", 0, ANN), ("ann", 1, BO), ("ann", 1, ANN)) == [0]


def test_without_a_picture_of_it_alone_they_are_compared_with_each_other() -> None:
    assert kept(("ann", 0, ANN), ("ann", 0, BO), ("ann", 1, DEE), ("ann", 1, ANN)) == [0, 3]
    always_together = (("ann", 0, ANN), ("ann", 0, BO), ("ann", 1, BO), ("ann", 1, ANN))
    assert kept(*always_together) == []


def test_what_was_decided_helps_with_the_rest() -> None:
    between = np.asarray([0.7, 0, 0.714], dtype=np.float32)
    pictures = [("ann", 0, ANN), ("ann", 1, between), ("ann", 1, BO)]
    far = [("ann", 2, np.asarray([0, 0.1, 0.99], dtype=np.float32)), ("ann", 2, BO)]
    assert kept(*pictures, *far) == [0, 1, 3]
    assert kept(pictures[0], *far) == [0]


def test_a_much_larger_figure_is_taken_unless_another_is_more_alike() -> None:
    assert kept(("ann", 0, ANN), ("ann", 0, BO), sides=[3, 1]) == [0]
    assert kept(("ann", 0, ANN), ("ann", 0, BO), sides=[1.7, 1]) == []
    assert kept(("ann", 0, ANN), ("ann", 1, BO), ("ann", 1, ANN), sides=[1, 3, 1]) == [0, 2]


def test_a_head_that_was_found_twice_is_one() -> None:
    twice = (("ann", 0, ANN), ("ann", 0, ANN))
    assert kept(*twice, sides=[10, 8], left=[0, 1]) == [0]
    assert kept(*twice, sides=[10, 8], left=[0, 6]) == []


def test_whom_a_person_pointed_at_stays() -> None:
    twins = (("ann", 0, ANN), ("ann", 0, ANN), ("ann", 1, ANN), ("ann", 1, BO))
    assert kept(*twins, certain=[True, True, False, False]) == [0, 1, 2]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.integers(0, 10**6))
def test_at_most_one_of_each_picture(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    keys = [("ann", n) for n, size in enumerate(sizes) for _ in range(size)]
    rows = rng.normal(size=(len(keys), 3)).astype(np.float32)
    apart = boxed([10.0 * n for n in range(len(keys))], [1.0] * len(keys))
    found = depicted(keys, rows, apart)
    pictures = [keys[n][1] for n in found.kept.tolist()]
    assert len(pictures) == len(set(pictures))
    assert set(pictures) >= {n for n, size in enumerate(sizes) if size == 1}
    assert {keys[int(rows[0])][1] for rows, _ in found.several} == {
        n for n, size in enumerate(sizes) if size > 1
    }
