"""Libraries of every released schema still open, are whole, and say what they said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kyara.library.check import check
from kyara.library.schema import VERSION
from kyara.library.store import Library

FILES = sorted((Path(__file__).parent / "files").glob("schema-*.kyara"))


def test_there_is_a_file_of_every_schema() -> None:
    assert [path.stem for path in FILES] == [f"schema-{n + 1}" for n in range(VERSION)]


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("write", [False, True])
def test_an_old_library_says_what_it_said(file: Path, write: bool, tmp_path: Path) -> None:
    copy = shutil.copy(file, tmp_path)
    with Library.open(Path(copy), write=write) as library:
        found = check(library)
        assert (found.problems, found.missing) == ([], [])
        assert {c.name: c.references for c in library.decisions.characters()} == {
            "Jade": 2,
            "ruby": 1,
        }
        references = library.references()
        assert references.characters == ("Jade", "Jade", "ruby")
        assert references.embeddings.shape == (3, 48)
        kinds = [decision.kind for decision in library.decisions.log()]
        assert kinds[-5:] == ["reject", "rename", "ignore", "undo", "confirm"]
        assert library.encoder.identity.startswith("tiny@1:")
