"""`kyara identify` on videos and animations: one answer for each figure that is followed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.answers import AnswerPrinter
from kyara.cli.console import progress
from kyara.cli.main import EXIT_INTERRUPTED
from kyara.cli.options import ModelOptions, report_skipped
from kyara.cli.references import ReferenceOptions, say_adapted, say_chosen
from kyara.errors import KyaraError, PictureError, UsageError

if TYPE_CHECKING:
    from kyara.encode.encoder import Encoder
    from kyara.encode.pipeline import EmbeddedPicture
    from kyara.identify.answer import Answer
    from kyara.identify.references import EmbeddedReferences
    from kyara.identify.tracks import Track

__all__ = ["ClipAnswers"]

_EVERY = 0.5
_BATCH = 32
"""Frames that are in memory at once."""
_PATIENCE = 2.5
"""Intervals for which a figure may be unseen: a blink, a hand before the face."""


@dataclass(frozen=True)
class ClipAnswers:
    """What `kyara identify` was asked for, beside the clips.

    Attributes:
        beside: files were asked for that only pictures have.
    """

    references: ReferenceOptions
    model: ModelOptions
    form: str | None
    top: int
    nearest: int
    beside: bool = False

    def print_for(self, clips: Sequence[str], every: float | None) -> int:
        """Print who is in the clips, and when; returns the exit code.

        Raises:
            UsageError: pictures, folders or stdin are among them, or files are wanted beside.
        """
        if self.beside:
            raise UsageError("--draw, --sidecar and --report are about pictures, not about videos")
        return _identify(_checked(clips, every), every or _EVERY, self)


def _identify(paths: Sequence[Path], interval: float, asked: ClipAnswers) -> int:
    from kyara.identify.tracks import answer_tracks, as_picture

    printer = AnswerPrinter(asked.form, asked.top)
    problems: list[KyaraError] = []
    with asked.references.opened(asked.model) as (cast, encoder), asked.model.cache() as cache:
        rule = asked.references.rule(encoder)
        known = cast.embedded(encoder, cache, progress)
        say_chosen(known.chosen)
        followed: list[tuple[Path, list[Track]]] = []
        try:
            for path in paths:
                try:
                    followed.append((path, _tracks(path, interval, encoder, known)))
                except PictureError as error:
                    problems.append(error)
        except KeyboardInterrupt:
            click.echo("kyara: interrupted", err=True)
            return EXIT_INTERRUPTED
        fitted = known.fit(
            rule, [as_picture(path, track) for path, tracks in followed for track in tracks]
        )
        say_adapted(fitted)
        for path, tracks in followed:
            answers = answer_tracks(
                path,
                tracks,
                known.gallery,
                encoder,
                fitted,
                top=max(asked.top, 2),
                nearest=asked.nearest,
            )
            _show(printer, asked.top, list(zip(answers, tracks, strict=True)))
    printer.finish()
    problems = [*known.failed, *problems]
    return report_skipped([str(problem) for problem in problems], len(paths) + len(known.failed))


def _checked(clips: Sequence[str], every: float | None) -> list[Path]:
    from kyara.files import is_folder
    from kyara.pictures.clips import is_video

    for name in clips:
        if name == "-" or is_folder(name):
            what = "this is a list or a folder"
            raise UsageError(what, where=name, hint="name videos and animations one by one")
        if every is None and not is_video(name):
            raise UsageError(
                "pictures and videos cannot be named together",
                where=name,
                hint="or is it an animation? --every SECONDS looks at it as at a video",
            )
    return [Path(name) for name in clips]


def _tracks(path: Path, every: float, encoder: Encoder, known: EmbeddedReferences) -> list[Track]:
    from kyara.identify.tracks import follow

    return follow(_embedded(path, every, encoder, known), _PATIENCE * every)


def _embedded(
    path: Path, every: float, encoder: Encoder, known: EmbeddedReferences
) -> Iterator[tuple[float, EmbeddedPicture]]:
    """The frames of a clip with their figures; a broken one is passed over, unless all are."""
    from kyara.encode.pipeline import embed_pictures
    from kyara.pictures.clips import frames_of_clip

    frames = frames_of_clip(path, every)
    first = True
    while batch := list(islice(frames, _BATCH)):
        sources = [frame.source for frame in batch]
        embedded = list(embed_pictures(sources, encoder, detector=known.detector))
        if first and all(picture.error is not None for picture in embedded):
            raise embedded[0].error or PictureError("it has no frames", where=path)
        first = False
        for frame, picture in zip(batch, embedded, strict=True):
            yield frame.seconds, picture


def _show(printer: AnswerPrinter, top: int, answered: Sequence[tuple[Answer, Track]]) -> None:
    """A row for each track. Columns are those of pictures; so outside of JSON the time is in the
    path, as in the links that browsers understand (W3C media fragments)."""
    from kyara.results.rows import detection_row

    for number, (answer, track) in enumerate(answered):
        row = detection_row(answer, number, top)
        start, end, at = (round(s, 2) for s in (track.start, track.end, track.best_at))
        if not printer.as_json:
            row = replace(row, path=f"{row.path}#t={start:g},{end:g}")
        extra = {"start": start, "end": end, "at": at, "frames": len(track.frames)}
        printer.row(row, extra)
    sys.stdout.flush()
