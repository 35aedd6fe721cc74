"""Whether a file is as it was, without reading it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kyara.pictures.state import FileState

SECOND = 1_000_000_000


@pytest.mark.parametrize("seconds", [-(10**11), 10**11])
def test_dates_beyond_what_tables_hold(tmp_path: Path, seconds: int) -> None:
    path = tmp_path / "a.png"
    path.touch()
    try:
        os.utime(path, (seconds, seconds))
    except (OSError, OverflowError):
        pytest.skip("this file system has no such dates")
    assert all(-(2**63) <= mark < 2**63 for mark in FileState.of(path).marks)


def test_a_change_shows_in_one_of_the_marks(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"one")
    os.utime(path, ns=(SECOND, SECOND))
    before = FileState.of(path)
    assert FileState.of(path) == before

    os.utime(path, ns=(SECOND, SECOND + 1))
    assert FileState.of(path).marks != before.marks
    path.write_bytes(b"three")
    os.utime(path, ns=(SECOND, SECOND))
    assert FileState.of(path).marks != before.marks
    other = tmp_path / "b.png"
    other.write_bytes(b"two")
    os.utime(other, ns=(SECOND, SECOND))
    other.replace(path)
    assert FileState.of(path).marks != before.marks


def test_what_was_written_right_before_the_look_is_not_settled() -> None:
    state = FileState(Path("/a.png"), 1, 10 * SECOND, 1)
    assert not state.settled(10 * SECOND)
    assert not state.settled(12 * SECOND)
    assert state.settled(12 * SECOND + 1)


def test_a_link_is_the_file_that_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"one")
    (tmp_path / "link.png").symlink_to("a.png")
    link = FileState.of(tmp_path / "link.png")
    assert link.marks == FileState.of(tmp_path / "a.png").marks
    assert link.path == tmp_path / "link.png"
    with pytest.raises(FileNotFoundError):
        FileState.of(tmp_path / "gone.png")
