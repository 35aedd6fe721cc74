"""A library or an export from elsewhere names characters as it likes."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.support import tree

Run = Callable[..., Ran]
HOSTILE = ["../../x", "..", ".", "/tmp/x", "a\0b", "a\\b", "", "unknown"]


@pytest.fixture
def filled(library: Path, kyara: Run, cast: Path, inbox: Path, tiny_plugin: Path) -> Path:
    assert kyara("library", "add", library, cast, "--cast").code == 0
    return library


def call_ruby(library: Path, name: str) -> None:
    with closing(sqlite3.connect(library)) as database, database:
        database.execute("UPDATE characters SET name = ? WHERE name = 'ruby'", (name,))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_library_is_refused(
    filled: Path, kyara: Run, tiny_plugin: Path, tmp_path: Path, name: str
) -> None:
    call_ruby(filled, name)
    before = tree(tmp_path / "inbox", tmp_path / "cast")
    options = ("--library", filled, "--plugin", tiny_plugin)
    for command in (("sort", "inbox", "--out", "out"), ("identify", "inbox")):
        ran = kyara(*command, *options)
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
        assert ran.err.startswith(f"kyara: {filled}: ")
    assert not (tmp_path / "out").exists()
    assert tree(tmp_path / "inbox", tmp_path / "cast") == before
    checked = kyara("library", "check", filled, "--json")
    assert checked.code == 1
    assert any(repr(name) in problem for problem in checked.json()["problems"])


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("field", ["character", "name"])
def test_an_export_is_refused(
    filled: Path, kyara: Run, tmp_path: Path, tiny_plugin: Path, name: str, field: str
) -> None:
    if field == "name" and "/" not in name and "\0" not in name:
        pytest.skip("a file may be called so")
    assert kyara("library", "export", filled, "cast.zip").code == 0
    with zipfile.ZipFile("cast.zip") as archive:
        contents = json.loads(archive.read("references.json"))
        embeddings = archive.read("embeddings.npy")
    contents["pictures"][0][field] = name
    with zipfile.ZipFile("bad.zip", "w") as archive:
        archive.writestr("references.json", json.dumps(contents))
        archive.writestr("embeddings.npy", embeddings)
    kyara("library", "create", "new.kyara", "--plugin", tiny_plugin)
    ran = kyara("library", "import", "new.kyara", "bad.zip")
    assert (ran.code, ran.out) == (2 if field == "character" else 1, "")
    assert ran.err.startswith("kyara: bad.zip: ")
    assert kyara("library", "info", "new.kyara", "--json").json()["references"] == 0
