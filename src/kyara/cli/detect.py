"""`kyara detect`."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.console import print_table, progress
from kyara.cli.main import EXIT_INTERRUPTED
from kyara.cli.options import PATH, ModelOptions, detect_option, device_option, report_skipped
from kyara.errors import KyaraError, UsageError, printable

if TYPE_CHECKING:
    from kyara.detect import Detector
    from kyara.detect.finding import FoundFigures
    from kyara.pictures.source import Source

EXAMPLE = """
\b
Examples:
    kyara detect page.png
    kyara detect pages --json | jq 'select(.figures == [])'
    kyara detect pages --csv pages.csv --min-score 0.6 --doubtful 0.2
    kyara detect inbox --crops heads
"""

_SHARE = click.FloatRange(0.0, 1.0)


@click.command("detect", epilog=EXAMPLE)
@click.argument("pictures", nargs=-1, required=True, type=PATH)
@click.option(
    "--csv",
    "table",
    metavar="FILE",
    type=PATH,
    help="Write the boxes as `kyara train` and `kyara evaluate --detector` read them.",
)
@click.option(
    "--crops",
    metavar="DIR",
    type=PATH,
    help="Write each figure as a PNG, with the detector's margin, into this new folder.",
)
@click.option(
    "--min-score",
    type=_SHARE,
    metavar="P",
    help="From which probability on a box is a figure; default: the detector's own.",
)
@click.option(
    "--doubtful",
    type=_SHARE,
    metavar="P",
    help="Boxes from this probability up to --min-score may be figures: in the CSV their kind is "
    "doubtful, and they count neither way.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per picture and line.")
@detect_option
@device_option
def command(
    pictures: tuple[Path, ...],
    table: Path | None,
    crops: Path | None,
    min_score: float | None,
    doubtful: float | None,
    as_json: bool,
    detect: str | None,
    device: str,
) -> int:
    """Where are the figures in PICTURES (files, folders, or zip, cbz and tar archives)?

    The boxes are in pixels of the upright picture. --csv is for those who train a detector: what
    one finds in pages that nobody labelled can teach the next one (self-training). If the file is
    called like the folder, `pages.csv` beside `pages`, the first folder below it is the source;
    files elsewhere are named by their whole path. Nothing is ever overwritten.
    """
    from kyara.detect.finding import Scores, find_figures
    from kyara.pictures.archives import Member
    from kyara.results.boxes import BoxTable, Crops, boxes_line

    finder = _detector(ModelOptions(detect=detect, device=device))
    boxes = None if table is None else BoxTable(table)
    cut = None if crops is None else Crops(crops, finder.margin)
    shown: list[FoundFigures] = []
    problems: list[KyaraError] = []
    sources = _sources(pictures, crops, problems)
    if not sources and not problems:
        raise UsageError("no pictures are here", where=pictures[0])
    if boxes is not None and any(isinstance(source, Member) for source in sources):
        what = "a CSV of boxes cannot name pictures in an archive"
        raise UsageError(what, hint="unpack it first")
    scores = Scores(min_score, 1.0 if doubtful is None else doubtful)
    try:
        with progress("pictures", len(sources)) as tick:
            for found in find_figures(sources, finder, scores):
                if as_json:
                    sys.stdout.write(boxes_line(found))
                for sink in (boxes, cut):
                    if sink is not None:
                        sink.add(found)
                problems += [] if found.error is None else [found.error]
                shown.append(_without_content(found))
                tick()
    except KeyboardInterrupt:
        click.echo("kyara: interrupted; the CSV was not written", err=True)
        return EXIT_INTERRUPTED
    if boxes is not None:
        boxes.write()
    if not as_json:
        _print(shown)
    problems += [] if cut is None else cut.problems
    total = len(shown) + len(problems) - sum(one.error is not None for one in shown)
    return report_skipped([str(problem) for problem in problems], total)


def _sources(
    pictures: Sequence[Path], crops: Path | None, problems: list[KyaraError]
) -> list[Source]:
    """The pictures that are named, in folders, and in archives."""
    from kyara.cli.incoming import asked_for
    from kyara.pictures.source import File

    batches = asked_for(
        [os.fspath(path) for path in pictures],
        nul=False,
        skip=[] if crops is None else [crops],
        complain=problems.append,
    )
    return [one.member or File(one.path) for batch in batches for one in batch]


def _detector(model: ModelOptions) -> Detector:
    finder = model.detector()
    if finder.longest == 0:
        raise UsageError("there is no detector to ask", hint="name one: --detect PLUGIN")
    return finder


def _without_content(found: FoundFigures) -> FoundFigures:
    from dataclasses import replace

    return replace(found, content=None)


def _print(shown: list[FoundFigures]) -> None:
    columns = [
        ("picture", "left"),
        ("kind", "left"),
        ("box", "left"),
        ("probability", "right"),
    ]
    print_table(
        columns,
        (
            (
                "" if number else printable(str(found.path)),
                figure.kind,
                ",".join(f"{edge:.0f}" for edge in figure.box.as_tuple()),
                f"{figure.score:.2f}",
            )
            for found in shown
            for number, figure in enumerate(found.figures)
        ),
    )
    counts = Counter(min(len(found.figures), 2) for found in shown if found.error is None)
    click.echo(
        f"{sum(len(found.figures) for found in shown)} figures: {counts[0]} pictures without one, "
        f"{counts[1]} with one, {counts[2]} with more."
    )
