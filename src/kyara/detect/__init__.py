"""Where the figures in a picture are: what a detector is, and the ones that there are.

`default()` is the one place that says which detector is used where nobody chose another.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from kyara.errors import KyaraError, PluginError, UsageError, one_line
from kyara.manifest import MANIFEST
from kyara.manifest.detector import load_detector_manifest
from kyara.runtime.device import CPU, Device
from kyara.types import Box, Detection

if TYPE_CHECKING:  # a run that the cache answers never needs the decoders
    from kyara.pictures.read import Picture

__all__ = [
    "WHOLE",
    "Detector",
    "WholePicture",
    "crop_box",
    "default",
    "figures_in",
    "named",
    "whole",
]

WHOLE = "whole"
"""The id of `WholePicture`."""


class Detector(Protocol):
    """Finds the figures in pictures. Several threads may ask at once."""

    @property
    def id(self) -> str:
        """Changes whenever the boxes could; what is found is kept by it."""
        ...

    @property
    def longest(self) -> int:
        """Pixels that it needs on the longest side; 0 if the size alone will do."""
        ...

    @property
    def margin(self) -> float:
        """How far a crop for the encoder reaches beyond a box, on each side, by the box's size:
        hair, hat and ears tell characters apart too."""
        ...

    @property
    def context(self) -> Literal["none", "alone"]:
        """`alone`: the figure that is alone in its picture is embedded together with the whole of
        it, by the mean of both; `none`: by its crop only."""
        ...

    def detect(self, pictures: Sequence[Picture], /) -> list[tuple[Detection, ...]]:
        """The figures in each picture, boxes in pixels of the upright picture (not of the
        smaller one that was decoded); none where there are none."""
        ...


class WholePicture:
    """Takes every picture as one figure: for crops, and as long as there is no other."""

    id = WHOLE
    longest = 0
    margin = 0.0
    context: Literal["none", "alone"] = "none"

    def detect(self, pictures: Sequence[Picture], /) -> list[tuple[Detection, ...]]:
        """Each picture itself."""
        return [(whole(picture),) for picture in pictures]


DEFAULT: Detector | None = None
"""In the place of the shipped detector; for tests, and for those who embed Kyara."""

_SHIPPED = Path(__file__).parents[1] / "plugins" / "heads-1"


def default(device: Device = CPU) -> Detector:
    """The detector where nobody chose another: the shipped one."""
    return DEFAULT or _shipped(device)


@cache
def _shipped(device: Device) -> Detector:
    """The plugin that Kyara comes with; a Kyara without it takes every picture whole."""
    if not (_SHIPPED / MANIFEST).is_file():
        return WholePicture()
    from kyara.detect.onnx import OnnxDetector

    return OnnxDetector(_SHIPPED, load_detector_manifest(_SHIPPED), device)


def named(identity: str) -> Detector:
    """The detector of that id.

    Raises:
        UsageError: there is none.
    """
    for detector in (default(), WholePicture()):
        if detector.id == identity:
            return detector
    raise UsageError(f"there is no detector {identity!r}")


def whole(picture: Picture) -> Detection:
    """The whole picture as one detection."""
    return Detection(Box(0.0, 0.0, float(picture.width), float(picture.height)), "whole")


def crop_box(detection: Detection, margin: float, width: float, height: float) -> Box:
    """What is cut out of a picture of that size for a detection: its box and the margin around
    it, as far as the picture goes. A whole picture stays as it is."""
    box = detection.box
    if detection.kind == "whole" or margin == 0:
        return box
    across, down = margin * (box.right - box.left), margin * (box.bottom - box.top)
    return Box(
        min(box.left, max(0.0, box.left - across)),
        min(box.top, max(0.0, box.top - down)),
        max(box.right, min(width, box.right + across)),
        max(box.bottom, min(height, box.bottom + down)),
    )


def figures_in(detector: Detector, pictures: Sequence[Picture]) -> list[tuple[Detection, ...]]:
    """What the detector finds; a picture in which it finds nothing is taken whole.

    Raises:
        PluginError: it fails, or answers for more or fewer pictures.
    """
    try:
        found = detector.detect(pictures)
        if len(found) != len(pictures):
            raise ValueError(f"expected answers for {len(pictures)} pictures, got {len(found)}")
    except KyaraError:
        raise
    except Exception as error:
        raise PluginError(f"the detector {detector.id} failed: {one_line(error)}") from error
    return [tuple(f) or (whole(p),) for f, p in zip(found, pictures, strict=True)]
