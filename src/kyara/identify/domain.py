"""What pictures show of the way in which they are drawn: a centre, and how far to trust it.

The embeddings of pictures of one look lie together, whoever they show. Taken from where they
lie, they tell characters apart better than from where the model expects them; what speaker
recognition does with the mean of its recordings (Garcia-Romero and McCree 2014, "Supervised
domain adaptation for i-vector based speaker recognition"). No picture needs a name for that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kyara.identify.gallery import Searchable, exact_sum
from kyara.types import FloatArray, normalised

__all__ = ["Domain", "domain_of", "effective_characters"]

MODEL = 20.0
"""As how many pictures the model's own centre counts: as many of the user's have half a say."""

PER_CHARACTER = 8.0
"""Pictures of one character that count. A heap of one character would take it for the look."""

_CAST = 100.0
"""Pictures as which it counts that all characters of the cast compete."""


@dataclass(frozen=True, eq=False)
class Domain:
    """The look of some pictures.

    Attributes:
        centre: to be taken from each embedding, shape (d,): the mean of the pictures, shrunk
            towards the model's own centre, which is 0.
        weight: the share of the further pictures in it, 0 to below 1.
        pictures: how many beside the references were looked at.
        competing: how many characters compete for a picture: of a cast of many looks those of
            this one, as far as the pictures tell.
    """

    centre: FloatArray
    weight: float
    pictures: int
    competing: float

    def centred(self, embeddings: FloatArray) -> FloatArray:
        """Embeddings (n, d) as seen from the centre, of length 1."""
        return normalised(embeddings - self.centre)

    def distances(self, embeddings: FloatArray) -> FloatArray:
        """How far from the centre embeddings (n, d) are, shape (n,): the nearer, the less they
        show."""
        return np.asarray(np.linalg.norm(embeddings - self.centre, axis=1), dtype=np.float32)


def domain_of(
    gallery: Searchable, pictures: FloatArray | None = None, characters: float = 1.0
) -> Domain:
    """The look of references and of further pictures, in any order.

    A character's references count as one picture: they are alike, or even copies.

    Args:
        pictures: embeddings (n, d).
        characters: how many characters are in them; see `effective_characters`.
    """
    cast = len(gallery.characters)
    total, mass, count, counting = gallery.sum_of_means(), float(cast), 0, 0.0
    if pictures is not None and len(pictures):
        count = len(pictures)
        counting = min(float(count), PER_CHARACTER * characters)
        total = total + exact_sum(pictures) * (counting / count)
        mass += counting
    centre = np.asarray(total / (mass + MODEL), dtype=np.float32)
    competing = (_CAST * math.log(cast) + count * math.log(max(characters, 1.0))) / (_CAST + count)
    return Domain(centre, counting / (mass + MODEL), count, math.exp(competing))


def effective_characters(best: NDArray[np.intp]) -> float:
    """How many characters there seem to be among pictures, of which each is most like the
    character of that number, shape (n,): as many as would be equally frequent (the inverse of
    Simpson's index). 0 for no pictures."""
    if not len(best):
        return 0.0
    shares = np.bincount(best) / len(best)
    return float(1.0 / (shares**2).sum())
