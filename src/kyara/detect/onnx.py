"""A detector of a plugin: one ONNX graph that says boxes and scores.

The network looks at a whole picture at one size. A second look costs another run and is only
taken where the first one says that it is worth it: at half the size where a head fills the picture,
in overlapping quarters where heads are small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kyara.detect import crop_box, whole
from kyara.detect.boxes import suppressed
from kyara.errors import PictureError, PluginError
from kyara.manifest.detector import (
    DetectionSpec,
    DetectorInputSpec,
    DetectorManifest,
    detector_identity,
)
from kyara.runtime.device import CPU, Device
from kyara.runtime.session import Network
from kyara.types import Box, Detection, FloatArray

if TYPE_CHECKING:  # a run that the cache answers never needs the decoders
    from PIL import Image

    from kyara.pictures.read import Picture

__all__ = ["OnnxDetector"]

_PART = 0.6
"""Side of a quarter by the picture's: neighbours overlap by a fifth of the picture, so that a
head that is cut by the edge of one lies whole in another."""
_Area: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom, as shares of the picture's sides."""
_ALL: _Area = (0.0, 0.0, 1.0, 1.0)
_CANDIDATES = 1000
"""Boxes that are compared with each other: more only cost time."""
_LEAST_AREA = 4.0


class OnnxDetector:
    """Finds figures with the network of a plugin, which is loaded when it is first asked."""

    def __init__(self, directory: Path, manifest: DetectorManifest, device: Device = CPU) -> None:
        self._directory, self._manifest, self._device = directory, manifest, device
        self._id = detector_identity(manifest, directory)
        self._network: Network | None = None
        self._lock = Lock()

    @property
    def id(self) -> str:
        """See `Detector`."""
        return self._id

    @property
    def longest(self) -> int:
        """The network's size; where quarters are looked at, the picture is decoded once more.
        See `Detector`."""
        return self._manifest.input.size

    @property
    def margin(self) -> float:
        """See `Detector`."""
        return self._manifest.detection.margin

    @property
    def context(self) -> Literal["none", "alone"]:
        """See `Detector`."""
        return self._manifest.detection.context

    @property
    def threshold(self) -> float:
        """The probability from which on a box is a figure."""
        return self._manifest.detection.threshold

    @property
    def figure(self) -> str:
        """What its boxes are of, `head` or `figure`."""
        return self._manifest.detection.figure

    def detect(self, pictures: Sequence[Picture], /) -> list[tuple[Detection, ...]]:
        """The figures in each picture, the most certain first; see `Detector`."""
        spec = self._manifest.detection
        return [
            _detections(picture, *self.candidates(picture, spec.threshold), spec)
            for picture in pictures
        ]

    def candidates(self, picture: Picture, threshold: float) -> tuple[FloatArray, FloatArray]:
        """Boxes (n, 4) in pixels of the upright picture, and probabilities (n,) of at least
        `threshold`, after suppression.

        Raises:
            PluginError: the network gives what is no boxes and scores.
        """
        from kyara.pictures.read import flatten

        spec, size = self._manifest.detection, self._manifest.input.size
        fill, least = self._manifest.input.fill, min(threshold, spec.threshold)
        image = flatten(picture.image, fill)
        looks = [self._look(image, _ALL, size, least)]
        boxes, scores = _merged(looks, spec)
        again = _second_looks(boxes[scores >= spec.threshold], image.size, spec)
        if any(area != _ALL for area, _ in again):
            image = flatten(_finer(picture, 2 * size), fill)
        if again:
            looks += [self._look(image, area, round(size * part), least) for area, part in again]
            boxes, scores = _merged(looks, spec)
        chosen = scores >= threshold
        return boxes[chosen] * _edges(picture.width, picture.height), scores[chosen]

    def _look(
        self, image: Image.Image, area: _Area, size: int, least: float
    ) -> tuple[FloatArray, FloatArray]:
        """What the network says of an area: boxes as shares of the picture's sides, and
        probabilities of at least `least`."""
        sides = _edges(*image.size)
        left, top, right, bottom = np.rint(np.multiply(area, sides)).astype(int).tolist()
        part = image if area == _ALL else image.crop((left, top, right, bottom))
        pixels, scale = _network_input(part, self._manifest.input, size)
        outputs = self._loaded().run_all(pixels)
        scores, boxes = outputs[0], outputs[1]
        if scores.ndim != 2 or boxes.shape != (*scores.shape, 4):
            what = f"expected scores (n, a) and boxes (n, a, 4), got {scores.shape}, {boxes.shape}"
            raise PluginError(what, where=self._directory)
        chances = _probabilities(scores[0], self._manifest.detection)
        likely = np.flatnonzero(chances >= least)
        best = likely[np.argsort(-chances[likely], kind="stable")[:_CANDIDATES]]
        shift = _edges(left, top)
        found = boxes[0][best].astype(np.float32) / _edges(*scale) + shift
        found = np.clip(found, shift, _edges(right, bottom))
        good = (found[:, 2:] - found[:, :2]).clip(0).prod(axis=1) >= _LEAST_AREA
        return found[good] / sides, chances[best][good]

    def _loaded(self) -> Network:
        with self._lock:
            if self._network is None:
                spec = self._manifest.detection
                outputs = (spec.scores, spec.boxes) if spec.scores else ()
                self._network = Network(
                    self._directory,
                    self._manifest.model,
                    self._device,
                    outputs=outputs,
                    count=2,
                )
            return self._network


