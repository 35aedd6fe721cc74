"""How strict to be so that a given share of an inbox's strangers gets a name.

Each best score says how likely its picture is known, once it is known how many are: the share
that makes the scores most likely is found by expectation and maximisation (Saerens, Latinne and
Decaestecker 2002, "Adjusting the outputs of a classifier to new a priori probabilities").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kyara.types import FloatArray, Thresholds

__all__ = ["share_known", "threshold_for"]

_HALF = 20.0
"""Pictures as which it counts that half are strangers."""

_MEASURED = 25.0
"""Pictures as which the threshold counts that was measured on others."""


def share_known(log_odds: FloatArray) -> float:
    """The share of pictures that show a known character, 0 to 1 exclusive.

    Args:
        log_odds: of each picture, where both are equally frequent, shape (n,).
    """
    rising = np.sort(log_odds.astype(np.float64))  # sums do not hang on the order
    share = 0.5
    for _ in range(200):
        before = share
        known = _probability(rising + np.log(share / (1.0 - share)))
        share = float((known.sum() + 0.5 * _HALF) / (len(rising) + _HALF))
        if abs(share - before) < 1e-6:
            break
    return share


def threshold_for(log_odds: FloatArray, rate: float, measured: Thresholds) -> float:
    """The least log-odds of a picture that gets a name, so that about the share `rate` of the
    strangers does. A higher rate is never stricter.

    Args:
        log_odds: as `share_known` has them. Few say little: with none, what was measured holds.
        measured: on other pictures.
    """
    prior = measured.at(rate)
    if not len(log_odds):
        return prior
    share = share_known(log_odds)
    falling = -np.sort(-log_odds.astype(np.float64))
    strangers = 1.0 - _probability(falling + np.log(share / (1.0 - share)))
    passed = np.cumsum(strangers) / strangers.sum()
    own = float(falling[min(int(np.searchsorted(passed, rate)), len(falling) - 1)])
    trust = len(falling) / (len(falling) + _MEASURED)
    return trust * own + (1.0 - trust) * prior


def _probability(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * log_odds)))
