"""Answers as they come: JSON Lines, CSV, or a table at the end."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kyara.cli.console import answer_cell, figure_cell, print_table, probability_cell
from kyara.errors import KyaraError, printable

if TYPE_CHECKING:
    from kyara.identify.answer import Answer
    from kyara.results.rows import DetectionRow

__all__ = ["AnswerPrinter"]


class AnswerPrinter:
    """Prints answers as they come; keeps those of the table, which needs them all.

    Args:
        top: characters to name in JSON, and in a table that is `whole`.
        whole: the table tells who else it may be, and by which references.

    Attributes:
        pictures: how many were shown.
        errors: why some of them have no answer.
    """

    def __init__(self, output: str | None, top: int, *, whole: bool = False) -> None:
        from kyara.results.rows import CSV_COLUMNS

        self.pictures = 0
        self.errors: list[KyaraError] = []
        self._output = output
        self._top = top
        self._whole = whole
        self._rows: list[DetectionRow] = []
        if output == "csv":
            sys.stdout.write(",".join(CSV_COLUMNS) + "\n")

    def show(self, answers: Sequence[Answer], extra: Mapping[str, Any] | None = None) -> None:
        """The answers for one picture.

        Args:
            extra: further keys for JSON.
        """
        from kyara.results.rows import detection_row

        self.pictures += 1
        for number, answer in enumerate(answers):
            self.row(detection_row(answer, number, self._top), extra)
            if answer.error is not None:
                self.errors.append(answer.error)
        sys.stdout.flush()  # for the next in the pipe

    def row(self, row: DetectionRow, extra: Mapping[str, Any] | None = None) -> None:
        """One of them."""
        from kyara.results.rows import csv_line, json_line

        if self.as_json:
            sys.stdout.write(json_line(row, extra))
        elif self._output == "csv":
            sys.stdout.write(csv_line(row))
        else:
            self._rows.append(row)

    @property
    def as_json(self) -> bool:
        """Whether it prints JSON, which has room for more than the columns."""
        return self._output == "json"

    def finish(self) -> None:
        """Print the table, if that was asked for."""
        if not self._rows:
            return
        if not self._whole:
            columns = [
                ("picture", "left"),
                ("figure", "left"),
                ("answer", "left"),
                ("probability", "right"),
                ("runner-up", "left"),
            ]
            print_table(columns, map(_brief, self._rows), one_line=True)
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


def _brief(row: DetectionRow) -> tuple[str, ...]:
    """The row as one line of the table."""
    second = printable(row.runner_up or "")
    return (printable(row.path), figure_cell(row), answer_cell(row), probability_cell(row), second)


def _lines(row: DetectionRow) -> Iterator[tuple[str, ...]]:
    """The row as lines of the table: one for each candidate."""
    if not row.candidates:
        yield (printable(row.path), figure_cell(row), answer_cell(row), *[""] * 5)
    for n, candidate in enumerate(row.candidates):
        nearest = (f"{near['path']} {near['score']:.2f}" for near in candidate["nearest"])
        yield (
            "" if n else printable(row.path),
            "" if n else figure_cell(row),
            "" if n else answer_cell(row),
            printable(candidate["character"]),
            f"{candidate['score']:.2f}",
            _figure(candidate["probability"]),
            "" if n else _figure(row.margin),
            "\n".join(map(printable, nearest)),
        )


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
