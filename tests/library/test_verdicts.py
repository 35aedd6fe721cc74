"""The log and what it comes to: the same whether followed step by step or made anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyara.errors import UsageError
from kyara.library.database import Database
from kyara.library.decisions import Decisions
from kyara.library.figures import said_of_figures
from kyara.library.log import Source
from kyara.library.said import NOTHING, Said, Subject
from kyara.library.schema import migrate
from kyara.library.verdicts import DERIVED, rebuild
from kyara.types import Box, Detection

NAMES = ["ruby", "jade", "azure"]
PICTURES = [bytes([n]) * 32 for n in range(4)]


@contextmanager
def decisions() -> Iterator[tuple[Decisions, Database]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection)
        database = Database(Path("memory"), connection, read_only=False)
        yield Decisions(database), database


def derived(database: Database) -> dict[str, list[Any]]:
    return {t: sorted(database.rows(f"SELECT * FROM {t}"), key=repr) for t in DERIVED}


name = st.sampled_from(NAMES)
BOXES = [Box(0, 0, 60, 60), Box(2, 0, 60, 60), Box(60, 0, 120, 60), Box(0, 0, 120, 60)]
FIGURES = [Subject(picture, box) for picture in PICTURES[:2] for box in BOXES]
FOUND = [Detection(BOXES[0], "head"), Detection(BOXES[2], "head")]
pictures = st.lists(st.sampled_from([*PICTURES, *FIGURES]), min_size=1, max_size=3)
figures = pictures.map(lambda ones: [o if isinstance(o, Subject) else Subject(o) for o in ones])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("confirm"), pictures, name),
        st.tuples(st.just("import"), pictures, name),
        st.tuples(st.just("model"), pictures, name),
        st.tuples(st.just("reject"), pictures, name),
        st.tuples(st.just("ignore"), pictures),
        st.tuples(st.just("forget"), pictures),
        st.tuples(st.just("rename"), name, name),
        st.tuples(st.just("merge"), st.lists(name, min_size=1, max_size=2), name),
        st.tuples(st.just("split"), name, pictures, name),
        st.tuples(st.just("sure"), pictures, name),
        st.tuples(st.just("apart"), st.lists(name, max_size=2), st.lists(figures, max_size=2)),
        st.tuples(st.just("together"), st.lists(figures, min_size=1, max_size=2)),
        st.tuples(st.just("distinct"), st.lists(st.sampled_from(PICTURES), min_size=1)),
        st.tuples(st.just("undo"), st.integers(1, 12)),
    ),
    max_size=12,
)


def take(made: Decisions, step: tuple[Any, ...]) -> None:
    kind, *arguments = step
    if kind in ("import", "model"):
        made.confirm(*arguments, Source(kind))
    elif kind == "sure":
        made.confirm(*arguments, sure=True)
    else:
        getattr(made, kind)(*arguments)


@pytest.mark.slow  # hundreds of libraries
@settings(max_examples=150, deadline=None)
@given(steps)
def test_the_tables_are_what_the_log_comes_to(taken: list[tuple[Any, ...]]) -> None:
    with decisions() as (made, database):
        for step in taken:
            rows = database.row("SELECT COUNT(*) FROM decisions")[0]
            before = derived(database)
            try:
                take(made, step)
            except UsageError:  # refused: then nothing has changed
                assert derived(database) == before
                assert database.row("SELECT COUNT(*) FROM decisions")[0] == rows
                continue
            assert database.row("SELECT COUNT(*) FROM decisions")[0] == rows + 1
            after = derived(database)
            with database.writing():
                rebuild(database)
            assert derived(database) == after
            for picture in PICTURES:
                made.said(picture)  # which checks that it does not contradict itself
                said_of_figures(database, picture, FOUND)
            if step[0] == "model":
                assert after == before


@settings(max_examples=60, deadline=None)
@given(steps, st.sampled_from(["confirm", "reject", "ignore", "rename", "merge"]))
def test_undo_brings_back_what_was(taken: list[tuple[Any, ...]], kind: str) -> None:
    last: dict[str, tuple[Any, ...]] = {
        "confirm": ("confirm", PICTURES[:2], "dee"),
        "reject": ("reject", PICTURES[:2], "ruby"),
        "ignore": ("ignore", PICTURES[:2]),
        "rename": ("rename", "ruby", "dee"),
        "merge": ("merge", ["ruby"], "jade"),
    }
    with decisions() as (made, database):
        for step in (("confirm", [PICTURES[3]], "ruby"), ("confirm", [PICTURES[2]], "jade")):
            take(made, step)
        for step in taken:
            try:
                take(made, step)
            except UsageError:
                continue
        before = derived(database)
        try:
            take(made, last[kind])
        except UsageError:
            return
        after = derived(database)
        made.undo()
        assert derived(database) == before
        made.undo(made.log()[-1].id)  # and the undo can be undone
        assert derived(database) == after


def test_a_person_outranks_an_import_before_and_after() -> None:
    with decisions() as (made, _):
        made.confirm(PICTURES[:2], "ruby", Source.IMPORT)
        made.reject(PICTURES[:1], "ruby")
        made.confirm(PICTURES[1:2], "jade")
        made.confirm(PICTURES[:2], "ruby", Source.IMPORT)
        assert made.said(PICTURES[0]) == Said(None, frozenset({"ruby"}))
        assert made.said(PICTURES[1]) == Said("jade")
        made.undo()
        assert made.said(PICTURES[1]) == Said("ruby")


def test_a_model_says_nothing() -> None:
    with decisions() as (made, _):
        decision = made.confirm(PICTURES, "ruby", Source.MODEL)
        assert decision.source is Source.MODEL
        assert [made.said(picture) for picture in PICTURES] == [NOTHING] * 4
        assert made.characters() == []


def test_the_log_cannot_be_changed() -> None:
    with decisions() as (made, database):
        made.confirm(PICTURES, "ruby")
        for statement in ("DELETE FROM decisions", "UPDATE decisions SET source = 'model'"):
            with pytest.raises(Exception, match="decisions are never"):
                database.run(statement)
        assert len(made.log()) == 1
