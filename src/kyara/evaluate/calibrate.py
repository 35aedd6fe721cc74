"""What an encoder's scores mean: probabilities and thresholds fitted on labelled pictures."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kyara.errors import DataError
from kyara.evaluate.extras import optional
from kyara.evaluate.metrics import Mask, Vector
from kyara.evaluate.trials import Compare, Embedded, draw_enrolment, pairs_of
from kyara.plugins.manifest import CalibrationSpec, Logistic
from kyara.types import Aggregation, FloatArray

__all__ = ["REFERENCES", "Trials", "calibrate", "fit_logistic"]

REFERENCES = 5
"""References per character, where a character has more pictures than that."""

FALSE_ACCEPTANCE = 0.05
"""Share of the probes against a wrong character that `any` and `avg` let pass."""

_DRAWS = 5
_PAIR_LIMIT = 1_000_000  # per source: ample for two numbers, and the fit takes seconds
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
    compare: Compare,
    *,
    name: str = "",
    seed: int = 0,
) -> CalibrationSpec:
    """Fit probabilities and thresholds for pairs and for both aggregations.

    Each source weighs the same, however large, and same and different are given equal
    weight: the probabilities hold where both are equally likely beforehand.

    - `pair`: all pairs of pictures. The threshold is where the probability is 0.5, so that
      score, probability and verdict never contradict each other.
    - `any`, `avg`: each picture against the characters of its source, `REFERENCES` references
      each (as many as there are, if fewer). The threshold lets 5 % of the trials against a
      wrong character pass. With a gallery of many characters there are as many such trials
      per picture, so more than 5 % of strangers get a name.

    Args:
        sources: the embeddings by source, as `embed_dataset` makes them.
        name: what the result calls the data set.

    Raises:
        DataError: too few pictures.
    """
    rng = np.random.default_rng(seed)
    pairs = [pairs_of(embedded, compare, rng, _PAIR_LIMIT) for embedded in sources.values()]
    pair = Trials.of_sources([(p.scores, p.same) for p in pairs])
    fitted = {how: _fit_aggregated(sources, compare, how, seed) for how in Aggregation}
    return CalibrationSpec(
        data=_described(sources, name),
        date=datetime.date.today().isoformat(),
        pair=fit_logistic(pair),
        any=fitted[Aggregation.ANY],
        avg=fitted[Aggregation.AVG],
    )


def fit_logistic(trials: Trials, threshold: float | None = None) -> Logistic:
    """The logistic curve through the trials (Platt 1999), by scikit-learn.

    A weak prior keeps the slope finite where few pictures are told apart perfectly.

    Args:
        threshold: by default the score whose probability is 0.5.

    Raises:
        DataError: higher scores are not more alike, so no curve makes sense.
    """
    model = optional("sklearn.linear_model").LogisticRegression(C=1.0 / _STRENGTH)
    scores = trials.scores.astype(np.float64)
    centre, spread = scores.mean(), max(float(scores.std()), 1e-9)
    weights = trials.weights * len(scores) / trials.weights.sum()
    model.fit(((scores - centre) / spread)[:, None], trials.same, sample_weight=weights)
    slope = float(model.coef_[0, 0]) / spread
    if slope <= 0.0:
        raise DataError("this encoder's scores are no higher for the same character")
    intercept = float(model.intercept_[0]) - slope * float(centre)
    middle = -intercept / slope
    return Logistic(
        slope=round(slope, 4),
        intercept=round(intercept, 4),
        threshold=round(middle if threshold is None else threshold, 4),
    )


def _fit_aggregated(
    sources: Mapping[str, Embedded], compare: Compare, how: Aggregation, seed: int
) -> Logistic:
    # Seeded anew, so that both aggregations see the same references.
    rng = np.random.default_rng(seed)
    trials = Trials.of_sources([_against_all(e, compare, how, rng) for e in sources.values()])
    return fit_logistic(trials, _accepting(trials, FALSE_ACCEPTANCE))


def _against_all(
    embedded: Embedded, compare: Compare, how: Aggregation, rng: np.random.Generator
) -> tuple[FloatArray, Mask]:
    """Scores of probes against every character, and which were their own, as flat arrays."""
    # At least one picture of each remains as a probe; a single one is a stranger to all.
    counts = np.minimum(REFERENCES, np.bincount(embedded.characters) - 1)
    scores, own = [np.zeros(0, dtype=np.float32)], [np.zeros(0, dtype=np.bool_)]
    for _ in range(_DRAWS if counts.any() else 0):
        drawn = draw_enrolment(embedded, counts, rng).scores(embedded, compare, how)
        scores.append(drawn[0].ravel())
        own.append(drawn[1].ravel())
    return np.concatenate(scores), np.concatenate(own)


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
