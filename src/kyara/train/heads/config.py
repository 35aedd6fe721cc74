"""What the training of a detector is told: a TOML file with `task = "detect"`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from kyara.errors import UsageError
from kyara.train.config import Fraction, OptimiserConfig, Positive, read_config

__all__ = [
    "BatchShape",
    "DetectConfig",
    "NetworkConfig",
    "SceneConfig",
    "TargetConfig",
    "load_detect_config",
]

NotNegative = Annotated[float, msgspec.Meta(ge=0.0)]


class _Section(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    pass


class NetworkConfig(_Section, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[model]`: YOLOX-nano with one class and a fourth level.

    Attributes:
        weights: a YOLOX-nano in ONNX, batch norm folded in, to start from; relative to the
            config. Empty: random weights.
        frozen: how many of the first stages of the trunk stay as they are.
    """

    weights: str = ""
    frozen: Annotated[int, msgspec.Meta(ge=0, le=5)] = 2


class BatchShape(_Section, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A batch of that many pictures of `size` pixels a side; the pixels of all shapes should
    be about equal, since time and memory go with them."""

    size: Annotated[int, msgspec.Meta(ge=64, multiple_of=32)]
    pictures: Positive
    share: Annotated[float, msgspec.Meta(gt=0)] = 1.0


class DetectDataConfig(_Section, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[data]`: `shares` says how often each source is drawn, in any unit; a source that it
    does not name is not used. Empty: as often as it has pictures. `figures` says the same of
    sources whose pictures are one figure each, cut out (with alpha), to lay over scenes."""

    figures: dict[str, Annotated[float, msgspec.Meta(gt=0)]] = {}
    shares: dict[str, Annotated[float, msgspec.Meta(gt=0)]] = {}
    workers: Annotated[int, msgspec.Meta(ge=0)] = 1


class TargetConfig(_Section, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[targets]`: which cell answers for which head, and what a mistake costs.

    Attributes:
        static_steps: so long by the place and size of a cell alone, until what the network says
            of a head can be relied on.
        cells: that many answer for a head, at most.
        negatives: weight of p^2 for cells without a head.
        box: weight of 1 - GIoU beside the classification.
    """

    static_steps: Annotated[int, msgspec.Meta(ge=0)] = 150
    cells: Positive = 9
    negatives: NotNegative = 1.0
    box: NotNegative = 2.0


class SceneConfig(_Section, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[scenes]`: probabilities of what a training picture is, and of what happens to it.

    Attributes:
        single, mosaic: one picture, or many small whole ones in rows; otherwise a page of
            panels.
        close_up: a panel shows one head that fills it.
        figures: cut-out figures lie over it, one to six; only with `[data.figures]`.
        balloons: speech balloons lie over it; also letters, a third as often.
        colour, grey, halftone, line_art, negative: of a panel.
        whole_grey, blur, jpeg: of the whole.
    """

    single: Fraction = 0.4
    mosaic: Fraction = 0.12
    close_up: Fraction = 0.1
    figures: Fraction = 0.3
    balloons: Fraction = 0.45
    colour: Fraction = 0.45
    grey: Fraction = 0.2
    halftone: Fraction = 0.07
    line_art: Fraction = 0.05
    negative: Fraction = 0.02
    whole_grey: Fraction = 0.15
    blur: Fraction = 0.15
    jpeg: Fraction = 0.3


class DetectConfig(_Section, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One training run of a detector; equal configs, data and machines give equal weights."""

    task: Literal["detect"]
    seed: int = 0
    steps: Positive
    checkpoint_every: Positive = 100
    batches: tuple[BatchShape, ...] = (
        BatchShape(size=256, pictures=16),
        BatchShape(size=320, pictures=10, share=2.0),
        BatchShape(size=416, pictures=6, share=2.0),
        BatchShape(size=512, pictures=4),
    )
    model: NetworkConfig = NetworkConfig()
    data: DetectDataConfig = DetectDataConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    targets: TargetConfig = TargetConfig()
    scenes: SceneConfig = SceneConfig()


def load_detect_config(path: Path) -> DetectConfig:
    """Read and check the config of a detector's training.

    Raises:
        UsageError: unreadable, not TOML, or a key or value that is not expected.
    """
    config = read_config(path, DetectConfig)
    if not config.batches:
        raise UsageError("at least one shape of a batch is needed", where=path)
    return config
