"""Fitting a plugin's open-set judge, and saying what its scores mean."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.errors import DataError
from kyara.evaluate.calibrate import Trials, fit_logistic
from kyara.evaluate.inboxes import Inbox, InboxShape, draw_inboxes
from kyara.evaluate.metrics import Mask, Vector
from kyara.evaluate.protocols.open_set import COUNTS, draw_open_set
from kyara.evaluate.trials import Embedded, Identified, identified
from kyara.extras import optional
from kyara.identify.adapted import Adapted, features
from kyara.identify.domain import domain_of, effective_characters
from kyara.identify.judge import RATES, Judge, Plda
from kyara.identify.plda import PldaModel, fit_plda
from kyara.manifest import AdaptedSpec, OpenSetSpec, parameters_name
from kyara.pictures.digest import digest_of_bytes
from kyara.types import FloatArray, normalised

__all__ = ["calibrate_plda", "fit_adapted", "fit_adapted_without_each", "fit_on", "strangers_of"]

_DRAWS = 5

_SHRINKAGE = 1.0
"""Of the covariance within characters: new looks differ more than those that were learned."""

_INBOXES = 3
"""Of each shape; more of small ones. Each shape weighs the same."""

_RATIO = AdaptedSpec(**{**dict.fromkeys(AdaptedSpec.__struct_fields__, 0.0), "score": 1.0})
"""By the likelihood ratio alone: what there is before a curve was fitted."""

_SINGLE = 0.1
"""Of the strangers that are asked about one by one."""

_SHAPES = (
    *(InboxShape(p, 0.5, n, c) for n in COUNTS for p in (50, 200) for c in (3, 20)),
    *(InboxShape(500, 0.5, n, 100) for n in (3, 5)),
    *(InboxShape(p, 0.5, n, 20) for n in COUNTS for p in (1, 10)),
    InboxShape(200, 0.5, 5, 1),
    InboxShape(10, 0.5, 5, 2),
)
"""What there is to learn from: small and large, of few and of many characters."""


@dataclass(frozen=True)
class _Meaning:
    slope: float
    intercept: float
    thresholds: tuple[float, ...]


def fit_on(sources: Mapping[str, Embedded]) -> PldaModel:
    """Fit the model on all sources, each seen from its own centre: that is how pictures are
    seen when the judge is adapted to them.

    Raises:
        DataError: too few pictures.
    """
    characters, numbers, offset = [], [], 0
    for number, embedded in enumerate(sources.values()):
        characters.append(embedded.characters + offset)
        numbers.append(np.full(len(embedded), number))
        offset += embedded.character_count
    rows = [e.embeddings for e in sources.values() if len(e)]
    embeddings = np.concatenate([normalised(part - part.mean(axis=0)) for part in rows])
    return fit_plda(embeddings, np.concatenate(characters), np.concatenate(numbers), _SHRINKAGE)


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
        adapted=fit_adapted(raw, sources, seed=seed),
    )


@dataclass(frozen=True)
class _Pictures:
    """Pictures of drawn inboxes, without those known ones that are taken for another.

    Attributes:
        rows: the features of the best character, shape (p, f).
        right: whether it is their own, shape (p,).
        weights: shape (p,).
        single: whether the inbox has no other picture, shape (p,).
    """

    rows: FloatArray
    right: Mask
    weights: Vector
    single: Mask

    @classmethod
    def together(cls, parts: Sequence[_Pictures]) -> _Pictures:
        """As one."""
        columns = ([getattr(part, name) for part in parts] for name in cls.__annotations__)
        return cls(*(np.concatenate(column) for column in columns))


def fit_adapted(raw: Plda, sources: Mapping[str, Embedded], *, seed: int = 0) -> AdaptedSpec | None:
    """What scores mean on embeddings that are centred on the pictures of an inbox, by drawn
    inboxes of many shapes; None where no source has enough characters for one. Each source weighs
    the same, known pictures and strangers together half.

    Args:
        raw: the judge with log-likelihood ratios as its scores.
    """
    usable = list(_drawn(raw, sources, seed).values())
    return _curve(_Pictures.together(usable)) if usable else None


def fit_adapted_without_each(
    raw: Plda, sources: Mapping[str, Embedded], *, seed: int = 0
) -> dict[str, AdaptedSpec]:
    """As `fit_adapted`, once without each source: what can be measured on it without having
    seen it. A source is missing where too little is left."""
    drawn = _drawn(raw, sources, seed)
    found = {}
    for source in sources:
        rest = [part for name, part in drawn.items() if name != source]
        if rest:
            found[source] = _curve(_Pictures.together(rest))
    return found


def _drawn(raw: Plda, sources: Mapping[str, Embedded], seed: int) -> dict[str, _Pictures]:
    others = strangers_of(sources)
    parts = {name: _of_source(raw, e, others, seed) for name, e in sources.items()}
    return {name: part for name, part in parts.items() if part is not None}


def _curve(pictures: _Pictures) -> AdaptedSpec:
    rows, right, weights = pictures.rows, pictures.right, pictures.weights
    weights = np.where(right, weights / weights[right].sum(), weights / weights[~right].sum())
    weights *= len(weights) / 2
    mean, spread = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-9)
    model = optional("sklearn.linear_model").LogisticRegression(max_iter=1000)
    model.fit((rows - mean) / spread, right, sample_weight=weights)
    slopes = model.coef_[0] / spread
    intercept = float(model.intercept_[0] - mean @ slopes)
    odds = rows @ slopes + intercept
    passed = _quantiles(odds[~right], weights[~right], RATES)
    alone = ~right & pictures.single
    single = _quantiles(odds[alone], weights[alone], (_SINGLE,)) if alone.any() else [0.0]
    values = (intercept, *slopes.tolist(), *passed, *single)
    names = AdaptedSpec.__struct_fields__
    return AdaptedSpec(**{k: round(v, 6) for k, v in zip(names, values, strict=True)})


def _of_source(
    raw: Plda, embedded: Embedded, others: FloatArray | None, seed: int
) -> _Pictures | None:
    """The pictures of a source's inboxes; the weights sum up to 1, each shape's to the same."""
    rng = np.random.default_rng(seed)
    found = []
    for shape in _SHAPES:
        draws = _INBOXES * min(12, max(1, 50 // shape.pictures))
        inboxes = draw_inboxes(embedded, shape, draws, raw.encoder.id, rng, others)
        trials = [_trials_of(raw, inbox) for inbox in inboxes]
        if trials:
            rows, right = (np.concatenate(column) for column in zip(*trials, strict=True))
            weights = np.full(len(right), 1.0 / max(len(right), 1))
            found.append(_Pictures(rows, right, weights, np.full(len(right), shape.pictures == 1)))
    if not found:
        return None
    together = _Pictures.together(found)
    if together.right.all() or not together.right.any():
        return None
    return replace(together, weights=together.weights / together.weights.sum())


def _trials_of(raw: Plda, inbox: Inbox) -> tuple[FloatArray, Mask]:
    # Which is the best is left to the ratio: with the curve it is nearly always the same.
    first = Adapted(raw, _RATIO, domain_of(inbox.gallery))
    likely = first.ratios(inbox.pictures, inbox.gallery).argmax(axis=1)
    domain = domain_of(inbox.gallery, inbox.pictures, effective_characters(likely))
    rows, best = features(Adapted(raw, _RATIO, domain), inbox.pictures, inbox.gallery)
    right = best == inbox.own
    counted = right | ~inbox.known
    return rows[counted], right[counted]


def _quantiles(scores: FloatArray, weights: Vector, rates: Sequence[float]) -> list[float]:
    """The scores that these shares of the strangers reach."""
    order = np.argsort(-scores)
    accepted = np.cumsum(weights[order]) / weights.sum()
    return [float(scores[order][int(np.searchsorted(accepted, rate))]) for rate in rates]


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
