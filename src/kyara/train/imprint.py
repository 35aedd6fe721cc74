"""Classifier weights to begin with: the mean embedding of each character.

A loss with a weight vector for each of some thousand characters sees each of them once in a
hundred steps; from random vectors it takes a run to find what is known at its start (weight
imprinting: Qi, Brown and Lowe 2018).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pytorch_metric_learning import losses
from torch import Tensor, nn

from kyara.evaluate.dataset import Dataset
from kyara.manifest import InputSpec
from kyara.train.model import EmbeddingNet, SummedLoss, WithinSource
from kyara.train.package import load_crops

__all__ = ["imprint"]


def imprint(loss: SummedLoss, net: EmbeddingNet, dataset: Dataset, size: int) -> None:
    """Set the weights of all classifier losses in `loss` to what `net` says of `dataset`.

    Args:
        dataset: the one whose characters, in the order of their labels, the losses tell apart.
        size: side of a crop in pixels.
    """
    means = _mean_embeddings(net, dataset, size)
    with torch.no_grad():
        for weights, labels in _classifiers(loss, len(means)):
            weights.copy_(means[labels].T)


def _mean_embeddings(net: EmbeddingNet, dataset: Dataset, size: int) -> Tensor:
    """Of unit length, shape (characters, d), in the order of the labels; at most eight pictures
    of a character count."""
    order = {identity: n for n, identity in enumerate(sorted(dataset.by_identity))}
    places = torch.tensor([order[identity] for identity in dataset.by_identity])
    crops, groups = load_crops(dataset, len(dataset.pictures), InputSpec(size=size))
    sums = torch.zeros(len(order), net.projection.out_features)
    training = net.training
    net.eval()
    with torch.inference_mode():
        for begin in range(0, len(crops), 64):
            pixels = torch.from_numpy(crops[begin : begin + 64]).permute(0, 3, 1, 2)
            labels = places[torch.from_numpy(groups[begin : begin + 64])]
            sums.index_add_(0, labels, net(pixels))
    net.train(training)
    return nn.functional.normalize(sums, dim=1)


def _classifiers(loss: SummedLoss, characters: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Weights (d, c) of each classifier loss, and the labels (c,) of the characters they are of."""
    for part in loss.parts:
        if isinstance(part, WithinSource):
            for source, inner in enumerate(part.parts):
                if isinstance(inner, losses.WeightRegularizerMixin):
                    yield inner.W, torch.nonzero(part.source_of == source).flatten()
        elif isinstance(part, losses.WeightRegularizerMixin):
            yield part.W, torch.arange(characters)
