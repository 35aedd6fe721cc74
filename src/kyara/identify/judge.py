"""Judges: how alike a probe and a character are, and what that means.

A judge is made for one encoder. Another one is a class with these four members, and an entry in
`kyara.identify.default.JUDGES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.errors import PluginError
from kyara.files import reading
from kyara.identify.calibration import curve_for, probability
from kyara.identify.domain import Domain
from kyara.identify.gallery import Gallery, Indices, Searchable
from kyara.identify.plda import Enrolled, PldaModel
from kyara.library.referred import Rejected
from kyara.pictures.digest import digest_of_bytes
from kyara.types import FloatArray, Thresholds

__all__ = [
    "EVEN_ODDS",
    "RATES",
    "Adapts",
    "Any",
    "Avg",
    "Judge",
    "Plda",
    "Rule",
    "best_of",
    "mean_of",
]

RATES = (0.01, 0.05, 0.1)
"""Shares of the strangers that get a name at which thresholds are measured."""

EVEN_ODDS = 0.0
"""Log-odds from which on known is more likely than unknown."""


class Judge(Protocol):
    """Scores probes against the characters of a gallery, and knows what its scores mean."""

    @property
    def name(self) -> str:
        """What `--mode` and `--judge` call it."""
        ...

    def scores(self, probes: FloatArray, gallery: Gallery, /) -> FloatArray:
        """Scores (p, c) of probes (p, d) against the characters; higher is more alike.

        Raises:
            UsageError: the gallery was embedded by another encoder than the judge's.
        """
        ...

    def probability(self, score: float, references: int, /) -> float | None:
        """The calibrated probability, 0 to 1, that a score against a character with so many
        references is right; None if that was never measured."""
        ...

    def threshold(self, fpir: float | None = None, /) -> float | None:
        """The least score of a known character, by default or so that about the share `fpir`
        of the strangers gets a name; None if that was never measured."""
        ...


class Adapts(Protocol):
    """Fits a rule to the pictures that it is for."""

    def __call__(
        self,
        rule: Rule,
        gallery: Searchable,
        pictures: FloatArray | None,
        rejected: Rejected | None,
        /,
    ) -> Rule:
        """The rule for references and further pictures (n, d), which may show anybody, and for
        what was said not to show a character."""
        ...


@dataclass(frozen=True)
class Rule:
    """How it is decided who is in a picture.

    Attributes:
        judge: what scores.
        threshold: a best score below it means unknown; None: there is always a name.
        adapts: how it is fitted to the user's pictures; None: it is used as it is.
        domain: what it was fitted to, if it was.
        twins: one picture may hold the same character twice, as the panels of a page do.
        doubt: says why the threshold may not hold for a gallery, or None.
    """

    judge: Judge
    threshold: float | None = None
    adapts: Adapts | None = None
    domain: Domain | None = None
    twins: bool = False
    doubt: Callable[[Searchable], str | None] | None = None

    def fitted(
        self,
        gallery: Searchable,
        pictures: FloatArray | None = None,
        rejected: Rejected | None = None,
    ) -> Rule:
        """This rule for a gallery and for pictures (n, d) of whatever characters, in any order,
        and for what was said not to show a character; itself if it does not adapt, or was
        fitted before."""
        return self if self.adapts is None else self.adapts(self, gallery, pictures, rejected)


@dataclass(frozen=True)
class Any:
    """By the reference that is most alike: one good reference is enough."""

    encoder: Encoder
    name: ClassVar[Literal["any"]] = "any"

    def scores(self, probes: FloatArray, gallery: Gallery) -> FloatArray:
        """The best similarity (p, c) to a reference of each character."""
        return _by_similarity(self.encoder, probes, gallery, best_of)

    def probability(self, score: float, references: int) -> float | None:
        """By the curve for so many references."""
        curve = curve_for(self.encoder.calibration, self.name, references)
        return None if curve is None else probability(score, curve)

    def threshold(self, fpir: float | None = None) -> float | None:
        """The calibration's. Rates of strangers hang on the gallery: `kyara calibrate`."""
        curve = curve_for(self.encoder.calibration, self.name)
        return None if curve is None or fpir is not None else curve.threshold