def _edges(x: float, y: float) -> FloatArray:
    """(4,): what boxes, as left, top, right, bottom, are multiplied or shifted by."""
    return np.asarray([x, y, x, y], dtype=np.float32)


def _finer(picture: Picture, longest: int) -> Image.Image:
    """The picture with so many pixels on the longest side, if there are more than it has."""
    if picture.finer is None or max(picture.image.size) >= longest:
        return picture.image
    try:
        return picture.finer(longest).image
    except PictureError:  # it could be decoded, if smaller: that will have to do
        return picture.image


def _network_input(
    image: Image.Image, spec: DetectorInputSpec, size: int
) -> tuple[NDArray[Any], tuple[float, float]]:
    """(1, …) as the network wants it, and the scale of x and y in it."""
    from PIL import Image

    most = math.sqrt(spec.area / (image.width * image.height))
    factor = size * min(1 / max(image.size), most)
    width, height = (max(1, round(side * factor)) for side in image.size)
    # Halved first while it is twice as large: that takes half the time, and no head gets lost.
    small = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=1.0)
    sides = tuple(-(-side // spec.multiple) * spec.multiple for side in (width, height))
    canvas = Image.new("RGB", (sides[0], sides[1]), spec.fill)
    canvas.paste(small)
    pixels: NDArray[Any] = np.asarray(canvas)[None]
    if spec.channels == "BGR":
        pixels = pixels[..., ::-1]
    if spec.dtype == "float32":
        mean, std = (np.asarray(v, dtype=np.float32) for v in (spec.mean, spec.std))
        pixels = (pixels * (1 / 255.0) - mean) / std
        pixels = pixels.astype(np.float32)
    if spec.layout == "NCHW":
        pixels = pixels.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(pixels), (width / image.width, height / image.height)


def _probabilities(scores: NDArray[Any], spec: DetectionSpec) -> FloatArray:
    clipped = np.clip(scores.astype(np.float64), 1e-9, 1 - 1e-9)
    odds = spec.slope * np.log(clipped / (1 - clipped)) + spec.intercept
    return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float32)


def _merged(
    looks: Sequence[tuple[FloatArray, FloatArray]], spec: DetectionSpec
) -> tuple[FloatArray, FloatArray]:
    boxes = np.concatenate([boxes for boxes, _ in looks])
    scores = np.concatenate([scores for _, scores in looks])
    stay = suppressed(boxes, scores, spec.nms)[: spec.most]
    return boxes[stay], scores[stay]


def _second_looks(
    boxes: FloatArray, size: tuple[int, int], spec: DetectionSpec
) -> list[tuple[_Area, float]]:
    """Areas to look at again, and at what part of the network's size.

    Args:
        boxes: what was found, as shares of the picture's sides.
        size: of the picture.
    """
    sides = ((boxes[:, 2:] - boxes[:, :2]) * size).max(axis=1) / max(size)
    looks: list[tuple[_Area, float]] = []
    if spec.large < 1 and (not len(sides) or sides.max() > spec.large):
        looks.append((_ALL, 0.5))
    if len(sides) and np.median(sides) < spec.small:
        starts = (0.0, 1 - _PART)
        looks += [((x, y, x + _PART, y + _PART), 1.0) for x in starts for y in starts]
    return looks


def _detections(
    picture: Picture, boxes: FloatArray, scores: FloatArray, spec: DetectionSpec
) -> tuple[Detection, ...]:
    limit = np.asarray([picture.width, picture.height] * 2, dtype=np.float64)
    found = tuple(
        Detection(Box(*box), spec.figure, min(1.0, score))
        for box, score in zip(np.minimum(boxes, limit).tolist(), scores.tolist(), strict=True)
        if box[0] < box[2] and box[1] < box[3]
    )
    return (whole(picture),) if len(found) == 1 and _fills(found[0], picture, spec) else found


def _fills(detection: Detection, picture: Picture, spec: DetectionSpec) -> bool:
    """Whether the picture is already the crop of this figure."""
    left, top, right, bottom = crop_box(
        detection, spec.margin, float(picture.width), float(picture.height)
    ).as_tuple()
    return (right - left) * (bottom - top) >= spec.fills * picture.width * picture.height
