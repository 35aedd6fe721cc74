"""`kyara evaluate --detector`: on pictures with boxes, and on pictures of characters."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.console import progress
from kyara.cli.options import ModelOptions, report_skipped

if TYPE_CHECKING:
    from kyara.evaluate.boxes import BoxedPicture
    from kyara.evaluate.dataset import Dataset

__all__ = ["DetectorEvaluation", "has_boxes", "load_labelled"]


def has_boxes(dataset: Path) -> bool:
    """Whether a data set is a CSV of boxes, rather than one of characters.

    Raises:
        DataError: it cannot be read.
    """
    from kyara.files import is_folder, reading

    if is_folder(dataset):
        return False
    with reading(dataset), dataset.open(encoding="utf-8", newline="") as stream:
        return "character" not in next(csv.reader(stream), [])


@dataclass(frozen=True)
class DetectorEvaluation:
    """What was asked for.

    Attributes:
        sources: only these; all if empty.
    """

    dataset: Path
    detectors: tuple[str, ...]
    sources: tuple[str, ...]
    json_file: Path | None
    markdown_file: Path | None
    bootstrap: int
    seed: int
    device: str

    def boxes(self, calibrated: Path | None) -> int:
        """How well heads are found; returns the exit code."""
        from kyara.evaluate.boxes import by_source, load_boxes
        from kyara.evaluate.detectors import (
            detection_table,
            measure_detector,
            save_detector_report,
        )
        from kyara.plugins.discover import open_detector
        from kyara.runtime.device import parse_device

        pictures = [picture for picture in load_boxes(self.dataset) if not picture.decoy]
        _check_sources(self.sources, list(by_source(pictures)), self.dataset)
        kept = [p for p in pictures if not self.sources or p.source in self.sources]
        if calibrated is not None:
            _calibrate_detector(calibrated, kept, self.device)
        device = parse_device(self.device)
        opened = [open_detector(name, device) for name in dict.fromkeys(self.detectors)]
        shared = {"samples": self.bootstrap, "seed": self.seed}
        name = self.dataset.stem
        reports = [
            measure_detector(d, kept, name=name, progress=progress, **shared) for d in opened
        ]
        self._tell("\n".join(detection_table(report) for report in reports))
        if self.json_file is not None:
            save_detector_report(reports, self.json_file)
        skipped = [line for report in reports for line in report.skipped]
        return report_skipped(list(dict.fromkeys(skipped)), len(kept))

    def characters(self, plugins: Sequence[str], margins: Sequence[float], composed: int) -> int:
        """What a detector is worth for who is who; returns the exit code."""
        from kyara.evaluate.whole_pictures import (
            measure_whole_pictures,
            save_whole_picture_report,
            whole_picture_tables,
        )
        from kyara.extras import optional
        from kyara.plugins.discover import open_detector
        from kyara.runtime.device import parse_device

        if len(plugins) > 1 or len(self.detectors) > 1:
            raise click.UsageError("on pictures of characters, one --detector and one --plugin")
        optional("sklearn")  # now rather than after an hour of work
        labelled = load_labelled(self.dataset, self.sources)
        report = measure_whole_pictures(
            ModelOptions(plugins[0] if plugins else None, device=self.device).encoder(),
            open_detector(self.detectors[0], parse_device(self.device)),
            labelled,
            margins=margins,
            composed=composed,
            bootstrap=self.bootstrap,
            name=self.dataset.stem,
            seed=self.seed,
            progress=progress,
        )
        self._tell(whole_picture_tables(report))
        if self.json_file is not None:
            save_whole_picture_report(report, self.json_file)
        skipped = [line for view in report.pictures.encoders for line in view.skipped]
        return report_skipped(list(dict.fromkeys(skipped)), len(labelled.pictures))

    def _tell(self, text: str) -> None:
        from kyara.evaluate.report import write_bytes

        click.echo(text, nl=False)
        if self.markdown_file is not None:
            write_bytes(self.markdown_file, text.encode())


def _calibrate_detector(directory: Path, pictures: Sequence[BoxedPicture], device: str) -> None:
    from kyara.detect.onnx import OnnxDetector
    from kyara.evaluate.detector_fit import calibrated, write_calibration
    from kyara.evaluate.detectors import judge_all
    from kyara.manifest.detector import load_detector_manifest
    from kyara.runtime.device import parse_device

    manifest = load_detector_manifest(directory)
    judged, _, _ = judge_all(
        OnnxDetector(directory, manifest, parse_device(device)), pictures, progress=progress
    )
    spec = calibrated(judged, manifest.detection)
    write_calibration(directory, spec)
    click.echo(
        f"kyara: calibrated {manifest.plugin.name}: slope {spec.slope}, intercept "
        f"{spec.intercept}, threshold {spec.threshold}",
        err=True,
    )


def _check_sources(wanted: Sequence[str], known: Sequence[str], path: Path) -> None:
    from kyara.errors import UsageError

    unknown = sorted(set(wanted) - set(known))
    if unknown:
        hint = f"there are: {', '.join(known)}"
        raise UsageError(f"no source {', '.join(unknown)}", where=path, hint=hint)


def load_labelled(path: Path, sources: Sequence[str]) -> Dataset:
    """The data set at a path, or some of its sources.

    Raises:
        DataError: it cannot be read.
        UsageError: there is no source of that name.
    """
    from kyara.evaluate.dataset import Dataset, load_dataset

    dataset = load_dataset(path)
    _check_sources(sources, dataset.sources, path)
    if not sources:
        return dataset
    return Dataset(tuple(p for p in dataset.pictures if p.source in sources))
