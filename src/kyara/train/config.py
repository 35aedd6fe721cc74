"""What a training run is told, read from one TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from kyara.errors import UsageError
from kyara.files import reading

__all__ = [
    "AugmentConfig",
    "DataConfig",
    "DistilConfig",
    "LossConfig",
    "ModelConfig",
    "OptimiserConfig",
    "SizeStep",
    "TrainConfig",
    "load_config",
    "read_config",
    "task_of",
]

T = TypeVar("T")

Positive = Annotated[int, msgspec.Meta(ge=1)]
Fraction = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class _Section(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    pass


class ModelConfig(_Section, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The network: a trunk and one linear projection.

    Attributes:
        trunk: a ResNet of torchvision, or the EfficientNet-Lite0 of timm.
        pretrained: begin from the ImageNet weights of a package instead of random ones;
            there is one for the EfficientNet only.
        frozen_stages: the stem and so many stages keep the weights and the statistics that they
            begin with. Early layers of a network that has seen much are general, and they are
            the dearest to train: their maps are the largest.
        drop_path: how often a residual branch of the last block is left out of a training
            step, of earlier blocks less often in proportion (stochastic depth, Huang et al.
            2016); the EfficientNet's alone.
        mix_style: how often a training step mixes the style of its pictures: means and
            deviations of early channels, see `MixStyle`.
        dimension: of an embedding.
        mean, std: of colour values from 0 to 1.
    """

    trunk: Literal["resnet18", "resnet34", "resnet50", "efficientnet_lite0"] = "resnet18"
    pretrained: bool = False
    frozen_stages: Annotated[int, msgspec.Meta(ge=0)] = 0
    drop_path: Fraction = 0.0
    mix_style: Fraction = 0.0
    dimension: Positive = 500
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)


class DataConfig(_Section, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How a batch is drawn.

    A batch holds `groups` groups of `characters_per_group` characters of one source (so that
    a batch contains negatives of the same look), with `pictures_per_character` pictures each.
    A source is drawn with a probability in proportion to the square root of its number of
    pictures, times its entry in `source_weights` (default 1).
    """

    groups: Positive = 8
    characters_per_group: Positive = 4
    pictures_per_character: Positive = 4
    source_weights: dict[str, float] = {}
    workers: Annotated[int, msgspec.Meta(ge=0)] = 2


class LossConfig(_Section, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A loss of pytorch-metric-learning by its class name; several are summed by weight.

    Options go to its constructor; `num_classes` and `embedding_size` are filled in for the
    losses that want them.

    Attributes:
        within_source: compare characters with those of their own source only. Nothing is then
            gained by telling one collection's look from another's, which is no part of who is
            drawn.
    """

    name: str
    weight: float = 1.0
    within_source: bool = False
    options: dict[str, Any] = {}


class DistilConfig(_Section, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Beside the losses: from every view, say what the teacher says of the whole picture.

    Attributes:
        teacher: a baseline's name (`imagenet`), a plugin's name or a plugin directory; several
            are one teacher, who says what all of them say side by side.
        size: side of the baseline's crops; smaller than it is measured with is faster.
        weight: of 1 - cosine, beside the losses.
        centre_sources: take each source's mean off what the teacher says, so that it does not
            say which collection a picture comes from.
    """

    teacher: str | tuple[str, ...]
    size: Annotated[int, msgspec.Meta(ge=32)] | None = None
    weight: float = 1.0
    centre_sources: bool = False

    @property
    def teachers(self) -> tuple[str, ...]:
        """All of them."""
        return (self.teacher,) if isinstance(self.teacher, str) else self.teacher


class OptimiserConfig(_Section, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """AdamW with linear warm-up, then `learning_rate`, then half a cosine to zero.

    Attributes:
        decay_from: the fraction of the run where the cosine begins. A run of which nobody knows
            how far it will get is better kept at its rate: its average can be used at any time.
        class_rate: times the learning rate, for the weight vector that a classifier loss has
            of each character; it is only pushed when one of its pictures is in the batch.
        imprint: the weight vectors of a run that begins from another one, or from a plugin, are
            the mean embeddings of the characters.
        ema: decay of the averaged weights, which are the ones that are exported.
    """

    learning_rate: float = 1e-3
    class_rate: float = 1.0
    imprint: bool = False
    weight_decay: float = 0.05
    decay_from: Annotated[float, msgspec.Meta(ge=0.0, lt=1.0)] = 0.0
    warmup_steps: Annotated[int, msgspec.Meta(ge=0)] = 200
    ema: Fraction = 0.998


class SizeStep(_Section, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """From this fraction of the run on, pictures are `size` pixels wide and high."""

    begin: Fraction
    size: Annotated[int, msgspec.Meta(ge=32)]


class AugmentConfig(_Section, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Probabilities of what changes between artists, and how strong it is."""

    crop_scale: tuple[float, float] = (0.4, 1.0)
    rotation: float = 12.0
    affine: Fraction = 0.4
    warp: Fraction = 0.0
    background: Fraction = 0.7
    colour: Fraction = 0.8
    hue: Annotated[float, msgspec.Meta(ge=0.0, le=0.5)] = 0.05
    grey: Fraction = 0.15
    line_art: Fraction = 0.05
    posterise: Fraction = 0.05
    halftone: Fraction = 0.03
    blur: Fraction = 0.15
    jpeg: Fraction = 0.2
    erase: Fraction = 0.3


class _Task(msgspec.Struct, kw_only=True, frozen=True):
    task: Literal["embed", "detect"] = "embed"


class TrainConfig(_Section, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One training run of an encoder; equal configs, data and machines give equal weights."""

    task: Literal["embed"] = "embed"
    seed: int = 0
    steps: Positive
    checkpoint_every: Positive = 200
    precision: Literal["float32", "bfloat16"] = "float32"
    sizes: tuple[SizeStep, ...] = (SizeStep(begin=0.0, size=112),)
    losses: tuple[LossConfig, ...]
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    augment: AugmentConfig = AugmentConfig()
    distil: DistilConfig | None = None

    def size_at(self, step: int) -> int:
        """The side of a training picture in pixels at `step`."""
        return [s.size for s in self.sizes if s.begin * self.steps <= step][-1]


def task_of(path: Path) -> Literal["embed", "detect"]:
    """What is trained by the config at `path`: an encoder, or a detector.

    Raises:
        UsageError: unreadable, not TOML, or another task.
    """
    return read_config(path, _Task).task


def read_config(path: Path, kind: type[T]) -> T:
    """A TOML file as the struct `kind`.

    Raises:
        UsageError: unreadable, not TOML, or a key or value that is not expected.
    """
    try:
        with reading(path, UsageError):
            return msgspec.toml.decode(path.read_bytes(), type=kind)
    except (msgspec.DecodeError, ValueError) as error:
        raise UsageError(str(error), where=path) from error


def load_config(path: Path) -> TrainConfig:
    """Read and check the config of an encoder's training.

    Raises:
        UsageError: unreadable, not TOML, or a key or value that is not expected.
    """
    config = read_config(path, TrainConfig)
    if not config.sizes or config.sizes[0].begin != 0.0:
        raise UsageError("the first entry of sizes must begin at 0.0", where=path)
    if not config.losses:
        raise UsageError("at least one loss is needed", where=path)
    return config
