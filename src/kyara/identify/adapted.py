"""The open-set judge, fitted to the pictures that it is asked about; no label is needed.

What a score means hangs on how much the references say, how many characters compete, and how
much is known of the look: one logistic curve has learned that (`kyara fit`). It is an affine
function of the score, so of two characters with equally many references the order stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.identify.domain import Domain, domain_of, effective_characters
from kyara.identify.gallery import Gallery, Indices
from kyara.identify.judge import EVEN_ODDS, Plda, Rule
from kyara.identify.plda import Enrolled
from kyara.identify.strangers import threshold_for
from kyara.manifest import AdaptedSpec
from kyara.types import FloatArray

__all__ = ["Adaptation", "Adapted", "adaptation_of", "features"]

_LEAST_SLOPE = 0.02
"""Of log-odds over a log-likelihood ratio: a higher score is never worse."""

_MOST_REFERENCES = 20
"""Beyond so many nothing was measured, and little changes."""

_LOOKED_AT = 8192
"""Pictures that are scored to see how many characters and strangers there are."""


@dataclass(frozen=True, eq=False)
class Adapted:
    """`Plda` on embeddings as seen from the centre of a domain.

    A score is the log-odds (natural logarithm) that the picture shows the character, where
    known and unknown pictures are equally frequent.
    """

    plda: Plda
    spec: AdaptedSpec
    domain: Domain
    _enrolled: WeakKeyDictionary[Gallery, Enrolled] = field(
        default_factory=WeakKeyDictionary, repr=False
    )

    @property
    def name(self) -> str:
        """That of the judge which was adapted."""
        return self.plda.name

    def ratios(self, probes: FloatArray, gallery: Gallery) -> FloatArray:
        """Log-likelihood ratios (p, c)."""
        gallery.require(self.plda.encoder.id)
        enrolled = self._enrolled.get(gallery)
        if enrolled is None:
            means = gallery.means_of(self.domain.centred)
            enrolled = self.plda.model.enrol(means, gallery.counts)
            self._enrolled[gallery] = enrolled
        return enrolled.scores(self.domain.centred(probes))

    def scores(self, probes: FloatArray, gallery: Gallery) -> FloatArray:
        """Log-odds (p, c)."""
        ratios = self.ratios(probes, gallery)
        spec, weight = self.spec, self.domain.weight
        references = _references(gallery.counts)
        slopes = spec.score + spec.score_references * references + spec.score_weight * weight
        constants = (
            spec.intercept
            + spec.characters * np.log(self.domain.competing)
            + spec.references * references
            + spec.references_squared * references**2
            + spec.weight * weight
        )
        ratios *= np.maximum(slopes, _LEAST_SLOPE).astype(np.float32)
        ratios += constants.astype(np.float32)
        ratios += spec.distance * self.domain.distances(probes)[:, np.newaxis]
        return ratios

    def probability(self, score: float, references: int) -> float | None:
        """What the log-odds say, however many references there are."""
        return self.plda.probability(score, references)

    def threshold(self, fpir: float | None = None) -> float | None:
        """Even odds, or as measured on strangers; `Adaptation` looks at the user's as well."""
        return EVEN_ODDS if fpir is None else self.spec.thresholds.at(fpir)


@dataclass(frozen=True)
class Adaptation:
    """How a rule is fitted to references and pictures.

    Attributes:
        fpir: about this share of the strangers is to get a name; None: by the rule's threshold.
    """

    plda: Plda
    spec: AdaptedSpec
    fpir: float | None = None

    def __call__(self, rule: Rule, gallery: Gallery, pictures: FloatArray | None) -> Rule:
        """The rule for these pictures (n, d), in any order."""
        domain, looked_at = domain_of(gallery), None
        if pictures is not None and len(pictures):
            looked_at = _evenly(pictures)
            first = Adapted(self.plda, self.spec, domain).scores(looked_at, gallery)
            domain = domain_of(gallery, pictures, effective_characters(first.argmax(axis=1)))
        judge = Adapted(self.plda, self.spec, domain)
        threshold = rule.threshold
        if self.fpir is not None:
            best = (
                np.zeros(0, np.float32)
                if looked_at is None
                else judge.scores(looked_at, gallery).max(1)
            )
            threshold = threshold_for(best, self.fpir, self.spec.thresholds)
        return replace(rule, judge=judge, threshold=threshold, adapts=None, domain=domain)


def features(judge: Adapted, probes: FloatArray, gallery: Gallery) -> tuple[FloatArray, Indices]:
    """What the curve is fitted to, for the best character of each probe: the numbers (p, 8) that
    the coefficients of `AdaptedSpec` after the intercept belong to, and which one it is (p,)."""
    ratios = judge.ratios(probes, gallery)
    best = ratios.argmax(axis=1)
    score = ratios[np.arange(len(best)), best]
    references = _references(gallery.counts)[best]
    weight = np.full(len(best), judge.domain.weight)
    columns = (
        score,
        score * references,
        score * weight,
        judge.domain.distances(probes),
        np.full(len(best), np.log(judge.domain.competing)),
        references,
        references**2,
        weight,
    )
    return np.stack(columns, axis=1), best


def adaptation_of(encoder: Encoder, plda: Plda, fpir: float | None = None) -> Adaptation | None:
    """That of the encoder's plugin, or None if it brings none."""
    spec = encoder.manifest.open_set
    if spec is None or spec.adapted is None:
        return None
    return Adaptation(plda, spec.adapted, fpir)


def _references(counts: Indices) -> FloatArray:
    return np.asarray(np.log(np.minimum(counts, _MOST_REFERENCES)))


def _evenly(pictures: FloatArray) -> FloatArray:
    """At most `_LOOKED_AT` of them, the same ones in whatever order they come."""
    if len(pictures) <= _LOOKED_AT:
        return pictures
    order = np.lexsort(pictures[:, :4].T)
    chosen = np.linspace(0, len(pictures) - 1, _LOOKED_AT).astype(np.intp)
    return np.asarray(pictures[order[chosen]])
