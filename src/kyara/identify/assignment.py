"""Who is who among the figures of one picture, where nobody is in it twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kyara.identify.gallery import Indices
from kyara.types import FloatArray

__all__ = ["NOBODY", "assign"]

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
    from scipy.optimize import linear_sum_assignment  # only where two want the same

    able = np.flatnonzero(np.isfinite(gains).any(axis=0))
    able_gains = gains[:, able]
    if nobody is None:  # worse than every way to name one more
        finite = able_gains[np.isfinite(able_gains)]
        nobody = float(finite.min() - len(gains) * (np.ptp(finite) + 1.0))
    places = np.full((len(gains), len(gains)), nobody)
    _, columns = linear_sum_assignment(np.hstack([able_gains, places]), maximize=True)
    characters = np.append(able, np.full(len(gains), NOBODY))
    return np.asarray(characters[columns], dtype=np.intp)
