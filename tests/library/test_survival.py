"""Killed at any instant, on a full disk, two at once: nothing is lost, and the work goes on.

KYARA_KILLS says how often each command is killed; 200 in all is 67 of each.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from kyara.library import schema
from tests.conftest import Ran, draw
from tests.support import command, run_process, tree

KILLS = int(os.environ.get("KYARA_KILLS", "4"))
PICTURES = 150


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Enough references for several transactions."""
    first = [draw(tmp_path / "many" / name / "0.png", name) for name in ("ruby", "jade")]
    for number in range(1, PICTURES // 2):
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


def kill_within(arguments: list[str], folder: Path, seconds: float) -> bool:
    """Run a command and kill it after that time; whether it was still running."""
    process = subprocess.Popen(
        arguments, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


def duration(arguments: list[str], folder: Path) -> float:
    begin = time.monotonic()
    assert run_process(arguments, folder).code == 0
    return time.monotonic() - begin


def test_add_killed_at_any_instant(library: Path, many: Path) -> None:
    add = command("library", "add", "cast.kyara", "many", "--cast", "--no-cache")
    empty = library.read_bytes()
    seconds = duration(add, library.parent)
    library.write_bytes(empty)
    before, random_instant, had = tree(many), random.Random(5), 0
    for _ in range(KILLS):
        kill_within(add, library.parent, random_instant.uniform(0.3, 1) * seconds)
        has = healthy(library.parent)
        assert has["pictures"] >= had  # what was committed is still there
        assert has["references"] == has["pictures"]
        had = has["pictures"]
    assert run_process(add, library.parent).code == 0
    assert healthy(library.parent)["references"] == PICTURES // 2 * 2
    assert tree(many) == before


def test_update_killed_at_any_instant(library: Path, many: Path) -> None:
    add = command("library", "add", "cast.kyara", "many", "--cast", "--no-cache")
    assert run_process(add, library.parent).code == 0
    said = ["many/ruby/0.png", "--character", "somebody else"]
    assert run_process(command("decide", "confirm", *said), library.parent).code == 0
    update = command("library", "update", "cast.kyara", "--no-cache", "--read-all")
    seconds = duration(update, library.parent)
    random_instant = random.Random(6)
    for number in range(KILLS):
        moved = many / "ruby" / f"{number + 1}.png"
        moved.rename(many / "jade" / f"moved-{number}.png")
        new = draw(many / "jade" / f"new-{number}.png", "jade", 500 + number)
        new.write_bytes(new.read_bytes() + f"new {number}".encode())  # poses may be the same
        kill_within(update, library.parent, random_instant.uniform(0.3, 1) * seconds)
        healthy(library.parent)
    assert run_process(update, library.parent).code == 0
    has = healthy(library.parent)
    assert has["pictures"] == PICTURES // 2 * 2 + KILLS
    assert has["references"] == has["pictures"]
    by_character: dict[str, int] = has["by_character"]  # type: ignore[assignment]
    assert by_character["somebody else"] == 1


def test_sort_killed_at_any_instant(library: Path, many: Path) -> None:
    add = command("library", "add", "cast.kyara", "many", "--cast")
    assert run_process(add, library.parent).code == 0
    inbox = library.parent / "inbox"
    shutil.copytree(many / "ruby", inbox)
    contents = sorted(path.read_bytes() for path in inbox.iterdir())
    sort = command("sort", "inbox", "--library", "cast.kyara", "--out", "out", "--move")
    seconds = duration([*sort, "--dry-run"], library.parent)
    random_instant, file = random.Random(7), library.read_bytes()
    for _ in range(KILLS):
        kill_within(sort, library.parent, random_instant.uniform(0.5, 1.3) * seconds)
        healthy(library.parent)
        places = [p for p in (library.parent / "out").rglob("*.png") if p.parent.name == "ruby"]
        found = {path.read_bytes() for path in [*inbox.glob("*.png"), *places]}
        assert found >= set(contents)
    left = list(inbox.iterdir())
    assert run_process(sort, library.parent).code == 0 or not left
    assert list(inbox.iterdir()) == []
    assert sorted(p.read_bytes() for p in (library.parent / "out" / "ruby").iterdir()) == contents
    assert library.read_bytes() == file


def test_two_processes_at_once_both_finish(library: Path, many: Path) -> None:
    adds = [
        command("library", "add", "cast.kyara", f"many/{name}", "--character", name, "--no-cache")
        for name in ("ruby", "jade", "ruby")
    ]
    running = [subprocess.Popen(add, cwd=library.parent, stdout=subprocess.DEVNULL) for add in adds]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert healthy(library.parent)["references"] == PICTURES // 2 * 2


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
    assert len(ran.err.splitlines()) == 1


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
    assert healthy(library.parent)["references"] == PICTURES // 2 * 2


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
    two = (*schema.MIGRATIONS, ("CREATE TABLE later (one INTEGER)", "nonsense"))
    monkeypatch.setattr(schema, "MIGRATIONS", two)
    monkeypatch.setattr(schema, "VERSION", 2)
    monkeypatch.setattr("kyara.library.database.VERSION", 2)
    assert kyara("library", "info", "cast.kyara").code == 1
    monkeypatch.undo()
    with closing(sqlite3.connect(library)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (1,)
        assert not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'later'").fetchall()