@dataclass(frozen=True)
class Avg:
    """By the mean over all references: steadier where some of them are odd."""

    encoder: Encoder
    name: ClassVar[Literal["avg"]] = "avg"

    def scores(self, probes: FloatArray, gallery: Gallery) -> FloatArray:
        """The mean similarity (p, c) to the references of each character."""
        if self.encoder.manifest.embedding.similarity != "cosine":
            return _by_similarity(self.encoder, probes, gallery, mean_of)
        gallery.require(self.encoder.id)
        # The mean of products is the product with the mean.
        return np.asarray(probes @ gallery.means.T, dtype=np.float32)

    def probability(self, score: float, references: int) -> float | None:
        """By the curve for so many references."""
        curve = curve_for(self.encoder.calibration, self.name, references)
        return None if curve is None else probability(score, curve)

    def threshold(self, fpir: float | None = None) -> float | None:
        """As that of `Any`."""
        curve = curve_for(self.encoder.calibration, self.name)
        return None if curve is None or fpir is not None else curve.threshold


@dataclass(frozen=True, eq=False)
class Plda:
    """By a model of how characters differ (see `kyara.identify.plda`).

    A score is the log-odds (natural logarithm) that the picture shows the character, where
    known and unknown pictures are equally frequent.

    Attributes:
        slope, intercept: from log-likelihood ratios to log-odds.
        thresholds: by the share of the strangers that get a name, if that was measured.
    """

    encoder: Encoder
    model: PldaModel
    slope: float = 1.0
    intercept: float = 0.0
    thresholds: Thresholds | None = None
    # Pictures come in blocks; a large gallery is worked out for the first only.
    _enrolled: WeakKeyDictionary[Gallery, Enrolled] = field(
        default_factory=WeakKeyDictionary, repr=False
    )
    name: ClassVar[str] = "plda"

    @classmethod
    def of_plugin(cls, encoder: Encoder) -> Plda | None:
        """What the encoder's plugin brings, or None.

        Raises:
            PluginError: its file is missing, damaged, or not the one that the manifest names.
        """
        spec = encoder.manifest.open_set
        if spec is None or encoder.directory is None:
            return None
        path = encoder.directory / spec.parameters
        with reading(path, PluginError):
            data = path.read_bytes()
        if digest_of_bytes(data).hex() != spec.sha256.lower():
            what = "these are not the parameters that the manifest names"
            raise PluginError(what, where=path, hint="fit them again: kyara fit")
        model = PldaModel.from_bytes(data)
        if model.dimension != encoder.dimension:
            what = f"expected parameters for {encoder.dimension} numbers, got {model.dimension}"
            raise PluginError(what, where=path)
        return cls(encoder, model, spec.slope, spec.intercept, spec.thresholds)

    def scores(self, probes: FloatArray, gallery: Gallery) -> FloatArray:
        """Log-odds (p, c)."""
        gallery.require(self.encoder.id)
        enrolled = self._enrolled.get(gallery)
        if enrolled is None:
            enrolled = self.model.enrol(gallery.means, gallery.counts)
            self._enrolled[gallery] = enrolled
        ratios = enrolled.scores(probes)
        return np.asarray(self.slope * ratios + self.intercept, dtype=np.float32)

    def probability(self, score: float, references: int) -> float | None:  # noqa: ARG002
        """What the log-odds say, however many references there are."""
        return 0.5 * (1.0 + math.tanh(0.5 * score))

    def threshold(self, fpir: float | None = None) -> float | None:
        """Even odds, or as measured on strangers."""
        if fpir is None:
            return EVEN_ODDS
        return None if self.thresholds is None else self.thresholds.at(fpir)


def best_of(scores: FloatArray, starts: Indices) -> FloatArray:
    """Scores against references (p, n), of which each character's begin at `starts` (c,), to
    the best per character (p, c)."""
    return np.asarray(np.maximum.reduceat(scores, starts, axis=1), dtype=np.float32)


def mean_of(scores: FloatArray, starts: Indices) -> FloatArray:
    """As `best_of`: the mean per character."""
    counts = np.diff(starts, append=scores.shape[1])
    sums = np.add.reduceat(scores, starts, axis=1, dtype=np.float64)
    return np.asarray(sums / counts, dtype=np.float32)


def _by_similarity(
    encoder: Encoder,
    probes: FloatArray,
    gallery: Gallery,
    aggregate: Callable[[FloatArray, Indices], FloatArray],
) -> FloatArray:
    gallery.require(encoder.id)
    scores = np.empty((len(probes), len(gallery.starts)), dtype=np.float32)
    for first, last, references in gallery.chunks():
        against = encoder.similarity(probes, gallery.embeddings[references])
        starts = gallery.starts[first:last] - references.start
        scores[:, first:last] = aggregate(against, starts)
    return scores
