"""Killed at any instant, on a full disk, two at once: nothing is lost, and the work goes on.

How often the commands are killed: see tests/killing.py.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from kyara.library import schema
from tests.conftest import Ran, draw
from tests.killing import kills
from tests.support import command, run_process, tree

ALL = 150
"""Pictures of two characters."""
WRITE, APPLY = "kyara.library.database:Database.writing", "kyara.organise.apply:apply_plan"


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Enough references for several transactions."""
    first = [draw(tmp_path / "many" / name / "0.png", name) for name in ("ruby", "jade")]
    for number in range(1, ALL // 2):
        for path in first:  # bytes after the end of a PNG: another digest, the same picture
            path.with_name(f"{number}.png").write_bytes(path.read_bytes() + bytes([number]))
    return tmp_path / "many"


def healthy(folder: Path) -> dict[str, int]:
    """That the library opens and is whole; what is in it."""
    checked = run_process(command("library", "check", "cast.kyara", "--json"), folder)
    assert checked.code == 0, checked.out + checked.err
    assert json.loads(checked.out)["problems"] == []
    info = run_process(command("library", "info", "cast.kyara", "--json"), folder)
    counts: dict[str, int] = json.loads(info.out)
    return counts


@pytest.mark.slow  # processes, killed and begun again
def test_add_killed_at_any_instant(library: Path, many: Path) -> None:
    add: list[object] = ["library", "add", "cast.kyara", "many", "--cast", "--no-cache"]
    empty, before, had = library.read_bytes(), tree(many), 0

    def something_is_missing() -> None:
        nonlocal had
        if healthy(library.parent)["pictures"] == ALL:
            for file in library.parent.glob("cast.kyara*"):
                file.unlink()
            library.write_bytes(empty)
            had = 0

    for _ in kills(add, library.parent, WRITE, something_is_missing, seed=5):
        has = healthy(library.parent)
        assert has["pictures"] >= had  # what was committed is still there
        assert has["references"] == has["pictures"]
        had = has["pictures"]
    assert run_process(command(*add), library.parent).code == 0
    assert healthy(library.parent)["references"] == ALL
    assert tree(many) == before


@pytest.mark.slow  # processes, killed and begun again
def test_update_killed_at_any_instant(library: Path, many: Path) -> None:
    add = command("library", "add", "cast.kyara", "many", "--cast", "--no-cache")
    assert run_process(add, library.parent).code == 0
    said = ["many/ruby/0.png", "--character", "somebody else"]
    assert run_process(command("decide", "confirm", *said), library.parent).code == 0
    update: list[object] = ["library", "update", "cast.kyara", "--no-cache", "--read-all"]
    places = [many / "ruby" / "1.png", many / "jade" / "moved.png"]
    changes = 0

    def change_something() -> None:
        nonlocal changes
        changes += 1
        places[0].rename(places[1])
        places.reverse()
        new = draw(many / "jade" / f"new-{changes}.png", "jade", 500 + changes)
        new.write_bytes(new.read_bytes() + f"new {changes}".encode())  # poses may be the same

    for _ in kills(update, library.parent, WRITE, change_something, seed=6):
        healthy(library.parent)
    assert run_process(command(*update), library.parent).code == 0
    has = healthy(library.parent)
    assert has["pictures"] == ALL + changes
    assert has["references"] == has["pictures"]
    by_character: dict[str, int] = has["by_character"]  # type: ignore[assignment]
    assert by_character["somebody else"] == 1


@pytest.mark.slow  # processes, killed and begun again
def test_sort_killed_at_any_instant(library: Path, many: Path) -> None:
    add = command("library", "add", "cast.kyara", "many", "--cast")
    assert run_process(add, library.parent).code == 0
    inbox, out = library.parent / "inbox", library.parent / "out"
    shutil.copytree(many / "ruby", inbox)
    contents = sorted(path.read_bytes() for path in inbox.iterdir())
    sort: list[object] = ["sort", "inbox", "--library", "cast.kyara", "--out", "out", "--move"]
    file = library.read_bytes()

    def something_is_left() -> None:
        if not any(inbox.iterdir()):
            shutil.rmtree(out)
            shutil.copytree(many / "ruby", inbox, dirs_exist_ok=True)

    for _ in kills(sort, library.parent, APPLY, something_is_left, seed=7):
        healthy(library.parent)
        places = [path for path in out.rglob("*.png") if path.parent.name == "ruby"]
        found = {path.read_bytes() for path in [*inbox.glob("*.png"), *places]}
        assert found >= set(contents)
    left = list(inbox.iterdir())
    assert run_process(command(*sort), library.parent).code == 0 or not left
    assert list(inbox.iterdir()) == []
    assert sorted(path.read_bytes() for path in (out / "ruby").iterdir()) == contents
    assert library.read_bytes() == file


@pytest.mark.slow  # three processes that wait for each other
def test_two_processes_at_once_both_finish(library: Path, many: Path) -> None:
    adds = [
        command("library", "add", "cast.kyara", f"many/{name}", "--character", name, "--no-cache")
        for name in ("ruby", "jade", "ruby")
    ]
    running = [subprocess.Popen(add, cwd=library.parent, stdout=subprocess.DEVNULL) for add in adds]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert healthy(library.parent)["references"] == ALL


def test_a_library_in_use_is_one_line(
    library: Path, kyara: Callable[..., Ran], cast: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kyara.library.database.SECONDS_TO_WAIT", 0.1)
    with closing(sqlite3.connect(library, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ran = kyara("library", "add", "cast.kyara", "cast", "--cast")
        assert kyara("library", "info", "cast.kyara").code == 0  # reading waits for nobody
    assert ran.code == 1
    assert "in use by another process" in ran.err
    assert "waiting until another process has written" in ran.err
    assert len(ran.err.splitlines()) == 2


@pytest.mark.slow  # five processes over many pictures
def test_a_full_disk_is_one_line(library: Path, many: Path) -> None:
    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (160_000, 160_000))

    add = command("library", "add", "cast.kyara", "many", "--cast", "--no-cache")
    ran = run_process(add, library.parent, little_room)
    assert ran.code == 1
    assert "disk" in ran.err
    assert len(ran.err.splitlines()) == 1
    healthy(library.parent)
    assert run_process(add, library.parent).code == 0
    assert healthy(library.parent)["references"] == ALL


def test_reading_needs_no_permission_to_write(
    library: Path, cast: Path, obey_permissions: Callable[[], None]
) -> None:
    add = command("library", "add", "cast.kyara", "cast", "--cast")
    assert run_process(add, library.parent).code == 0
    shelf = library.parent / "shelf"
    shelf.mkdir()
    with closing(sqlite3.connect(library)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(library, shelf / "cast.kyara")
    (shelf / "cast.kyara").chmod(0o444)
    shelf.chmod(0o555)
    try:
        info = command("library", "info", "shelf/cast.kyara", "--json")
        ran = run_process(info, library.parent, obey_permissions)
        assert ran.code == 0, ran.err
        assert json.loads(ran.out)["references"] == 9
        update = command("library", "update", "shelf/cast.kyara")
        ran = run_process(update, library.parent, obey_permissions)
        assert ran.code == 1
        assert "cannot be written" in ran.err or "cannot be opened" in ran.err
        assert len(ran.err.splitlines()) == 1
    finally:
        shelf.chmod(0o755)


def test_a_damaged_file_is_one_line(library: Path, kyara: Callable[..., Ran], cast: Path) -> None:
    assert kyara("library", "add", "cast.kyara", "cast", "--cast").code == 0
    with closing(sqlite3.connect(library)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(library.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    library.write_bytes(data)
    for words in (["check"], ["info"], ["update"]):
        ran = kyara("library", *words, "cast.kyara")
        assert ran.code == 1, ran.out
        assert "damaged" in ran.err + ran.out
        assert len(ran.err.splitlines()) <= 1


def test_a_library_of_a_newer_kyara_is_left_alone(library: Path, kyara: Callable[..., Ran]) -> None:
    with closing(sqlite3.connect(library)) as database:
        database.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    ran = kyara("library", "update", "cast.kyara")
    assert ran.code == 1
    assert "newer Kyara" in ran.err


def test_a_failing_migration_changes_nothing(
    library: Path, kyara: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    more = (*schema.MIGRATIONS, ("CREATE TABLE later (one INTEGER)", "nonsense"))
    monkeypatch.setattr(schema, "MIGRATIONS", more)
    monkeypatch.setattr(schema, "VERSION", len(more))
    monkeypatch.setattr("kyara.library.database.VERSION", len(more))
    assert kyara("library", "info", "cast.kyara").code == 1
    monkeypatch.undo()
    with closing(sqlite3.connect(library)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
        assert not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'later'").fetchall()
