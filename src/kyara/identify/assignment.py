"""Who is who among the figures of one picture, where nobody is in it twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kyara.identify.gallery import Indices
from kyara.types import FloatArray

__all__ = ["NOBODY", "assign", "best_pairs"]

NOBODY = -1
"""In place of a character: the figure is none of them."""

_JUST_WORSE = -1e-9
"""What nobody is worth beside a character whose score is the threshold itself: less."""


def assign(scores: FloatArray, threshold: float | None) -> Indices:
    """The character that each figure is, none of them twice, or `NOBODY`; shape (k,).

    Of all ways to name the figures the one is taken whose scores exceed the threshold by the most,
    all together.

    Args:
        scores: of the figures against the characters, (k, c); -inf where one cannot be the other.
        threshold: the least score of a known character. None: as many figures are named as there
            are characters for.
    """
    gains = scores.astype(np.float64) - (threshold or 0.0)
    if threshold is not None:
        gains[gains < 0] = -np.inf
    best = gains.argmax(axis=1)
    chosen = np.where(np.isfinite(gains[np.arange(len(gains)), best]), best, NOBODY)
    named = chosen[chosen != NOBODY]
    if len(np.unique(named)) == len(named):
        return chosen  # everybody's best: nothing can be better, and most pictures end here
    return _assigned(gains, None if threshold is None else _JUST_WORSE)


def _assigned(gains: NDArray[np.float64], nobody: float | None) -> Indices:
    able = np.flatnonzero(np.isfinite(gains).any(axis=0))
    able_gains = gains[:, able]
    if nobody is None:  # worse than every way to name one more
        finite = able_gains[np.isfinite(able_gains)]
        nobody = float(finite.min() - len(gains) * (np.ptp(finite) + 1.0))
    return np.append(able, NOBODY)[best_pairs(able_gains, nobody)]


def best_pairs(worth: NDArray[np.float64], alone: float) -> Indices:
    """The column of each row, none of them twice, or -1 for none; shape (k,). The sum of what the
    pairs are worth is the largest that there is.

    By shortest augmenting paths (Jonker and Volgenant 1987), as scipy has it: but to import
    `scipy.optimize` takes longer than a second run over a thousand pictures.

    Args:
        worth: (k, c), -inf where the two are no pair.
        alone: what a row without a column is worth.
    """
    rows, columns = worth.shape
    costs = np.hstack([-worth, np.full((rows, rows), -alone)])
    holder = np.full(columns + rows, -1)
    of_rows, of_columns = np.zeros(rows), np.zeros(columns + rows)  # the potentials
    for begin in range(rows):
        length = np.full(columns + rows, np.inf)  # of the shortest path to each column
        before = np.full(columns + rows, -1)  # the column that the path comes by
        done = np.zeros(columns + rows, dtype=bool)
        row, column, least = begin, -1, 0.0
        while row >= 0:
            reached = least + costs[row] - of_rows[row] - of_columns
            shorter = ~done & (reached < length)
            length[shorter], before[shorter] = reached[shorter], column
            column = int(np.where(done, np.inf, length).argmin())
            least, row = length[column], holder[column]
            done[column] = True
        taken = done & (holder >= 0)
        of_rows[begin] += least
        of_rows[holder[taken]] += least - length[taken]
        of_columns[done] -= least - length[done]
        while column >= 0:  # everybody on the path moves up one
            held = before[column]
            holder[column] = begin if held < 0 else holder[held]
            column = held
    pairs = np.full(rows, -1)
    held = np.flatnonzero(holder[:columns] >= 0)
    pairs[holder[held]] = held
    return pairs
