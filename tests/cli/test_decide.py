"""`kyara decide`: what a person says binds `kyara sort`, whatever is run again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from tests.cli.libraries import Kyara, by_character, sorted_as, updated
from tests.conftest import draw
from tests.support import files, tree


def test_a_confirmed_picture_may_be_sorted_away(kyara: Kyara, library: Path, inbox: Path) -> None:
    kyara("decide", "confirm", "inbox/who.png", "--character", "stranger")
    sorted_as(kyara, "--move")
    assert updated(kyara) == {"unchanged": 9, "gone": 1}
    assert updated(kyara) == {"unchanged": 9}
    assert kyara("library", "add", "cast.kyara", "out", "--json").json()["moved"] == 1
    assert by_character(kyara)["stranger"] == 1


def test_what_was_decided_binds_sort(kyara: Kyara, library: Path, inbox: Path) -> None:
    assert sorted_as(kyara, "--dry-run")["r1.png"] == "ruby"
    assert kyara("decide", "confirm", "inbox/who.png", "--character", "stranger").code == 0
    assert kyara("decide", "reject", "inbox/r1.png", "--character", "ruby").code == 0
    assert kyara("decide", "ignore", "inbox/j1.png").code == 0
    found = sorted_as(kyara)
    assert (found["who.png"], found["r1.png"], found["j1.png"]) == ("stranger", "unknown", None)
    assert not [name for name in files(library.parent / "out") if name.endswith("j1.png")]
    assert "stranger/who.png" in files(library.parent / "out")


def test_no_run_overrules_a_person(kyara: Kyara, library: Path) -> None:
    kyara("decide", "reject", "cast/ruby/0.png", "--character", "ruby")
    kyara("decide", "confirm", "cast/jade/0.png", "--character", "azure")
    expected = {"azure": 4, "jade": 2, "ruby": 2}
    assert by_character(kyara) == expected
    again = kyara("library", "add", "cast.kyara", "cast", "--cast", "--json").json()
    assert (again["named"], again["unchanged"]) == (0, 9)
    kyara("library", "add", "cast.kyara", "cast/ruby", "--character", "ruby")
    assert updated(kyara, "--read-all") == {"unchanged": 9, "kept": 2}
    assert by_character(kyara) == expected


def test_what_was_removed_stays_removed(kyara: Kyara, library: Path) -> None:
    before = tree(library.parent / "cast")
    assert kyara("library", "remove", "cast.kyara", "cast/ruby/0.png").code == 0
    assert by_character(kyara)["ruby"] == 2
    updated(kyara)
    assert by_character(kyara)["ruby"] == 2
    assert tree(library.parent / "cast") == before
    kyara("decide", "confirm", "cast/ruby/0.png", "--character", "ruby")
    assert by_character(kyara)["ruby"] == 3


def test_rename_merge_split_and_undo(kyara: Kyara, library: Path) -> None:
    kyara("decide", "rename", "ruby", "Ruby the Red")
    assert set(by_character(kyara)) == {"azure", "jade", "Ruby the Red"}
    draw(library.parent / "cast" / "ruby" / "later.png", "ruby", 90)
    updated(kyara)
    assert by_character(kyara)["Ruby the Red"] == 4
    kyara("decide", "merge", "jade", "--into", "azure")
    assert by_character(kyara) == {"azure": 6, "Ruby the Red": 4}
    kyara("decide", "split", "azure", "cast/jade/0.png", "--into", "young jade")
    assert by_character(kyara) == {"azure": 5, "young jade": 1, "Ruby the Red": 4}
    for _ in range(3):
        assert kyara("decide", "undo").code == 0
    assert by_character(kyara) == {"azure": 3, "jade": 3, "ruby": 4}
    assert kyara("decide", "undo").code == 2
    log = kyara("decide", "log", "--json").rows()
    assert [row["kind"] for row in log].count("undo") == 3
    assert [row["source"] for row in log if row["kind"] == "rename"] == ["person"]


@pytest.mark.parametrize("name", ["unknown", "a/../b", " ", ".."])
def test_names_that_no_folder_can_have(kyara: Kyara, library: Path, name: str) -> None:
    ran = kyara("decide", "confirm", "cast/ruby/0.png", "--character", name)
    assert ran.code == 2
    assert by_character(kyara) == {"azure": 3, "jade": 3, "ruby": 3}


def test_a_folder_that_was_removed_speaks_again_when_it_is_added(
    kyara: Kyara, library: Path
) -> None:
    kyara("decide", "confirm", "cast/ruby/1.png", "--character", "jade")
    Path("cast").rename("moved")
    assert kyara("library", "remove", "cast.kyara", "cast").code == 0
    assert by_character(kyara) == {"azure": 0, "jade": 0, "ruby": 0}
    assert kyara("library", "add", "cast.kyara", "moved", "--cast").code == 0
    assert by_character(kyara) == {"azure": 3, "jade": 4, "ruby": 2}  # a person said so


def test_an_older_name_in_other_code_points_is_the_same(kyara: Kyara, library: Path) -> None:
    kyara("decide", "rename", "ruby", "Jos\u00e9")
    with closing(sqlite3.connect(library)) as database, database:
        database.execute(
            "UPDATE characters SET name = ?1 WHERE name = ?2",
            (
                "Jose\u0301",
                "Jos\u00e9",
            ),
        )
    assert kyara("decide", "reject", "cast/jade/0.png", "--character", "Jos\u00e9").code == 0
    assert kyara("decide", "confirm", "cast/jade/1.png", "--character", "Jose\u0301").code == 0
    assert by_character(kyara)["Jose\u0301"] == 4


@pytest.mark.parametrize("name", ["Ruby", "ruby ", "RUBY", "Azuer", "azzure"])
def test_a_name_that_is_nearly_another_is_asked_about(
    kyara: Kyara, library: Path, inbox: Path, name: str
) -> None:
    meant = "ruby" if "r" in name.lower()[0] else "azure"
    for words in (
        ["decide", "confirm", "inbox/who.png", "--library", "cast.kyara"],
        ["library", "add", "cast.kyara", "inbox/who.png"],
    ):
        ran = kyara(*words, "--character", name)
        assert (ran.code, f"did you mean {meant!r}?" in ran.err) == (2, True)
        assert set(by_character(kyara)) == {"azure", "jade", "ruby"}
    assert kyara(*words, "--character", name, "--new").code == 0
    assert len(by_character(kyara)) == 4


def test_a_folder_that_is_confirmed_says_how_many_first(
    kyara: Kyara, library: Path, inbox: Path
) -> None:
    ran = kyara("decide", "confirm", "inbox", "--character", "stranger")
    assert ran.err.startswith("kyara: 7 pictures, all of them stranger\n")


def test_what_was_said_is_told_as_said(kyara: Kyara, library: Path, inbox: Path) -> None:
    kyara("decide", "confirm", "inbox/who.png", "--character", "stranger")
    kyara("decide", "ignore", "inbox/j1.png")
    call = ["identify", "inbox", "cast/ruby/0.png", "--library", "cast.kyara"]
    said = {Path(row["path"]).name: row["said_by"] for row in kyara(*call, "--json").rows()}
    expected = {"who.png": "person", "j1.png": "person", "0.png": "folder", "r1.png": None}
    assert said.items() >= expected.items()
    (line,) = (x for x in kyara(*call).out.splitlines() if "who.png" in x)
    assert "said" in line.split()
    kyara("sort", "inbox", "--library", "cast.kyara", "--out", "out", "--report", "report.html")
    assert "said by a person" in Path("report.html").read_text()


@pytest.mark.parametrize("word", ["confirm", "reject", "ignore"])
def test_what_was_said_holds_when_a_tag_is_written_into_the_file(
    kyara: Kyara, library: Path, inbox: Path, word: str
) -> None:
    name = [] if word == "ignore" else ["--character", "ruby" if word == "reject" else "jade"]
    assert kyara("decide", word, "inbox/r1.png", *name).code == 0
    call = ["identify", "inbox", "--library", "cast.kyara", "--json"]
    answers = [(row["path"], row["character"]) for row in kyara(*call).rows()]
    about = PngImagePlugin.PngInfo()
    about.add_text("Rating", "5")
    with Image.open("inbox/r1.png") as image:
        image.save("inbox/r1.png", pnginfo=about)
    assert [(row["path"], row["character"]) for row in kyara(*call).rows()] == answers
    draw(Path("inbox/r1.png"), "ruby", 12)  # another picture of the same size
    (row,) = kyara("identify", "inbox/r1.png", *call[2:]).rows()
    assert (row["character"], row["said_by"]) == ("ruby", None)


def test_what_was_said_of_a_reference_holds_when_it_is_tagged(kyara: Kyara, library: Path) -> None:
    kyara("decide", "confirm", "cast/ruby/0.png", "--character", "jade")
    kyara("decide", "reject", "cast/ruby/1.png", "--character", "ruby")
    kyara("decide", "ignore", "cast/ruby/2.png")
    before = by_character(kyara)
    about = PngImagePlugin.PngInfo()
    about.add_text("Rating", "5")
    for n in range(3):
        with Image.open(f"cast/ruby/{n}.png") as image:
            image.save(f"cast/ruby/{n}.png", pnginfo=about)
    assert updated(kyara)["changed"] == 3
    kyara("library", "remove", "cast.kyara", "--gone")
    assert by_character(kyara) == before == {"azure": 3, "jade": 4, "ruby": 0}
    assert kyara("library", "check", "cast.kyara").code == 0


def test_identify_heeds_what_was_decided(kyara: Kyara, library: Path, inbox: Path) -> None:
    kyara("decide", "reject", "inbox/r1.png", "--character", "ruby")
    kyara("decide", "ignore", "inbox/j1.png")
    arguments = ["inbox/r1.png", "inbox/j1.png", "inbox/a1.png", "--library", "cast.kyara"]
    rows = kyara("identify", *arguments, "--json").rows()
    assert [row["character"] for row in rows] == ["unknown", None, "azure"]
    assert "ruby" not in {candidate["character"] for candidate in rows[0]["candidates"]}
    assert "(ignored)" in kyara("identify", *arguments).out
    assert kyara("identify", *arguments[:2]).code == 0  # KYARA_LIBRARY names it
