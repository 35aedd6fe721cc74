"""What a detector is worth for who is who: the same pictures with it and without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from kyara.detect import Detector
from kyara.encode.encoder import Encoder
from kyara.evaluate.composed import ComposedFigures, draw_groups, measure_composed
from kyara.evaluate.dataset import Dataset
from kyara.evaluate.inboxes import InboxShape
from kyara.evaluate.protocols import (
    Enrolment,
    EvaluationProtocol,
    Inboxes,
    OpenSetIdentification,
    Retrieval,
    Verification,
)
from kyara.evaluate.report import Report, markdown, write_json
from kyara.evaluate.suite import measure
from kyara.evaluate.views import embed_view, views_of
from kyara.types import Progress, silent

__all__ = [
    "WholePictureReport",
    "measure_whole_pictures",
    "save_whole_picture_report",
    "whole_picture_tables",
]

_REFERENCES = (1, 3, 5)
"""Of each character: sets of whole pictures are small."""


class WholePictureReport(msgspec.Struct, frozen=True):
    """What was measured.

    Attributes:
        detector, encoder: their ids.
        pictures: as for every encoder; each view stands where an encoder does.
        composed: of pictures of several characters, by view and source.
    """

    detector: str
    encoder: str
    pictures: Report
    composed: tuple[ComposedFigures, ...]


def measure_whole_pictures(
    encoder: Encoder,
    detector: Detector,
    dataset: Dataset,
    *,
    margins: Sequence[float] = (),
    composed: int = 100,
    bootstrap: int = 200,
    name: str = "",
    seed: int = 0,
    progress: Progress = silent,
) -> WholePictureReport:
    """Measure identification of whole pictures, with the detector and without.

    Args:
        margins: of crops; by default the detector's own.
        composed: pictures to put together of several characters, of each source.

    Raises:
        DataError: nothing can be measured on this data set.
        PluginError: the encoder or the detector fails.
    """
    views = views_of(detector, margins)
    seen = []
    for view in views:
        with progress(view.name, len(dataset.pictures)) as tick:
            seen.append((encoder, embed_view(encoder, dataset, view, on_done=tick)))
    first = seen[0][1]
    references = _REFERENCES[-1]
    groups = {}
    for number, (source, embedded) in enumerate(first.sources.items()):
        drawn = draw_groups(embedded, references, composed, np.random.default_rng((seed, number)))
        if drawn is not None and composed:
            groups[source] = drawn
    pages: list[ComposedFigures] = []
    with progress("composed", len(views)) as tick:
        for view, (_, data) in zip(views, seen, strict=True):
            pages += measure_composed(encoder, view, data, groups, references)
            tick()
    report = measure(
        seen, dataset, _protocols(bootstrap), labels=[v.name for v in views], name=name, seed=seed
    )
    return WholePictureReport(detector.id, encoder.id, report, tuple(pages))


def _protocols(bootstrap: int) -> list[EvaluationProtocol]:
    shapes = tuple(InboxShape(references=n) for n in (_REFERENCES[-1], *_REFERENCES[:-1]))
    return [
        Verification(bootstrap=bootstrap),
        Retrieval(bootstrap=bootstrap),
        Enrolment(counts=_REFERENCES, bootstrap=bootstrap),
        OpenSetIdentification(bootstrap=bootstrap),
        Inboxes(shapes, bootstrap=bootstrap),
    ]


def save_whole_picture_report(report: WholePictureReport, path: Path) -> None:
    """Write everything that was measured as JSON.

    Raises:
        OutputError: it cannot be written.
    """
    write_json(report, path)


def whole_picture_tables(report: WholePictureReport) -> str:
    """The figures as Markdown."""
    return "\n".join([markdown(report.pictures), *_composed_table(report.composed)])


def _composed_table(composed: Sequence[ComposedFigures]) -> Iterator[str]:
    if not composed:
        return
    yield "## Pictures of two to five characters, composed\n"
    yield (
        "Half of the characters are known. Of those in a picture, how many are named (`right`), "
        "and names a picture of characters that are not in it (`wrong`); in brackets with "
        "`--twins`.\n"
    )
    yield "| source | view | pictures | known | references | right | wrong |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    for c in sorted(composed, key=lambda one: one.source):
        right = f"{c.right:.3f} ({c.right_with_twins:.3f})"
        wrong = f"{c.wrong:.2f} ({c.wrong_with_twins:.2f})"
        cells = (c.source, c.view, c.pictures, c.characters, c.references, right, wrong)
        yield f"| {' | '.join(map(str, cells))} |"
    yield ""
