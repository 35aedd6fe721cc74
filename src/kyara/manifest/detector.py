"""`plugin.toml` of a detector: what finds the figures in a picture.

The reference of every key is docs/reference/plugin-manifest.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from kyara.errors import PluginError
from kyara.manifest import (
    checked_manifest,
    identity,
    kind_of,
    named_checks,
    read_tables,
    weights_checks,
)
from kyara.manifest.tables import Channel, ModelSpec, PluginSpec, Spread, Table, TrainingSpec

__all__ = [
    "DetectionSpec",
    "DetectorInputSpec",
    "DetectorManifest",
    "detector_identity",
    "load_detector_manifest",
]

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class DetectorInputSpec(Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[input]`: how a picture becomes what the network wants.

    Attributes:
        size: pixels of the longer side; a smaller picture is made that large.
        area: pixels at most, by those of a square of `size`: one that is squarer is made smaller,
            so that it takes no longer than others.
        multiple: the sides are filled up to multiples of this, at the right and the bottom.
        fill: with this colour.
        dtype, layout, mean, std: see `kyara.manifest.InputSpec`.
        channels: the order of the colours.
    """

    size: Annotated[int, msgspec.Meta(ge=32, le=4096)]
    area: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 1.0
    multiple: Annotated[int, msgspec.Meta(ge=1, le=256)] = 32
    fill: tuple[Channel, Channel, Channel] = (114, 114, 114)
    dtype: Literal["uint8", "float32"] = "uint8"
    layout: Literal["NCHW", "NHWC"] = "NHWC"
    channels: Literal["RGB", "BGR"] = "RGB"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[Spread, Spread, Spread] = (1.0, 1.0, 1.0)


class DetectionSpec(Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[detection]`: what the network says, and what becomes of it.

    Attributes:
        figure: what its boxes are of.
        scores, boxes: the names of its outputs: (n, a), 0 to 1, and (n, a, 4), left, top,
            right, bottom in pixels of its input. The first and the second if empty.
        slope, intercept: probability = 1 / (1 + exp(-(slope * log(s / (1 - s)) + intercept)))
            of a score s, where that was fitted.
        threshold: the probability from which on a box is a figure.
        nms: of two boxes that overlap by more (IoU), only the better one stays.
        most: figures in a picture.
        margin: how far a crop reaches beyond the box, on each side, by the box's size.
        context: `alone`: the figure that is alone in a picture is embedded with the whole of it,
            the mean of both; `none`: by its crop only, as one of several always is.
        fills: where the crop of the only figure takes this share of the picture or more, that is
            a crop already, and stays whole.
        small: if the middle one of the heads is smaller, by the picture's longer side, the picture
            is looked at again in overlapping quarters; 0: never.
        large: if the largest box is larger, or none is found, it is looked at again at half the
            size; 1: never.
    """

    figure: Literal["head", "figure"] = "head"
    scores: str = ""
    boxes: str = ""
    slope: Annotated[float, msgspec.Meta(gt=0.0)] = 1.0
    intercept: float = 0.0
    threshold: Share = 0.3
    nms: Share = 0.5
    most: Annotated[int, msgspec.Meta(ge=1)] = 100
    margin: Annotated[float, msgspec.Meta(ge=0.0, le=2.0)] = 0.25
    context: Literal["none", "alone"] = "none"
    fills: Share = 0.8
    small: Share = 0.0
    large: Share = 1.0


class DetectorManifest(Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The whole of a detector's `plugin.toml`."""

    plugin: PluginSpec
    model: ModelSpec
    input: DetectorInputSpec
    detection: DetectionSpec = DetectionSpec()
    training: TrainingSpec = TrainingSpec()


def load_detector_manifest(directory: Path) -> DetectorManifest:
    """Read and check the manifest of the detector in `directory`.

    Raises:
        PluginError: no such directory or manifest, one that is not as it should be, or the
            plugin is an encoder.
    """
    tables = read_tables(directory)
    if kind_of(tables) == "encoder":
        what = "this plugin tells characters apart and cannot find figures"
        raise PluginError(what, where=directory, hint="give it to --plugin")
    return checked_manifest(tables, DetectorManifest, _checks, directory)


def _checks(manifest: DetectorManifest) -> Iterator[tuple[bool, str]]:
    yield from named_checks(manifest.plugin)
    model = manifest.model
    coded = "[model] entry is for encoders: a detector is an ONNX file"
    yield bool(model.entry), coded
    yield not model.weights, "[model] names no weights"
    yield bool(model.output), "[model] output: name [detection] scores and boxes instead"
    yield from weights_checks("model", model)
    half = bool(manifest.detection.scores) != bool(manifest.detection.boxes)
    yield half, "[detection] names one of scores and boxes: name both or neither"


def detector_identity(manifest: DetectorManifest, directory: Path) -> str:
    """The detector's id: it changes whenever its boxes, or the crops of them, could.

    Raises:
        PluginError: the weights cannot be read.
    """
    tables = [manifest.model, manifest.input, manifest.detection]
    files = [] if manifest.model.sha256 else [directory / manifest.model.weights]
    return identity(manifest.plugin, tables, files, directory)
