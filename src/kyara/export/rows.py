"""One row per picture, as JSON Lines or CSV. The columns are a contract: see
docs/reference/output.md."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import TextIO

from kyara.identify.answer import Answer
from kyara.organise.plan import Operation

__all__ = ["PictureRow", "row_of", "write_csv", "write_json_lines"]


@dataclass(frozen=True)
class PictureRow:
    """What is said of one picture; None where there is nothing to say.

    Attributes:
        path: the picture, as found.
        character: a name, `unknown`, or None if the picture failed.
        score: of the best character.
        probability: that it is the best character, calibrated, or None.
        runner_up, runner_up_score: the next character.
        nearest: the reference of the best character that is most like it.
        target: where the picture goes.
        done: `new` or `there` (it was there already), or `failed`.
        error: what went wrong.
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


def row_of(answer: Answer, operation: Operation | None) -> PictureRow:
    """The row of a picture, with what was or would be done with its file."""
    best, second = answer.best, answer.runner_up
    error = answer.error or (operation.error if operation else None)
    return PictureRow(
        path=os.fspath(answer.path),
        character=answer.character,
        score=None if best is None else _rounded(best.score),
        probability=None if best is None else _rounded(best.probability),
        runner_up=None if second is None else second.character,
        runner_up_score=None if second is None else _rounded(second.score),
        nearest=None if answer.nearest is None else os.fspath(answer.nearest),
        target=None if operation is None else os.fspath(operation.target),
        done=None if operation is None else operation.status.value,
        error=None if error is None else error.what,
    )


def write_json_lines(rows: Iterable[PictureRow], stream: TextIO) -> None:
    """One JSON object per line, ASCII; bytes of a name that are not UTF-8 become \\udc80 to
    \\udcff, as Python's `os.fsencode` takes them back."""
    for row in rows:
        stream.write(json.dumps(asdict(row)) + "\n")


def write_csv(rows: Iterable[PictureRow], stream: TextIO) -> None:
    """RFC 4180, with a header; an empty cell where there is nothing to say. Bytes of a name
    that are not UTF-8 become the text \\udc80 to \\udcff."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([field.name for field in fields(PictureRow)])
    for row in rows:
        writer.writerow(map(_cell, asdict(row).values()))


def _cell(value: str | float | None) -> str | float | None:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
