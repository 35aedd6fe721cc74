"""The networks: a trunk and one linear projection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, cast

import torch
from pytorch_metric_learning import losses
from torch import Tensor, nn
from torchvision import models

from kyara.errors import UsageError
from kyara.evaluate.baselines import imagenet_network
from kyara.train.config import LossConfig, ModelConfig, TrainConfig
from kyara.train.look import Look

__all__ = ["EmbeddingNet", "MixStyle", "Objective", "Palette", "SummedLoss", "WithinSource"]


class Palette(nn.Module):
    """How much of a crop has which colour: pixels (n, 3, h, w), 0 to 255, to (n, levels³).

    A joint RGB histogram (Swain and Ballard 1991) of every second pixel, square roots of the
    shares. The middle counts more than the border, which is background as a rule, and colours
    more than greys, which paper, ink and screentone have in common.
    """

    def __init__(self, levels: int = 8) -> None:
        super().__init__()
        self.levels = levels

    @property
    def dimension(self) -> int:
        """Number of colours that are told apart."""
        return self.levels**3

    def forward(self, pixels: Tensor) -> Tensor:
        """Shape (n, 3, h, w) to (n, levels³)."""
        pixels = pixels[:, :, ::2, ::2]
        chroma = pixels.amax(1) - pixels.amin(1)
        weights = (chroma / 64.0).clamp(0.1, 1.0) * _window(pixels)
        cells = torch.floor(pixels * (self.levels / 256.0)).flatten(2)
        levels = torch.arange(self.levels, dtype=pixels.dtype, device=pixels.device)
        red, green, blue = (levels[:, None] == cells[:, None, c] for c in range(3))
        red_green = (red[:, :, None] & green[:, None]).flatten(1, 2).to(pixels.dtype)
        shares = red_green @ (blue * weights.flatten(1)[:, None]).transpose(1, 2)
        return shares.flatten(1).sqrt()


def _window(pixels: Tensor) -> Tensor:
    """Weights (h, w) that sum to one: a Gaussian, its deviation a quarter of the side."""
    rows, columns = (
        torch.exp(-2.0 * torch.linspace(-1.0, 1.0, n, device=pixels.device) ** 2)
        for n in pixels.shape[2:]
    )
    window = rows[:, None] * columns
    return window / window.sum()


class MixStyle(nn.Module):
    """In training, early maps (n, c, h, w) take part of the style of other pictures' of the batch.

    The mean and the deviation of each channel say how something is drawn, ink, palette, light,
    more than what (Zhou, Yang, Qiao and Xiang 2021). Two pictures' are blended, by shares from
    Beta(0.1, 0.1): mostly nearly all of the one or of the other.

    Args:
        probability: that a step's maps are mixed at all.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self._probability = probability
        self._shares = torch.distributions.Beta(0.1, 0.1)

    def forward(self, maps: Tensor) -> Tensor:
        """Shape (n, c, h, w) in and out."""
        if not self.training or float(torch.rand(())) >= self._probability:
            return maps
        with torch.no_grad():
            mean = maps.mean((2, 3), keepdim=True)
            deviation = (maps.var((2, 3), keepdim=True) + 1e-6).sqrt()
            share = self._shares.sample((len(maps), 1, 1, 1)).to(maps)
            other = torch.randperm(len(maps), device=maps.device)
            new_mean = torch.lerp(mean[other], mean, share)
            scale = torch.lerp(deviation[other], deviation, share) / deviation
        return (maps - mean) * scale + new_mean


