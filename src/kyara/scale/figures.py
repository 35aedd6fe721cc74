"""The rows of a dataset of references: the columns of `kyara.scale.dataset`, and `character`.

Rows without a character are figures of whom it is not known whom they show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kyara.extras import optional
from kyara.scale.dataset import INSTALL, schema_of
from kyara.types import Box, Detection, FloatArray

__all__ = [
    "EDGES",
    "FAILED",
    "UNNAMED",
    "Figures",
    "Shown",
    "prefixes_in",
    "prefixes_of",
    "references_schema",
]

EDGES = ("left", "top", "right", "bottom")
UNNAMED, FAILED = -1, -2
"""In the place of a character: it is not known; there is no figure."""


@dataclass(frozen=True, eq=False)
class Shown:
    """Whom the figures of a dataset show.

    Attributes:
        characters: their names, sorted.
        owners: the character of each row, an index into `characters`, or `UNNAMED`, or `FAILED`;
            shape (n,), int32.
    """

    characters: tuple[str, ...]
    owners: NDArray[np.int32]

    @classmethod
    def of(cls, names: Sequence[str], owners: NDArray[np.int32]) -> Shown:
        """The same, with names in any order."""
        order = sorted(range(len(names)), key=names.__getitem__)
        places = np.empty(len(names) + 2, dtype=np.int32)
        places[order] = np.arange(len(names))
        places[[UNNAMED, FAILED]] = UNNAMED, FAILED
        return cls(tuple(names[n] for n in order), places[owners])

    @property
    def references(self) -> int:
        """How many figures have a character."""
        return int((self.owners >= 0).sum())


@dataclass(frozen=True, eq=False)
class Figures:
    """Rows of a dataset.

    Attributes:
        characters: whom each shows, or None where that is not known; length n.
        digests: of the pictures, length n.
        uris: where the pictures were, length n.
        boxes: shape (n, 4): left, top, right, bottom, in pixels of the upright picture.
        kinds: `head`, `figure` or `whole`, length n.
        scores: of the detector, length n.
        embeddings: shape (n, d).
    """

    characters: tuple[str | None, ...]
    digests: tuple[bytes, ...]
    uris: tuple[str, ...]
    boxes: NDArray[np.float64]
    kinds: tuple[str, ...]
    scores: tuple[float, ...]
    embeddings: FloatArray

    def detection(self, n: int) -> Detection:
        """The `n`-th figure."""
        return Detection(Box(*self.boxes[n].tolist()), self.kinds[n], self.scores[n])


def prefixes_of(digests: Sequence[bytes]) -> NDArray[np.uint64]:
    """The first eight bytes of each digest, as a number, shape (n,)."""
    heads = b"".join(digest[:8].ljust(8, b"\0") for digest in digests)
    return np.frombuffer(heads, dtype=">u8").astype(np.uint64)


def prefixes_in(digests: Any) -> NDArray[np.uint64]:
    """The same of a column, whose digests have 32 bytes; anything where there is none."""
    stored, end = digests.buffers()[1], digests.offset + len(digests)
    if stored is None:
        return np.zeros(len(digests), dtype=np.uint64)
    numbers = np.frombuffer(stored, dtype=">u8", count=4 * end).reshape(-1, 4)
    return numbers[digests.offset :, 0].astype(np.uint64)


def references_schema(dimension: int) -> Any:
    """The columns of a dataset of references."""
    pa = optional("pyarrow", INSTALL)
    return schema_of(dimension).append(pa.field("character", pa.string()))
