"""Fitting a plugin's open-set judge, and saying what its scores mean."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.errors import DataError
from kyara.evaluate.calibrate import Trials, fit_logistic
from kyara.evaluate.protocols.open_set import COUNTS, draw_open_set
from kyara.evaluate.trials import Embedded, Identified, identified
from kyara.identify.judge import RATES, Judge, Plda
from kyara.identify.plda import PldaModel, fit_plda
from kyara.manifest import OpenSetSpec, parameters_name
from kyara.pictures.digest import digest_of_bytes
from kyara.types import FloatArray

__all__ = ["calibrate_plda", "fit_on", "strangers_of"]

_DRAWS = 5


@dataclass(frozen=True)
class _Meaning:
    slope: float
    intercept: float
    thresholds: tuple[float, ...]


def fit_on(sources: Mapping[str, Embedded]) -> PldaModel:
    """Fit the model on all sources.

    Raises:
        DataError: too few pictures.
    """
    characters, numbers, offset = [], [], 0
    for number, embedded in enumerate(sources.values()):
        characters.append(embedded.characters + offset)
        numbers.append(np.full(len(embedded), number))
        offset += embedded.character_count
    embeddings = np.concatenate([embedded.embeddings for embedded in sources.values()])
    return fit_plda(embeddings, np.concatenate(characters), np.concatenate(numbers))


def strangers_of(sources: Mapping[str, Embedded]) -> FloatArray | None:
    """The embeddings of the sources in which no character has a second picture."""
    alone = [e.embeddings for e in sources.values() if len(e) and not len(e.with_more_than(1))]
    return np.concatenate(alone) if alone else None


def calibrate_plda(
    plda: PldaModel,
    encoder: Encoder,
    sources: Mapping[str, Embedded],
    *,
    fitted_on: str,
    calibrated_on: str,
    seed: int = 0,
) -> OpenSetSpec:
    """What the scores of a fitted model mean, as its manifest's table.

    Half of the characters of each source have references (1, 3, 5 or 10), the others are
    strangers; each source weighs the same. The probability is that the best character is the
    right one, where known pictures and strangers are equally frequent.

    Raises:
        DataError: no source has four characters with two pictures.
    """
    rng = np.random.default_rng(seed)
    raw = Plda(encoder, plda)  # its scores are log-likelihood ratios
    per_source = [_trials(raw, encoder, embedded, rng) for embedded in sources.values()]
    usable = [trials for trials in per_source if trials is not None]
    if not usable:
        raise DataError(
            "no source has enough characters to calibrate an open-set decision with",
            hint="at least four are needed, with two pictures each",
        )
    meaning = _meaning(usable)
    at = [round(meaning.slope * t + meaning.intercept, 4) for t in meaning.thresholds]
    digest = digest_of_bytes(plda.to_bytes()).hex()
    return OpenSetSpec(
        parameters=parameters_name(digest),
        sha256=digest,
        fitted_on=fitted_on,
        calibrated_on=calibrated_on,
        date=datetime.date.today().isoformat(),
        slope=meaning.slope,
        intercept=meaning.intercept,
        at_1=at[0],
        at_5=at[1],
        at_10=at[2],
    )


def _trials(
    judge: Judge, encoder: Encoder, embedded: Embedded, rng: np.random.Generator
) -> Identified | None:
    parts = [
        identified(embedded, draw, [judge], encoder.id)[judge.name]
        for n in COUNTS
        for draw in draw_open_set(embedded, n, _DRAWS, rng)
    ]
    return Identified.together(parts) if parts else None


def _meaning(sources: list[Identified]) -> _Meaning:
    # A known picture that would get a wrong name is no success either.
    counted = [t.right | ~t.known for t in sources]
    curve = fit_logistic(
        Trials.of_sources(
            [(t.scores[c], t.right[c]) for t, c in zip(sources, counted, strict=True)]
        )
    )
    strangers = [t.scores[~t.known] for t in sources if not t.known.all()]
    scores = np.concatenate(strangers)
    weights = np.concatenate([np.full(len(s), 1 / len(s) / len(strangers)) for s in strangers])
    order = np.argsort(-scores)
    accepted = np.cumsum(weights[order])
    thresholds = [scores[order][int(np.searchsorted(accepted, rate))] for rate in RATES]
    return _Meaning(curve.slope, curve.intercept, tuple(float(value) for value in thresholds))
