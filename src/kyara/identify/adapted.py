"""The open-set judge, fitted to the pictures that it is asked about; no label is needed.

A score is one of two things together: the likelihood ratio of the model, which knows a character
by the mean of its references, and the similarity to the reference that is most alike. What it means
hangs on how much the references say, how many characters compete, and how much is known of the
look: one logistic curve has learned all that (`kyara fit`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.identify.domain import Domain, domain_of, effective_characters
from kyara.identify.gallery import Gallery, Indices, Searchable
from kyara.identify.judge import Plda, Rule, best_of
from kyara.identify.plda import Enrolled
from kyara.identify.strangers import threshold_for
from kyara.library.referred import Rejected
from kyara.manifest import AdaptedSpec
from kyara.types import FloatArray

__all__ = ["LENIENT", "Adaptation", "Adapted", "adaptation_of", "features"]

LENIENT = -0.2
"""Log-odds from which on there is a name by default: probability 0.45. A stranger with a name is
taken to be a little less of a nuisance than a picture of the cast without one."""

_FEW = 20
"""Pictures from which on the default is `LENIENT`: fewer say too little of the look."""

_LEAST_SLOPE = 0.02
"""Of log-odds over a log-likelihood ratio: a higher score is never worse."""

_RARER = 1.0
"""Log-odds by which a picture is less likely to show whom a rejected one shows than a character."""

_MOST_REFERENCES = 20
"""Beyond so many nothing was measured, and little changes."""

_LOOKED_AT = 8192
"""Pictures that are scored to see how many characters and strangers there are."""

_BLOCK = 256
"""Probes whose similarities to references are in memory at once."""


@dataclass(frozen=True, eq=False)
class Adapted:
    """`Plda` on embeddings as seen from the centre of a domain.

    A score is the log-odds (natural logarithm) that the picture shows the character, where
    known and unknown pictures are equally frequent.

    Attributes:
        rejected: figures that do not show a character. Each is the only reference of somebody
            without a name, who may be whom a picture shows that is taken for the character.
    """

    plda: Plda
    spec: AdaptedSpec
    domain: Domain
    rejected: Rejected | None = None
    _enrolled: WeakKeyDictionary[Gallery, Enrolled] = field(
        default_factory=WeakKeyDictionary, repr=False
    )
    _nameless: WeakKeyDictionary[Gallery, tuple[Indices, Gallery]] = field(
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

    def similarities(self, probes: FloatArray, gallery: Gallery) -> FloatArray:
        """The cosine (p, c) of probes and the references of each character that are most like
        them, as seen from the centre."""
        gallery.require(self.plda.encoder.id)
        seen = self.domain.centred(probes)
        found = np.empty((len(probes), len(gallery.starts)), dtype=np.float32)
        for first, last, references in gallery.chunks():
            against = self.domain.centred(gallery.embeddings[references]).T
            starts = gallery.starts[first:last] - references.start
            for begin in range(0, len(seen), _BLOCK):
                rows = slice(begin, begin + _BLOCK)
                found[rows, first:last] = best_of(seen[rows] @ against, starts)
        return found

    def scores(self, probes: FloatArray, gallery: Gallery) -> FloatArray:
        """Log-odds (p, c)."""
        odds = self._odds(probes, gallery)
        rejected = self._rejected_of(gallery)
        if rejected is not None:
            owners, nameless = rejected
            # The likeliest of them: several of one person are no more against it than one.
            others = self._odds(probes, nameless)
            touched, starts = np.unique(owners, return_index=True)
            odds[:, touched] -= np.logaddexp(
                np.float32(0), best_of(others, starts) - np.float32(_RARER)
            )
        return odds

    def _rejected_of(self, gallery: Gallery) -> tuple[Indices, Gallery] | None:
        """Of what was rejected for characters of the gallery: which one each is for, ascending,
        and the figures, each as a character of its own."""
        if self.rejected is None:
            return None
        found = self._nameless.get(gallery)
        if found is None:
            places = [gallery.index(name) for name in self.rejected.characters]
            rows = sorted((place, n) for n, place in enumerate(places) if place is not None)
            figures = self.rejected.embeddings[[n for _, n in rows]]
            owners = np.array([place for place, _ in rows], dtype=np.intp)
            found = owners, Gallery.of_singles(gallery.encoder, figures)
            self._nameless[gallery] = found
        return found if len(found[0]) else None

    def _odds(self, probes: FloatArray, gallery: Gallery) -> FloatArray:
        odds, similarities = self.ratios(probes, gallery), self.similarities(probes, gallery)
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
        odds *= np.maximum(slopes, _LEAST_SLOPE).astype(np.float32)
        odds += constants.astype(np.float32)
        similarities *= np.float32(max(spec.similarity, 0.0))
        odds += similarities
        odds += np.float32(spec.distance) * self.domain.distances(probes)[:, np.newaxis]
        return odds

    def probability(self, score: float, references: int) -> float | None:
        """What the log-odds say, however many references there are."""
        return self.plda.probability(score, references)

    def threshold(self, fpir: float | None = None) -> float | None:
        """For as many pictures as it was fitted to, or as measured on strangers; `Adaptation`
        looks at the user's as well."""
        if fpir is not None:
            return self.spec.thresholds.at(fpir)
        few = max(0.0, 1.0 - self.domain.pictures / _FEW)
        return LENIENT + few * max(0.0, self.spec.single - LENIENT)


