"""Every reference asked for as if it were new: against a gallery without itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kyara.identify.gallery import Gallery, Indices
from kyara.identify.judge import Judge
from kyara.types import FloatArray

__all__ = ["scores_left_out"]

_BLOCK = 512
"""References that are asked for at once."""


def scores_left_out(
    gallery: Gallery, judges: Sequence[Judge], groups: Indices
) -> Iterator[tuple[slice, list[FloatArray]]]:
    """Scores of the references against the characters, block by block.

    What is of a reference's own group is out of the gallery while it is asked for.

    Args:
        groups: a number for each reference, shape (n,): its own, or that of the picture that it
            was cut from.

    Yields:
        Which references, and for each judge their scores (b, c); -inf for a character of which
        nothing is left.
    """
    order = np.argsort(groups, kind="stable")
    sorted_groups = groups[order]
    for begin in range(0, len(groups), _BLOCK):
        rows = slice(begin, min(begin + _BLOCK, len(groups)))
        scores = [judge.scores(gallery.embeddings[rows], gallery) for judge in judges]
        for group in np.unique(groups[rows]).tolist():
            first, last = np.searchsorted(sorted_groups, [group, group + 1])
            asked = begin + np.flatnonzero(groups[rows] == group)
            touched = np.unique(gallery.owners[order[first:last]])
            again = _without(group, asked, touched, gallery, judges, groups)
            for whole, part in zip(scores, again, strict=True):
                whole[np.ix_(asked - begin, touched)] = part
        yield rows, scores


def _without(
    group: int,
    asked: Indices,
    touched: Indices,
    gallery: Gallery,
    judges: Sequence[Judge],
    groups: Indices,
) -> list[FloatArray]:
    """Each judge's scores of the references asked for against the characters touched, without
    the group."""
    spans = [np.arange(gallery.starts[n], gallery.starts[n] + gallery.counts[n]) for n in touched]
    rows = np.concatenate(spans)
    rows = rows[groups[rows] != group]
    nothing = np.full((len(asked), len(touched)), -np.inf, dtype=np.float32)
    if not len(rows):
        return [nothing] * len(judges)
    rest = gallery.only(rows)
    left = np.isin(touched, gallery.owners[rows])
    found = []
    for judge in judges:
        scores = nothing.copy()
        scores[:, left] = judge.scores(gallery.embeddings[asked], rest)
        found.append(scores)
    return found
