"""Killed before any line of the code that touches files: nothing is lost, all can go on.

Each instant is a process of its own, forked from this one, that kills itself there. An ordinary
run takes a dozen of the instants; KYARA_KILLS says how many, and a thousand is every one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kyara import files as whole_files
from kyara.organise import apply, files, journal, undo
from kyara.organise.apply import apply_plan
from kyara.organise.plan import Action, Filing, make_plan
from kyara.organise.seal import seal
from kyara.organise.undo import Outcome, plans_to_undo, recover, undo_plan
from kyara.pictures.digest import digest_of_file
from tests.support import files as files_below
from tests.support import lines_of

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked"),
    pytest.mark.slow,  # hundreds of processes
]

WATCHED = (apply, files, journal, undo, whole_files)
INSTANTS = int(os.environ.get("KYARA_KILLS", "12"))
# In one folder two of one name and one twin; one picture is a symbolic link in the inbox; that and
# another go to two folders.
INBOX = {"a.png": b"one" * 999, "1/a.png": b"two" * 999, "2/a.png": b"one" * 999, "b.png": b"b"}
FOLDERS = {"a.png": "ruby", "1/a.png": "ruby", "2/a.png": "jade", "b.png": "ruby", "c.png": "jade"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    seal("", tmp_path, None)  # the first makes a key, by which every later run would be shorter
    for name, data in INBOX.items():
        (tmp_path / "inbox" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "inbox" / name).write_bytes(data)
    (tmp_path / "elsewhere.png").write_bytes(b"c")
    (tmp_path / "inbox" / "c.png").symlink_to("../elsewhere.png")
    return tmp_path


def sort(place: Path, action: Action) -> None:
    inbox, out = place / "inbox", place / "out"
    recover(out)
    pictures = [(inbox / name, folder) for name, folder in FOLDERS.items()]
    beside = Action.COPY if action is Action.MOVE else action
    twice = [(inbox / name, "azure", beside) for name in ("b.png", "c.png")]
    filings = [
        Filing(p, digest_of_file(p), folder, how)
        for p, folder, how in [*twice, *((p, folder, action) for p, folder in pictures)]
        if p.exists()
    ]
    plan = make_plan(filings, out, action, digest_of_file, inbox=inbox)
    assert all(operation.error is None for operation in apply_plan(plan))


def undo_all(place: Path) -> None:
    for record in plans_to_undo(place / "out"):
        assert all(undoing.outcome is not Outcome.LEFT for undoing in undo_plan(record))


def instants(total: int) -> range:
    return range(1, total + 1, max(1, total // INSTANTS))


def contents(folder: Path) -> dict[str, bytes]:
    """What every file below the folder holds, links as links; journals aside."""
    found = {}
    for name in files_below(folder):
        path = folder / name
        found[name] = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
    return found


def all_copies(place: Path) -> Iterator[bytes]:
    for path in place.rglob("*.png"):
        yield path.read_bytes()


def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: Any, **__: Any) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", link)


@pytest.mark.parametrize("linkless", [False, True], ids=["links", "linkless"])
@pytest.mark.parametrize("action", [Action.COPY, Action.MOVE, Action.SYMLINK])
def test_killed_while_sorting(
    place: Path, action: Action, linkless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if linkless:
        no_links(monkeypatch)
    before = contents(place / "inbox")
    known = {*INBOX.values(), b"c"}
    total = lines_of(lambda: sort(place, action), None, WATCHED)
    done, left = files_below(place / "out"), contents(place / "inbox")
    assert len(done) == 7
    undo_all(place)
    for instant in instants(total):
        shutil.rmtree(place / "out")
        assert lines_of(lambda: sort(place, action), instant, WATCHED) == 0
        assert set(all_copies(place)) >= known
        assert {path.read_bytes() for path in (place / "out").rglob("*.png")} <= known
        sort(place, action)
        assert (files_below(place / "out"), contents(place / "inbox")) == (done, left)
        undo_all(place)
        assert contents(place / "inbox") == before, instant
        assert [path.name for path in (place / "out").iterdir()] == [".kyara"]
        assert plans_to_undo(place / "out") == []


@pytest.mark.parametrize("linkless", [False, True], ids=["links", "linkless"])
@pytest.mark.parametrize("action", [Action.COPY, Action.MOVE])
def test_killed_while_undoing(
    place: Path, action: Action, linkless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if linkless:
        no_links(monkeypatch)
    before = contents(place / "inbox")
    sort(place, action)
    total = lines_of(lambda: undo_all(place), None, WATCHED)
    assert contents(place / "inbox") == before
    for instant in instants(total):
        shutil.rmtree(place / "out")
        sort(place, action)
        assert lines_of(lambda: undo_all(place), instant, WATCHED) == 0
        assert set(all_copies(place)) >= {*INBOX.values(), b"c"}
        undo_all(place)
        assert contents(place / "inbox") == before, instant
        assert [path.name for path in (place / "out").iterdir()] == [".kyara"]