@dataclass(frozen=True)
class Adaptation:
    """How a rule is fitted to references and pictures.

    Attributes:
        default: the threshold is to be the adapted judge's, not the rule's.
        fpir: or so that about this share of the strangers gets a name.
    """

    plda: Plda
    spec: AdaptedSpec
    default: bool = False
    fpir: float | None = None

    def __call__(
        self,
        rule: Rule,
        gallery: Searchable,
        pictures: FloatArray | None,
        rejected: Rejected | None = None,
    ) -> Rule:
        """The rule for these pictures (n, d) and what was rejected, in any order."""
        domain, looked_at = domain_of(gallery), None
        if pictures is not None and len(pictures):
            looked_at = _evenly(pictures)
            likeliest = _likeliest(Adapted(self.plda, self.spec, domain), looked_at, gallery)
            domain = domain_of(gallery, pictures, effective_characters(likeliest))
        judge = Adapted(self.plda, self.spec, domain, rejected)
        threshold = self._threshold(rule, judge, gallery, looked_at)
        return replace(rule, judge=judge, threshold=threshold, adapts=None, domain=domain)

    def _threshold(
        self, rule: Rule, judge: Adapted, gallery: Searchable, pictures: FloatArray | None
    ) -> float | None:
        if self.fpir is None:
            return judge.threshold() if self.default else rule.threshold
        best = np.zeros(0, np.float32)
        if pictures is not None:
            parts = gallery.parts(pictures)
            best = np.concatenate([judge.scores(rows, near).max(axis=1) for rows, near in parts])
        return threshold_for(best, self.fpir, self.spec.thresholds)


def features(judge: Adapted, probes: FloatArray, gallery: Gallery) -> tuple[FloatArray, Indices]:
    """What the curve is fitted to, for the best character of each probe: the numbers (p, 9) that
    the coefficients of `AdaptedSpec` after the intercept belong to, and which one it is (p,)."""
    best = judge.scores(probes, gallery).argmax(axis=1)
    rows = np.arange(len(best))
    score = judge.ratios(probes, gallery)[rows, best]
    references = _references(gallery.counts)[best]
    weight = np.full(len(best), judge.domain.weight)
    columns = (
        score,
        score * references,
        score * weight,
        judge.similarities(probes, gallery)[rows, best],
        judge.domain.distances(probes),
        np.full(len(best), np.log(judge.domain.competing)),
        references,
        references**2,
        weight,
    )
    return np.stack(columns, axis=1), best


def adaptation_of(
    encoder: Encoder, plda: Plda, *, default: bool = False, fpir: float | None = None
) -> Adaptation | None:
    """That of the encoder's plugin, or None if it brings none; see `Adaptation`."""
    spec = encoder.manifest.open_set
    if spec is None or spec.adapted is None:
        return None
    return Adaptation(plda, spec.adapted, default, fpir)


def _likeliest(judge: Adapted, probes: FloatArray, gallery: Searchable) -> Indices:
    """The character of the gallery that the model takes each probe for, shape (p,)."""
    found = []
    for rows, near in gallery.parts(probes):
        best, which = np.unique(judge.ratios(rows, near).argmax(axis=1), return_inverse=True)
        places = [gallery.index(near.characters[n]) for n in best.tolist()]
        found.append(np.asarray(places, dtype=np.intp)[which])
    return np.concatenate(found)


def _references(counts: Indices) -> FloatArray:
    return np.asarray(np.log(np.minimum(counts, _MOST_REFERENCES)))


def _evenly(pictures: FloatArray) -> FloatArray:
    """At most `_LOOKED_AT` of them, the same ones in whatever order they come."""
    if len(pictures) <= _LOOKED_AT:
        return pictures
    order = np.lexsort(pictures[:, :4].T)
    chosen = np.linspace(0, len(pictures) - 1, _LOOKED_AT).astype(np.intp)
    return np.asarray(pictures[order[chosen]])
