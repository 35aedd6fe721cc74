"""Tables on stdout, progress on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from kyara.errors import printable

if TYPE_CHECKING:
    from rich.table import Table

    from kyara.results.rows import DetectionRow, PictureRow
    from kyara.types import Tick

__all__ = [
    "answer_cell",
    "figure_cell",
    "print_table",
    "probability_cell",
    "progress",
    "table",
]

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
        begun, done = time.monotonic(), 0

        def tick(count: int = 1) -> None:
            # The mean since the beginning: pictures come in chunks, by which the last moments'
            # rate would leap.
            nonlocal done
            done += count
            rate = done / max(time.monotonic() - begun, 1e-3)
            bar.update(
                task, advance=count, rate=f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s"
            )

        yield tick


def figure_cell(row: PictureRow | DetectionRow) -> str:
    """Which figure of its picture a row is about, as `--box` takes it; nothing where that is the
    whole picture."""
    if row.box is None or row.kind == "whole":
        return ""
    return ",".join(f"{edge:.0f}" for edge in row.box)


def answer_cell(row: PictureRow | DetectionRow) -> str:
    """Who it is; of an unknown one, who it may be."""
    if row.character is None:
        return printable(f"({row.error or 'ignored'})")
    return printable(row.character if row.perhaps is None else f"perhaps {row.perhaps}")


def probability_cell(row: PictureRow | DetectionRow) -> str:
    """How probable the best character is; what was said needs no probability."""
    if row.said_by is not None and row.character is not None:
        return "said" if row.said_by == "person" else "folder"
    return "" if row.probability is None else f"{row.probability:.2f}"


def table(columns: Sequence[tuple[str, str]]) -> Table:
    """An empty table of (heading, justification) columns."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, justify in columns:
        made.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return made


def print_table(
    columns: Sequence[tuple[str, str]],
    rows: Iterable[Sequence[str]],
    *,
    one_line: bool = False,
) -> None:
    """Print a table; cells are plain text, not markup. A column with nothing in it is left out.

    Args:
        one_line: no row takes several lines of a terminal: where there is no room, the beginnings
            of the paths in the first column give way.
    """
    from rich.console import Console
    from rich.text import Text

    rows = list(rows)
    used = [n for n in range(len(columns)) if not rows or any(row[n] for row in rows)]
    headings = [columns[n][0] for n in used]
    cells = [[row[n] for n in used] for row in rows]
    # Piped tables are not folded to 80 columns: programs like grep want whole rows.
    width = None if sys.stdout.isatty() else 200
    console = Console(width=width, highlight=False)
    if one_line and sys.stdout.isatty():
        _shorten(headings, cells, console.width)
    made = table([columns[n] for n in used])
    for row in cells:
        made.add_row(*(Text(cell, no_wrap=one_line, overflow="ellipsis") for cell in row))
    console.print(made)


def _shorten(headings: Sequence[str], rows: Sequence[list[str]], width: int) -> None:
    """Leave of the first cells what has room on a line beside the others."""
    from rich.cells import cell_len

    widest = [max(map(cell_len, column)) for column in zip(headings, *rows, strict=True)]
    room = max(_LEAST, width - sum(wide + _GAP for wide in widest[1:]) - 2)
    for row in rows:
        row[0] = _end_of(row[0], room)


def _end_of(text: str, room: int) -> str:
    from rich.cells import cell_len

    if cell_len(text) <= room:
        return text
    while cell_len(text) >= room:
        text = text[1:]
    return f"…{text}"


_GAP = 3
"""Columns of a terminal between those of a table."""
_LEAST = 16
"""Columns of a terminal that a path keeps."""
