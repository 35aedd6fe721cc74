"""Taking answers elsewhere: sidecars, the report, drawings, for `sort` and `identify`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.console import progress
from kyara.cli.groups import option_group
from kyara.cli.options import EXIT_SKIPPED, PATH

if TYPE_CHECKING:
    from kyara.identify.answer import Answer
    from kyara.pictures.source import Source
    from kyara.results.drawing import Drawings
    from kyara.results.report import Answered

__all__ = ["OutputOptions", "Outputs", "output_options"]


@dataclass(frozen=True)
class OutputOptions:
    """What `--sidecar` and `--report` say."""

    sidecars: tuple[str, ...] = ()
    report: Path | None = None

    def begin(
        self, encoder_id: str, drawn: Path | None = None, *, within: Path | None = None
    ) -> Outputs:
        """What writes them.

        Args:
            drawn: where pictures go with the answers drawn into them, if they are wanted.
            within: the folder that `kyara undo` is to find the sidecars in.

        Raises:
            UsageError: the report or the pictures cannot go there.
        """
        return Outputs(self, encoder_id, drawn, within)


output_options = option_group(
    "outputs",
    OutputOptions,
    click.option(
        "--sidecar",
        "sidecars",
        multiple=True,
        type=click.Choice(["txt", "json", "xmp"]),
        help="Also write who is in it beside each picture: tags for hydrus (txt, json), "
        "or keywords and face regions for photo managers (xmp). May be given repeatedly.",
    ),
    click.option(
        "--report",
        metavar="FILE.html",
        type=PATH,
        help="Also write a page with thumbnails by character, the doubtful first.",
    ),
)
"""Hands `OutputOptions` over as `outputs`."""


class Outputs:
    """Writes what was asked for, as answers come, and at the end.

    Raises:
        UsageError: the report or the pictures cannot go there.
    """

    def __init__(
        self,
        options: OutputOptions,
        encoder_id: str,
        drawn: Path | None = None,
        within: Path | None = None,
    ) -> None:
        from kyara.organise.beside import Sidecars

        if options.report is not None:
            from kyara.results.report import check_report_place

            check_report_place(options.report)
        self._sidecars = options.sidecars
        self._report = options.report
        self._encoder_id = encoder_id
        self._note = None if within is None else Sidecars(within).note
        self._answered: list[Answered] = []
        self._written = 0
        self._kept: list[str] = []
        self._drawings: Drawings | None = None
        if drawn is not None:
            from kyara.results.drawing import Drawings

            self._drawings = Drawings(drawn)

    def expect(self, *, several: bool) -> None:
        """Told before pictures come whether there may be more than one.

        Raises:
            UsageError: what is drawn cannot go where it was to go.
            OutputError: the folder for it cannot be made.
        """
        if self._drawings is not None:
            self._drawings.begin(several=several)

    def add(
        self,
        answers: Sequence[Answer],
        lies_at: Path,
        *,
        sidecars_at: Sequence[Path] = (),
        lie_at: Sequence[Path] | None = None,
        member: Source | None = None,
    ) -> None:
        """The answers for a picture, and where it lies now.

        Args:
            sidecars_at: each place of the picture that is to have sidecars.
            lie_at: where the picture lies by each answer; None: at `lies_at`.
            member: the picture, if it is in an archive.
        """
        for place in sidecars_at:
            self._write_sidecars(answers, place)
        if self._report is not None:
            from kyara.results.report import Answered

            places = lie_at or [lies_at] * len(answers)
            self._answered += map(Answered, answers, places)
        if self._drawings is not None:
            from kyara.pictures.source import File

            self._drawings.add(answers, member or File(lies_at))

    def finish(self) -> int:
        """Write the report, and say what was written; returns the exit code.

        Raises:
            OutputError: the report cannot be written.
        """
        if self._report is not None:
            from kyara.errors import printable
            from kyara.results.report import write_report

            with progress("report", len(self._answered)) as tick:
                write_report(
                    self._report, self._answered, encoder_id=self._encoder_id, on_picture=tick
                )
            click.echo(f"kyara: the report is {printable(str(self._report))}", err=True)
        if self._sidecars:
            click.echo(f"kyara: {self._written} sidecars written", err=True)
        problems = [] if self._drawings is None else self._drawings.problems
        for line in [*self._kept, *map(str, problems)]:
            click.echo(f"kyara: {line}", err=True)
        return EXIT_SKIPPED if self._kept or problems else 0

    def _write_sidecars(self, answers: Sequence[Answer], lies_at: Path) -> None:
        from kyara.errors import KyaraError
        from kyara.results.sidecars import Outcome, Sidecar, write_sidecar

        for kind in self._sidecars:
            try:
                outcome = write_sidecar(
                    lies_at, answers, Sidecar(kind), self._encoder_id, note=self._note
                )
            except KyaraError as error:
                self._kept.append(str(error))
            else:
                self._written += outcome in (Outcome.NEW, Outcome.ADDED)
