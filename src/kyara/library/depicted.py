"""Which figure of a reference picture is the character that it is a reference of.

A folder says whom its pictures show, not where. One figure leaves no doubt. Of several, the one is
taken that is like the character in its other references: those without doubt first, then also
those that were decided by them; where all have several figures, they are compared with each other.
A reference shows its character large, so size counts as well. Where two figures are about as alike
and as large, none is taken.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kyara.errors import PictureError, printable
from kyara.library.figures import in_pixels
from kyara.types import Box, FloatArray, normalised

__all__ = ["Depicted", "SeveralFigures", "depicted"]

_MARGIN = 0.15
"""By how much the cosine of a figure must exceed that of the next one. With one to four other
references of hard characters nine of ten that are taken then are the right ones, and half of the
pictures are left for a person to decide."""
_SIZE = 0.1
"""What e times the area (2.7) counts for, as a difference of cosines: a head in the background that
is hardly more alike is not the character."""
_WITHIN = 0.7
"""A box of which so much lies in another, or the other in it, is the same head found twice."""
_NEAREST = 3
"""A figure is compared with so many of the other references, the most alike: characters change
their clothes."""

_Rows = NDArray[np.intp]


@dataclass(frozen=True)
class SeveralFigures:
    """A reference picture with several figures, of which nobody said which one is meant.

    Attributes:
        path: the picture.
        boxes: of all its figures.
        chosen: that of the one that was taken; None: it cannot be told, so it is no reference.
        digest: of the picture.
    """

    character: str
    path: Path
    boxes: tuple[Box, ...]
    chosen: Box | None
    digest: bytes | None

    def __str__(self) -> str:
        """What was taken, on one line; or what is not clear."""
        name, count = printable(self.character), len(self.boxes)
        if self.chosen is None:
            return f"which of {count} figures is {name} cannot be told"
        where = in_pixels(self.chosen)
        return (
            f"{printable(str(self.path))}: of {count} figures the one at {where} is taken to be "
            f"{name}, as it is alike in the other references"
        )

    def problem(self, hint: str) -> PictureError:
        """Why it is no reference."""
        return PictureError(str(self), where=self.path, hint=hint)


@dataclass(frozen=True)
class Depicted:
    """Which rows of figures are references.

    Attributes:
        kept: those that are, ascending (r,).
        several: of each picture with several, its rows, and the one that was taken, if any.
    """

    kept: _Rows
    several: tuple[tuple[_Rows, int | None], ...] = ()


def depicted(
    pictures: Sequence[tuple[str, Hashable]],
    embeddings: FloatArray,
    boxes: NDArray[np.float64],
    certain: NDArray[np.bool_] | None = None,
) -> Depicted:
    """Which figures are the character.

    Args:
        pictures: for each figure the character, and what its picture is known by; figures of one
            picture stand together, length n.
        embeddings: shape (n, d).
        boxes: left, top, right, bottom of each, shape (n, 4).
        certain: figures of which a person spoke one by one, shape (n,): they stay.
    """
    groups = _groups(pictures, certain)
    if all(len(rows) == 1 for _, rows in groups):
        return Depicted(np.arange(len(pictures)))
    of_character: dict[str, list[_Rows]] = {}
    for character, rows in groups:
        of_character.setdefault(character, []).append(rows)
    kept: list[int] = []
    several: list[tuple[_Rows, int | None]] = []
    for own in of_character.values():
        found = own if all(len(rows) == 1 for rows in own) else _settled(own, embeddings, boxes)
        for rows, settled in zip(own, found, strict=True):
            taken = int(settled[0]) if len(settled) == 1 else None
            kept += [] if taken is None else [taken]
            several += [(rows, taken)] if len(rows) > 1 else []
    return Depicted(np.asarray(sorted(kept), dtype=np.intp), tuple(several))


def _groups(
    pictures: Sequence[tuple[str, Hashable]], certain: NDArray[np.bool_] | None
) -> list[tuple[str, _Rows]]:
    """The rows of each picture, by character; what is certain stands for itself."""
    groups: list[tuple[str, list[int]]] = []
    alone = np.zeros(len(pictures), dtype=np.bool_) if certain is None else certain
    for n, picture in enumerate(pictures):
        if n and picture == pictures[n - 1] and not alone[n] and not alone[n - 1]:
            groups[-1][1].append(n)
        else:
            groups.append((picture[0], [n]))
    return [(character, np.asarray(rows, dtype=np.intp)) for character, rows in groups]


def _settled(
    groups: Sequence[_Rows], embeddings: FloatArray, boxes: NDArray[np.float64]
) -> list[_Rows]:
    """The groups of one character, those that can be told apart with one row left."""
    found = list(groups)
    while True:
        sure = [rows for rows in found if len(rows) == 1]
        settled = []
        for rows in found:
            others = sure or [group for group in found if group is not rows]
            settled.append(_taken(rows, _likeness(rows, others, embeddings), boxes[rows]))
        if all(new is old for new, old in zip(settled, found, strict=True)):
            return found
        found = settled


def _likeness(rows: _Rows, others: Sequence[_Rows], embeddings: FloatArray) -> FloatArray:
    """How alike each figure is to other pictures of the character, each of which counts by its
    most similar figure; shape (k,)."""
    if not others:
        return np.zeros(len(rows), dtype=np.float32)
    own = normalised(embeddings[rows])
    alike = np.stack([(own @ normalised(embeddings[o]).T).max(axis=1) for o in others], axis=1)
    return np.asarray(np.sort(alike, axis=1)[:, -_NEAREST:].mean(axis=1), dtype=np.float32)


def _taken(rows: _Rows, likeness: FloatArray, boxes: NDArray[np.float64]) -> _Rows:
    """The row that is clearly the most alike and large; all of them if none is."""
    if len(rows) == 1:
        return rows
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    worth = likeness + _SIZE * np.log(areas)
    best = int(worth.argmax())
    low = np.maximum(boxes[:, :2], boxes[best, :2])
    high = np.minimum(boxes[:, 2:], boxes[best, 2:])
    within = (high - low).clip(0).prod(axis=1) / np.minimum(areas, areas[best])
    others = worth[within < _WITHIN]
    clear = not len(others) or worth[best] - others.max() >= _MARGIN
    return rows[[best]] if clear else rows
