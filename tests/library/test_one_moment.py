"""What is read of a library is of one moment, while others write to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kyara.identify.references import LibraryReferences
from kyara.library.database import Database
from kyara.library.store import Library
from kyara.library.unnamed import read_unnamed
from kyara.plugins.discover import open_encoder
from kyara.types import FloatArray
from tests.conftest import Ran


@pytest.fixture
def disturbed(
    library: Path, cast: Path, kyara: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Library]:
    """A library of nine pictures without names: each time that it is read, another process has just
    named one more."""
    assert kyara("library", "add", "cast.kyara", cast).code == 0
    read = Database.rows, Database.row, Database.chunks
    with Library.open(library) as opened, Library.open(library, write=True) as other:
        left = sorted(bytes(row[0]) for row in other.database.rows("SELECT digest FROM pictures"))

        def disturb(database: Database) -> None:
            if database is opened.database and left:
                other.decisions.confirm([left.pop()], "Ruby" if len(left) % 2 else "Jade")

        def disturbing(method: Callable[..., Any]) -> Callable[..., Any]:
            def called(database: Database, *values: Any) -> Any:
                disturb(database)
                return method(database, *values)

            return called

        for method in read:
            monkeypatch.setattr(Database, method.__name__, disturbing(method))
        yield opened


def test_references(disturbed: Library) -> None:
    counted = [len(disturbed.references().characters) for _ in range(4)]
    assert counted == sorted(counted)
    assert counted[-1] == 9


def test_references_and_the_others(disturbed: Library, tiny_plugin: Path) -> None:
    encoder = open_encoder(str(tiny_plugin))
    for _ in range(4):
        found = LibraryReferences(disturbed).embedded(encoder)
        others: FloatArray | None = found.others
        assert others is not None
        assert len(found.gallery.embeddings) + len(others) == 9


def test_figures_without_a_name(disturbed: Library) -> None:
    counted = []
    for _ in range(12):
        with disturbed.database.snapshot():
            known = len(disturbed.references().characters)
            unnamed = read_unnamed(disturbed.database, disturbed.encoder.dimension)
        assert known + len(unnamed.embeddings) == 9
        counted.append(known)
    assert counted == sorted(counted)
    assert counted[-1] == 9
