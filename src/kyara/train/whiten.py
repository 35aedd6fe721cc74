"""A better projection after training: within-class covariance normalisation.

Directions in which pictures of one character differ count less, the others more (WCCN: Hatch,
Kajarekar and Stolcke 2006). It is linear, so it takes the place of the trained projection and
costs nothing when the model is used.

Directions in which whole sources differ count less, too: the look of a collection is no part of
who is drawn (for speakers, the source-normalised LDA of McLaren and van Leeuwen 2012).

The trunk's features are pooled from maps without negative values, and a few large ones say most.
Their square roots, of unit length, spread that over many (power normalisation: Perronnin,
Sánchez and Mensink 2010; for descriptors, Arandjelović and Zisserman 2012).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor, nn
from torchvision.transforms import v2

from kyara.errors import UsageError
from kyara.train.augment import drawn_in_lines
from kyara.train.model import EmbeddingNet, Palette
from kyara.types import PixelArray

__all__ = ["whiten"]

SHRINKAGE = 2.0
"""Of the covariance towards a multiple of the identity, by its mean variance."""
PALETTE_SHARE = 0.45
"""Deviation of the palette's part of the features, where the trunk's is 1."""
SOURCE_PICTURES = 30
"""So many crops of a source make a mean that says something of it."""
GREY_EVERY, TURNED_EVERY, LINES_EVERY = 10, 10, 10
"""Of so many crops one has a copy beside it without colour, with other hues, in lines alone: a
manga page, a repaint and a sketch show whom the cover shows."""
TURN = 30
"""Degrees of the colour circle that hues are turned by, at most."""


def whiten(
    net: EmbeddingNet,
    crops: PixelArray,
    labels: NDArray[np.intp],
    sources: NDArray[np.intp],
    *,
    palette: bool = False,
    dimension: int | None = None,
) -> None:
    """Replace the projection of `net` by one fitted to labelled crops.

    Args:
        crops: uint8, shape (n, size, size, 3).
        labels: a number per character, shape (n,); those with one picture say nothing.
        sources: a number per source, shape (n,).
        palette: project the crop's palette too, beside the trunk's features.
        dimension: of an embedding; default: that of the projection which is replaced.

    Raises:
        UsageError: there are fewer features than the embedding is to have numbers.
    """
    crops, originals = _with_altered(crops)
    labels, sources = labels[originals], sources[originals]
    net.rooted = True
    parts = [_described(net.describe, crops)]
    if palette:
        net.palette = Palette()
        parts.append(_described(net.palette, crops))
    scales = np.concatenate(
        [
            np.full(part.shape[1], share / np.sqrt(part.var(axis=0).sum()))
            for part, share in zip(parts, (1.0, PALETTE_SHARE), strict=False)
        ]
    )
    features = np.concatenate(parts, axis=1) * scales
    wanted = dimension or net.projection.out_features
    if wanted > features.shape[1]:
        what = f"{features.shape[1]} features cannot make an embedding of {wanted} numbers"
        raise UsageError(what)
    mean = features.mean(axis=0)
    projection = _fit(features, labels, sources, wanted) * scales[:, None]
    linear = nn.Linear(*projection.shape)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(projection.T))
        linear.bias.copy_(torch.from_numpy(-(mean / scales) @ projection))
    net.embedder[1] = linear


def _fit(
    features: NDArray[np.float64],
    labels: NDArray[np.intp],
    sources: NDArray[np.intp],
    dimension: int,
) -> NDArray[np.float64]:
    """The projection (f, d) of features (n, f) that makes the deviations within a character and
    between sources alike in all directions, and keeps the d directions in which most is left."""
    means, counts = _means(features, labels)
    within = features - means[labels]
    # Each deviation is from a mean that it is part of: unbiased by n / (n - 1).
    several = counts[labels] > 1
    share = counts[labels][several] / (counts[labels][several] - 1)
    covariance = (within[several] * share[:, None]).T @ within[several] / max(1, several.sum())
    covariance += SHRINKAGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    means, counts = _means(features, sources)
    known = means[counts >= SOURCE_PICTURES]
    if len(known) > 1:
        between = known - known.mean(axis=0)
        covariance += between.T @ between / len(known)
    values, vectors = np.linalg.eigh(covariance)
    normalised = vectors * np.maximum(values, 1e-12) ** -0.5
    return np.asarray(
        normalised @ _main_directions((features - means[sources]) @ normalised, dimension)
    )


def _means(
    features: NDArray[np.float64], groups: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Means (g, f) of the features (n, f) of each group, and how many are of each (g,)."""
    counts = np.bincount(groups)
    sums = np.zeros((len(counts), features.shape[1]))
    np.add.at(sums, groups, features)
    return sums / np.maximum(counts, 1)[:, None], counts


def _main_directions(features: NDArray[np.float64], dimension: int) -> NDArray[np.float64]:
    """An orthonormal basis (f, d) of the d directions in which features (n, f) vary most."""
    _, vectors = np.linalg.eigh(np.cov(features.T))
    return np.asarray(vectors[:, ::-1][:, :dimension])


def _with_altered(crops: PixelArray) -> tuple[PixelArray, NDArray[np.intp]]:
    """Crops (n, size, size, 3) and altered copies of some, and which crop each is of."""
    all_crops, originals = [crops], [np.arange(len(crops))]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the same crops give the same projection
        for every, alter in ((GREY_EVERY, _grey), (TURNED_EVERY, _turned), (LINES_EVERY, _lines)):
            all_crops.append(np.stack([alter(Image.fromarray(crop)) for crop in crops[::every]]))
            originals.append(np.arange(0, len(crops), every))
    return np.concatenate(all_crops), np.concatenate(originals)


def _grey(crop: Image.Image) -> PixelArray:
    return np.asarray(ImageOps.grayscale(crop).convert("RGB"))


def _turned(crop: Image.Image) -> PixelArray:
    turn = (2 * float(torch.rand(())) - 1) * TURN / 360
    return np.asarray(v2.functional.adjust_hue(crop, turn))


def _lines(crop: Image.Image) -> PixelArray:
    return np.asarray(drawn_in_lines(crop))


def _described(describe: Callable[[Tensor], Tensor], crops: PixelArray) -> NDArray[np.float64]:
    """Features (n, f) of crops (n, size, size, 3)."""
    with torch.inference_mode():
        parts: list[Tensor] = [
            describe(torch.from_numpy(crops[i : i + 64]).permute(0, 3, 1, 2).float())
            for i in range(0, len(crops), 64)
        ]
    described: NDArray[np.float64] = torch.cat(parts).double().numpy()
    return described
