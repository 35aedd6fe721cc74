"""Where a similarity comes from: occlusion sensitivity (Zeiler and Fergus 2014, "Visualizing and
Understanding Convolutional Networks", section 4.2), with the similarity of two crops in the place
of the probability of a class.

A patch of the crop's mean colour is moved over one crop while the other stays as it is. Where
hiding a part makes the two less alike, the similarity rests on that part. It needs nothing of the
network but its embeddings, so it works with every plugin. It is no proof: what the network could
see just as well elsewhere costs nothing when it is hidden here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.runtime.workers import worker_count
from kyara.types import FloatArray, PixelArray

__all__ = ["METHOD", "Explanation", "Occlusion", "explain_similarity"]

METHOD = "occlusion sensitivity (Zeiler and Fergus 2014)"
BATCH = 32


@dataclass(frozen=True)
class Occlusion:
    """The patches that hide parts of a crop.

    Attributes:
        size: side of the crop in pixels.
        patch: side of a patch.
        stride: from one patch to the next.
    """

    size: int
    patch: int
    stride: int

    @classmethod
    def for_size(cls, size: int) -> Occlusion:
        """Patches of a quarter of the side, a sixteenth apart: about 360 of them."""
        return cls(size, max(1, round(size / 4)), max(1, round(size / 16)))

    @property
    def windows(self) -> list[tuple[slice, slice]]:
        """(rows, columns) of each patch. They reach over the edges, so that every pixel is
        hidden about equally often."""
        starts = range(self.stride - self.patch, self.size, self.stride)
        spans = [slice(max(0, start), start + self.patch) for start in starts]
        return [(rows, columns) for rows in spans for columns in spans]


@dataclass(frozen=True)
class Explanation:
    """The similarity of two crops, and what of each it rests on.

    Attributes:
        score: their similarity.
        crops: what the encoder saw, each (size, size, 3), uint8 RGB.
        maps: for each crop, (size, size) float32: by how much the score falls, on average, when
            a patch over that pixel is hidden. Below zero: it rises.
        occlusion: the patches.
    """

    score: float
    crops: tuple[PixelArray, PixelArray]
    maps: tuple[FloatArray, FloatArray]
    occlusion: Occlusion


def explain_similarity(
    a: PixelArray,
    b: PixelArray,
    encoder: Encoder,
    *,
    on_patches: Callable[[int], None] = lambda _count: None,
) -> Explanation:
    """What the similarity of crops `a` and `b` rests on.

    Args:
        a, b: (size, size, 3), uint8 RGB, as the encoder wants them.
        on_patches: told how many more patches were tried; 2 * len(windows) in all.

    Raises:
        PluginError: the encoder fails.
    """
    occlusion = Occlusion.for_size(encoder.input.size)
    whole = encoder.encode(np.stack([a, b]))
    score = float(encoder.similarity(whole[:1], whole[1:])[0, 0])
    falls = [
        score - _scores_hidden(crop, other, occlusion, encoder, on_patches)
        for crop, other in ((a, whole[1:]), (b, whole[:1]))
    ]
    return Explanation(
        score, (a, b), (_mean_over(occlusion, falls[0]), _mean_over(occlusion, falls[1])), occlusion
    )


def _scores_hidden(
    crop: PixelArray,
    other: FloatArray,
    occlusion: Occlusion,
    encoder: Encoder,
    on_patches: Callable[[int], None],
) -> FloatArray:
    """Scores against `other` (1, d) with each patch of `crop` hidden, shape (p,)."""
    scores = []
    with ThreadPoolExecutor(worker_count(), thread_name_prefix="kyara-explain") as pool:
        for embeddings in pool.map(encoder.encode, _hidden(crop, occlusion)):
            scores.append(encoder.similarity(embeddings, other)[:, 0])
            on_patches(len(embeddings))
    return np.concatenate(scores)


def _hidden(crop: PixelArray, occlusion: Occlusion) -> Iterator[PixelArray]:
    """`crop` with each patch hidden, in batches (n, size, size, 3)."""
    colour = np.rint(crop.mean(axis=(0, 1))).astype(np.uint8)
    windows = occlusion.windows
    for start in range(0, len(windows), BATCH):
        chosen = windows[start : start + BATCH]
        batch = np.repeat(crop[np.newaxis], len(chosen), axis=0)
        for hidden, (rows, columns) in zip(batch, chosen, strict=True):
            hidden[rows, columns] = colour
        yield batch


def _mean_over(occlusion: Occlusion, values: FloatArray) -> FloatArray:
    """For each pixel the mean of the values of the patches over it, shape (size, size)."""
    total = np.zeros((occlusion.size, occlusion.size))
    count = np.zeros_like(total)
    for (rows, columns), value in zip(occlusion.windows, values, strict=True):
        total[rows, columns] += value
        count[rows, columns] += 1
    return np.asarray(total / count, dtype=np.float32)
