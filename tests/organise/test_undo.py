"""Undoing puts everything back, and loses nothing that came afterwards."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyara.errors import DataError, OutputError
from kyara.organise.apply import apply_plan
from kyara.organise.journal import find_journals, read_journal
from kyara.organise.plan import Action, Filing, Status, make_plan
from kyara.organise.undo import Outcome, Undoing, plans_to_undo, recover, undo_plan
from kyara.pictures.digest import digest_of_file
from tests.support import FILED, files, tree

ACTIONS = st.sampled_from(FILED)
NAMES = st.sampled_from(["a.png", "A.png", "b.png", "\u00e9.png", "1/a.png", "2/A.PNG", "2/c/b"])
DATA = st.sampled_from([b"one", b"two", b"three"])
FOLDERS = st.sampled_from(["ruby", "Ruby", "jade"])


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("a.png", "more/b.png"):
        (tmp_path / "inbox" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "inbox" / name).write_bytes(name.encode())
    return tmp_path


def sort(place: Path, action: Action, *, folder: str = "ruby", stop: int | None = None) -> None:
    """File every picture of the inbox in one folder, or the first few as if interrupted."""
    inbox, out = place / "inbox", place / "out"
    found = sorted(path for path in inbox.rglob("*") if not path.is_dir())
    filings = [Filing(path, digest_of_file(path), folder) for path in found]
    apply_first(make_plan(filings, out, action, digest_of_file, inbox=inbox), stop)


def apply_first(plan: Any, stop: int | None = None) -> None:
    doing = apply_plan(plan)
    for number, operation in enumerate(doing, 1):
        assert operation.status is not Status.FAILED
        if number == stop:
            break
    doing.close()


def undo(place: Path) -> list[Undoing]:
    return [undoing for record in plans_to_undo(place / "out") for undoing in undo_plan(record)]


def outcomes(undoings: list[Undoing]) -> dict[str, tuple[str, str | None]]:
    return {u.entry.target.name: (u.outcome.value, u.why) for u in undoings}


def world(root: Path) -> dict[str, bytes | None]:
    """Names and contents (of folders: nothing) below `root`, but for the journals."""
    below = {os.fspath(path.relative_to(root)): path for path in root.rglob("*")}
    return {
        name: path.read_bytes() if path.is_file() else None
        for name, path in below.items()
        if not name.startswith("out/.kyara") and name != "out"
    }


@settings(deadline=None, max_examples=60)
@given(
    action=ACTIONS,
    inbox=st.dictionaries(NAMES, st.tuples(DATA, FOLDERS), min_size=1),
    there=st.dictionaries(st.tuples(FOLDERS, NAMES), DATA, max_size=4),
    empty=st.lists(FOLDERS),
    stop=st.none() | st.integers(1, 7),
)
def test_applying_and_undoing_changes_nothing(
    action: Action,
    inbox: dict[str, tuple[bytes, str]],
    there: dict[tuple[str, str], bytes],
    empty: list[str],
    stop: int | None,
) -> None:
    """Whatever lies there already, and wherever it was interrupted."""
    with TemporaryDirectory() as made:
        root = Path(made)
        for name, (data, _) in inbox.items():
            write(root / "inbox" / name, data)
        for (folder, name), data in there.items():
            write(root / "out" / folder / name, data)
        for folder in empty:
            (root / "out" / folder).mkdir(parents=True, exist_ok=True)
        before = world(root)
        filings = [
            Filing(root / "inbox" / name, digest_of_file(root / "inbox" / name), folder)
            for name, (_, folder) in inbox.items()
        ]
        plan = make_plan(filings, root / "out", action, digest_of_file)
        to_do = any(operation.status is Status.TO_DO for operation in plan.operations)
        apply_first(plan, stop)
        if stop is None:
            assert (world(root) != before) == to_do
        assert all(undoing.outcome is not Outcome.LEFT for undoing in undo(root))
        assert world(root) == before
        assert undo(root) == []


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.mark.parametrize("action", FILED)
def test_an_interrupted_move_of_twins_keeps_both(place: Path, action: Action) -> None:
    """The second, whose picture lies there already, has no part in the first one's target."""
    write(place / "inbox" / "1" / "a.png", b"a.png")
    before = world(place)
    sort(place, action, stop=1)
    recover(place / "out")
    undo(place)
    assert world(place) == before


@pytest.mark.parametrize("action", FILED)
def test_times_and_modes_come_back_too(place: Path, action: Action) -> None:
    picture = place / "inbox" / "a.png"
    picture.chmod(0o640)
    os.utime(picture, (1_500_000_000, 1_500_000_000))
    before = tree(picture)
    sort(place, action)
    undo(place)
    assert tree(picture) == before


@pytest.mark.parametrize("action", FILED)
def test_a_dry_run_says_the_same_and_touches_nothing(place: Path, action: Action) -> None:
    sort(place, action)
    before = tree(place)
    (record,) = plans_to_undo(place / "out")
    judged = list(undo_plan(record, dry_run=True))
    assert tree(place) == before
    assert judged == undo(place)
    assert {undoing.outcome for undoing in judged} == {Outcome.UNDONE}


