"""Sorting again: what Kyara filed follows its answer, what a person touched stays where it is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyara.organise.apply import apply_plan
from kyara.organise.earlier import read_earlier
from kyara.organise.plan import Action, Filing, Operation, Status, make_plan
from kyara.organise.undo import Outcome, plans_to_undo, recover, undo_plan
from kyara.pictures.digest import digest_of_file
from tests.conftest import Ran, draw
from tests.support import FILED, files, tree

Kyara = Callable[..., Ran]


def sort(place: Path, action: Action, **folders: str) -> list[Operation]:
    """File the pictures of the inbox, and those that were moved from it, by name."""
    inbox, out = place / "inbox", place / "out"
    recover(out)
    earlier = read_earlier(out, digest_of_file)
    paths = sorted(inbox.iterdir()) + (earlier.moved_from(inbox) if action is Action.MOVE else [])
    filings = []
    for path in paths:
        *others, last = folders[path.stem].split("+")
        beside = Action.COPY if action is Action.MOVE else action
        digest = digest_of_file(path)
        filings += [*(Filing(path, digest, f, beside) for f in others), Filing(path, digest, last)]
    plan = make_plan(filings, out, action, digest_of_file, inbox=inbox, before=earlier)
    done = list(apply_plan(plan))
    assert all(operation.status is not Status.FAILED for operation in done)
    return done


def undo(place: Path) -> None:
    while records := plans_to_undo(place / "out"):
        for record in records:
            for undoing in undo_plan(record):
                assert undoing.outcome is not Outcome.LEFT


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    for name in ("a", "b"):
        (tmp_path / "inbox" / f"{name}.png").write_bytes(name.encode())
    return tmp_path


@pytest.mark.parametrize("action", FILED)
def test_what_kyara_filed_follows_its_answer(place: Path, action: Action) -> None:
    before = tree(place)
    sort(place, action, a="dey", b="dey")
    sort(place, action, a="dee", b="dey")
    assert files(place / "out") == {"dee/a.png", "dey/b.png"}
    assert (place / "out" / "dee" / "a.png").read_bytes() == b"a"
    assert {o.status for o in sort(place, action, a="dee", b="dey")} == {Status.THERE}
    sort(place, action, a="dee", b="dee")
    assert files(place / "out") == {"dee/a.png", "dee/b.png"}  # and no empty folder
    assert not (place / "out" / "dey").exists()
    undo(place)
    assert files(place / "out") == set()
    assert tree(place / "inbox").keys() == {k for k in before if "inbox" in k}


@pytest.mark.parametrize("action", FILED)
def test_what_a_person_moved_stays(place: Path, action: Action) -> None:
    if action is Action.SYMLINK:
        pytest.skip("a link that is moved leads elsewhere")
    sort(place, action, a="dey", b="dey")
    (place / "out" / "dee").mkdir()
    (place / "out" / "dey" / "a.png").rename(place / "out" / "dee" / "mine.png")
    for folder in ("dey", "sophie"):
        sort(place, action, a=folder, b="dey")
        assert files(place / "out") == {"dee/mine.png", "dey/b.png"}


@pytest.mark.parametrize("action", [Action.COPY, Action.LINK, Action.SYMLINK])
def test_what_a_person_removed_or_changed_is_filed_again(place: Path, action: Action) -> None:
    sort(place, action, a="dey", b="dey")
    (place / "out" / "dey" / "a.png").unlink()
    (place / "out" / "dey" / "b.png").unlink()
    (place / "out" / "dey" / "b.png").write_bytes(b"mine")
    sort(place, action, a="dey", b="dee")
    assert files(place / "out") == {"dey/a.png", "dey/b.png", "dee/b.png"}
    assert (place / "out" / "dey" / "b.png").read_bytes() == b"mine"


def test_a_copy_that_was_tagged_is_there(place: Path) -> None:
    sort(place, Action.COPY, a="dey", b="dey")
    (place / "out" / "dey" / "a.png").write_bytes(b"a with a rating")
    operations = sort(place, Action.COPY, a="dey", b="dey")
    assert {operation.status for operation in operations} == {Status.THERE}
    assert files(place / "out") == {"dey/a.png", "dey/b.png"}


def test_a_page_of_several_characters(place: Path) -> None:
    sort(place, Action.COPY, a="dee+dey", b="dee")
    sort(place, Action.COPY, a="dee+sophie", b="dee")
    assert files(place / "out") == {"dee/a.png", "sophie/a.png", "dee/b.png"}
    sort(place, Action.COPY, a="sophie", b="dee")  # one of the two was wrong
    assert files(place / "out") == {"sophie/a.png", "dee/b.png"}
    sort(place, Action.COPY, a="ann+bob+cy", b="dee")
    assert files(place / "out") == {"ann/a.png", "bob/a.png", "cy/a.png", "dee/b.png"}


@pytest.mark.parametrize("action", FILED)
def test_a_copy_too_many_goes_and_comes_back(place: Path, action: Action) -> None:
    sort(place, action, a="dee+dey", b="dee")
    filed = files(place / "out")
    sort(place, action, a="dee", b="dee")
    assert files(place / "out") == {"dee/a.png", "dee/b.png"}
    for record in plans_to_undo(place / "out"):
        assert all(undoing.outcome is not Outcome.LEFT for undoing in undo_plan(record))
    assert files(place / "out") == filed
    undo(place)
    assert files(place / "out") == set()
    assert files(place / "inbox") == {"a.png", "b.png"}


def test_the_journals_of_others_are_not_believed(place: Path) -> None:
    sort(place, Action.COPY, a="dey", b="dey")
    shutil.copytree(place / "out", place / "theirs")
    assert read_earlier(place / "theirs", digest_of_file).filed == ()


ASSIGNED = st.sampled_from(["dee", "dey", "dee+dey", "sophie+dee"])


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.sampled_from(FILED), ASSIGNED, ASSIGNED), min_size=1, max_size=4),
    st.booleans(),
)
def test_nothing_is_lost_or_doubled_however_often(
    runs: list[tuple[Action, str, str]], kept: bool
) -> None:
    with TemporaryDirectory() as made:
        place = Path(made)
        (place / "inbox").mkdir()
        for name in ("a", "b"):
            (place / "inbox" / f"{name}.png").write_bytes(name.encode())
        action = runs[0][0]
        for later, a, b in runs:
            sort(place, action if kept else later, a=a, b=b)
        contents = {path.read_bytes() for path in place.rglob("*.png")}
        assert contents == {b"a", b"b"}
        if kept and "+" not in runs[-1][1] + runs[-1][2]:
            assert f"{runs[-1][1]}/a.png" in files(place / "out")
        undo(place)
        assert files(place / "out") == set()
        assert files(place / "inbox") == {"a.png", "b.png"}


@pytest.fixture
def library(kyara: Kyara, cast: Path, tiny_plugin: Path, tmp_path: Path) -> Path:
    path = tmp_path / "l.kyara"
    assert kyara("library", "create", path, "--plugin", tiny_plugin).code == 0
    assert kyara("library", "add", path, cast, "--cast").code == 0
    return path


@pytest.mark.parametrize("how", ["--copy", "--move"])
def test_a_correction_moves_what_was_filed(
    kyara: Kyara, library: Path, inbox: Path, tmp_path: Path, how: str
) -> None:
    out = tmp_path / "out"
    call = ["sort", inbox, "--library", library, "--out", out, how, "--sidecar", "txt"]
    assert kyara(*call).code == 0
    wrong = out / "ruby" / "r1.png"
    assert wrong.with_name("r1.png.txt").exists()
    kyara("decide", "confirm", wrong, "--character", "jade", "--library", library)
    assert kyara(*call).code == 0
    assert (out / "jade" / "r1.png").exists()
    assert (out / "jade" / "r1.png.txt").read_text() == "character:jade\n"
    assert not wrong.exists()
    assert not wrong.with_name("r1.png.txt").exists()
    again = kyara(*call)
    assert (again.code, "Nothing to do: 0 filed, 7 were there" in again.out) == (0, True)
    while kyara("undo", out).out != "Nothing to undo.\n":
        pass
    assert files(out) == set()
    assert [path.name for path in out.iterdir()] == [".kyara"]
    assert len(files(inbox)) == 7


def test_moving_an_inbox_that_is_empty_by_now(
    kyara: Kyara, cast: Path, inbox: Path, tiny_plugin: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    call = ["sort", inbox, "--refs", cast, "--out", out, "--move", "--plugin", tiny_plugin]
    assert kyara(*call).code == 0
    report = tmp_path / "report.html"
    again = kyara(*call, "--sidecar", "json", "--report", report)  # as after a kill in between
    assert (again.code, "Nothing to do" in again.out) == (0, True)
    assert len(list(out.rglob("*.json"))) == 6
    assert report.exists()
    for path in out.rglob("*.*g"):
        path.rename(tmp_path / path.name)  # all of them are the user's now
    last = kyara(*call)
    assert (last.code, "Nothing to do" in last.out) == (0, True)
    assert kyara(*call[:5], tmp_path / "new", *call[6:]).code == 2  # nothing was ever moved there


def test_a_sidecar_that_was_changed_stays(
    kyara: Kyara, cast: Path, inbox: Path, tiny_plugin: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    call = ["sort", inbox, "--refs", cast, "--out", out, "--plugin", tiny_plugin]
    kyara(*call, "--sidecar", "txt", "--sidecar", "xmp")
    mine = out / "ruby" / "r1.png.txt"
    mine.write_text("character:ruby\nfavourite\n")
    shown = kyara("undo", out, "--dry-run").out
    assert f"remove {out / 'ruby' / 'r2.jpg.txt'}" in shown
    assert os.fspath(mine) not in shown
    assert kyara("undo", out).code == 0
    assert files(out) == {"ruby/r1.png.txt"}


def test_what_a_killed_report_left_goes(
    kyara: Kyara, cast: Path, inbox: Path, tiny_plugin: Path, tmp_path: Path
) -> None:
    left = tmp_path / f".kyara-{'0' * 16}.part"
    left.touch()
    draw(tmp_path / "other.png", "ruby")
    call = ["identify", inbox, "--refs", cast, "--plugin", tiny_plugin]
    assert kyara(*call, "--report", tmp_path / "report.html").code == 0
    assert not left.exists()
    assert not list(tmp_path.glob(".kyara-*"))
