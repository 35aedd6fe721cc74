"""Which files of a folder are taken for pictures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kyara.pictures.find import SUFFIXES, PassedOver, find_pictures, is_picture_name
from tests.support import AWKWARD_NAMES, awkward


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def names(folder: Path, found: list[Path]) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in found]


def test_folders_are_searched_in_a_stable_order(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "c/2.webp", "c/1.Tiff", "B.png", "readme.txt", "c/d/e.gif"):
        touch(tmp_path / name)
    found = names(tmp_path, find_pictures([tmp_path]))
    assert found == ["B.png", "a.JPG", "b.png", "c/1.Tiff", "c/2.webp", "c/d/e.gif"]


def test_paths_come_in_the_order_in_which_they_were_given(tmp_path: Path) -> None:
    a, b, c = (touch(tmp_path / name) for name in ("a.png", "b.png", "sub/c.png"))
    assert find_pictures([b, tmp_path / "sub", a]) == [b, c, a]


def test_a_file_stands_once_however_often_it_was_named(tmp_path: Path) -> None:
    a, b = touch(tmp_path / "a.png"), touch(tmp_path / "b.png")
    assert find_pictures([b, tmp_path, f"{tmp_path}/./b.png", tmp_path]) == [b, a]


def test_a_file_that_is_named_needs_no_picture_suffix(tmp_path: Path) -> None:
    named = touch(tmp_path / "scan.dat")
    assert find_pictures([named]) == [named]
    assert find_pictures([tmp_path]) == []


PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


def test_a_suffix_that_says_nothing_is_no_reason_to_pass_a_picture_over(tmp_path: Path) -> None:
    pictures = ["noext", "tw.jpg_large", "pic.webp?w=300", "x.png.1", "Vol. 2"]
    others = ["readme.txt", "a.jxl", "Makefile", ".png", "a.png.txt", "b.json", "old.zip"]
    for name in pictures:
        (tmp_path / name).write_bytes(PNG)
    for name in others:
        touch(tmp_path / name)
    (tmp_path / "a.png").write_bytes(PNG)
    os.mkfifo(tmp_path / "pipe")
    passed_over = PassedOver()
    found = names(tmp_path, find_pictures([tmp_path], passed_over=passed_over))
    assert found == sorted(["a.png", *pictures])
    assert passed_over.in_words is not None
    assert passed_over.in_words.startswith("6 files are no pictures that are known here")
    for told in ("no suffix 2", "jxl 1", "txt 1", "json 1", "zip 1"):
        assert told in passed_over.in_words


@pytest.mark.parametrize(
    "head",
    [
        *(PNG, b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"II*\0", b"MM\0*", b"8BPS"),
        *(b"\0\0\0\x1cftypavif", b"\0\0\0\x1cftypheic"),
    ],
)
def test_first_bytes(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "picture").write_bytes(head)
    assert find_pictures([tmp_path]) == [tmp_path / "picture"]


@pytest.mark.parametrize("head", [b"", b"RIFF\0\0\0\0AVI ", b"\0\0\0\x1cftypisom", b"\xff\x0a"])
def test_other_first_bytes(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "file").write_bytes(head)
    assert find_pictures([tmp_path]) == []


def test_files_can_be_left_out(tmp_path: Path) -> None:
    for name in ("a.png", "b/a.png", "b/c.png"):
        touch(tmp_path / name)
    found = find_pictures([tmp_path], skip=[tmp_path / "b" / "a.png"])
    assert names(tmp_path, found) == ["a.png", "b/c.png"]


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    for name in (".a.png", "._b.png", ".thumbs/c.png", "d.png"):
        touch(tmp_path / name)
    assert names(tmp_path, find_pictures([tmp_path])) == ["d.png"]


def test_what_is_named_may_be_hidden(tmp_path: Path) -> None:
    picture = touch(tmp_path / ".stash" / "a.png")
    assert find_pictures([tmp_path / ".stash"]) == [picture]


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_suffixes_are_known_in_any_case(suffix: str) -> None:
    assert is_picture_name(f"a{suffix}")
    assert is_picture_name(f"a{suffix.upper()}")
    assert not is_picture_name(suffix)  # a hidden file without a suffix
    assert not is_picture_name(f"a{suffix}.txt")


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_awkward_names_are_found(tmp_path: Path, name: bytes) -> None:
    picture = touch(awkward(tmp_path, name))
    (found,) = find_pictures([tmp_path])
    assert os.fsencode(found) == os.fsencode(picture)


def test_skipped_folders_are_not_entered_by_whatever_way(tmp_path: Path) -> None:
    touch(tmp_path / "sorted" / "ruby" / "a.png")
    touch(tmp_path / "b.png")
    (tmp_path / "alias").symlink_to("sorted")
    found = find_pictures([tmp_path], skip=[tmp_path / "x" / ".." / "sorted"])
    assert names(tmp_path, found) == ["b.png"]


def test_links_that_lead_back_are_not_followed(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "b" / "c.png")
    (tmp_path / "a" / "b" / "parent").symlink_to("..")
    (tmp_path / "a" / "b" / "self").symlink_to(".")
    (tmp_path / "a" / "root").symlink_to(tmp_path)
    assert names(tmp_path, find_pictures([tmp_path])) == ["a/b/c.png"]


def test_links_to_folders_elsewhere_are_followed(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "link").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path, find_pictures([tmp_path / "inbox"])) == ["inbox/link/a.png"]


def test_links_to_nowhere_and_to_themselves_are_left_to_the_reader(tmp_path: Path) -> None:
    (tmp_path / "broken.png").symlink_to("gone.png")
    (tmp_path / "circle.png").symlink_to("circle.png")
    (tmp_path / "circle").symlink_to("circle")
    touch(tmp_path / "good.png")
    assert names(tmp_path, find_pictures([tmp_path])) == ["broken.png", "circle.png", "good.png"]


def test_what_is_named_but_missing_is_left_to_the_reader(tmp_path: Path) -> None:
    missing = [tmp_path / "gone.png", tmp_path / ("n" * 300 + ".png")]
    assert find_pictures(missing) == missing


def test_no_paths_no_pictures() -> None:
    assert find_pictures([]) == []


def test_folders_of_other_programs_are_passed_over(tmp_path: Path) -> None:
    for folder in ("@eaDir", "__MACOSX", "#recycle", "$RECYCLE.BIN", "lost+found", "own"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").touch()
    assert find_pictures([tmp_path]) == [tmp_path / "own" / "a.png"]


@pytest.mark.slow  # thousands of folders
def test_folders_may_be_nested_deeper_than_calls(tmp_path: Path) -> None:
    folders = [tmp_path]
    for _ in range(1100):
        folders.append(folders[-1] / "a")
        folders[-1].mkdir()
    deep = folders[-1] / "x.png"
    deep.touch()
    (tmp_path / "b.png").touch()
    try:
        assert find_pictures([tmp_path]) == [deep, tmp_path / "b.png"]
    finally:  # what tidies up after tests calls itself for each
        deep.unlink()
        for folder in reversed(folders[1:]):
            folder.rmdir()
