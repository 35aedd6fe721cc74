"""A better projection after training: within-class covariance normalisation.

Directions in which pictures of one character differ count less, the others more (WCCN: Hatch,
Kajarekar and Stolcke 2006). It is linear, so it takes the place of the trained projection and
costs nothing when the model is used.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kyara.train.model import EmbeddingNet
from kyara.types import PixelArray

__all__ = ["whiten"]

SHRINKAGE = 0.1
"""Of the covariance towards a multiple of the identity, by its mean variance."""


def whiten(net: EmbeddingNet, crops: PixelArray, labels: NDArray[np.intp]) -> None:
    """Replace the projection of `net` by one fitted to labelled crops.

    Args:
        crops: uint8, shape (n, size, size, 3).
        labels: a number per character, shape (n,); those with one picture say nothing.
    """
    features = _features(net, crops)
    mean = features.mean(axis=0)
    _, groups, counts = np.unique(labels, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), features.shape[1]))
    np.add.at(sums, groups, features)
    within = features - (sums / counts[:, None])[groups]
    # Each deviation is from a mean that it is part of: unbiased by n / (n - 1).
    several = counts[groups] > 1
    share = counts[groups][several] / (counts[groups][several] - 1)
    covariance = (within[several] * share[:, None]).T @ within[several] / max(1, several.sum())
    covariance += SHRINKAGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    values, vectors = np.linalg.eigh(covariance)
    normalised = vectors * np.maximum(values, 1e-12) ** -0.5
    projection = normalised @ _main_directions((features - mean) @ normalised, net)
    with torch.no_grad():
        net.projection.weight.copy_(torch.from_numpy(projection.T))
        net.projection.bias.copy_(torch.from_numpy(-mean @ projection))


def _main_directions(features: NDArray[np.float64], net: EmbeddingNet) -> NDArray[np.float64]:
    """An orthonormal basis (f, d) of the d directions in which features (n, f) vary most."""
    dimension = net.projection.out_features
    _, vectors = np.linalg.eigh(np.cov(features.T))
    return np.asarray(vectors[:, ::-1][:, :dimension])


def _features(net: EmbeddingNet, crops: PixelArray) -> NDArray[np.float64]:
    with torch.inference_mode():
        parts: list[Tensor] = [
            net.describe(torch.from_numpy(crops[i : i + 64]).permute(0, 3, 1, 2))
            for i in range(0, len(crops), 64)
        ]
    return torch.cat(parts).double().numpy()
