"""Each operation is carried out whole or not at all, and nothing is ever overwritten."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from kyara.organise.apply import apply_plan
from kyara.organise.plan import Action, Operation, Plan, Status
from tests.support import FILED, files, tree

DATA = b"picture" * 1000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a.png"
    path.parent.mkdir()
    path.write_bytes(DATA)
    path.chmod(0o640)
    os.utime(path, (1_500_000_000, 1_500_000_000))
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def operation(
    action: Action, source: Path, target: Path, status: Status = Status.TO_DO
) -> Operation:
    return Operation(action, source, target, b"digest", status)


def apply_one(action: Action, source: Path, target: Path) -> Operation:
    (done,) = apply_plan(Plan(out_of(target), (operation(action, source, target),)))
    return done


def apply_all(plan: list[Operation], out: Path) -> list[Operation]:
    return list(apply_plan(Plan(out, tuple(plan))))


def out_of(target: Path) -> Path:
    """The fixture `out`, which all targets lie in."""
    return next(folder for folder in target.parents if folder.name == "out")


def fail_with(number: int) -> Any:
    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("action", FILED)
def test_the_picture_is_at_the_target_with_its_time_and_mode(
    source: Path, out: Path, action: Action
) -> None:
    done = apply_one(action, source, out / "ruby" / "a.png")
    assert (done.status, done.error) == (Status.DONE, None)
    assert files(out) == {"ruby/a.png"}
    status = done.target.stat()
    assert done.target.read_bytes() == DATA
    assert status.st_mtime == 1_500_000_000
    assert status.st_mode & 0o777 == 0o640
    assert source.exists() == (action is not Action.MOVE)
    if action is Action.LINK:
        assert status.st_ino == source.stat().st_ino
    if action is Action.COPY:
        assert status.st_ino != source.stat().st_ino


@pytest.mark.parametrize("action", FILED)
@pytest.mark.parametrize("kind", ["file", "folder", "broken link"])
def test_what_is_at_the_target_stays(source: Path, out: Path, action: Action, kind: str) -> None:
    """Also what came between planning and doing."""
    (out / "ruby").mkdir(parents=True)
    target = out / "ruby" / "a.png"
    if kind == "file":
        target.write_bytes(b"foreign")
    elif kind == "folder":
        target.mkdir()
    else:
        target.symlink_to("gone")
    before = tree(out / "ruby" / "a.png", source.parent)
    done = apply_one(action, source, target)
    assert done.status is Status.FAILED
    assert tree(out / "ruby" / "a.png", source.parent) == before
    assert [path.name for path in (out / "ruby").iterdir()] == ["a.png"]
    assert str(done.error).startswith(f"{source}: cannot {action.value} it to {target}: ")


@pytest.mark.parametrize("linked", [True, False])
def test_without_hard_links_nothing_is_overwritten_either(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch, linked: bool
) -> None:
    monkeypatch.setattr(os, "link", fail_with(errno.EPERM))
    (out / "ruby").mkdir(parents=True)
    if linked:
        (out / "ruby" / "a.png").symlink_to("gone")
    else:
        (out / "ruby" / "a.png").write_bytes(b"foreign")
    before = tree(out / "ruby" / "a.png")
    assert apply_one(Action.COPY, source, out / "ruby" / "a.png").status is Status.FAILED
    assert tree(out / "ruby" / "a.png") == before
    assert files(out) == {"ruby/a.png"}


@pytest.mark.parametrize("action", [Action.COPY, Action.MOVE])
def test_file_systems_without_hard_links(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch, action: Action
) -> None:
    monkeypatch.setattr(os, "link", fail_with(errno.EPERM))
    done = apply_one(action, source, out / "ruby" / "a.png")
    assert done.status is Status.DONE
    assert done.target.read_bytes() == DATA
    assert files(out) == {"ruby/a.png"}
    assert source.exists() == (action is Action.COPY)


def test_links_to_another_disk_are_refused_with_advice(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", fail_with(errno.EXDEV))
    done = apply_one(Action.LINK, source, out / "ruby" / "a.png")
    assert done.status is Status.FAILED
    assert "use --copy or --symlink" in str(done.error)


def test_moving_a_link_leaves_the_picture_that_it_leads_to(source: Path, out: Path) -> None:
    alias = source.with_name("alias.png")
    alias.symlink_to("a.png")
    assert apply_one(Action.MOVE, alias, out / "alias.png").status is Status.DONE
    assert not alias.is_symlink()
    assert source.read_bytes() == (out / "alias.png").read_bytes() == DATA
    assert not (out / "alias.png").is_symlink()


def test_linking_a_link_links_the_picture(source: Path, out: Path) -> None:
    source.with_name("alias.png").symlink_to("a.png")
    done = apply_one(Action.LINK, source.with_name("alias.png"), out / "alias.png")
    assert done.target.stat(follow_symlinks=False).st_ino == source.stat().st_ino


def test_a_picture_that_may_not_leave_is_not_in_two_places(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path == source:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        original(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    done = apply_one(Action.MOVE, source, out / "a.png")
    assert done.status is Status.FAILED
    assert "Permission denied" in str(done.error)
    assert source.read_bytes() == DATA
    assert files(out) == set()


@pytest.mark.parametrize("action", [Action.COPY, Action.MOVE])
@pytest.mark.parametrize("trouble", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_copy_that_breaks_off_leaves_nothing(
    source: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    action: Action,
    trouble: BaseException,
) -> None:
    def half(_source: Path, part: Path) -> None:
        part.write_bytes(DATA[:100])
        raise trouble

    monkeypatch.setattr(os, "link", fail_with(errno.EXDEV))  # so that moving copies, too
    monkeypatch.setattr(shutil, "copyfile", half)
    if isinstance(trouble, OSError):
        done = apply_one(action, source, out / "a.png")
        assert done.status is Status.FAILED
        assert "No space left" in str(done.error)
    else:
        with pytest.raises(KeyboardInterrupt):
            apply_one(action, source, out / "a.png")
    assert files(out) == set()
    assert source.read_bytes() == DATA


def test_one_that_fails_does_not_stop_the_others(source: Path, out: Path) -> None:
    gone = source.with_name("gone.png")
    plan = [operation(Action.COPY, path, out / path.name) for path in (gone, source)]
    assert [done.status for done in apply_all(plan, out)] == [Status.FAILED, Status.DONE]
    assert files(out) == {"a.png"}


def test_a_file_in_place_of_the_folder_is_named(source: Path, out: Path) -> None:
    out.mkdir()
    (out / "ruby").write_bytes(b"foreign")
    done = apply_one(Action.COPY, source, out / "ruby" / "a.png")
    assert "a file is in place of the folder" in str(done.error)
    assert (out / "ruby").read_bytes() == b"foreign"


def test_what_is_there_or_failed_in_the_plan_is_left_alone(source: Path, out: Path) -> None:
    out.mkdir()
    (out / "a.png").write_bytes(DATA)
    before = tree(out, source.parent)
    plan = [
        operation(Action.MOVE, source, out / "a.png", Status.THERE),
        operation(Action.MOVE, source, out / "b.png", Status.FAILED),
    ]
    assert apply_all(plan, out) == plan
    assert tree(out, source.parent) == before


def test_a_twin_is_not_called_there_when_the_first_did_not_get_there(
    source: Path, out: Path
) -> None:
    gone = source.with_name("gone.png")
    plan = [
        operation(Action.COPY, gone, out / "a.png"),
        operation(Action.COPY, source, out / "a.png", Status.THERE),
    ]
    assert [done.status for done in apply_all(plan, out)] == [Status.FAILED, Status.DONE]
    assert (out / "a.png").read_bytes() == DATA


def test_operations_are_carried_out_one_by_one_as_they_are_asked_for(
    source: Path, out: Path
) -> None:
    plan = [operation(Action.COPY, source, out / name) for name in ("a.png", "b.png")]
    doing = apply_plan(Plan(out, tuple(plan)))
    next(doing)
    assert files(out) == {"a.png"}
    next(doing)
    assert files(out) == {"a.png", "b.png"}
