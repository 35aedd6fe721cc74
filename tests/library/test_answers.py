"""What was answered to suggestions holds, whatever becomes of files and groups."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kyara.errors import UsageError
from kyara.library.answers import are_apart, read_answers
from kyara.library.database import Database
from kyara.library.decisions import Decisions
from kyara.library.said import Subject
from kyara.library.schema import migrate
from kyara.types import Box

A, B, C, D = (bytes([n]) * 32 for n in range(4))
HEAD, NEARLY, OTHER = Box(0, 0, 60, 60), Box(2, 0, 60, 60), Box(60, 0, 120, 60)


@pytest.fixture
def database() -> Iterator[Database]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection)
        yield Database(Path("memory"), connection, read_only=False)


@pytest.fixture
def made(database: Database) -> Decisions:
    return Decisions(database)


def test_groups_stay_apart_when_they_have_changed(database: Database, made: Decisions) -> None:
    made.apart([], [[Subject(A, HEAD), Subject(B)], [Subject(C)]])
    answers = read_answers(database)
    first = answers.stance([Subject(A, NEARLY), Subject(D)])
    assert are_apart(first, answers.stance([Subject(C)]))
    assert not are_apart(first, answers.stance([Subject(B)]))
    assert not are_apart(answers.stance([Subject(A, OTHER)]), answers.stance([Subject(C)]))
    made.undo()
    answers = read_answers(database)
    assert not are_apart(answers.stance([Subject(A)]), answers.stance([Subject(C)]))


def test_characters_stay_apart_under_other_names(database: Database, made: Decisions) -> None:
    for picture, name in ((A, "Ann"), (B, "Bea"), (C, "Cid")):
        made.confirm([picture], name)
    made.apart(["Ann", "Bea"], [[Subject(D)]])
    made.rename("Ann", "Anne")
    made.merge(["Bea"], "Cid")
    answers = read_answers(database)
    anne, cid, group = (
        answers.stance([], "Anne"),
        answers.stance([Subject(C)], "Cid"),
        answers.stance([Subject(D)]),
    )
    assert are_apart(anne, cid)
    assert are_apart(anne, group)
    assert are_apart(cid, group)
    made.confirm([D], "Dee")  # the group got a name
    assert are_apart(anne, read_answers(database).stance([Subject(D)], "Dee"))


def test_joined_groups_are_those_that_most_figures_are_in(
    database: Database, made: Decisions
) -> None:
    made.together([[Subject(A), Subject(B)], [Subject(C)]])
    answers = read_answers(database)
    assert answers.joined({1: [Subject(A), Subject(B)], 4: [Subject(C)]}) == [[1, 4]]
    assert answers.joined({1: [Subject(A), Subject(B), Subject(C)]}) == []
    made.together([[Subject(C)], [Subject(D)]])
    groups = {1: [Subject(A)], 4: [Subject(C)], 9: [Subject(D)], 7: [Subject(B, HEAD)]}
    assert read_answers(database).joined(groups) == [[1, 4, 9]]
    made.undo()
    assert read_answers(database).joined(groups) == [[1, 4]]


def test_copies_that_are_none_and_references_that_are_right(
    database: Database, made: Decisions
) -> None:
    made.distinct([A, B, C])
    made.confirm([Subject(A, HEAD)], "Ann", sure=True)
    made.confirm([B], "Ann")
    answers = read_answers(database)
    assert answers.are_distinct(A, C)
    assert not answers.are_distinct(A, D)
    assert answers.is_sure(Subject(A, NEARLY), "Ann")
    assert not answers.is_sure(Subject(A, OTHER), "Ann")
    assert not answers.is_sure(Subject(B), "Ann")


def test_a_picture_that_was_tagged_is_the_same(database: Database, made: Decisions) -> None:
    made.distinct([A, B])
    database.run("INSERT INTO same_pixels VALUES (?, ?)", (C, A))
    database.run("INSERT INTO pixels VALUES (?, ?, 1, 1)", (A, D))
    assert read_answers(database).are_distinct(C, B)


def test_fewer_than_two_sides_are_refused(made: Decisions) -> None:
    made.confirm([A], "Ann")
    with pytest.raises(UsageError, match="two different"):
        made.apart(["Ann", "Ann"], [])
    with pytest.raises(UsageError, match="no character"):
        made.apart(["Ann", "Bob"], [])
    with pytest.raises(UsageError, match="two groups"):
        made.together([[Subject(A)]])
    with pytest.raises(UsageError, match="two different"):
        made.distinct([A, A])
