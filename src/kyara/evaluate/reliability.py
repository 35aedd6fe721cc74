"""Do calibrated probabilities hold for characters that the calibration never met?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.evaluate.calibrate import Trials, aggregated_trials, fit_logistic, pair_trials
from kyara.evaluate.metrics import Vector
from kyara.evaluate.trials import Embedded
from kyara.identify.judge import Any, Avg, Judge

__all__ = ["BINS", "Reliability", "cross_fitted", "reliability_of"]

BINS = 10


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram (Niculescu-Mizil and Caruana 2005).

    Attributes:
        predicted: mean probability of the trials in each bin of equal width that has some.
        observed: share of them with the same character.
        share: of all trials, which are weighted.
        error: expected calibration error: how far both are apart on average (Naeini, Cooper
            and Hauskrecht 2015).
    """

    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    share: tuple[float, ...]
    error: float


def reliability_of(probabilities: Vector, same: Vector, weights: Vector) -> Reliability:
    """Of probabilities (t,), whether it was the same character (t,), and weights (t,)."""
    bins = np.minimum((probabilities * BINS).astype(np.intp), BINS - 1)
    total = np.bincount(bins, weights, BINS)
    filled = total > 0
    predicted = np.bincount(bins, weights * probabilities, BINS)[filled] / total[filled]
    observed = np.bincount(bins, weights * same, BINS)[filled] / total[filled]
    share = total[filled] / total.sum()
    return Reliability(
        tuple(predicted.tolist()),
        tuple(observed.tolist()),
        tuple(share.tolist()),
        float(np.sum(share * np.abs(predicted - observed))),
    )


def cross_fitted(
    sources: Mapping[str, Embedded], encoder: Encoder, *, seed: int = 0
) -> dict[str, Reliability]:
    """Reliability of the curves that `calibrate` fits, for `pair`, `any` and `avg`.

    The characters of each source are halved; curves that are fitted on one half are applied
    to the other, and the other way round. No trial has characters of both halves.

    Raises:
        DataError: a half has too few pictures.
    """
    halves = _halves(sources, np.random.default_rng(seed))
    trials: dict[str, list[Trials]] = {
        "pair": [pair_trials(half, encoder.similarity, seed) for half in halves]
    }
    judges: tuple[Judge, ...] = (Any(encoder), Avg(encoder))
    for judge in judges:
        trials[judge.name] = [aggregated_trials(half, encoder, judge, seed) for half in halves]
    return {name: _crossed(one, other) for name, (one, other) in trials.items()}


def _crossed(one: Trials, other: Trials) -> Reliability:
    probabilities = []
    for fitted, applied in ((other, one), (one, other)):
        curve = fit_logistic(fitted)
        scores = applied.scores.astype(np.float64)
        probabilities.append(1.0 / (1.0 + np.exp(-(curve.slope * scores + curve.intercept))))
    return reliability_of(
        np.concatenate(probabilities),
        np.concatenate([one.same, other.same]).astype(np.float64),
        np.concatenate([one.weights, other.weights]),
    )


def _halves(
    sources: Mapping[str, Embedded], rng: np.random.Generator
) -> tuple[dict[str, Embedded], dict[str, Embedded]]:
    one, other = {}, {}
    for source, embedded in sources.items():
        # Alternately by how many pictures they have, so that both halves get large ones.
        pictures = np.bincount(embedded.characters, minlength=embedded.character_count)
        shuffled = rng.permutation(embedded.character_count)
        ordered = shuffled[np.argsort(-pictures[shuffled], kind="stable")]
        inside = np.isin(embedded.characters, ordered[::2])
        one[source], other[source] = embedded.only(inside), embedded.only(~inside)
    return one, other
