"""`kyara identify`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.answers import AnswerPrinter
from kyara.cli.console import progress
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
from kyara.errors import KyaraError, UsageError

if TYPE_CHECKING:
    from kyara.encode.pipeline import EmbeddedPicture
    from kyara.identify.judge import Rule
    from kyara.identify.references import EmbeddedReferences
    from kyara.types import Tick

EXAMPLE = """
\b
Examples:
    kyara identify picture.png --refs cast
    kyara identify inbox --library cast.kyara
    kyara identify page.png --refs cast --draw who.png
    kyara identify clip.mp4 --refs cast --every 1 --json
    find . -name '*.png' -print0 | kyara identify - -0 --refs cast --json
    kyara identify inbox --refs cast --json | jq -r 'select(.margin < 0.1) | .path'
"""


@click.command("identify", epilog=EXAMPLE + CAST_HELP)
@click.argument("pictures", nargs=-1, required=True, type=click.Path(readable=False))
@reference_options
@click.option(
    "--top",
    metavar="N",
    type=click.IntRange(min=1),
    help="Characters to name for each detection; default: 3, in the table only the best.",
)
@click.option(
    "--nearest",
    metavar="N",
    type=click.IntRange(min=1),
    help="References to name for each of these characters; default: 1, in the table none.",
)
@click.option(
    "--every",
    type=click.FloatRange(min=0.01),
    metavar="SECONDS",
    help="Of videos: look at a frame so often (default: 0.5). Animations are looked at as moving "
    "pictures with this option; without, their first frame is.",
)
@click.option("--why", is_flag=True, help="In the table also: who else, and by which references.")
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
    top: int | None,
    nearest: int | None,
    every: float | None,
    why: bool,
    nul: bool,
    form: str | None,
    drawn: Path | None,
    outputs: OutputOptions,
    model: ModelOptions,
) -> int:
    """Who is drawn in these PICTURES (files or folders)?

    For each figure in them the characters that it is most like, with score
    and probability, the margin to the next, and the reference pictures that say so; or
    `unknown`. The table has a line for each figure; `perhaps` somebody is unknown, but may be that
    character. No picture is copied, moved or changed. The judge is fitted to the references and
    to all pictures that are named here, so that more of them are answered better together.

    A video is answered for each figure that is followed through it, with the seconds from which and
    until which it is seen; videos and pictures cannot be named together. An archive (zip, cbz, tar)
    stands for the pictures in it, which get no sidecars.

    `-` stands for a list on stdin: paths, or JSON objects with a `path`, one per line. With
    --json each answer is printed as soon as it is known, with all that its object said; so
    this can stand in a pipe.
    """
    from kyara.cli.clips import ClipAnswers
    from kyara.cli.incoming import STDIN, asked_for
    from kyara.encode.pipeline import embed_pictures
    from kyara.identify.answer import answers_by_picture
    from kyara.pictures.clips import is_video
    from kyara.pictures.find import PassedOver

    if every is not None or any(map(is_video, pictures)):
        beside = drawn is not None or outputs != OutputOptions()
        clips = ClipAnswers(references, model, form, top or 3, nearest or 1, beside)
        return clips.print_for(pictures, every)
    listed = STDIN in pictures
    named = any(name != STDIN for name in pictures)
    if nul and not listed:
        raise click.UsageError("-0 is about a list on stdin: name `-` as well")
    printer = AnswerPrinter(form, top or 3, whole=bool(why or top or nearest))
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
        judging = _Judging(known, rule)
        try:
            for number, batch in enumerate(batches):
                asked = [one.member or one.path for one in batch]
                begun.expect(several=listed or len(batch) > 1)
                found_in = embed_pictures(asked, encoder, detector=known.detector, cache=cache)
                embedded, fitted = judging.fitted(
                    known.watch(found_in),
                    at_once=len(batch) if number == 0 and named else 0,
                )
                found = answers_by_picture(
                    embedded,
                    known.gallery,
                    encoder,
                    fitted,
                    top=max(top or 3, 2),
                    nearest=nearest or 1,
                    said_of=known.said,
                )
                with _bar(0 if listed else len(batch), form) as tick:
                    for one, answers in zip(batch, found, strict=True):
                        printer.show(answers, one.extra)
                        begun.add(
                            answers,
                            one.path,
                            sidecars_at=[] if one.member else [one.path],
                            member=one.member,
                        )
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


class _Judging:
    """Fits the rule to what is asked about."""

    def __init__(self, known: EmbeddedReferences, rule: Rule) -> None:
        self._known, self._rule = known, rule
        self._stream: Rule | None = None

    def fitted(
        self, pictures: Iterable[EmbeddedPicture], *, at_once: int
    ) -> tuple[Iterable[EmbeddedPicture], Rule]:
        """The pictures, and the rule for them.

        Args:
            at_once: how many there are, if the rule is to be fitted to them: so none is judged
                before the last is seen. 0: they are judged as they come.
        """
        if at_once and self._rule.adapts is not None:
            with progress("looking", at_once) as tick:
                seen = [_ticked(picture, tick) for picture in pictures]
            fitted = self._known.fit(self._rule, seen)
            say_adapted(fitted)
            return seen, fitted
        if self._stream is None:
            self._stream = self._known.fit(self._rule)
            say_adapted(self._stream)
        return pictures, self._stream


def _ticked(picture: EmbeddedPicture, tick: Tick) -> EmbeddedPicture:
    tick()
    return picture


def _bar(total: int, form: str | None) -> AbstractContextManager[Tick]:
    # Answers that run over the terminal are progress enough.
    return progress("pictures", 0 if form and sys.stdout.isatty() else total)
