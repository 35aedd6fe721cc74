"""Libraries of every released schema still open, are whole, and say what they said."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kyara.errors import DataError
from kyara.library import schema
from kyara.library.check import check
from kyara.library.schema import VERSION
from kyara.library.store import Library
from kyara.types import Box, Detection

FILES = sorted((Path(__file__).parent / "files").glob("schema-*.kyara"))


def test_there_is_a_file_of_every_schema() -> None:
    assert [path.stem for path in FILES] == [f"schema-{n + 1}" for n in range(VERSION)]


OF_JADE = {"schema-1": 2} | {f"schema-{n}": 3 for n in range(2, VERSION + 1)}
"""Its references: from the second schema on, one is a figure in a picture of two."""


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("write", [False, True])
def test_an_old_library_says_what_it_said(file: Path, write: bool, tmp_path: Path) -> None:
    copy = shutil.copy(file, tmp_path)
    of_jade = OF_JADE[file.stem]
    with Library.open(Path(copy), write=write) as library:
        found = check(library)
        assert (found.problems, found.missing) == ([], [])
        assert {c.name: c.references for c in library.decisions.characters()} == {
            "Jade": of_jade,
            "ruby": 1,
        }
        references = library.references()
        assert references.characters == (*["Jade"] * of_jade, "ruby")
        assert references.embeddings.shape == (of_jade + 1, 48)
        kinds = [decision.kind for decision in library.decisions.log()]
        assert kinds[-5:] == ["reject", "rename", "ignore", "undo", "confirm"]
        assert library.encoder.identity.startswith("tiny@1:")


def test_a_library_of_the_first_schema_answers_as_before(tmp_path: Path) -> None:
    """What its tables held, read as the Kyara of that time read them, is what comes out."""
    copy = Path(shutil.copy(FILES[0], tmp_path))
    with closing(sqlite3.connect(copy)) as old:
        references = old.execute(
            "SELECT c.name, p.digest, vector, box_left, box_top, box_right, box_bottom, d.kind"
            " FROM said s JOIN characters c ON c.id = s.character"
            " JOIN pictures p ON p.digest = s.digest JOIN detections d ON d.picture = p.id"
            " JOIN embeddings e ON e.detection = d.id"
            " WHERE e.encoder = (SELECT encoder FROM library) ORDER BY c.name, p.id, d.id"
        ).fetchall()
        pictures = [digest for (digest,) in old.execute("SELECT digest FROM pictures")]
        log = old.execute("SELECT * FROM decisions").fetchall()
        rejected = old.execute("SELECT digest FROM rejections").fetchall()
    with Library.open(copy, write=True) as library:
        found = library.references()
        boxes = [tuple(row) for row in found.boxes.tolist()]
        vectors = [row.astype("<f4").tobytes() for row in found.embeddings]
        columns = (found.characters, found.digests, vectors, boxes, found.kinds)
        expected = [(row[0], row[1], row[2], row[3:7], row[7]) for row in references]
        assert list(zip(*columns, strict=True)) == expected
        assert library.detector == "whole"
        assert library.database.rows("SELECT * FROM decisions") == log
        whole = [Detection(Box(0, 0, 60, 60), "whole")]
        halves = [Detection(Box(0, 0, 30, 60), "head"), Detection(Box(30, 0, 60, 60), "head")]
        names = {row[1]: row[0] for row in references}
        for digest in pictures:
            (said,) = library.said_of(digest, whole)
            assert said == library.said(digest)
            assert library.said_of(digest, halves) == [said, said]  # what was said, of each
            assert said.character == names.get(digest)
            assert ("ruby" in said.rejected) == ((digest,) in rejected)


def test_a_figure_is_still_the_one_that_was_meant(tmp_path: Path) -> None:
    with Library.open(Path(shutil.copy(FILES[1], tmp_path))) as library:
        assert library.detector == "halves@1"
        found = library.references()
        (n,) = [n for n, d in enumerate(found.digests) if len(library.figures(d)) == 2]
        assert found.characters[n] == "Jade"
        assert found.detection(n) == Detection(Box(0, 0, 60, 60), "figure", 0.875)


def test_a_migration_that_fails_half_way_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copy(FILES[0], tmp_path))
    first, second = schema.MIGRATIONS[:2]
    monkeypatch.setattr(schema, "MIGRATIONS", (first, (*second, "nonsense")))
    with pytest.raises(DataError, match="syntax error"):
        Library.open(copy, write=True)
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (1,)
        assert database.execute("SELECT COUNT(*) FROM said").fetchone() == (3,)
        columns = [row[1] for row in database.execute("PRAGMA table_info(said)")]
        assert columns == ["digest", "character", "ignored", "source", "decision"]
