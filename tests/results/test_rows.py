"""Rows of every picture that both JSON and CSV carry without loss."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyara.errors import OutputError, PictureError
from kyara.identify.answer import Answer
from kyara.identify.nearest import NearReference
from kyara.organise.plan import Action, Operation, Status
from kyara.results.rows import EDGES, PictureRow, row_of, write_csv, write_json_lines
from kyara.types import Box, Detection, Match
from tests.support import AWKWARD_NAMES, in_csv

COLUMNS = ["path", "character", "score", "probability", "runner_up", "runner_up_score"]
COLUMNS += ["nearest", "target", "done", "error", "detection", "kind"]
LAST = ["perhaps", "said_by"]

ROW = PictureRow("a.png", "ruby", 0.9, 0.99, "jade", 0.5, "cast/ruby/1.png", "out/a.png", "new")


def as_json(*rows: PictureRow) -> str:
    stream = io.StringIO()
    write_json_lines(rows, stream)
    return stream.getvalue()


def as_csv(*rows: PictureRow) -> str:
    stream = io.StringIO()
    write_csv(rows, stream)
    return stream.getvalue()


def test_the_columns_are_a_contract() -> None:
    assert [field.name for field in fields(PictureRow)] == [*COLUMNS, "box", *LAST]
    assert as_csv().splitlines() == [",".join([*COLUMNS, *EDGES, *LAST])]
    assert list(json.loads(as_json(ROW))) == [*COLUMNS, "box", *LAST]


@given(st.lists(st.binary(min_size=1).map(os.fsdecode), min_size=1))
def test_json_lines_carry_any_file_name(names: list[str]) -> None:
    text = as_json(*(replace(ROW, path=name) for name in names))
    assert text.isascii()
    lines = text.splitlines()
    assert [os.fsencode(json.loads(line)["path"]) for line in lines] == list(
        map(os.fsencode, names)
    )


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
def test_csv_carries_any_unicode_name(names: list[str]) -> None:
    text = as_csv(*(replace(ROW, path=name) for name in names))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["path"] for row in rows] == list(map(in_csv, names))


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_csv_is_utf_8_whatever_the_name(name: bytes) -> None:
    text = as_csv(replace(ROW, path=os.fsdecode(name)))
    (row,) = csv.DictReader(io.StringIO(text.encode("utf-8").decode(), newline=""))
    assert row["path"] == in_csv(os.fsdecode(name))


def test_nothing_to_say_is_an_empty_cell_and_null() -> None:
    (row,) = csv.DictReader(io.StringIO(as_csv(PictureRow("a.png", error="torn"))))
    assert row == {**dict.fromkeys([*COLUMNS, *EDGES, *LAST], ""), "path": "a.png", "error": "torn"}
    parsed = json.loads(as_json(PictureRow("a.png", error="torn")))
    assert parsed == {**dict.fromkeys([*COLUMNS, "box", *LAST]), "path": "a.png", "error": "torn"}


def test_a_row_tells_what_was_found_and_done() -> None:
    best, second = Match("ruby", 0.912345, 0.98765), Match("jade", 0.5, 0.1)
    near = ((NearReference(Path("cast/ruby/1.png"), 0.95),), ())
    head = Detection(Box(0, 1, 2, 3), "head")
    answer = Answer(Path("in/a.png"), b"d", "ruby", (best, second), near, head)
    operation = Operation(Action.COPY, Path("in/a.png"), Path("out/ruby/a.png"), b"d", Status.THERE)
    assert asdict(row_of(answer, operation, 1)) == {
        "path": "in/a.png",
        "character": "ruby",
        "score": 0.9123,
        "probability": 0.9877,
        "runner_up": "jade",
        "runner_up_score": 0.5,
        "nearest": "cast/ruby/1.png",
        "target": "out/ruby/a.png",
        "done": "there",
        "error": None,
        "detection": 1,
        "kind": "head",
        "box": (0, 1, 2, 3),
        "perhaps": None,
        "said_by": None,
    }


def test_what_went_wrong_is_in_the_row() -> None:
    torn = Answer(Path("a.png"), None, None, error=PictureError("torn", where="a.png"))
    assert row_of(torn, None) == PictureRow("a.png", error="torn")
    fine = Answer(Path("a.png"), b"d", "ruby", (Match("ruby", 0.9, None),))
    failed = Operation(
        Action.COPY, Path("a.png"), Path("b"), b"d", Status.FAILED, OutputError("disk full")
    )
    row = row_of(fine, failed)
    assert (row.done, row.error, row.probability) == ("failed", "disk full", None)


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_cell_is_a_formula(name: str) -> None:
    (row,) = csv.DictReader(io.StringIO(as_csv(replace(ROW, path=name, score=-0.5)), newline=""))
    assert (row["path"], row["score"]) == (f"'{name}", "-0.5")


def test_no_cell_steers_a_terminal() -> None:
    text = as_csv(replace(ROW, character="\x1b]0;x\x07 \x9b31m \x7f\r"))
    assert "\\x1b]0;x\\x07 \\x9b31m \\x7f\\x0d" in text
    assert not any(code in text for code in "\x1b\x07\x9b\x7f\r")
