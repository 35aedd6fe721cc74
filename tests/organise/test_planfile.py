"""A plan as a file comes back as it was; anything else is refused with one clear line."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyara.errors import DataError, OutputError
from kyara.organise.apply import apply_plan
from kyara.organise.plan import Action, Filing, Operation, Plan, Status, make_plan
from kyara.organise.planfile import checked_plan, load_plan, require_new, save_plan
from kyara.pictures.digest import digest_of_bytes, digest_of_file

DIGEST = digest_of_bytes(b"one")
NAMES = (
    st.binary(min_size=1, max_size=8)
    .map(os.fsdecode)
    .filter(lambda name: "/" not in name and "\0" not in name and name not in (".", ".."))
)


def plan_of(source: Path, target: Path, root: Path, action: Action = Action.COPY) -> Plan:
    return Plan(root, (Operation(action, source, target, DIGEST, Status.TO_DO),), source.parent)


@settings(deadline=None, max_examples=50)
@given(NAMES, NAMES, st.sampled_from(Action))
def test_it_comes_back_as_it_was(name: str, folder: str, action: Action) -> None:
    """Also names that are not text."""
    with TemporaryDirectory() as made:
        root = Path(made) / "out"
        plan = plan_of(Path(made) / "in" / name, root / folder / name, root, action)
        save_plan(plan, Path(made) / "plan.json")
        assert load_plan(Path(made) / "plan.json") == plan
        assert (Path(made) / "plan.json").read_bytes().isascii()


def test_a_file_that_will_be_made_is_new(tmp_path: Path) -> None:
    save_plan(plan_of(tmp_path / "a", tmp_path / "out/a", tmp_path / "out"), tmp_path / "plan.json")
    (operation,) = json.loads((tmp_path / "plan.json").read_text())["operations"]
    assert operation["status"] == "new"


def test_failed_operations_keep_their_reason(tmp_path: Path) -> None:
    error = OutputError("every name for it is taken", where=tmp_path / "a")
    failed = Operation(
        Action.COPY, tmp_path / "a", tmp_path / "out/x/a", DIGEST, Status.FAILED, error
    )
    save_plan(Plan(tmp_path / "out", (failed,)), tmp_path / "plan.json")
    (read,) = load_plan(tmp_path / "plan.json").operations
    assert str(read.error) == str(error)


def test_paths_do_not_depend_on_where_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_plan(plan_of(Path("in/a.png"), Path("out/ruby/a.png"), Path("out")), Path("plan.json"))
    (operation,) = load_plan(Path("plan.json")).operations
    assert operation.source == tmp_path / "in" / "a.png"
    assert operation.target == tmp_path / "out" / "ruby" / "a.png"


def test_an_existing_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="this file exists"):
        require_new(path)
    with pytest.raises(OutputError, match="cannot write it"):
        save_plan(plan_of(tmp_path / "a", tmp_path / "out/a", tmp_path / "out"), path)
    assert path.read_bytes() == b"mine"
    with pytest.raises(OutputError, match="no such folder"):
        require_new(tmp_path / "none" / "plan.json")


def test_a_full_disk_leaves_no_half_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as stream:
            stream.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left on device"):
        save_plan(plan_of(tmp_path / "a", tmp_path / "out/a", tmp_path / "out"), tmp_path / "p")
    assert list(tmp_path.iterdir()) == []


def changed(**changes: Any) -> dict[str, Any]:
    operation = {
        "action": "copy",
        "source": "/in/a.png",
        "target": "ruby/a.png",
        "digest": "0" * 64,
        "status": "new",
    }
    operation |= {key: changes.pop(key) for key in list(changes) if key in operation}
    return {
        "format": "kyara-plan",
        "version": 1,
        "made": "2026-11-24T00:00:00+00:00",
        "kyara": "1",
        "root": "/out",
        "operations": [operation],
        **changes,
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("nonsense", "not a plan: "),
        ("[]", "not a plan"),
        ("{}", "not a plan"),
        (changed(version=2), "this plan is of version 2; this Kyara knows 1 (use a newer Kyara)"),
        (changed(version="1"), "$.version"),
        (changed(extra=1), "extra"),
        (changed(operations=None), "$.operations"),
        (changed(action="delete"), "$.operations[0].action"),
        (changed(status="to do"), "$.operations[0].status"),
        (changed(status="done"), "$.operations[0].status"),
        (changed(digest="12"), "$.operations[0].digest"),
        (changed(source="in/a.png"), "absolute"),
        (changed(root="out"), "absolute"),
        (changed(target="../a.png"), "does not lie below"),
        (changed(target="/etc/a.png"), "does not lie below"),
        (changed(target="ruby/../../a.png"), "does not lie below"),
        (changed(target="."), "does not lie below"),
        (changed(target=""), "does not lie below"),
        (changed(operations=changed()["operations"] * 2), "two operations have the target"),
    ],
)
def test_what_is_no_such_plan_is_refused(tmp_path: Path, content: Any, said: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(DataError) as raised:
        load_plan(path)
    assert said in str(raised.value)
    assert str(raised.value).startswith(f"{path}: ")


def test_the_model_of_the_refused_ones_is_a_plan(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(changed()))
    assert len(load_plan(tmp_path / "plan.json").operations) == 1


def test_pictures_that_changed_since_are_left_alone(tmp_path: Path) -> None:
    same, other, gone = (tmp_path / name for name in ("same", "other", "gone"))
    same.write_bytes(b"one")
    other.write_bytes(b"two")
    operations = [
        Operation(Action.MOVE, path, tmp_path / "out" / path.name, DIGEST, Status.TO_DO)
        for path in (same, other, gone)
    ]
    checked = checked_plan(Plan(tmp_path / "out", tuple(operations)), digest_of_file).operations
    assert [str(operation.error) for operation in checked] == [
        "None",
        f"{other}: it was changed since the plan was made",
        f"{gone}: cannot read it: No such file or directory",
    ]


def test_what_a_plan_has_moved_is_there_when_it_is_applied_again(tmp_path: Path) -> None:
    source = tmp_path / "inbox" / "a.png"
    source.parent.mkdir()
    source.write_bytes(b"a")
    filings = [Filing(source, digest_of_file(source), "ruby")]
    plan = make_plan(filings, tmp_path / "out", Action.MOVE, digest_of_file)
    list(apply_plan(plan))
    assert [one.status for one in checked_plan(plan, digest_of_file).operations] == [Status.THERE]
    (tmp_path / "out" / "ruby" / "a.png").write_bytes(b"b")
    assert [one.status for one in checked_plan(plan, digest_of_file).operations] == [Status.FAILED]
