"""From a judge's scores to the characters, best first."""

from __future__ import annotations

import numpy as np

from kyara.identify.gallery import Gallery, Indices
from kyara.identify.judge import Judge
from kyara.types import FloatArray, Match

__all__ = ["identify", "ranked"]

_PROBES = 256
"""Probes whose scores are in memory at once."""


def identify(
    probes: FloatArray, gallery: Gallery, judge: Judge, top: int | None = None
) -> list[list[Match]]:
    """The characters of the gallery for each probe, best first.

    Probes and references are compared in blocks: memory does not grow with their product.

    Args:
        probes: embeddings (p, d) of the encoder that the gallery was built with.
        top: how many characters of each; all of them if None.

    Raises:
        UsageError: the gallery was built with another encoder than the judge's.
    """
    found = []
    for begin in range(0, len(probes), _PROBES):
        scores = judge.scores(probes[begin : begin + _PROBES], gallery)
        found += [ranked(row, gallery, judge, top) for row in scores]
    return found


def ranked(
    scores: FloatArray,
    gallery: Gallery,
    judge: Judge,
    top: int | None = None,
    also: str | None = None,
) -> list[Match]:
    """The characters that have the highest of the scores (c,), best first; equal ones by name.

    Args:
        top: how many; all of them if None.
        also: a character that is among them whatever its score, if the gallery has it.
    """
    best = _best(scores, top)
    wanted = None if also is None else gallery.index(also)
    if wanted is not None and wanted not in best:
        best = np.append(best, wanted)
    counts = gallery.counts
    return [
        Match(
            gallery.characters[index],
            float(scores[index]),
            judge.probability(float(scores[index]), int(counts[index])),
        )
        for index in best.tolist()
    ]


def _best(scores: FloatArray, top: int | None) -> Indices:
    """Indices of the `top` highest scores, best first; equal ones in their order."""
    candidates = np.arange(len(scores))
    if top is not None and top < len(scores):
        least = np.partition(scores, -top)[-top]
        candidates = np.flatnonzero(scores >= least)
    order = np.argsort(-scores[candidates], kind="stable")[:top]
    return np.asarray(candidates[order], dtype=np.intp)
