"""`kyara sort --plan`, `kyara apply` and `kyara undo`, from end to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from tests.conftest import Ran, draw
from tests.killing import kills
from tests.support import files, noise, tree

Run = Callable[..., Ran]

APPLY, UNDO = "kyara.organise.apply:apply_plan", "kyara.organise.undo:undo_plan"


@pytest.fixture
def fixed(tiny_plugin: Path, cast: Path, inbox: Path) -> list[object]:
    return ["sort", "inbox", "--refs", "cast", "--out", "out", "--plugin", tiny_plugin]


@pytest.fixture
def sort(kyara: Run, fixed: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return lambda *options: kyara(*fixed, *options)


@pytest.mark.parametrize("option", ["--copy", "--move", "--link", "--symlink"])
def test_a_plan_is_written_shown_applied_and_undone(
    sort: Run, kyara: Run, tmp_path: Path, option: str
) -> None:
    before = tree(tmp_path / "inbox")
    ran = sort(option, "--plan", "plan.json")
    assert (ran.code, ran.err) == (0, "kyara: next: kyara apply plan.json\n")
    assert ran.out.endswith("7 would be filed.\n")
    assert {path.name for path in tmp_path.iterdir()} >= {"plan.json"}
    assert not (tmp_path / "out").exists()
    assert tree(tmp_path / "inbox") == before
    dry = kyara("apply", "plan.json", "--dry-run", "--json")
    assert not (tmp_path / "out").exists()
    ran = kyara("apply", "plan.json", "--json")
    assert (ran.code, ran.err) == (0, "7 filed.\n")
    assert ran.rows() == dry.rows()
    assert {row["action"] for row in ran.rows()} == {option[2:]}
    assert {row["target"] for row in ran.rows()} == {
        str(tmp_path / "out" / name) for name in files(tmp_path / "out")
    }
    assert len(files(tmp_path / "out")) == 7
    assert (files(tmp_path / "inbox") == set()) == (option == "--move")
    if option != "--move":
        assert kyara("apply", "plan.json").out.endswith("0 filed, 7 were there already.\n")
    ran = kyara("undo", "out")
    assert (ran.code, ran.out, ran.err) == (0, "7 undone.\n", "")
    assert {k: v[0::2] for k, v in tree(tmp_path / "inbox").items()} == {
        k: v[0::2] for k, v in before.items()
    }
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".kyara"]
    again = kyara("undo", "out")
    assert (again.code, again.out, again.err) == (0, "Nothing to undo.\n", "")


def test_applying_shows_what_goes_where(sort: Run, kyara: Run, tmp_path: Path) -> None:
    sort("--plan", "plan.json")
    shown = kyara("apply", "plan.json", "--dry-run").out
    assert str(tmp_path / "inbox" / "r1.png") in shown.replace("\n", "")
    assert shown.endswith("7 would be filed.\n")


def test_a_plan_may_be_edited(sort: Run, kyara: Run, tmp_path: Path) -> None:
    sort("--plan", "plan.json")
    plan = json.loads((tmp_path / "plan.json").read_text())
    plan["operations"] = plan["operations"][:1]
    plan["operations"][0]["target"] = "best/of all.png"
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    assert kyara("apply", "plan.json").code == 0
    assert files(tmp_path / "out") == {"best/of all.png"}


def test_pictures_that_changed_since_the_plan_are_named(
    sort: Run, kyara: Run, tmp_path: Path
) -> None:
    sort("--plan", "plan.json", "--move")
    draw(tmp_path / "inbox" / "r1.png", "jade", 50)
    ran = kyara("apply", "plan.json")
    assert ran.code == 3
    assert ran.err.splitlines() == [
        f"kyara: skipped {tmp_path / 'inbox' / 'r1.png'}: it was changed since the plan was made",
        "kyara: 1 of 7 were skipped",
    ]
    assert files(tmp_path / "inbox") == {"r1.png"}


def test_a_plan_that_is_there_stays(sort: Run, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("mine")
    ran = sort("--plan", "plan.json")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "kyara: plan.json: this file exists (choose another)\n"
    assert (tmp_path / "plan.json").read_text() == "mine"


def test_what_is_no_plan_is_one_line(kyara: Run, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    for path in (tmp_path / "x.json", tmp_path / "none.json"):
        ran = kyara("apply", path)
        assert (ran.code, ran.out) == (1, "")
        assert len(ran.err.splitlines()) == 1


def test_what_is_left_is_named(sort: Run, kyara: Run, tmp_path: Path) -> None:
    sort()
    (tmp_path / "out" / "ruby" / "r1.png").write_bytes(b"retouched")
    dry = kyara("undo", "out", "--dry-run", "--json")
    assert len(files(tmp_path / "out")) == 7
    ran = kyara("undo", "out", "--json")
    assert ran.rows() == dry.rows()
    assert dry.err.startswith("6 would be undone.\n")
    assert ran.code == 3
    assert ran.err.splitlines() == [
        "6 undone.",
        "kyara: left out/ruby/r1.png: it was changed since",
        "kyara: 1 of 7 were left",
    ]
    assert {row["done"] for row in ran.rows()} == {"undone", "left"}
    assert files(tmp_path / "out") == {"ruby/r1.png"}


def test_the_list_names_every_sort_and_its_state(sort: Run, kyara: Run, tmp_path: Path) -> None:
    sort()
    draw(tmp_path / "inbox" / "new.png", "ruby", 40)
    sort()
    kyara("undo", "out")
    rows = kyara("undo", "out", "--list", "--json").rows()
    assert [(row["state"], row["files"]) for row in rows] == [("applied", 7), ("undone", 1)]
    assert {row["inbox"] for row in rows} == {str(tmp_path / "inbox")}
    shown = kyara("undo", "out", "--list").out
    assert all(row["made"] in shown and row["state"] in shown for row in rows)
    ran = kyara("undo", rows[0]["journal"])
    assert (ran.code, ran.out) == (0, "7 undone.\n")
    assert files(tmp_path / "out") == set()


def test_where_nothing_was_sorted(kyara: Run, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("{}\n")
    for place, code, said in (
        (tmp_path, 2, "nothing was sorted into this folder"),
        (tmp_path / "none", 2, "there is no such file or folder"),
        (tmp_path / "x.jsonl", 1, "not a journal of kyara"),
    ):
        ran = kyara("undo", place)
        assert (ran.code, ran.out) == (code, "")
        assert ran.err.startswith(f"kyara: {place}: {said}")
        assert len(ran.err.splitlines()) == 1


def digests(folder: Path) -> set[str]:
    return {sha256((folder / name).read_bytes()).hexdigest() for name in files(folder)}


@pytest.mark.slow  # processes, killed and begun again
@pytest.mark.parametrize("option", ["--copy", "--move"])
def test_sort_killed_at_random_instants(
    sort: Run, kyara: Run, fixed: list[object], tmp_path: Path, option: str
) -> None:
    """From outside, and with all that a process does; tests/organise/test_killed.py has every
    line of the code that touches files."""
    inbox, out = noisy_inbox(tmp_path), tmp_path / "out"
    before, known = {name: (inbox / name).read_bytes() for name in files(inbox)}, digests(inbox)

    def put_back() -> None:  # what a run that was not killed has done
        assert not files(out) or kyara("undo", "out").code == 0

    for _ in kills([*fixed, option], tmp_path, APPLY, put_back):
        final = {name for name in files(out) if not name.endswith(".part")}
        assert {sha256((out / name).read_bytes()).hexdigest() for name in final} <= known
        assert digests(inbox) | digests(out) >= known
        assert sort(option).code == 0
        assert digests(out) == known
        assert len(files(out)) == len(known)
        assert kyara("undo", "out").code == 0
        assert {name: (inbox / name).read_bytes() for name in files(inbox)} == before
        assert [path.name for path in out.iterdir()] == [".kyara"]


@pytest.mark.slow  # processes, killed and begun again
@pytest.mark.parametrize("option", ["--copy", "--move"])
def test_undo_killed_at_random_instants(sort: Run, kyara: Run, tmp_path: Path, option: str) -> None:
    inbox, out = noisy_inbox(tmp_path), tmp_path / "out"
    before, known = {name: (inbox / name).read_bytes() for name in files(inbox)}, digests(inbox)

    def sort_all() -> None:
        assert sort(option).code == 0
        assert digests(out) == known

    for _ in kills(["undo", "out"], tmp_path, UNDO, sort_all):
        assert digests(inbox) | digests(out) >= known
        assert kyara("undo", "out").code == 0 or not files(out)  # 2: it had come to its end
        assert {name: (inbox / name).read_bytes() for name in files(inbox)} == before
        assert [path.name for path in out.iterdir()] == [".kyara"]


def noisy_inbox(folder: Path) -> Path:
    """The inbox with so much more in it that there is time to kill what works on it."""
    for n in range(40):
        noise(folder / "inbox" / f"noise{n}.png", 300, seed=n)
    return folder / "inbox"


def test_a_folder_that_was_moved_is_undone_when_it_is_trusted(
    sort: Run, kyara: Run, tmp_path: Path
) -> None:
    sort("--move")
    moved = (tmp_path / "out").rename(tmp_path / "moved")
    look = kyara("undo", moved, "--dry-run")
    filed = [path for path in moved.rglob("*.png") if ".kyara" not in path.parts]
    assert look.code == 0
    assert all(f"move {path} to {tmp_path / 'inbox'}" in look.out for path in filed)
    refused = kyara("undo", moved)
    assert (refused.code, refused.out, "--trust" in refused.err) == (1, "", True)
    assert kyara("undo", moved, "--trust").code == 0
    assert not any(path.exists() for path in filed)
