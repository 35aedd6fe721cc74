"""Nothing is put outside the target folder, and nothing moved from outside the inbox."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kyara.errors import DataError
from kyara.organise.apply import apply_plan
from kyara.organise.plan import Action, Filing, Operation, Plan, Status, make_plan
from kyara.organise.planfile import load_plan, save_plan
from kyara.pictures.digest import digest_of_file
from tests.support import FILED, tree

HOSTILE = ["..", "../../x", "ruby/../..", "/", "/tmp/x", "a\0b", "link", "link/deeper"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("private/own.png", "inbox/a.png", "inbox/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "out").mkdir()
    return tmp_path


def planned(place: Path, source: str, folder: str, action: Action = Action.COPY) -> Plan:
    path = place / source
    filings = [Filing(path, digest_of_file(path), folder)]
    return make_plan(filings, place / "out", action, digest_of_file, inbox=place / "inbox")


def failed(operation: Operation) -> str:
    assert operation.status is Status.FAILED
    return str(operation.error)


@pytest.mark.parametrize("action", FILED)
@pytest.mark.parametrize("folder", HOSTILE)
def test_a_plan_stays_below_its_root(place: Path, folder: str, action: Action) -> None:
    (place / "out" / "link").symlink_to(place / "private")
    before = tree(place)
    plan = planned(place, "inbox/a.png", folder, action)
    (operation,) = plan.operations
    assert "target folder" in failed(operation)
    assert ("link that leads" in failed(operation)) == folder.startswith("link")
    assert list(apply_plan(plan)) == [operation]
    assert tree(place) == before


@pytest.mark.parametrize("action", FILED)
def test_a_link_that_came_after_the_plan_is_not_followed(place: Path, action: Action) -> None:
    plan = planned(place, "inbox/a.png", "ruby", action)
    (place / "out" / "ruby").symlink_to(place / "private")
    before = tree(place / "private", place / "inbox")
    (done,) = apply_plan(plan)
    assert "link that leads" in failed(done)
    assert tree(place / "private", place / "inbox") == before


def test_a_link_within_the_target_folder_is_followed(place: Path) -> None:
    (place / "out" / "ruby").mkdir()
    (place / "out" / "Ruby Red").symlink_to("ruby")
    (done,) = apply_plan(planned(place, "inbox/a.png", "Ruby Red"))
    assert done.status is Status.DONE


def test_the_target_folder_may_be_a_link_itself(place: Path) -> None:
    (place / "alias").symlink_to("out")
    path = place / "inbox" / "a.png"
    filing = Filing(path, digest_of_file(path), "ruby")
    plan = make_plan([filing], place / "alias", Action.MOVE, digest_of_file)
    assert [one.status for one in apply_plan(plan)] == [Status.DONE]


@pytest.mark.parametrize("planned_first", [True, False])
def test_nothing_is_moved_from_behind_a_link(place: Path, planned_first: bool) -> None:
    if planned_first:
        (place / "inbox" / "link").mkdir()
        (place / "inbox" / "link" / "own.png").write_bytes(b"private/own.png")
        plan = planned(place, "inbox/link/own.png", "ruby", Action.MOVE)
        (place / "inbox" / "link" / "own.png").unlink()
        (place / "inbox" / "link").rmdir()
    (place / "inbox" / "link").symlink_to(place / "private")
    if not planned_first:
        plan = planned(place, "inbox/link/own.png", "ruby", Action.MOVE)
    (done,) = apply_plan(plan)
    assert "outside the inbox" in failed(done)
    assert (place / "private" / "own.png").exists()
    (copied,) = apply_plan(planned(place, "inbox/link/own.png", "ruby"))
    assert copied.status is Status.DONE


def test_an_inbox_that_is_one_picture_is_moved(place: Path) -> None:
    path = place / "inbox" / "a.png"
    filing = Filing(path, digest_of_file(path), "ruby")
    plan = make_plan([filing], place / "out", Action.MOVE, digest_of_file, inbox=path)
    assert [one.status for one in apply_plan(plan)] == [Status.DONE]


@pytest.mark.parametrize("target", ["../x.png", "/tmp/x.png", "a/../../x.png", "a\0.png", "."])
def test_a_plan_file_from_elsewhere(place: Path, target: str) -> None:
    save_plan(planned(place, "inbox/a.png", "ruby"), place / "plan.json")
    read = json.loads((place / "plan.json").read_text())
    read["operations"][0]["target"] = target
    (place / "plan.json").write_text(json.dumps(read))
    with pytest.raises(DataError, match="not a plan"):
        load_plan(place / "plan.json")


def test_a_plan_file_moves_nothing_from_outside_its_inbox(place: Path) -> None:
    save_plan(planned(place, "inbox/a.png", "ruby", Action.MOVE), place / "plan.json")
    read = json.loads((place / "plan.json").read_text())
    read["operations"][0]["source"] = str(place / "private" / "own.png")
    (place / "plan.json").write_text(json.dumps(read))
    (done,) = apply_plan(load_plan(place / "plan.json"))
    assert "outside the inbox" in failed(done)
