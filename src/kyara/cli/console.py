"""Tables on stdout, progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.table import Table

    from kyara.results.rows import DetectionRow, PictureRow
    from kyara.types import Tick

__all__ = ["figure_cell", "print_table", "progress", "table"]

T = TypeVar("T")


@contextmanager
def progress(label: str, total: int) -> Iterator[Tick]:
    """A bar with rate and time left on stderr; silent where that is not a terminal."""
    if not sys.stderr.isatty() or total == 0:
        yield lambda _count=1, /: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        # What goes to a file or a pipe must not be drawn into by the bar.
        redirect_stdout=sys.stdout.isatty(),
    )
    with bar:
        task = bar.add_task(label, total=total, rate="")

        def tick(count: int = 1) -> None:
            bar.advance(task, count)
            speed = bar.tasks[0].speed
            if speed:
                bar.update(task, rate=f"{speed:,.0f}/s")

        yield tick


def figure_cell(row: PictureRow | DetectionRow) -> str:
    """Which figure of its picture a row is about, as `--box` takes it; nothing where that is the
    whole picture."""
    if row.box is None or row.kind == "whole":
        return ""
    return ",".join(f"{edge:.0f}" for edge in row.box)


def table(columns: Sequence[tuple[str, str]]) -> Table:
    """An empty table of (heading, justification) columns."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, justify in columns:
        made.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return made


def print_table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; cells are plain text, not markup. A column with nothing in it is left out."""
    from rich.console import Console
    from rich.text import Text

    rows = list(rows)
    used = [n for n in range(len(columns)) if not rows or any(row[n] for row in rows)]
    made = table([columns[n] for n in used])
    for row in rows:
        made.add_row(*(Text(row[n]) for n in used))
    # Piped tables are not folded to 80 columns: programs like grep want whole rows.
    width = None if sys.stdout.isatty() else 200
    Console(width=width, highlight=False).print(made)
