"""The references, by character, and probes against them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kyara.encode.encoder import Encoder
from kyara.errors import UsageError
from kyara.identify.calibration import logistic_for, probability
from kyara.identify.decision import Judge, OpenSet
from kyara.identify.plda import Enrolled, Plda
from kyara.types import Aggregation, FloatArray, Match, as_embeddings

__all__ = ["Gallery", "aggregate", "identify", "scores_against"]

_PROBES = 256
_REFERENCES = 32_768
"""Probes and references whose scores are in memory at once: 32 MB."""


@dataclass(frozen=True, eq=False)
class Gallery:
    """References of known characters, embedded by one encoder.

    Attributes:
        encoder: id of the encoder.
        characters: their names, in the order of the answers.
        embeddings: shape (n, d), sorted by character.
        starts: index of each character's first reference, shape (c,).
        paths: the picture of each reference, length n.
    """

    encoder: str
    characters: tuple[str, ...]
    embeddings: FloatArray
    starts: NDArray[np.intp]
    paths: tuple[Path, ...]

    @classmethod
    def build(cls, encoder: str, references: Sequence[tuple[str, Path, FloatArray]]) -> Gallery:
        """A gallery of (character, picture, embedding (d,)), in any order.

        Raises:
            UsageError: there are none.
        """
        if not references:
            raise UsageError("the gallery has no references")
        ordered = sorted(references, key=lambda reference: reference[0])
        names = [name for name, _, _ in ordered]
        characters = sorted(set(names))
        return cls(
            encoder,
            tuple(characters),
            as_embeddings(np.stack([embedding for _, _, embedding in ordered])),
            np.searchsorted(names, characters),
            tuple(path for _, path, _ in ordered),
        )

    @cached_property
    def means(self) -> FloatArray:
        """The mean of each character's references, not of length 1; shape (c, d)."""
        means = np.empty((len(self.starts), self.embeddings.shape[1]), dtype=np.float32)
        for first, last, references in self.chunks():
            starts = self.starts[first:last] - references.start
            rows = self.embeddings[references].astype(np.float64)
            counts = self.counts[first:last, None]
            means[first:last] = np.add.reduceat(rows, starts, axis=0) / counts
        return means

    def chunks(self) -> Iterator[tuple[int, int, slice]]:
        """Parts with a bounded number of references: the first character, the one after the
        last, and their references. A character is never divided."""
        ends = np.append(self.starts[1:], len(self.embeddings))
        first = 0
        while first < len(ends):
            begin = int(self.starts[first])
            last = int(np.searchsorted(ends, begin + _REFERENCES, side="right"))
            last = max(first + 1, last)
            yield first, last, slice(begin, int(ends[last - 1]))
            first = last

    @property
    def counts(self) -> NDArray[np.intp]:
        """Number of references of each character, shape (c,)."""
        return np.diff(self.starts, append=len(self.embeddings))


def aggregate(scores: FloatArray, starts: NDArray[np.intp], aggregation: Aggregation) -> FloatArray:
    """Scores against references (p, n) to scores against characters (p, c)."""
    if aggregation is Aggregation.ANY:
        return np.asarray(np.maximum.reduceat(scores, starts, axis=1), dtype=np.float32)
    counts = np.diff(starts, append=scores.shape[1])
    sums = np.add.reduceat(scores, starts, axis=1, dtype=np.float64)
    return np.asarray(sums / counts, dtype=np.float32)


def identify(
    probes: FloatArray,
    gallery: Gallery,
    encoder: Encoder,
    judge: Judge,
    top: int | None = None,
) -> list[list[Match]]:
    """The characters of the gallery for each probe, best first.

    Probes and references are compared in blocks: memory does not grow with their product.

    Args:
        probes: embeddings (p, d) of the encoder that the gallery was built with.
        judge: an aggregation of similarities, or an open-set back-end.
        top: how many characters of each; all of them if None.

    Raises:
        UsageError: the gallery was built with another encoder.
    """
    if gallery.encoder != encoder.id:
        raise UsageError(f"the gallery was embedded by {gallery.encoder}, not by {encoder.id}")
    ranked = []
    for begin in range(0, len(probes), _PROBES):
        block = probes[begin : begin + _PROBES]
        scores = scores_against(block, gallery, encoder, judge)
        ranked += [
            _ranked(probe, row, gallery, encoder, judge, top)
            for probe, row in zip(block, scores, strict=True)
        ]
    return ranked


@lru_cache(maxsize=4)
def _enrolled(plda: Plda, gallery: Gallery) -> Enrolled:
    # Pictures are asked for one by one; a large gallery is worked out for the first only.
    return plda.enrol(gallery.means, gallery.counts)


def scores_against(
    probes: FloatArray, gallery: Gallery, encoder: Encoder, judge: Judge
) -> FloatArray:
    """Scores (p, c) of probes (p, d) against the characters."""
    if isinstance(judge, OpenSet):
        return judge.log_odds(_enrolled(judge.plda, gallery).scores(probes))
    cosine = encoder.manifest.embedding.similarity == "cosine"
    if judge is Aggregation.AVG and cosine:
        # The mean of products is the product with the mean.
        return np.asarray(probes @ gallery.means.T, dtype=np.float32)
    scores = np.empty((len(probes), len(gallery.starts)), dtype=np.float32)
    for first, last, references in gallery.chunks():
        against = encoder.similarity(probes, gallery.embeddings[references])
        starts = gallery.starts[first:last] - references.start
        scores[:, first:last] = aggregate(against, starts, judge)
    return scores


def _ranked(
    probe: FloatArray,
    scores: FloatArray,
    gallery: Gallery,
    encoder: Encoder,
    judge: Judge,
    top: int | None,
) -> list[Match]:
    matches = []
    for index in _best(scores, top).tolist():
        start = int(gallery.starts[index])
        own = gallery.embeddings[start : start + int(gallery.counts[index])]
        nearest = start + int(np.argmax(encoder.similarity(probe[None], own)[0]))
        score = float(scores[index])
        likelihood = _likelihood(score, encoder, judge, len(own))
        matches.append(Match(gallery.characters[index], score, likelihood, nearest))
    return matches


def _best(scores: FloatArray, top: int | None) -> NDArray[np.intp]:
    """Indices of the `top` highest scores, best first; equal ones in their order."""
    candidates = np.arange(len(scores))
    if top is not None and top < len(scores):
        least = np.partition(scores, -top)[-top]
        candidates = np.flatnonzero(scores >= least)
    order = np.argsort(-scores[candidates], kind="stable")[:top]
    return np.asarray(candidates[order], dtype=np.intp)


def _likelihood(score: float, encoder: Encoder, judge: Judge, references: int) -> float | None:
    if isinstance(judge, OpenSet):
        return 0.5 * (1.0 + math.tanh(0.5 * score))
    logistic = logistic_for(encoder.calibration, judge, references)
    return None if logistic is None else probability(score, logistic)
