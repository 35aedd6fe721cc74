"""The journal is on the disk before anything is done, and survives what happens to files."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from kyara.errors import DataError, OutputError
from kyara.organise.apply import apply_plan
from kyara.organise.journal import find_journals, locked, read_journal
from kyara.organise.plan import Action, Filing, Operation, Plan, Status, make_plan
from kyara.pictures.digest import digest_of_file
from tests.support import files


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Three copies."""
    filings = []
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(name.encode())
        filings.append(Filing(tmp_path / name, digest_of_file(tmp_path / name), "ruby"))
    return make_plan(filings, tmp_path / "out", Action.COPY, digest_of_file)


def journal_of(plan: Plan) -> Path:
    (path,) = find_journals(plan.root)
    return path


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_an_operation_is_written_and_synced_before_it_is_done(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: dict[int, int] = {}  # inode to size
    copy, sync = shutil.copyfile, os.fsync

    def fsync(handle: int) -> None:
        sync(handle)
        synced[os.fstat(handle).st_ino] = os.fstat(handle).st_size

    def copyfile(source: Path, part: Path) -> None:
        path = journal_of(plan)
        safe = path.read_bytes()[: synced[path.stat().st_ino]]
        begun = [json.loads(line) for line in safe.splitlines()]
        assert str(source) in [r["source"] for r in begun if r["record"] == "begin"]
        copy(source, part)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(shutil, "copyfile", copyfile)
    assert [operation.status for operation in apply_plan(plan)] == [Status.DONE] * 3


def test_each_is_marked_when_it_is_done(plan: Plan) -> None:
    doing = apply_plan(plan)
    for done in (1, 2, 3):
        next(doing)
        ends = [record for record in records(journal_of(plan)) if record["record"] == "end"]
        assert ends == [{"record": "end", "n": n, "done": True} for n in range(done)]
    assert read_journal(journal_of(plan)).state == "interrupted"
    assert list(doing) == []
    assert read_journal(journal_of(plan)).state == "applied"


def test_a_plan_with_nothing_to_do_leaves_no_journal(plan: Plan) -> None:
    list(apply_plan(plan))
    again = make_plan(
        [Filing(o.source, o.digest, "ruby") for o in plan.operations],
        plan.root,
        Action.COPY,
        digest_of_file,
    )
    list(apply_plan(again))
    assert len(find_journals(plan.root)) == 1


def test_what_fails_is_marked_as_not_done(plan: Plan) -> None:
    plan.operations[1].source.unlink()
    list(apply_plan(plan))
    assert [entry.done for entry in read_journal(journal_of(plan)).entries] == [True, False, True]


def test_a_disk_that_is_full_for_the_journal_stops_the_rest(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves no half line."""
    many = [
        Operation(
            o.action, o.source, plan.root / "ruby" / f"{n}-{o.target.name}", o.digest, o.status
        )
        for n in range(40)
        for o in plan.operations
    ]
    original = os.fsync
    calls: list[int] = []

    def full(handle: int) -> None:
        if not os.path.isdir(f"/proc/self/fd/{handle}"):  # noqa: PTH112
            calls.append(handle)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(handle)

    monkeypatch.setattr(os, "fsync", full)
    done = list(apply_plan(Plan(plan.root, tuple(many))))
    assert [o.status for o in done] == [Status.DONE] * 64 + [Status.FAILED] * 56
    assert "cannot write the journal, without which nothing is done: No space left" in str(
        done[-1].error
    )
    assert len(files(plan.root)) == 64
    assert sum(bool(entry.done) for entry in read_journal(journal_of(plan)).entries) == 64


def test_a_journal_that_cannot_be_begun_stops_before_anything(plan: Plan) -> None:
    plan.root.write_bytes(b"a file")
    with pytest.raises(OutputError, match="cannot write the journal"):
        list(apply_plan(plan))
    assert plan.root.read_bytes() == b"a file"


def test_a_line_that_is_not_whole_is_left_out(plan: Plan) -> None:
    list(apply_plan(plan))
    path = journal_of(plan)
    whole = read_journal(path)
    path.write_bytes(path.read_bytes() + b'{"record": "end", "n"')
    assert read_journal(path) == whole
    path.write_bytes(path.read_bytes().rstrip() + b"\0" * 100)
    assert read_journal(path) == whole


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: b"", "not a journal of kyara"),
        (lambda text: b"[1]\n", "not a journal of kyara"),
        (lambda text: text.replace(b"begin", b"wrong"), "not a journal of kyara"),
        (lambda text: text.replace(b"ruby/a.png", b"../../a.png"), "does not lie below"),
        (lambda text: text.replace(b'"version": 2', b'"version": 3'), "use a newer Kyara"),
    ],
)
def test_what_is_no_journal_is_refused(plan: Plan, change: Any, said: str) -> None:
    list(apply_plan(plan))
    path = journal_of(plan)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError) as raised:
        read_journal(path)
    assert said in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_one_at_a_time(tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(OutputError, match="another kyara works in this folder"),
        locked(tmp_path, wait=False),
    ):
        pass
    with locked(tmp_path, wait=False):
        pass


def test_where_there_are_no_locks_it_is_said_and_done(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert [operation.status for operation in apply_plan(plan)] == [Status.DONE] * 3
    assert "this file system has no locks" in caplog.text


def test_who_waits_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    entered = threading.Event()

    def other() -> None:
        with locked(tmp_path):
            entered.set()
            time.sleep(0.3)

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait()
    with locked(tmp_path):
        pass
    thread.join()
    assert "waiting until another kyara has done its work" in caplog.text
