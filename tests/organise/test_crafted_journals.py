"""A journal that came with a folder from elsewhere is not obeyed; nor is one that was altered."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from kyara.errors import DataError, OutputError
from kyara.organise.apply import apply_plan
from kyara.organise.journal import find_journals, locked, read_journal
from kyara.organise.plan import Action, Filing, Plan, make_plan
from kyara.organise.undo import Outcome, Undoing, plans_to_undo, recover, undo_plan
from kyara.pictures.digest import digest_of_file
from tests.support import tree

IDENTITY = "0123abcd"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with something private, and one from elsewhere, `out`, with an inbox beside it."""
    for name in ("private/key", "inbox/a.png", "out/ruby/evil.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def craft(home: Path, *begun: dict[str, Any], **header: Any) -> Path:
    """A journal as an attacker writes it."""
    first = {
        "record": "plan",
        "version": 1,
        "id": IDENTITY,
        "made": "2026-01-01T00:00:00+00:00",
        "kyara": "0.1.0",
        "inbox": str(home / "inbox"),
        "planned": len(begun),
    }
    return write(home, first | header, *(record(home) | one for one in begun))


def record(home: Path) -> dict[str, Any]:
    return {
        "record": "begin",
        "n": 0,
        "action": "move",
        "source": str(home / "inbox" / "evil.png"),
        "target": "ruby/evil.png",
        "digest": "0" * 64,
    }


def write(home: Path, *lines: dict[str, Any]) -> Path:
    path = home / "out" / ".kyara" / f"20260101T000000000000Z-{IDENTITY}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def undo(path: Path) -> list[Undoing]:
    return list(undo_plan(read_journal(path), trust=True))


def outside(home: Path) -> dict[str, Any]:
    return tree(home / "private", home / "inbox")


def test_it_is_not_obeyed_unasked(home: Path) -> None:
    path = craft(home, {})
    before = tree(home)
    with pytest.raises(DataError, match=r"another machine.*--trust"):
        list(undo_plan(read_journal(path)))
    (undoing,) = undo_plan(read_journal(path), dry_run=True)
    assert undoing.does == f"move {home}/out/ruby/evil.png to {home}/inbox/evil.png"
    recover(home / "out")
    assert tree(home) == before
    assert [one.outcome for one in undo(path)] == [Outcome.UNDONE]


def test_a_seal_that_was_made_up_is_none(home: Path) -> None:
    path = craft(home, {}, seal="0" * 64)
    with pytest.raises(DataError, match="--trust"):
        list(undo_plan(read_journal(path)))


def test_nothing_is_planted_outside_the_inbox(home: Path) -> None:
    (home / "inbox" / "link").symlink_to(home / "private")
    for place in ("private/new", "inbox/../private/new", "inbox/link/new", "private/autostart/x"):
        before = outside(home)
        (undoing,) = undo(craft(home, {"source": str(home / place)}))
        assert (undoing.outcome, undoing.why and "inbox does not hold" in undoing.why) == (
            Outcome.LEFT,
            True,
        )
        assert outside(home) == before


def test_nothing_is_taken_from_outside_the_folder(home: Path) -> None:
    (home / "out" / "link").symlink_to(home / "private")
    before = outside(home)
    (undoing,) = undo(craft(home, {"target": "link/key"}))
    assert undoing.outcome is Outcome.LEFT
    assert outside(home) == before


def test_a_copy_is_removed_only_in_the_folder(home: Path) -> None:
    """Also where its twin is there: it may be the one that is needed."""
    (home / "inbox" / "key").write_bytes(b"private/key")
    (home / "out" / "link").symlink_to(home / "private")
    source = str(home / "inbox" / "key")
    (undoing,) = undo(craft(home, {"action": "copy", "source": source, "target": "link/key"}))
    assert undoing.outcome is Outcome.LEFT
    assert (home / "private" / "key").exists()


def test_folders_elsewhere_stay(home: Path) -> None:
    (home / "private" / "empty").mkdir()
    (home / "out" / "link").symlink_to(home / "private")
    undo(craft(home, {"folders": ["link/empty"]}))
    assert (home / "private" / "empty").is_dir()


def test_parts_elsewhere_stay(home: Path) -> None:
    name = f".kyara-{IDENTITY}-0.part"
    (home / "private" / name).write_bytes(b"")
    for action in ("copy", "move"):
        undo(craft(home, {"action": action, "source": str(home / "private" / "x")}))
    assert (home / "private" / name).exists()


@pytest.mark.parametrize(
    "header",
    [{"id": "../../x"}, {"id": "0123abcd\n"}, {"id": "0123ABCD"}, {"id": "0123abcd/../../private"}],
)
def test_a_crafted_id_is_refused(home: Path, header: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="not a journal"):
        read_journal(craft(home, {}, **header))


@pytest.mark.parametrize(
    "altered",
    [
        {"n": -1},
        {"n": "0/../x"},
        {"digest": "x"},
        {"target": "../private/key"},
        {"target": "/private/key"},
        {"target": "a\0b"},
        {"folders": [".."]},
        {"folders": ["ruby/../.."]},
        {"source": "inbox/a.png"},
        {"source": "/a\0b"},
    ],
)
def test_crafted_places_are_refused(home: Path, altered: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="not a journal"):
        read_journal(craft(home, altered))


def test_a_device_is_no_original(home: Path) -> None:
    source = "/dev/zero" if Path("/dev/zero").exists() else os.devnull
    (undoing,) = undo(craft(home, {"action": "copy", "source": source}))
    assert undoing.outcome is Outcome.LEFT


def test_links_in_the_place_of_kyaras_own_files_are_not_followed(home: Path) -> None:
    (home / "out" / ".kyara").mkdir()
    (home / "out" / ".kyara" / "lock").symlink_to(home / "private" / "key")
    with pytest.raises(OutputError, match="link"), locked(home / "out"):
        pass
    assert (home / "private" / "key").read_bytes() == b"private/key"
    (home / "out" / ".kyara" / "x.jsonl").symlink_to(home / "private" / "key")
    assert find_journals(home / "out") == []


def own(home: Path) -> Plan:
    source = home / "inbox" / "a.png"
    filings = [Filing(source, digest_of_file(source), "jade")]
    return make_plan(filings, home / "out", Action.MOVE, digest_of_file, inbox=home / "inbox")


def test_an_own_one_that_was_altered_does_not_reach_further(home: Path) -> None:
    list(apply_plan(own(home)))
    (path,) = find_journals(home / "out")
    text = path.read_text()
    assert read_journal(path).own
    path.write_text(text.replace(f"{home}/inbox/a.png", f"{home}/private/new"))
    (record,) = plans_to_undo(home / "out")
    assert [one.outcome for one in undo_plan(record)] == [Outcome.LEFT]
    path.write_text(text.replace(f"{home}/inbox", f"{home}/private"))
    assert not read_journal(path).own


def test_where_no_key_can_be_kept_sorting_goes_on(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KYARA_CONFIG", os.devnull)
    list(apply_plan(own(home)))
    (record,) = plans_to_undo(home / "out")
    assert not record.own
    assert [one.outcome for one in undo_plan(record, trust=True)] == [Outcome.UNDONE]