class EmbeddingNet(nn.Module):
    """Pixels (n, 3, h, w), 0 to 255, to embeddings (n, d) of unit length.

    `trunk` and `embedder` have the names, and their state dictionaries the keys, that the
    forerunner's checkpoints have, so both kinds convert in one way.
    """

    embedder: nn.Sequential
    palette: Palette | None
    rooted: bool
    looks: tuple[Look, ...]
    mean: Tensor
    std: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.trunk, features = _make_trunk(config)
        stem, stages = _stages(self.trunk)
        if config.frozen_stages > len(stages):
            what = f"the network has {len(stages)} stages; {config.frozen_stages} cannot be frozen"
            raise UsageError(what)
        self._frozen = [*stem, *stages[: config.frozen_stages]] if config.frozen_stages else []
        for module in self._frozen:
            module.requires_grad_(False)
        self.mix_style = MixStyle(config.mix_style)
        if config.mix_style:
            for stage in _early(stages):
                stage.register_forward_hook(_Then(self.mix_style))
        self.palette = None
        self.rooted = False
        self.looks = (Look(),)
        self.embedder = nn.Sequential(nn.Identity(), nn.Linear(features, config.dimension))
        shape = (1, 3, 1, 1)
        mean, std = torch.tensor(config.mean).view(shape), torch.tensor(config.std).view(shape)
        self.register_buffer("mean", mean * 255.0, persistent=False)
        self.register_buffer("std", std * 255.0, persistent=False)

    @property
    def projection(self) -> nn.Linear:
        """The layer that makes embeddings of features."""
        return cast(nn.Linear, self.embedder[1])

    def train(self, mode: bool = True) -> Self:
        """As `nn.Module.train`; frozen stages stay as they are when the model is used."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def describe(self, pixels: Tensor) -> Tensor:
        """Pixels (n, 3, h, w) to features (n, f): the trunk's, or if `rooted` their square roots
        of unit length, then the palette's if there is one."""
        pixels = pixels.to(self.mean.dtype)
        normalised = (pixels - self.mean) / self.std
        # Of several looks the mean: one embedding for a crop, however it was looked at.
        features = torch.stack([self.trunk(_seen(normalised, look)) for look in self.looks]).mean(0)
        if self.rooted:
            features = nn.functional.normalize(features.clamp(min=0).sqrt(), dim=1)
        if self.palette is None:
            return features
        return torch.cat([features, self.palette(pixels)], dim=1)

    def project(self, features: Tensor) -> Tensor:
        """Features (n, f) to embeddings (n, d)."""
        return nn.functional.normalize(self.embedder(features).float(), dim=1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Shape (n, 3, h, w), any dtype, to (n, d)."""
        return self.project(self.describe(pixels))


def _seen(pixels: Tensor, look: Look) -> Tensor:
    """Pixels (n, 3, h, w) as `look` has them."""
    if look.size not in (None, pixels.shape[-1]):
        side = (look.size, look.size)
        pixels = nn.functional.interpolate(pixels, side, mode="bilinear", align_corners=False)
    return pixels.flip(3) if look.mirrored else pixels


def _make_trunk(config: ModelConfig) -> tuple[nn.Module, int]:
    """From normalised pixels to pooled features, and how many these are."""
    if config.trunk == "efficientnet_lite0":
        trunk = imagenet_network(weights=config.pretrained, drop_path=config.drop_path)
        return trunk, trunk.num_features
    if config.pretrained:
        raise UsageError(f"there are no pretrained weights for {config.trunk}")
    if config.drop_path:
        raise UsageError(f"`drop_path` is for efficientnet_lite0, not for {config.trunk}")
    trunk = getattr(models, config.trunk)(weights=None)
    features = trunk.fc.in_features
    trunk.fc = nn.Identity()
    return trunk, features


def _stages(trunk: nn.Module) -> tuple[list[nn.Module], list[nn.Module]]:
    """The stem of a trunk and its stages."""
    parts = dict(trunk.named_children())
    if "conv_stem" in parts:
        return [parts["conv_stem"], parts["bn1"]], list(cast(nn.Sequential, parts["blocks"]))
    return [parts["conv1"], parts["bn1"]], [parts[f"layer{n}"] for n in range(1, 5)]


def _early(stages: list[nn.Module]) -> list[nn.Module]:
    """The stages whose maps are a quarter and an eighth of the picture's sides: what is drawn is
    not yet in the means of their channels."""
    return stages[1:3] if len(stages) > 4 else stages[:2]


class _Then:
    """A hook that passes a module's output through another module; unlike a function's, its
    copy is of the copied module."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(self, _module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        return cast(Tensor, self.module(output))


class Objective(nn.Module):
    """What is minimised: the losses of the embeddings, and distillation if there is a teacher.

    Args:
        sources: of each character, in the order of their labels.
    """

    def __init__(
        self, config: TrainConfig, sources: Sequence[str], target_dimension: int | None
    ) -> None:
        super().__init__()
        self.net = EmbeddingNet(config.model)
        self.loss = SummedLoss(config.losses, sources, config.model.dimension)
        self._distil = config.distil.weight if config.distil is not None else 0.0
        self.head = (
            nn.Identity()
            if target_dimension is None
            else nn.Linear(self.net.projection.in_features, target_dimension)
        )

    def forward(self, pixels: Tensor, labels: Tensor, targets: Tensor | None) -> Tensor:
        """Views (n, 3, h, w), labels (n,) and the teacher's targets (n, t) to a scalar."""
        features = self.net.describe(pixels).float()
        total: Tensor = self.loss(self.net.project(features), labels)
        if targets is not None:
            said = nn.functional.cosine_similarity(self.head(features), targets)
            total = total + self._distil * (1.0 - said).mean()
        return total


class SummedLoss(nn.Module):
    """Losses of pytorch-metric-learning, summed by weight; classifier losses hold weights."""

    def __init__(
        self, configs: tuple[LossConfig, ...], sources: Sequence[str], dimension: int
    ) -> None:
        super().__init__()
        self.parts = nn.ModuleList(
            WithinSource(config, sources, dimension)
            if config.within_source
            else _make_loss(config, len(sources), dimension)
            for config in configs
        )
        self._weights = [config.weight for config in configs]

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings (n, d) and labels (n,) to a scalar."""
        total = embeddings.new_zeros(())
        for weight, part in zip(self._weights, self.parts, strict=True):
            total = total + weight * part(embeddings, labels)
        return total


class WithinSource(nn.Module):
    """A loss of its own for the characters of each source, averaged over the batch's pictures.

    Args:
        sources: of each character, in the order of their labels.
    """

    source_of: Tensor
    label_within: Tensor

    def __init__(self, config: LossConfig, sources: Sequence[str], dimension: int) -> None:
        super().__init__()
        names = sorted(set(sources))
        source_of = torch.tensor([names.index(source) for source in sources])
        counts = torch.bincount(source_of, minlength=len(names)).tolist()
        within = [(source_of[:n] == source_of[n]).sum() for n in range(len(source_of))]
        self.register_buffer("source_of", source_of, persistent=False)
        self.register_buffer("label_within", torch.stack(within), persistent=False)
        self.parts = nn.ModuleList(_make_loss(config, count, dimension) for count in counts)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings (n, d) and labels (n,) to a scalar."""
        total = embeddings.new_zeros(())
        source_of = self.source_of[labels]
        for source in set(source_of.tolist()):
            mine = source_of == source
            loss = self.parts[source](embeddings[mine], self.label_within[labels[mine]])
            total = total + mine.float().mean() * loss
        return total


def _make_loss(config: LossConfig, classes: int, dimension: int) -> nn.Module:
    kind = getattr(losses, config.name, None)
    if kind is None:
        raise UsageError(f"pytorch-metric-learning has no loss named {config.name}")
    options: dict[str, Any] = dict(config.options)
    if issubclass(kind, losses.WeightRegularizerMixin):  # the losses with a weight per class
        options = {"num_classes": classes, "embedding_size": dimension} | options
    try:
        loss: nn.Module = kind(**options)
    except TypeError as error:
        raise UsageError(f"options of the loss {config.name}: {error}") from error
    return loss
