"""The references, by character, and probes against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kyara.encode.encoder import Encoder
from kyara.errors import UsageError
from kyara.identify.calibration import logistic_for, probability
from kyara.types import Aggregation, FloatArray, Match, as_embeddings

__all__ = ["Gallery", "aggregate", "identify"]


@dataclass(frozen=True)
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
    probes: FloatArray, gallery: Gallery, encoder: Encoder, aggregation: Aggregation
) -> list[list[Match]]:
    """The characters of the gallery for each probe, best first.

    Args:
        probes: embeddings (p, d) of the encoder that the gallery was built with.

    Raises:
        UsageError: the gallery was built with another encoder.
    """
    if gallery.encoder != encoder.id:
        raise UsageError(f"the gallery was embedded by {gallery.encoder}, not by {encoder.id}")
    if len(probes) == 0:
        return []
    scores = encoder.similarity(probes, gallery.embeddings)
    by_character = aggregate(scores, gallery.starts, aggregation)
    return [
        _ranked(row, of_references, gallery, encoder, aggregation)
        for row, of_references in zip(by_character, scores, strict=True)
    ]


def _ranked(
    by_character: FloatArray,
    by_reference: FloatArray,
    gallery: Gallery,
    encoder: Encoder,
    aggregation: Aggregation,
) -> list[Match]:
    ends = [*gallery.starts[1:].tolist(), len(by_reference)]
    matches = []
    for index in np.argsort(-by_character, kind="stable").tolist():
        score = float(by_character[index])
        start = int(gallery.starts[index])
        nearest = start + int(np.argmax(by_reference[start : ends[index]]))
        logistic = logistic_for(encoder.calibration, aggregation, ends[index] - start)
        likelihood = None if logistic is None else probability(score, logistic)
        matches.append(Match(gallery.characters[index], score, likelihood, nearest))
    return matches
