"""Sidecars and the report, from `sort` and `identify`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import html

from tests.conftest import Ran, draw
from tests.support import TORN, files, tree

Call = Callable[..., Ran]


@pytest.fixture
def call(
    kyara: Callable[..., Ran],
    tiny_plugin: Path,
    cast: Path,
    inbox: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Call:
    """A command about `inbox`, with the cast and the plugin."""
    monkeypatch.chdir(tmp_path)

    def run(command: str, *options: object) -> Ran:
        out = ["--out", "out"] if command == "sort" else []
        return kyara(*(command, "inbox", "--refs", "cast", *out, "--plugin", tiny_plugin, *options))

    return run


def test_sort_puts_sidecars_beside_what_it_filed(call: Call, tmp_path: Path) -> None:
    before = tree(tmp_path / "inbox", tmp_path / "cast")
    ran = call("sort", "--sidecar", "txt", "--sidecar", "xmp", "--sidecar", "json")
    assert ran.code == 0
    assert ran.err == "kyara: 18 sidecars written\n"
    assert tree(tmp_path / "inbox", tmp_path / "cast") == before
    ruby = {"r1.png", "r1.png.txt", "r1.png.json", "r1.png.xmp"}
    ruby |= {"r2.jpg", "r2.jpg.txt", "r2.jpg.json", "r2.jpg.xmp"}
    assert files(tmp_path / "out" / "ruby") == ruby
    assert files(tmp_path / "out" / "unknown") == {"who.png"}
    assert (tmp_path / "out/jade/j1.png.txt").read_text() == "character:jade\n"
    before = tree(tmp_path)
    again = call("sort", "--sidecar", "txt", "--sidecar", "xmp", "--sidecar", "json")
    assert (again.code, again.err) == (0, "kyara: 0 sidecars written\n")
    assert tree(tmp_path) == before


def test_a_dry_run_writes_the_report_but_no_sidecar(call: Call, tmp_path: Path) -> None:
    before = tree(tmp_path / "inbox", tmp_path / "cast")
    ran = call("sort", "--dry-run", "--sidecar", "txt", "--report", "report.html")
    assert ran.code == 0
    assert tree(tmp_path / "inbox", tmp_path / "cast") == before
    assert not (tmp_path / "out").exists()
    page = html.parse(tmp_path / "report.html")
    assert len(page.getroot().find_class("card")) == 7


@pytest.mark.parametrize("how", ["--move", "--copy"])
def test_the_report_shows_what_was_filed(call: Call, tmp_path: Path, how: str) -> None:
    ran = call("sort", how, "--report", "report.html", "--json")
    assert ran.code == 0
    assert len(ran.rows()) == 7
    assert "kyara: the report is report.html" in ran.err
    page = html.parse(tmp_path / "report.html").getroot()
    titles = [heading.find("bdi").text for heading in page.iter("h2")]
    assert titles == ["azure", "jade", "ruby", "Unknown"]
    links = {card.find(".//a").get("href") for card in page.find_class("card")}
    assert links == {f"out/{name}" for name in files(tmp_path / "out")}
    assert len(list(page.iter("img"))) == 14


def test_identify_puts_sidecars_beside_the_pictures(call: Call, tmp_path: Path) -> None:
    mine = tmp_path / "inbox" / "a1.png.txt"
    mine.write_text("character:somebody\n")
    ran = call("identify", "--sidecar", "txt", "--json")
    assert ran.code == 3
    assert len(ran.rows()) == 7
    said = ran.err.splitlines()
    assert said[0] == "kyara: 5 sidecars written"
    assert said[1].startswith("kyara: inbox/a1.png.txt: it names another character and is kept")
    assert len(said) == 2
    assert mine.read_text() == "character:somebody\n"
    assert (tmp_path / "inbox/more/r2.jpg.txt").read_text() == "character:ruby\n"
    assert not (tmp_path / "inbox/who.png.txt").exists()


def test_identify_with_a_report_and_a_bad_picture(call: Call, tmp_path: Path) -> None:
    (tmp_path / "inbox" / "torn.png").write_bytes(TORN)
    ran = call("identify", "--report", "report.html")
    assert ran.code == 3
    page = html.parse(tmp_path / "report.html").getroot()
    assert len(page.find_class("card")) == 7
    assert "inbox/torn.png" in page.xpath("string(//section[@aria-labelledby='failed'])")


@pytest.mark.parametrize("command", ["sort", "identify"])
def test_a_report_that_cannot_be_is_an_error_before_any_work(
    call: Call, tmp_path: Path, command: str
) -> None:
    (tmp_path / "mine.html").write_text("mine")
    before = tree(tmp_path)
    for report, says in (("mine.html", "this is no report of Kyara"), ("no/r.html", "no such")):
        ran = call(command, "--report", report)
        assert (ran.code, ran.out) == (2, "")
        assert says in ran.err
    assert tree(tmp_path) == before


def test_pictures_that_were_not_filed_get_no_sidecar(call: Call, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "ruby").write_text("a file where a folder is needed")
    draw(tmp_path / "inbox" / "j3.png", "jade", 4)
    ran = call("sort", "--sidecar", "txt")
    assert ran.code == 3
    assert not [name for name in files(tmp_path / "inbox") if name.endswith(".txt")]
    assert "jade/j3.png.txt" in files(tmp_path / "out")
