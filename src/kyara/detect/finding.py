"""Finding the figures in many pictures, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kyara.detect import Detector, figures_in
from kyara.detect.onnx import OnnxDetector
from kyara.errors import PictureError
from kyara.pictures.source import Content, Source
from kyara.runtime.workers import mapped, worker_count
from kyara.types import Box, Detection

if TYPE_CHECKING:
    from kyara.pictures.read import Picture

__all__ = ["FoundFigures", "Scores", "find_figures"]


@dataclass(frozen=True)
class Scores:
    """From which probability on a box is a figure.

    Attributes:
        least: of a figure; None: as the detector has it.
        doubtful: of what may be one.
    """

    least: float | None = None
    doubtful: float = 1.0


@dataclass(frozen=True)
class FoundFigures:
    """What was found in one picture.

    Attributes:
        path: of a file; of another source, its name.
        size: width and height of the upright picture.
        figures: the most certain first; none where none was found.
        doubtful: what may be a further figure.
        content: to cut out of; None where it could not be read.
        error: why.
    """

    path: Path
    size: tuple[int, int] = (0, 0)
    figures: tuple[Detection, ...] = ()
    doubtful: tuple[Detection, ...] = ()
    content: Content | None = None
    error: PictureError | None = None


def find_figures(
    sources: Sequence[Source],
    detector: Detector,
    scores: Scores = Scores(),
    *,
    workers: int | None = None,
) -> Iterator[FoundFigures]:
    """The figures in pictures, in that order; a bad picture comes with its error.

    Args:
        scores: for detectors that say how probable a figure is; others are taken at their word.

    Raises:
        PluginError: the detector fails.
    """

    def find(source: Source) -> FoundFigures:
        try:
            content = source.read()
            picture = content.decode(longest=detector.longest or None)
        except PictureError as error:
            return FoundFigures(Path(source.name), error=error)
        figures, doubtful = _figures(picture, detector, scores)
        size = (picture.width, picture.height)
        return FoundFigures(Path(source.name), size, figures, doubtful, content)

    return mapped(find, sources, workers or worker_count(), "kyara-detect")


def _figures(
    picture: Picture, detector: Detector, scores: Scores
) -> tuple[tuple[Detection, ...], tuple[Detection, ...]]:
    if not isinstance(detector, OnnxDetector):
        (found,) = figures_in(detector, [picture])
        return tuple(d for d in found if d.kind != "whole"), ()
    least = detector.threshold if scores.least is None else scores.least
    boxes, chances = detector.candidates(picture, min(least, scores.doubtful))
    edges = np.asarray([picture.width, picture.height] * 2, dtype=np.float64)
    boxed = [
        Detection(Box(*box), detector.figure, min(1.0, chance))
        for box, chance in zip(np.minimum(boxes, edges).tolist(), chances.tolist(), strict=True)
        if box[0] < box[2] and box[1] < box[3]
    ]
    sure = tuple(one for one in boxed if one.score >= least)
    return sure, tuple(one for one in boxed if one.score < least)
