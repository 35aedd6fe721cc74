"""What an encoder's scores mean: probabilities and thresholds fitted on labelled pictures."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.errors import DataError
from kyara.evaluate.metrics import Mask, Vector
from kyara.evaluate.trials import Compare, Embedded, Indices, draw_enrolment, pairs_of
from kyara.extras import optional
from kyara.identify.judge import Any, Avg, Judge
from kyara.manifest import CalibrationSpec, Logistic, ReferencesSpec
from kyara.types import FloatArray

__all__ = [
    "COUNTS",
    "REFERENCES",
    "Trials",
    "aggregated_trials",
    "calibrate",
    "fit_logistic",
    "pair_trials",
]

REFERENCES = 5
"""References per character for the one curve that must do for any number of them, where a
character has more pictures than that."""

COUNTS = (1, 2, 3, 5, 10, 20)
"""The numbers of references that have curves of their own."""

FALSE_ACCEPTANCE = 0.05
"""Share of the probes against a wrong character that `any` and `avg` let pass."""

_DRAWS = 5
_PAIR_LIMIT = 1_000_000  # per source: one in a thousand of them is still a thousand
_BINS = 4096  # of scores: the curve does not change, and the fit takes milliseconds
_STRENGTH = 1.0  # of the prior on the slope, against one unit of weight per trial


@dataclass(frozen=True)
class Trials:
    """Scores whose truth is known, with weights.

    Attributes:
        scores: shape (t,).
        same: whether the characters are the same, shape (t,).
        weights: shape (t,); each source weighs the same, half of it on the same ones.
    """

    scores: FloatArray
    same: Mask
    weights: Vector

    @classmethod
    def of_sources(cls, sources: Sequence[tuple[FloatArray, Mask]]) -> Trials:
        """Trials of several sources; those without both kinds are left out.

        Raises:
            DataError: none is left.
        """
        usable = [(s, same) for s, same in sources if same.any() and not same.all()]
        if not usable:
            raise DataError(
                "no source has enough pictures to calibrate with",
                hint="at least two characters are needed, with two pictures each",
            )
        weights = [np.where(same, 0.5 / same.sum(), 0.5 / (~same).sum()) for _, same in usable]
        return cls(
            np.concatenate([scores for scores, _ in usable]),
            np.concatenate([same for _, same in usable]),
            np.concatenate(weights) / len(usable),
        )


def calibrate(
    sources: Mapping[str, Embedded],
    encoder: Encoder,
    *,
    name: str = "",
    seed: int = 0,
) -> CalibrationSpec:
    """Fit probabilities and thresholds for pairs, and for the judges `any` and `avg`.

    Each source weighs the same, however large, and same and different are given equal
    weight: the probabilities hold where both are equally likely beforehand.

    - `pair`: all pairs of pictures. The threshold is where the probability is 0.5, so that
      score, probability and verdict never contradict each other.
    - `any`, `avg`: each picture against the characters of its source, `REFERENCES` references
      each (as many as there are, if fewer). The threshold lets 5 % of the trials against a
      wrong character pass. With a gallery of many characters there are as many such trials
      per picture, so more than 5 % of strangers get a name.
    - `by_references`: the same with exactly n references, for each n of `COUNTS` that two
      characters have enough pictures for: the best of twenty scores is higher than the best
      of two, whoever it is.

    Every curve has the scores at false-positive rates of 1 % and 0.1 % beside it.

    Args:
        sources: the embeddings by source, as `embed_dataset` makes them.
        name: what the result calls the data set.

    Raises:
        DataError: too few pictures.
    """
    by_references = [_curves(sources, encoder, seed, n) for n in COUNTS]
    whole = _curves(sources, encoder, seed, None)
    if whole is None:
        raise DataError("no character has enough pictures to calibrate with")
    return CalibrationSpec(
        data=_described(sources, name),
        date=datetime.date.today().isoformat(),
        pair=fit_logistic(pair_trials(sources, encoder.similarity, seed)),
        any=whole.any,
        avg=whole.avg,
        by_references=tuple(curves for curves in by_references if curves is not None),
    )


def fit_logistic(trials: Trials, acceptance: float | None = None) -> Logistic:
    """The logistic curve through the trials (Platt 1999), by scikit-learn.

    A weak prior keeps the slope finite where few pictures are told apart perfectly.

    Args:
        acceptance: the share of the different trials that the threshold lets pass; by default
            it is the score whose probability is 0.5.

    Raises:
        DataError: higher scores are not more alike, so no curve makes sense.
    """
    model = optional("sklearn.linear_model").LogisticRegression(C=1.0 / _STRENGTH)
    scores = trials.scores.astype(np.float64)
    centre, spread = scores.mean(), max(float(scores.std()), 1e-9)
    weights = trials.weights * len(scores) / trials.weights.sum()
    binned = _binned((scores - centre) / spread, trials.same, weights)
    model.fit(binned[0][:, None], binned[1], sample_weight=binned[2])
    slope = float(model.coef_[0, 0]) / spread
    if slope <= 0.0:
        raise DataError("this encoder's scores are no higher for the same character")
    intercept = float(model.intercept_[0]) - slope * float(centre)
    middle = -intercept / slope
    return Logistic(
        slope=round(slope, 4),
        intercept=round(intercept, 4),
        threshold=round(middle if acceptance is None else _accepting(trials, acceptance), 4),
        fpr_1=round(_accepting(trials, 0.01), 4),
        fpr_0_1=round(_accepting(trials, 0.001), 4),
    )


def pair_trials(sources: Mapping[str, Embedded], compare: Compare, seed: int) -> Trials:
    """All pairs of pictures within each source.

    Raises:
        DataError: no source has both kinds of them.
    """
    rng = np.random.default_rng(seed)
    pairs = [pairs_of(embedded, compare, rng, _PAIR_LIMIT) for embedded in sources.values()]
    return Trials.of_sources([(p.scores, p.same) for p in pairs])


def aggregated_trials(
    sources: Mapping[str, Embedded],
    encoder: Encoder,
    judge: Judge,
    seed: int,
    count: int | None = None,
) -> Trials:
    """Each picture against the characters of its source.

    Args:
        count: references of each; characters with fewer are only probes. By default
            `REFERENCES`, or as many as there are.

    Raises:
        DataError: no source has probes of both kinds.
    """
    # Seeded anew, so that all judges see the same references.
    rng = np.random.default_rng(seed)
    scored = [_against_all(e, encoder, judge, rng, count) for e in sources.values()]
    return Trials.of_sources(scored)


def _curves(
    sources: Mapping[str, Embedded], encoder: Encoder, seed: int, count: int | None
) -> ReferencesSpec | None:
    """The curves of both judges; None if fewer than two characters have enough pictures."""
    enrolled = sum(int((_reference_counts(e, count) > 0).sum()) for e in sources.values())
    if enrolled < 2:
        return None

    def curve(judge: Judge) -> Logistic:
        trials = aggregated_trials(sources, encoder, judge, seed, count)
        return fit_logistic(trials, FALSE_ACCEPTANCE)

    return ReferencesSpec(
        references=count or REFERENCES, any=curve(Any(encoder)), avg=curve(Avg(encoder))
    )


def _reference_counts(embedded: Embedded, count: int | None) -> Indices:
    # At least one picture of each remains as a probe; a single one is a stranger to all.
    pictures = np.bincount(embedded.characters)
    if count is None:
        return np.asarray(np.minimum(REFERENCES, pictures - 1))
    return np.where(pictures > count, count, 0)


def _against_all(
    embedded: Embedded,
    encoder: Encoder,
    judge: Judge,
    rng: np.random.Generator,
    count: int | None,
) -> tuple[FloatArray, Mask]:
    """Scores of probes against every character, and which were their own, as flat arrays."""
    counts = _reference_counts(embedded, count)
    scores, own = [np.zeros(0, dtype=np.float32)], [np.zeros(0, dtype=np.bool_)]
    for _ in range(_DRAWS if counts.any() else 0):
        draw = draw_enrolment(embedded, counts, rng)
        probes = embedded.embeddings[draw.probes]
        scores.append(judge.scores(probes, draw.gallery(embedded, encoder.id)).ravel())
        own.append(draw.own(embedded).ravel())
    return np.concatenate(scores), np.concatenate(own)


def _binned(scores: Vector, same: Mask, weights: Vector) -> tuple[Vector, Mask, Vector]:
    """Trials that are nearly alike as one with their mean score and all their weight."""
    low, high = scores.min(), scores.max()
    level = np.round((scores - low) / max(high - low, 1e-9) * (_BINS - 1)).astype(np.intp)
    slots = level + _BINS * same
    total = np.asarray(np.bincount(slots, weights, 2 * _BINS), dtype=np.float64)
    filled = np.flatnonzero(total)
    means = np.bincount(slots, weights * scores, 2 * _BINS)[filled] / total[filled]
    return means, filled >= _BINS, total[filled]


def _accepting(trials: Trials, share: float) -> float:
    """The score that `share` of the different trials, by weight, reach."""
    different = ~trials.same
    scores, weights = trials.scores[different], trials.weights[different]
    order = np.argsort(-scores, kind="stable")
    accepted = np.cumsum(weights[order]) / weights.sum()
    return float(scores[order][int(np.searchsorted(accepted, share))])


def _described(sources: Mapping[str, Embedded], name: str) -> str:
    pictures = sum(map(len, sources.values()))
    characters = sum(embedded.character_count for embedded in sources.values())
    title = f"{name}: " if name else ""
    return f"{title}{pictures} pictures of {characters} characters, {len(sources)} sources"
