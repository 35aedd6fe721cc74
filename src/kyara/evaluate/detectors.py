"""Detectors on pictures with boxes: running them, and the report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from kyara.detect import Detector
from kyara.detect.onnx import OnnxDetector
from kyara.errors import DataError, PictureError
from kyara.evaluate.boxes import BoxedPicture, digest_of
from kyara.evaluate.detection import SIZES, DetectionFigures, Estimate, Judged, figures_of, judge
from kyara.files import replaced, writing
from kyara.pictures.read import Picture
from kyara.types import FloatArray, Progress, silent

__all__ = [
    "DetectorReport",
    "detection_table",
    "judge_all",
    "measure_detector",
    "save_detector_report",
]

_LEAST = 0.02
"""Boxes below this probability change nothing that is told."""


@dataclass(frozen=True)
class DetectorReport:
    """What was measured of a detector.

    Attributes:
        data, digest: name and digest of the data set.
        threshold: the detector's own.
        pictures_per_second: of a processor's time, one picture after the other; decoding is not
            counted, and neither is waiting for other programs.
        sources: by name, then all together.
        skipped: pictures that could not be read.
    """

    detector: str
    data: str
    digest: str
    threshold: float
    pictures_per_second: float
    sources: dict[str, DetectionFigures]
    all: DetectionFigures
    skipped: tuple[str, ...]


def measure_detector(
    detector: Detector,
    pictures: Sequence[BoxedPicture],
    *,
    name: str,
    samples: int = 200,
    seed: int = 0,
    progress: Progress = silent,
) -> DetectorReport:
    """Measure a detector on pictures with boxes.

    Raises:
        DataError: none of them can be read.
        PluginError: the detector fails.
    """
    judged, seconds, skipped = judge_all(detector, pictures, progress=progress)
    threshold = detector.threshold if isinstance(detector, OnnxDetector) else 0.0
    everything = [one for group in judged.values() for one in group]
    return DetectorReport(
        detector=detector.id,
        data=name,
        digest=digest_of(pictures),
        threshold=threshold,
        pictures_per_second=len(everything) / max(seconds, 1e-9),
        sources={
            source: figures_of(group, threshold, samples=samples, seed=seed)
            for source, group in sorted(judged.items())
        },
        all=figures_of(everything, threshold, samples=samples, seed=seed),
        skipped=tuple(skipped),
    )


def judge_all(
    detector: Detector, pictures: Sequence[BoxedPicture], *, progress: Progress = silent
) -> tuple[dict[str, list[Judged]], float, list[str]]:
    """What is found in each picture by source, the seconds that it took, and what was skipped.

    Raises:
        DataError: none of them can be read.
        PluginError: the detector fails.
    """
    judged: dict[str, list[Judged]] = {}
    skipped, seconds = [], 0.0
    with progress(detector.id, len(pictures)) as tick:
        for picture in pictures:
            try:
                decoded = picture.file.read().decode(longest=detector.longest or None)
            except PictureError as error:
                # By its name: a report is passed on, and tells nothing of this computer.
                skipped.append(str(PictureError(error.what, where=_named(picture))))
                continue
            begin = time.thread_time()
            if isinstance(detector, OnnxDetector):
                boxes, scores = detector.candidates(decoded, _LEAST)
            else:
                boxes, scores = _as_arrays(detector, decoded)
            seconds += time.thread_time() - begin
            longest = float(max(decoded.width, decoded.height))
            one = judge(
                boxes,
                scores,
                picture.boxes,
                longest=longest,
                complete=picture.complete,
                doubtful=picture.doubtful,
            )
            judged.setdefault(picture.source, []).append(one)
            tick()
    if not judged:
        raise DataError("none of the pictures can be read")
    return judged, seconds, skipped


def _named(picture: BoxedPicture) -> str:
    return f"{picture.source}/{picture.name}"


def _as_arrays(detector: Detector, picture: Picture) -> tuple[FloatArray, FloatArray]:
    (found,) = detector.detect([picture])
    boxes = np.asarray([d.box.as_tuple() for d in found], dtype=np.float32).reshape(-1, 4)
    return boxes, np.asarray([d.score for d in found], dtype=np.float32)


def save_detector_report(reports: Sequence[DetectorReport], path: Path) -> None:
    """Write everything that was measured as JSON.

    Raises:
        OutputError: it cannot be written.
    """
    text = msgspec.json.format(msgspec.json.encode(list(reports)), indent=2)
    with writing(path), replaced(path) as part:
        part.write_bytes(text + b"\n")


def detection_table(report: DetectorReport) -> str:
    """The figures as a Markdown table, with 95 % intervals in brackets."""
    limits = [f"{100 * low:.0f}-{100 * high:.0f} %" for low, high in SIZES]
    limits[0], limits[-1] = f"< {100 * SIZES[0][1]:.0f} %", f"> {100 * SIZES[-1][0]:.0f} %"
    columns = [
        "source",
        "pictures",
        "heads",
        "AP50",
        "recall at .1",
        "recall at 1",
        "found",
        "false",
        *limits,
    ]
    lines = [
        f"## {report.detector}",
        "",
        f"{report.data}; at its threshold of {report.threshold:g}: `found` of the heads, `false` "
        f"boxes a picture, found by size (heads). {report.pictures_per_second:.1f} pictures a "
        "second of one core's time.",
        "",
        _row(columns),
        _row(["---", *["---:"] * (len(columns) - 1)]),
    ]
    rows = [*report.sources.items(), ("all", report.all)]
    lines += [_row(_cells(name, figures)) for name, figures in rows]
    return "\n".join([*lines, ""])


def _cells(name: str, figures: DetectionFigures) -> list[str]:
    recall = figures.recall or (None, None)
    return [
        name,
        str(figures.pictures),
        str(figures.heads),
        _told(figures.ap),
        _told(recall[0]),
        _told(recall[1]),
        _number(figures.recall_at_threshold),
        _told(figures.false_at_threshold),
        *(f"{_number(share)} ({count})" if count else "-" for count, share in figures.by_size),
    ]


def _told(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    told = _number(estimate.value)
    if estimate.low is None or estimate.high is None:
        return told
    return f"{told} ({estimate.low:.2f}-{estimate.high:.2f})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
