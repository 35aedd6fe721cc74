"""Rows, one per figure, as JSON Lines or CSV; of `sort` with what was done with the picture. The
columns are a contract: see docs/reference/output.md."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from kyara.identify.answer import Answer
from kyara.library.said import Said
from kyara.organise.plan import Operation

__all__ = [
    "CSV_COLUMNS",
    "EDGES",
    "SORT_COLUMNS",
    "DetectionRow",
    "PictureRow",
    "csv_line",
    "detection_row",
    "json_line",
    "row_of",
    "safe_cell",
    "write_csv",
    "write_json_lines",
]


@dataclass(frozen=True)
class PictureRow:
    """What is said of a figure that was sorted by; None where there is nothing to say.

    Attributes:
        path: the picture, as found.
        character: a name, `unknown`, or None if the picture failed.
        score: of the best character.
        probability: that it is the best character, calibrated, or None.
        runner_up, runner_up_score: the next character.
        nearest: the reference of the best character that is most like it.
        target: where the picture goes by this figure.
        done: `new` or `there` (it was there already), or `failed`.
        error: what went wrong.
        detection: the figure's number within the picture, from 0.
        kind: `head`, `figure` or `whole`.
        box: left, top, right, bottom in pixels of the upright picture.
        perhaps: of an unknown one, whom it may show: the best character, if that has a
            probability of 0.2 or more.
        said_by: `person` or `folder` (also an import), where the answer was said, not found.
    """

    path: str
    character: str | None = None
    score: float | None = None
    probability: float | None = None
    runner_up: str | None = None
    runner_up_score: float | None = None
    nearest: str | None = None
    target: str | None = None
    done: str | None = None
    error: str | None = None
    detection: int | None = None
    kind: str | None = None
    box: tuple[float, float, float, float] | None = None
    perhaps: str | None = None
    said_by: str | None = None


@dataclass(frozen=True)
class DetectionRow:
    """What is said of one detection; None where there is nothing to say.

    Attributes:
        path: the picture, as named or found.
        detection: its number within the picture, from 0.
        kind: `head`, `figure` or `whole`.
        box: left, top, right, bottom in pixels of the upright picture.
        character: a name, `unknown`, or None if the picture failed.
        score: of the best character.
        probability: that it is the best character, calibrated, or None.
        margin: how far the best score is above the runner-up's.
        runner_up, runner_up_score: the next character.
        nearest: the reference of the best character that is most like it.
        candidates: the characters that it is most like, best first: each with `character`,
            `score`, `probability`, and in `nearest` its references (`path`, `score`).
        error: what went wrong.
        perhaps, said_by: as of a `PictureRow`.
    """

    path: str
    detection: int | None = None
    kind: str | None = None
    box: tuple[float, float, float, float] | None = None
    character: str | None = None
    score: float | None = None
    probability: float | None = None
    margin: float | None = None
    runner_up: str | None = None
    runner_up_score: float | None = None
    nearest: str | None = None
    candidates: tuple[dict[str, Any], ...] = ()
    error: str | None = None
    perhaps: str | None = None
    said_by: str | None = None


EDGES = ("left", "top", "right", "bottom")
"""Of a box, in CSV."""
SORT_COLUMNS = [
    *("path", "character", "score", "probability", "runner_up", "runner_up_score", "nearest"),
    *("target", "done", "error", "detection", "kind", *EDGES, "perhaps", "said_by"),
]
"""A `PictureRow`, the box in four columns."""
CSV_COLUMNS = [
    *("path", "detection", "kind", *EDGES, "character", "score"),
    *("probability", "margin", "runner_up", "runner_up_score", "nearest", "error", "perhaps"),
    "said_by",
]
"""Of detections: a `DetectionRow` without its candidates, the box in four columns."""


def row_of(answer: Answer, operation: Operation | None, number: int = 0) -> PictureRow:
    """The row of a figure, the `number`-th of its picture, with what was or would be done with
    the file."""
    error = answer.error or (operation.error if operation else None)
    return PictureRow(
        **_said(answer),
        **_figure(answer, number),
        target=None if operation is None else os.fspath(operation.target),
        done=None if operation is None else operation.status.word,
        error=None if error is None else error.what,
    )


def detection_row(answer: Answer, number: int, top: int) -> DetectionRow:
    """The row of a detection, the `number`-th of its picture, with its `top` candidates."""
    return DetectionRow(
        **_said(answer),
        **_figure(answer, number),
        margin=_rounded(answer.margin),
        candidates=tuple(
            {
                "character": match.character,
                "score": _rounded(match.score),
                "probability": _rounded(match.probability),
                "nearest": [
                    {"path": os.fspath(reference.path), "score": _rounded(reference.score)}
                    for reference in references
                ],
            }
            for match, references in list(zip(answer.ranked, answer.references, strict=True))[:top]
        ),
        error=None if answer.error is None else answer.error.what,
    )


def _said(answer: Answer) -> dict[str, Any]:
    best, second = answer.best, answer.runner_up
    return {
        "path": os.fspath(answer.path),
        "character": answer.character,
        "score": None if best is None else _rounded(best.score),
        "probability": None if best is None else _rounded(best.probability),
        "runner_up": None if second is None else second.character,
        "runner_up_score": None if second is None else _rounded(second.score),
        "nearest": None if answer.nearest is None else os.fspath(answer.nearest),
        "perhaps": None if answer.perhaps is None else answer.perhaps.character,
        "said_by": _said_by(answer.said),
    }


def _said_by(said: Said) -> str | None:
    if said.character is None and not said.ignored:
        return None
    return "person" if said.by_person else "folder"


def _figure(answer: Answer, number: int) -> dict[str, Any]:
    found = answer.detection
    if found is None:
        return {}
    return {"detection": number, "kind": found.kind, "box": found.box.as_tuple()}


def json_line(row: PictureRow | DetectionRow, extra: Mapping[str, Any] | None = None) -> str:
    """One JSON object on a line, ASCII; bytes of a name that are not UTF-8 become \\udc80 to
    \\udcff, as Python's `os.fsencode` takes them back.

    Args:
        extra: keys to pass on; they stand first, and give way to the row's own.
    """
    return json.dumps({**(extra or {}), **asdict(row)}) + "\n"


def write_json_lines(rows: Iterable[PictureRow], stream: TextIO) -> None:
    """One line per row: see `json_line`."""
    stream.writelines(json_line(row) for row in rows)


_FORMULA = ("=", "+", "-", "@", "\t")
"""With which cells begin that spreadsheets take for formulas."""


def write_csv(rows: Iterable[PictureRow], stream: TextIO) -> None:
    """RFC 4180, with a header; an empty cell where there is nothing to say. Bytes of a name
    that are not UTF-8 become the text \\udc80 to \\udcff, control characters \\x1b and the like;
    text that a spreadsheet would take for a formula begins with an apostrophe."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(SORT_COLUMNS)
    for row in rows:
        writer.writerow(_cells(row, SORT_COLUMNS))


def csv_line(row: DetectionRow) -> str:
    """The row in `CSV_COLUMNS`, written as `write_csv` does."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(_cells(row, CSV_COLUMNS))
    return text.getvalue()


def _cells(row: PictureRow | DetectionRow, columns: Sequence[str]) -> Iterator[str | float | None]:
    cells = asdict(row)
    cells |= dict(zip(EDGES, row.box or (None,) * 4, strict=True))
    return (safe_cell(cells[name]) for name in columns)


def safe_cell(value: str | float | None) -> str | float | None:
    """The value of a cell of CSV, as `write_csv` writes it."""
    if isinstance(value, str):
        text = value.encode("utf-8", "backslashreplace").decode()
        safe = "".join(_escaped(char) if _is_control(char) else char for char in text)
        # Spreadsheets would run it as a formula; the sign is what they themselves put before text.
        return f"'{safe}" if safe.startswith(_FORMULA) else safe
    return value


def _is_control(char: str) -> bool:
    """Whether it could steer a terminal. Line breaks and tabs are quoted, and harmless."""
    return char not in "\n\t" and (char < " " or "\x7f" <= char < "\xa0")


def _escaped(char: str) -> str:
    return f"\\x{ord(char):02x}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
