"""The why of an answer: the references that a detection is most like."""

from __future__ import annotations

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
    if not matches:
        return ()
    owned = [gallery.references_of(match.character) for match in matches]
    rows = np.concatenate([gallery.embeddings[own] for own in owned])
    # All at once: where a network compares them, each question is a run of it.
    (scores,) = encoder.similarity(probe[np.newaxis], rows)
    ends = np.cumsum([own.stop - own.start for own in owned])
    return tuple(
        _best(part, own, gallery, count)
        for part, own in zip(np.split(scores, ends[:-1]), owned, strict=True)
    )


def _best(
    scores: FloatArray, own: slice, gallery: Gallery, count: int
) -> tuple[NearReference, ...]:
    order = np.argsort(-scores, kind="stable")[:count].tolist()
    return tuple(NearReference(gallery.paths[own.start + n], float(scores[n])) for n in order)