def test_a_copy_that_was_changed_is_left(place: Path) -> None:
    sort(place, Action.COPY)
    (place / "out" / "ruby" / "a.png").write_bytes(b"retouched")
    assert outcomes(undo(place)) == {
        "a.png": ("left", "it was changed since"),
        "b.png": ("undone", None),
    }
    assert files(place / "out") == {"ruby/a.png"}
    (record,) = map(read_journal, find_journals(place / "out"))
    assert record.state == "partly undone"
    assert undo(place) == []  # not again, unless its journal is named
    assert [u.outcome for u in undo_plan(record)] == [Outcome.NOTHING, Outcome.LEFT]


@pytest.mark.parametrize("action", [Action.COPY, Action.LINK])
def test_the_last_copy_of_a_picture_is_never_removed(place: Path, action: Action) -> None:
    sort(place, action)
    original = place / "inbox" / "a.png"
    original.unlink()
    done = outcomes(undo(place))
    assert done["a.png"] == ("left", f"its original is no longer at {original}")
    assert (place / "out" / "ruby" / "a.png").read_bytes() == b"a.png"


def test_a_copy_whose_original_was_changed_is_left(place: Path) -> None:
    sort(place, Action.COPY)
    (place / "inbox" / "a.png").write_bytes(b"retouched")
    done = outcomes(undo(place))
    assert done["a.png"][0] == "left"
    assert "its original was changed since" in str(done["a.png"][1])


def test_an_inbox_that_became_a_link_to_the_results_is_no_second_copy(place: Path) -> None:
    sort(place, Action.COPY)
    for path in (place / "inbox" / "a.png", place / "inbox" / "more" / "b.png"):
        path.unlink()
    (place / "inbox" / "more").rmdir()
    (place / "inbox").rmdir()
    (place / "inbox").symlink_to("out/ruby")
    assert outcomes(undo(place))["a.png"][0] == "left"
    assert (place / "out" / "ruby" / "a.png").read_bytes() == b"a.png"


def test_a_moved_picture_never_replaces_what_stands_there_now(place: Path) -> None:
    sort(place, Action.MOVE)
    (place / "inbox" / "a.png").write_bytes(b"newcomer")
    done = outcomes(undo(place))
    assert done["a.png"] == ("left", f"another file is at {place / 'inbox' / 'a.png'} now")
    assert (place / "inbox" / "a.png").read_bytes() == b"newcomer"
    assert (place / "out" / "ruby" / "a.png").read_bytes() == b"a.png"
    assert (place / "inbox" / "more" / "b.png").exists()


def test_a_moved_picture_that_was_retouched_goes_back_as_it_is(place: Path) -> None:
    sort(place, Action.MOVE)
    (place / "out" / "ruby" / "a.png").write_bytes(b"retouched")
    assert outcomes(undo(place))["a.png"] == ("undone", None)
    assert (place / "inbox" / "a.png").read_bytes() == b"retouched"


def test_a_folder_of_the_inbox_that_is_gone_is_made_again(place: Path) -> None:
    sort(place, Action.MOVE)
    (place / "inbox" / "more").rmdir()
    undo(place)
    assert (place / "inbox" / "more" / "b.png").read_bytes() == b"more/b.png"


def test_a_moved_picture_that_is_gone_is_told(place: Path) -> None:
    sort(place, Action.MOVE)
    (place / "out" / "ruby" / "a.png").unlink()
    assert outcomes(undo(place))["a.png"] == ("left", "it is no longer there")


@pytest.mark.parametrize("action", [Action.COPY, Action.LINK, Action.SYMLINK])
def test_what_the_user_removed_needs_no_undoing(place: Path, action: Action) -> None:
    sort(place, action)
    (place / "out" / "ruby" / "a.png").unlink()
    assert outcomes(undo(place))["a.png"] == ("nothing", None)


@pytest.mark.parametrize("action", FILED)
def test_what_took_the_place_of_the_target_is_left(place: Path, action: Action) -> None:
    sort(place, action)
    for name in ("a.png", "b.png"):
        (place / "out" / "ruby" / name).unlink()
    (place / "out" / "ruby" / "a.png").mkdir()
    (place / "out" / "ruby" / "b.png").symlink_to("nowhere")
    before = tree(place / "out" / "ruby")
    assert {outcome for outcome, _ in outcomes(undo(place)).values()} == {"left"}
    assert tree(place / "out" / "ruby") == before


def test_a_moved_link_is_made_again_just_as_it_was(place: Path) -> None:
    link = place / "inbox" / "link.png"
    link.symlink_to("./more/../a.png")
    sort(place, Action.COPY, folder="jade")
    undo(place)
    apply_first(
        make_plan(
            [Filing(link, digest_of_file(link), "ruby")], place / "out", Action.MOVE, digest_of_file
        )
    )
    assert not link.is_symlink()
    undo(place)
    assert os.readlink(link) == "./more/../a.png"  # noqa: PTH115 (verbatim)
    assert files(place / "out") == set()


