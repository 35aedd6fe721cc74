"""The why of an answer: the references that a detection is most like."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.identify.gallery import Gallery
from kyara.types import FloatArray, Match

__all__ = ["NearReference", "nearest_references"]


@dataclass(frozen=True)
class NearReference:
    """A reference picture, and how alike the detection and it are."""

    path: Path
    score: float


def nearest_references(
    probe: FloatArray,
    matches: Sequence[Match],
    gallery: Gallery,
    encoder: Encoder,
    count: int,
) -> tuple[tuple[NearReference, ...], ...]:
    """For each match, its character's references that are most like the probe, best first.

    Args:
        probe: an embedding (d,) of the encoder that the gallery was built with.
        matches: characters of the gallery.
        count: references to name of each, at least one; fewer where it has fewer.
    """
    return tuple(_nearest(probe, match.character, gallery, encoder, count) for match in matches)


def _nearest(
    probe: FloatArray, character: str, gallery: Gallery, encoder: Encoder, count: int
) -> tuple[NearReference, ...]:
    index = bisect_left(gallery.characters, character)
    start = int(gallery.starts[index])
    end = start + int(gallery.counts[index])
    (scores,) = encoder.similarity(probe[np.newaxis], gallery.embeddings[start:end])
    order = np.argsort(-scores, kind="stable")[:count].tolist()
    return tuple(NearReference(gallery.paths[start + n], float(scores[n])) for n in order)
