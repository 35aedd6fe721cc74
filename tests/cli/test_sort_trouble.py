"""`kyara sort` where disks, permissions and names make trouble."""

from __future__ import annotations

import csv
import io
import json
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.conftest import Ran, draw
from tests.support import (
    AWKWARD_NAMES,
    TORN,
    awkward,
    command,
    files,
    in_csv,
    noise,
    run_process,
    tree,
)

Arguments = Callable[..., list[str]]


@pytest.fixture
def arguments(tiny_plugin: Path, cast: Path, inbox: Path) -> Arguments:
    """The command line of a sort in a process of its own."""

    def make(*options: object, out: object = "out") -> list[str]:
        fixed = ["sort", "inbox", "--refs", "cast", "--out", out, "--plugin", tiny_plugin]
        return command(*fixed, *options)

    return make


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that hard links from `tmp_path` do not reach."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    folder = Path(mkdtemp(dir=shared))
    yield folder
    shutil.rmtree(folder)


def small_disk() -> None:
    """In the new process: files of more than 20,000 bytes do not fit."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


@pytest.mark.parametrize("option", ["--copy", "--move"])
def test_a_full_disk_half_copies_nothing(
    tmp_path: Path, arguments: Arguments, other_disk: Path, option: str
) -> None:
    large = noise(tmp_path / "inbox" / "large.png")
    ran = run_process(
        arguments("--no-cache", option, "--always-name", out=other_disk / "out"),
        tmp_path,
        small_disk,
    )
    assert ran.code == 3
    (line,) = [line for line in ran.err.splitlines() if "large.png" in line]
    assert line.startswith(
        f"kyara: skipped inbox/large.png: cannot {option[2:]} it to {other_disk}"
    )
    assert line.endswith("large.png: File too large")
    assert large.exists()
    assert {Path(name).name for name in files(other_disk / "out")} == {
        *("r1.png", "r2.jpg", "j1.png", "j2.jpg", "a1.png", "a2.jpg", "who.png")
    }


def test_moving_to_another_disk(tmp_path: Path, arguments: Arguments, other_disk: Path) -> None:
    ran = run_process(arguments("--move", out=other_disk / "out"), tmp_path)
    assert ran.code == 0
    assert len(files(other_disk / "out")) == 7
    assert files(tmp_path / "inbox") == set()


def test_links_do_not_reach_another_disk(
    tmp_path: Path, arguments: Arguments, other_disk: Path
) -> None:
    ran = run_process(arguments("--link", out=other_disk / "out"), tmp_path)
    assert ran.code == 3
    assert "links do not reach another disk, use --copy" in ran.err
    assert files(other_disk / "out") == set()


@pytest.mark.parametrize("option", ["--copy", "--move", "--link"])
def test_no_permission_to_write_there(
    tmp_path: Path, arguments: Arguments, obey_permissions: Callable[[], None], option: str
) -> None:
    (tmp_path / "out").mkdir(mode=0o500)
    before = tree(tmp_path)
    ran = run_process(arguments(option), tmp_path, obey_permissions)
    assert ran.code == 1
    assert ran.err == (
        "kyara: out/.kyara: cannot write the journal, without which nothing is done: "
        "Permission denied\n"
    )
    assert tree(tmp_path) == before


@pytest.mark.parametrize("option", ["--copy", "--move", "--link", "--symlink"])
def test_no_permission_to_write_to_one_of_the_folders(
    tmp_path: Path, arguments: Arguments, obey_permissions: Callable[[], None], option: str
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "ruby").mkdir(mode=0o500)
    before = tree(tmp_path / "out" / "ruby")
    ran = run_process(arguments(option), tmp_path, obey_permissions)
    assert ran.code == 3
    assert f"inbox/r1.png: cannot {option[2:]} it to out/ruby/r1.png: Permission denied" in ran.err
    assert ran.err.splitlines()[-1] == "kyara: 2 of 7 were skipped"
    assert tree(tmp_path / "out" / "ruby") == before
    assert (tmp_path / "inbox" / "r1.png").exists()
    assert len(files(tmp_path / "out")) == 5


def test_no_permission_to_take_a_picture_away(
    tmp_path: Path, arguments: Arguments, obey_permissions: Callable[[], None]
) -> None:
    (tmp_path / "inbox" / "more").chmod(0o500)
    try:
        ran = run_process(arguments("--move"), tmp_path, obey_permissions)
    finally:
        (tmp_path / "inbox" / "more").chmod(0o700)
    assert ran.code == 3
    assert files(tmp_path / "inbox") == {"more/r2.jpg", "more/j2.jpg", "more/a2.jpg"}
    assert {Path(name).name for name in files(tmp_path / "out")} == {
        *("r1.png", "j1.png", "a1.png", "who.png")
    }


def test_pictures_and_folders_that_may_not_be_read(
    tmp_path: Path, arguments: Arguments, obey_permissions: Callable[[], None]
) -> None:
    closed = [tmp_path / "inbox" / "more", tmp_path / "inbox" / "r1.png"]
    for path in closed:
        path.chmod(0)
    try:
        ran = run_process(arguments(), tmp_path, obey_permissions)
    finally:
        closed[0].chmod(0o700)
    assert ran.code == 3
    assert ran.err.splitlines() == [
        "kyara: skipped inbox/more: cannot read it: Permission denied",
        "kyara: skipped inbox/r1.png: cannot read it: Permission denied",
        "kyara: 2 of 5 were skipped",
    ]
    assert files(tmp_path / "out") == {"azure/a1.png", "jade/j1.png", "unknown/who.png"}


@pytest.mark.parametrize("closed", ["inbox", "cast", "cast/ruby"])
def test_folders_that_may_not_be_listed_are_one_line(
    tmp_path: Path, arguments: Arguments, obey_permissions: Callable[[], None], closed: str
) -> None:
    (tmp_path / closed).chmod(0)
    try:
        ran = run_process(arguments(), tmp_path, obey_permissions)
    finally:
        (tmp_path / closed).chmod(0o700)
    assert ran.code in (1, 2)
    (line,) = ran.err.splitlines()
    assert line.startswith(f"kyara: {closed}: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["out", "out/ruby"])
def test_a_file_where_a_folder_is_needed_stays(
    tmp_path: Path, arguments: Arguments, name: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"mine")
    ran = run_process(arguments(), tmp_path)
    assert ran.code == (2 if name == "out" else 3)
    assert "file" in ran.err
    assert "Traceback" not in ran.err
    assert (tmp_path / name).read_bytes() == b"mine"


def test_links_in_circles_and_pipes_do_not_hang(tmp_path: Path, arguments: Arguments) -> None:
    inbox = tmp_path / "inbox"
    (inbox / "up").symlink_to("..")
    (inbox / "more" / "again").symlink_to("../../inbox")
    (inbox / "circle.png").symlink_to("circle.png")
    (inbox / "broken.png").symlink_to("gone.png")
    os.mkfifo(inbox / "pipe.png")
    ran = run_process(arguments("--json"), tmp_path)
    assert ran.code == 3
    rows = {row["path"]: row for row in ran.rows()}
    bad = {"inbox/circle.png", "inbox/broken.png", "inbox/pipe.png"}
    assert {path for path, row in rows.items() if row["error"]} == bad
    assert "not a file" in rows["inbox/pipe.png"]["error"]
    assert len([row for row in rows.values() if row["done"] == "new"]) >= 7


@pytest.fixture
def sort(
    kyara: Callable[..., Ran], tiny_plugin: Path, cast: Path, inbox: Path, tmp_path: Path
) -> Callable[..., Ran]:
    """A sort in this process, of awkward names only."""
    shutil.rmtree(inbox)
    for pose, name in enumerate(AWKWARD_NAMES):
        draw(awkward(inbox, name), "ruby", pose)
    awkward(inbox, b"torn \xfe\n.png").write_bytes(TORN)
    (cast / "ruby").rename(awkward(cast, b"ru\n\xffby"))
    fixed = ["sort", "inbox", "--refs", "cast", "--out", "out", "--plugin", tiny_plugin]
    return lambda *options: kyara(*fixed, *options)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("option", ["--copy", "--move", "--link"])
def test_awkward_names_are_kept_byte_for_byte(
    sort: Callable[..., Ran], tmp_path: Path, option: str
) -> None:
    ran = sort(option)
    assert ran.code == 3  # the torn one
    folder = awkward(tmp_path / "out", b"ru%0A\xffby")
    assert {os.fsencode(path.name) for path in folder.iterdir()} == set(AWKWARD_NAMES)


def test_awkward_names_in_json(sort: Callable[..., Ran]) -> None:
    ran = sort("--json", "--dry-run")
    assert ran.out.isascii()
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert {os.fsencode(row["path"]) for row in rows} == {
        b"inbox/" + name for name in [*AWKWARD_NAMES, b"torn \xfe\n.png"]
    }
    characters = {row["character"] for row in rows if row["character"]}
    assert characters == {os.fsdecode(b"ru\n\xffby")}


def test_awkward_names_in_csv(sort: Callable[..., Ran]) -> None:
    rows = list(csv.DictReader(io.StringIO(sort("--csv", "--dry-run").out, newline="")))
    expected = [os.fsdecode(b"inbox/" + name) for name in [*AWKWARD_NAMES, b"torn \xfe\n.png"]]
    assert {row["path"] for row in rows} == set(map(in_csv, expected))


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_awkward_names_on_the_console(sort: Callable[..., Ran], options: list[str]) -> None:
    ran = sort(*options)
    text = ran.out + ran.err
    assert all(line.isprintable() for line in text.splitlines())
    for name in AWKWARD_NAMES:
        shown = "".join(
            c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode()
            for c in os.fsdecode(name)
        )
        assert f"inbox/{shown}" in text
