"""Archives of pictures: looked at where they are, and nothing is unpacked."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kyara import detect
from tests.conftest import Ran, draw
from tests.detectors import Halves, pair
from tests.support import TORN, files

Kyara = Callable[..., Ran]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, cast: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the same book as a zip and as a tar."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(detect, "DEFAULT", Halves())
    pages = [
        pair(tmp_path / "pages" / "1.png", "ruby", "jade"),
        draw(tmp_path / "pages" / "2.png", "azure", 5),
    ]
    with zipfile.ZipFile("book.cbz", "w") as book, tarfile.open("book.tar", "w") as tar:
        for page in pages:
            book.write(page, f"book/{page.name}")
            tar.add(page, f"book/{page.name}")
        book.writestr("book/notes.txt", "no picture")
    return tmp_path


@pytest.fixture
def identify(kyara: Kyara, tiny_plugin: Path) -> Kyara:
    def call(*more: object) -> Ran:
        options = ("--refs", "cast", "--plugin", tiny_plugin, "--threshold", "0.8", "--json")
        return kyara("identify", *more, *options)

    return call


@pytest.mark.parametrize("book", ["book.cbz", "book.tar"])
def test_who_is_on_each_page(identify: Kyara, folder: Path, book: str) -> None:
    before = files(folder)
    ran = identify(book, "pages/2.png")
    assert (ran.code, ran.err) == (0, "")
    assert [(row["path"], row["character"]) for row in ran.rows()] == [
        (f"{book}/book/1.png", "ruby"),
        (f"{book}/book/1.png", "jade"),
        (f"{book}/book/2.png", "azure"),
        ("pages/2.png", "azure"),
    ]
    assert files(folder) == before


def test_pages_are_drawn_but_get_no_sidecars(identify: Kyara, folder: Path) -> None:
    before = files(folder)
    assert identify("book.cbz", "--draw", "drawn", "--sidecar", "txt").code == 0
    assert files(folder) == before | {"drawn/1.png", "drawn/2.png"}


def test_a_broken_archive_does_not_stop_the_others(identify: Kyara, folder: Path) -> None:
    (folder / "bad.cbz").write_bytes(TORN)
    with zipfile.ZipFile("torn.zip", "w") as book:
        book.writestr("1.png", TORN)
    ran = identify("bad.cbz", "none.zip", "torn.zip", "book.cbz")
    assert ran.code == 3
    assert len([row for row in ran.rows() if row["character"]]) == 3
    for words in ("bad.cbz: not a zip", "none.zip", "torn.zip/1.png"):
        assert words in ran.err


def test_figures_of_an_archive(kyara: Kyara, folder: Path) -> None:
    rows = kyara("detect", "book.cbz", "--json").rows()
    assert [len(row["figures"]) for row in rows] == [2, 1]
    assert kyara("detect", "book.cbz", "--crops", "heads").code == 0
    assert files(folder / "heads") == {"1.png", "1-2.png", "2.png"}
    refused = kyara("detect", "book.cbz", "--csv", "boxes.csv")
    assert refused.code == 2
    assert "unpack it first" in refused.err
