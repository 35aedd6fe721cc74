"""`kyara identify`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.console import figure_cell, print_table, progress
from kyara.cli.main import EXIT_INTERRUPTED
from kyara.cli.options import PATH, ModelOptions, model_options, report_skipped
from kyara.cli.outputs import OutputOptions, output_options
from kyara.cli.references import (
    CAST_HELP,
    ReferenceOptions,
    reference_options,
    say_adapted,
    say_chosen,
    say_notes,
)
from kyara.errors import KyaraError, UsageError, printable

if TYPE_CHECKING:
    from kyara.cli.incoming import Asked
    from kyara.encode.pipeline import EmbeddedPicture
    from kyara.identify.answer import Answer
    from kyara.identify.judge import Rule
    from kyara.results.rows import DetectionRow
    from kyara.types import Tick

EXAMPLE = """
\b
Examples:
    kyara identify picture.png --refs cast
    kyara identify inbox --library cast.kyara
    kyara identify page.png --refs cast --draw who.png
    find . -name '*.png' -print0 | kyara identify - -0 --refs cast --json
    kyara identify inbox --refs cast --json | jq -r 'select(.margin < 0.1) | .path'
"""


@click.command("identify", epilog=EXAMPLE + CAST_HELP)
@click.argument("pictures", nargs=-1, required=True, type=click.Path(readable=False))
@reference_options
@click.option(
    "--top",
    default=3,
    show_default=True,
    metavar="N",
    type=click.IntRange(min=1),
    help="Characters to name for each detection.",
)
@click.option(
    "--nearest",
    default=1,
    show_default=True,
    metavar="N",
    type=click.IntRange(min=1),
    help="References to name for each of these characters.",
)
@click.option("-0", "--null", "nul", is_flag=True, help="Paths on stdin end with NUL, not lines.")
@click.option("--json", "form", flag_value="json", help="One JSON object per detection and line.")
@click.option("--csv", "form", flag_value="csv", help="CSV, one row per detection.")
@click.option(
    "--draw",
    "drawn",
    metavar="FILE",
    type=PATH,
    help="Also write the picture to FILE (.png, .jpg, .webp) with a frame around each figure, and "
    "who it is; of several pictures, each into FILE as a new folder.",
)
@output_options
@model_options
def command(
    pictures: tuple[str, ...],
    references: ReferenceOptions,
    top: int,
    nearest: int,
    nul: bool,
    form: str | None,
    drawn: Path | None,
    outputs: OutputOptions,
    model: ModelOptions,
) -> int:
    """Who is drawn in these PICTURES (files or folders)?

    For each figure in them the characters that it is most like, with score
    and probability, the margin to the next, and the reference pictures that say so; or
    `unknown`. No picture is copied, moved or changed. The judge is fitted to the references and
    to all pictures that are named here, so that more of them are answered better together.

    `-` stands for a list on stdin: paths, or JSON objects with a `path`, one per line. With
    --json each answer is printed as soon as it is known, with all that its object said; so
    this can stand in a pipe.
    """
    from kyara.cli.incoming import STDIN, asked_for
    from kyara.encode.pipeline import embed_pictures
    from kyara.identify.answer import answers_by_picture
    from kyara.pictures.find import PassedOver

    listed = STDIN in pictures
    named = any(name != STDIN for name in pictures)
    if nul and not listed:
        raise click.UsageError("-0 is about a list on stdin: name `-` as well")
    printer = _Printer(form, top)
    problems: list[KyaraError] = []
    with references.opened(model) as (cast, encoder), model.cache() as cache:
        rule = references.rule(encoder)
        begun = outputs.begin(encoder.id, drawn)
        known = cast.embedded(encoder, cache, progress)
        say_chosen(known.chosen)
        say_notes(known.doubts(rule))
        passed_over = PassedOver()
        batches = asked_for(
            pictures,
            nul=nul,
            skip=known.folders,
            complain=problems.append,
            passed_over=passed_over,
        )
        stream: Rule | None = None
        try:
            for number, batch in enumerate(batches):
                paths = [one.path for one in batch]
                begun.expect(several=listed or len(batch) > 1)
                embedded: Iterable[EmbeddedPicture]
                embedded = embed_pictures(paths, encoder, detector=known.detector, cache=cache)
                if number == 0 and named and rule.adapts is not None:
                    # The judge is fitted to all of them, so none is judged before the last is seen.
                    with progress("looking", len(batch)) as tick:
                        embedded = [_ticked(picture, tick) for picture in embedded]
                    fitted = known.fit(rule, embedded)
                    say_adapted(fitted)
                else:  # what comes on stdin is judged as it comes
                    if stream is None:
                        stream = known.fit(rule)
                        say_adapted(stream)
                    fitted = stream
                found = answers_by_picture(
                    embedded,
                    known.gallery,
                    encoder,
                    fitted,
                    top=max(top, 2),
                    nearest=nearest,
                    said_of=known.said,
                )
                with _bar(0 if listed else len(batch), form) as tick:
                    for asked, answers in zip(batch, found, strict=True):
                        printer.show(asked, answers)
                        begun.add(answers, asked.path, sidecars_at=[asked.path])
                        tick()
        except KeyboardInterrupt:
            printer.finish()
            click.echo("kyara: interrupted", err=True)
            return EXIT_INTERRUPTED
    printer.finish()
    say_notes(filter(None, [passed_over.in_words]))
    if not printer.pictures and not problems and not listed:
        raise UsageError("no pictures are here", where=pictures[0])
    total = printer.pictures + len(problems) + len(known.failed)
    problems = [*known.failed, *problems, *printer.errors]
    finished = begun.finish()
    return report_skipped([str(problem) for problem in problems], total) or finished


def _ticked(picture: EmbeddedPicture, tick: Tick) -> EmbeddedPicture:
    tick()
    return picture


def _bar(total: int, form: str | None) -> AbstractContextManager[Tick]:
    # Answers that run over the terminal are progress enough.
    return progress("pictures", 0 if form and sys.stdout.isatty() else total)


class _Printer:
    """Prints answers as they come; keeps those of the table, which needs them all.

    Attributes:
        pictures: how many were shown.
        errors: why some of them have no answer.
    """

    def __init__(self, output: str | None, top: int) -> None:
        from kyara.results.rows import CSV_COLUMNS

        self.pictures = 0
        self.errors: list[KyaraError] = []
        self._output = output
        self._top = top
        self._rows: list[DetectionRow] = []
        if output == "csv":
            sys.stdout.write(",".join(CSV_COLUMNS) + "\n")

    def show(self, asked: Asked, answers: Sequence[Answer]) -> None:
        """The answers for one picture."""
        from kyara.results.rows import csv_line, detection_row, json_line

        self.pictures += 1
        for number, answer in enumerate(answers):
            row = detection_row(answer, number, self._top)
            if self._output == "json":
                sys.stdout.write(json_line(row, asked.extra))
            elif self._output == "csv":
                sys.stdout.write(csv_line(row))
            else:
                self._rows.append(row)
            if answer.error is not None:
                self.errors.append(answer.error)
        sys.stdout.flush()  # for the next in the pipe

    def finish(self) -> None:
        """Print the table, if that was asked for."""
        if not self._rows:
            return
        columns = [
            ("picture", "left"),
            ("figure", "left"),
            ("answer", "left"),
            ("most like", "left"),
            ("score", "right"),
            ("probability", "right"),
            ("margin", "right"),
            ("nearest reference", "left"),
        ]
        print_table(columns, (line for row in self._rows for line in _lines(row)))


def _lines(row: DetectionRow) -> Iterator[tuple[str, ...]]:
    """The row as lines of the table: one for each candidate."""
    answer = row.character or f"({row.error or 'ignored'})"
    if not row.candidates:
        yield (printable(row.path), figure_cell(row), printable(answer), *[""] * 5)
    for n, candidate in enumerate(row.candidates):
        nearest = (f"{near['path']} {near['score']:.2f}" for near in candidate["nearest"])
        yield (
            "" if n else printable(row.path),
            "" if n else figure_cell(row),
            "" if n else printable(answer),
            printable(candidate["character"]),
            f"{candidate['score']:.2f}",
            _figure(candidate["probability"]),
            "" if n else _figure(row.margin),
            "\n".join(map(printable, nearest)),
        )


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