def test_a_moved_link_that_would_lead_elsewhere_is_not_made_again(place: Path) -> None:
    link = place / "inbox" / "link.png"
    link.symlink_to("a.png")
    filings = [Filing(link, digest_of_file(link), "ruby")]
    apply_first(make_plan(filings, place / "out", Action.MOVE, digest_of_file))
    (place / "inbox" / "a.png").write_bytes(b"retouched")
    assert outcomes(undo(place))["link.png"][0] == "left"
    assert (place / "out" / "ruby" / "link.png").read_bytes() == b"a.png"


def test_back_from_another_disk(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def far(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", far)
    before = world(place)
    sort(place, Action.MOVE)
    assert files(place / "inbox") == set()
    undo(place)
    assert world(place) == before


def test_folders_that_the_user_uses_by_now_stay(place: Path) -> None:
    sort(place, Action.COPY)
    (place / "out" / "ruby" / "notes.txt").write_text("mine")
    undo(place)
    assert files(place / "out") == {"ruby/notes.txt"}


def test_the_latest_first_then_the_one_before(place: Path) -> None:
    sort(place, Action.COPY, folder="ruby")
    sort(place, Action.COPY, folder="jade")
    undo(place)
    assert files(place / "out") == {"ruby/a.png", "ruby/b.png"}
    undo(place)
    assert files(place / "out") == set()
    assert undo(place) == []


def test_a_run_that_was_cut_off_is_undone_with_the_one_that_went_on(place: Path) -> None:
    sort(place, Action.MOVE, stop=1)
    sort(place, Action.MOVE)
    assert files(place / "inbox") == set()
    assert [record.state for record in plans_to_undo(place / "out")] == ["applied", "interrupted"]
    undo(place)
    assert files(place / "inbox") == {"a.png", "more/b.png"}


def test_a_run_that_was_cut_off_is_not_undone_with_that_of_another_inbox(place: Path) -> None:
    sort(place, Action.COPY, stop=1)
    other = place / "other" / "z.png"
    write(other, b"z")
    filings = [Filing(other, digest_of_file(other), "ruby")]
    out = place / "out"
    apply_first(make_plan(filings, out, Action.COPY, digest_of_file, inbox=other.parent))
    undo(place)
    assert files(out) == {"ruby/a.png"}


def test_the_folder_may_have_been_moved_since(place: Path) -> None:
    sort(place, Action.MOVE)
    (place / "out").rename(place / "elsewhere")
    (record,) = plans_to_undo(place / "elsewhere")
    with pytest.raises(DataError, match=r"another path.*--trust"):
        list(undo_plan(record))
    assert {undoing.outcome for undoing in undo_plan(record, trust=True)} == {Outcome.UNDONE}
    assert files(place / "inbox") == {"a.png", "more/b.png"}


def test_what_fails_is_left_and_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sort(place, Action.COPY)
    original = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path.name == "a.png":
            raise PermissionError(errno.EACCES, "Permission denied")
        original(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    assert outcomes(undo(place)) == {
        "a.png": ("left", "it cannot be undone: Permission denied"),
        "b.png": ("undone", None),
    }


def test_a_journal_that_cannot_be_written_stops_before_anything(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sort(place, Action.COPY)
    before = world(place)
    records = plans_to_undo(place / "out")
    original = Path.open

    def read_only(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if path.suffix == ".jsonl" and mode != "rb":
            raise PermissionError(errno.EACCES, "Permission denied")
        return original(path, mode, *arguments, **options)

    monkeypatch.setattr(Path, "open", read_only)
    with pytest.raises(OutputError, match="cannot write the journal"):
        list(undo_plan(records[0]))
    assert world(place) == before


def test_a_damaged_journal_is_one_clear_error_and_does_not_hide_the_later_ones(
    place: Path,
) -> None:
    sort(place, Action.COPY, folder="ruby")
    (damaged,) = find_journals(place / "out")
    sort(place, Action.COPY, folder="jade")
    damaged.write_bytes(b"{}\n" + damaged.read_bytes())
    undo(place)
    assert files(place / "out") == {"ruby/a.png", "ruby/b.png"}
    with pytest.raises(DataError, match="not a journal of kyara, or a damaged one"):
        plans_to_undo(place / "out")


def test_the_latest_is_the_one_that_was_made_last_whatever_the_clock_said(place: Path) -> None:
    sort(place, Action.COPY)
    (path,) = find_journals(place / "out")
    path.rename(path.with_name(f"29990101T000000000000Z-{path.name.partition('-')[2]}"))
    sort(place, Action.COPY, folder="jade")
    undo(place)
    assert files(place / "out") == {"ruby/a.png", "ruby/b.png"}
