"""Files that appear whole or not at all; what is said where the system refuses."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from kyara.errors import DataError, KyaraError, OutputError, PluginError
from kyara.files import is_folder, new_file, put_in_place, reading, replaced, writing

Place = Callable[[Path], AbstractContextManager[Path]]


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def fail_halfway(part: Path, error: type[BaseException]) -> None:
    part.write_bytes(b"ha")
    raise error


@pytest.mark.parametrize("place", [new_file, replaced])
def test_a_file_appears_when_it_is_whole(tmp_path: Path, place: Place) -> None:
    path = tmp_path / "a.txt"
    with place(path) as part:
        part.write_bytes(b"ha")
        assert names(tmp_path) == [part.name]
        assert part.name.startswith(".kyara-")
        assert part.suffix == ".part"
        part.write_bytes(b"half and half")
    assert path.read_bytes() == b"half and half"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("place", [new_file, replaced])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, ValueError])
def test_nothing_is_left_of_what_failed(
    tmp_path: Path, place: Place, error: type[BaseException]
) -> None:
    with pytest.raises(error), place(tmp_path / "a.txt") as part:
        fail_halfway(part, error)
    assert names(tmp_path) == []


def test_a_new_file_replaces_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"yours")
    with pytest.raises(FileExistsError), new_file(path) as part:
        part.write_bytes(b"mine")
    assert path.read_bytes() == b"yours"
    path.unlink()
    path.symlink_to("gone")
    with pytest.raises(FileExistsError), new_file(path) as part:
        part.write_bytes(b"mine")
    assert names(tmp_path) == ["a.txt"]


def test_nor_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_names: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with new_file(tmp_path / "a.txt") as part:
        part.write_bytes(b"one")
    (tmp_path / "b.part").write_bytes(b"two")
    with pytest.raises(FileExistsError):
        put_in_place(tmp_path / "b.part", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_bytes() == b"one"
    assert names(tmp_path) == ["a.txt", "b.part"]


def test_what_was_there_is_replaced_and_its_mode_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    path.chmod(0o640)
    with pytest.raises(KeyboardInterrupt), replaced(path) as part:
        fail_halfway(part, KeyboardInterrupt)
    assert path.read_bytes() == b"old"
    with replaced(path) as part:
        part.write_bytes(b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_link_keeps_pointing_to_what_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.txt").write_bytes(b"old")
    link = tmp_path / "link.txt"
    link.symlink_to("real/a.txt")
    with replaced(link) as part:
        part.write_bytes(b"new")
        assert part.parent == tmp_path / "real"
    assert link.is_symlink()
    assert (tmp_path / "real" / "a.txt").read_bytes() == b"new"


def test_what_is_no_file_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    with replaced(Path(os.devnull)) as part:
        part.write_bytes(b"new")
    assert not Path(os.devnull).is_file()
    with pytest.raises(OSError), replaced(tmp_path) as part:  # noqa: PT011 (each system its own)
        part.write_bytes(b"new")
    assert names(tmp_path) == []


def test_what_must_last_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(path.exists()))
    with replaced(path, durable=True) as part:
        part.write_bytes(b"new")
    assert synced == [False, True]  # the content before it gets its name, then the name


@pytest.mark.parametrize("kind", [DataError, PluginError])
def test_what_cannot_be_read_is_one_line(tmp_path: Path, kind: type[KyaraError]) -> None:
    path = tmp_path / "gone"
    with pytest.raises(kind) as raised, reading(path, kind):
        path.read_bytes()
    assert str(raised.value) == f"{path}: cannot read it: No such file or directory"
    listing = reading(path, kind, what="cannot list it")
    with pytest.raises(kind, match="cannot list it: No such"), listing:
        os.listdir(path)


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "a.txt"
    with pytest.raises(OutputError) as raised, writing(path), new_file(path) as part:
        part.write_bytes(b"")
    assert str(raised.value) == f"{path}: cannot write it: No such file or directory"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError("truncated\nsomewhere"), "truncated somewhere"),  # as libraries raise them
        (OSError(), "no message"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
    ],
)
def test_an_error_without_the_systems_words_is_not_none(error: OSError, said: str) -> None:
    with pytest.raises(DataError, match=f"^a: cannot read it: {said}$"), reading("a"):
        raise error


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), reading("a"):
        raise KeyError


def test_a_folder_is_one_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "circle").symlink_to("circle")
    assert is_folder(tmp_path)
    assert is_folder(os.fspath(tmp_path / "link"))
    too_long, no_name = "x" * 5000, "a\0b"
    for name in ("file", "nowhere", "circle", "file/below", too_long, no_name):
        assert not is_folder(tmp_path / name)
