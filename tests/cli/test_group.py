"""`kyara group`, and naming what it found."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from kyara.library.store import Library
from tests.conftest import Ran, draw
from tests.support import files

Kyara = Callable[..., Ran]
NAMES = ("ruby", "jade", "azure")


@pytest.fixture
def heap(tmp_path: Path, tiny_plugin: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a heap: five pictures of each of three characters, and one of a
    stranger."""
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        for pose in range(5):
            draw(tmp_path / "heap" / f"{name}-{pose}.png", name, pose)
    draw(tmp_path / "heap" / "who.png", "stranger")
    return tmp_path


@pytest.fixture
def group(heap: Path, kyara: Kyara, tiny_plugin: Path) -> Kyara:
    def call(*more: object) -> Ran:
        return kyara("group", "--similarity", "0.8", "--plugin", tiny_plugin, *more)

    return call


def numbers(ran: Ran) -> dict[str, set[int | None]]:
    """The groups that each character's pictures are in."""
    found: dict[str, set[int | None]] = {}
    for row in ran.rows():
        found.setdefault(Path(row["path"]).stem.split("-")[0], set()).add(row["group"])
    return found


def test_a_folder_is_grouped_by_character(group: Kyara) -> None:
    ran = group("heap", "--json")
    assert ran.code == 0
    found = numbers(ran)
    assert sorted(found["ruby"] | found["jade"] | found["azure"]) == [1, 2, 3]
    assert all(len(found[name]) == 1 for name in NAMES)
    assert found["who"] == {None}
    assert "3 groups of 15 figures; 1 are like no other." in group("heap").out


def test_csv_says_what_json_says(group: Kyara) -> None:
    rows = list(csv.DictReader(io.StringIO(group("heap", "--csv").out)))
    told = group("heap", "--json").rows()
    assert [row["path"] for row in rows] == [row["path"] for row in told]
    assert [row["group"] for row in rows] == [str(row["group"] or "") for row in told]


def test_groups_are_copied_and_taken_back(group: Kyara, kyara: Kyara, heap: Path) -> None:
    before = files(heap / "heap")
    assert group("heap", "--out", "out").code == 0
    by_folder: dict[str, set[str]] = {}
    for name in files(heap / "out"):
        folder, file = name.split("/")
        by_folder.setdefault(folder, set()).add(file.split("-")[0])
    assert sorted(by_folder) == ["group 1", "group 2", "group 3"]
    assert sorted(one for names in by_folder.values() for one in names) == sorted(NAMES)
    assert "0 copied" in group("heap", "--out", "out").err
    assert kyara("undo", "out").code == 0
    assert (files(heap / "out"), files(heap / "heap")) == (set(), before)


def test_a_library_is_made_and_its_groups_are_named(group: Kyara, kyara: Kyara) -> None:
    first = group("heap", "--library", "cast.kyara", "--json")
    assert "cast.kyara is new" in first.err
    (of_ruby,) = numbers(first)["ruby"]
    said = kyara(
        "decide", "confirm", "--group", of_ruby, "--character", "Ruby", "--library", "cast.kyara"
    )
    assert (said.code, "5" in said.out) == (0, True)
    later = group("--library", "cast.kyara", "--json")
    assert "ruby" not in numbers(later)
    assert numbers(later)["jade"] == numbers(first)["jade"]  # a number stays
    assert kyara("decide", "undo", "--library", "cast.kyara").code == 0
    again = numbers(group("--library", "cast.kyara", "--json"))
    assert again["ruby"] not in ({of_ruby}, again["jade"], again["azure"])  # and never returns


def test_a_group_that_is_probably_a_character_is_said_to_be(group: Kyara, kyara: Kyara) -> None:
    first = group("heap", "--library", "cast.kyara", "--json")
    kyara("decide", "confirm", "heap/ruby-0.png", "--character", "Ruby", "--library", "cast.kyara")
    kyara("decide", "confirm", "heap/jade-0.png", "--character", "Jade", "--library", "cast.kyara")
    rows = group("--library", "cast.kyara", "--json").rows()
    perhaps = {(Path(row["path"]).stem.split("-")[0], row["perhaps"]) for row in rows}
    assert {("ruby", "Ruby"), ("jade", "Jade"), ("azure", None)} <= perhaps
    (of_ruby,) = numbers(first)["ruby"]
    kyara("decide", "reject", "--group", of_ruby, "--character", "Ruby", "--library", "cast.kyara")
    rows = group("--library", "cast.kyara", "--json").rows()
    assert "Ruby" not in {row["perhaps"] for row in rows}


def test_what_was_said_of_a_figure_since_is_left(group: Kyara, kyara: Kyara, heap: Path) -> None:
    (of_jade,) = numbers(group("heap", "--library", "cast.kyara", "--json"))["jade"]

    def say(*words: object) -> None:
        assert kyara("decide", *words, "--library", "cast.kyara").code == 0

    say("confirm", "heap/who.png", "--character", "Jade")
    say("ignore", "heap/jade-0.png")
    say("confirm", "heap/jade-1.png", "--character", "Other")
    say("reject", "heap/jade-2.png", "--character", "Jade")
    say("confirm", "--group", of_jade, "--character", "Jade")
    with Library.open(heap / "cast.kyara") as library:
        names = {c.name: c.references for c in library.decisions.characters()}
    assert names == {"Jade": 3, "Other": 1}


def test_a_former_name_does_not_hide_what_was_said_of_the_present_one(
    group: Kyara, kyara: Kyara, heap: Path
) -> None:
    (of_jade,) = numbers(group("heap", "--library", "cast.kyara", "--json"))["jade"]

    def say(*words: object) -> None:
        assert kyara("decide", *words, "--library", "cast.kyara").code == 0

    say("confirm", "heap/who.png", "--character", "Jade")
    say("rename", "Jade", "Green")
    say("reject", "heap/jade-2.png", "--character", "Green")
    say("confirm", "--group", of_jade, "--character", "Jade")
    with Library.open(heap / "cast.kyara") as library:
        assert {c.name: c.references for c in library.decisions.characters()} == {"Green": 5}


def test_a_whole_group_can_be_ignored(group: Kyara, kyara: Kyara) -> None:
    (of_jade,) = numbers(group("heap", "--library", "cast.kyara", "--json"))["jade"]
    assert kyara("decide", "ignore", "--group", of_jade, "--library", "cast.kyara").code == 0
    assert "jade" not in numbers(group("--library", "cast.kyara", "--json"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name PICTURES"),
        (("nowhere",), "there is no such file"),
        (("empty",), "no pictures are here"),
        (("heap", "--similarity", "1.5"), "1.5"),
    ],
)
def test_what_cannot_be_grouped(
    group: Kyara, heap: Path, arguments: tuple[str, ...], message: str
) -> None:
    (heap / "empty").mkdir()
    ran = group(*arguments)
    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""


def test_a_model_without_a_similarity_says_what_to_do(
    heap: Path, kyara: Kyara, tiny_plugin: Path
) -> None:
    ran = kyara("group", "heap", "--plugin", tiny_plugin)
    assert (ran.code, "--similarity" in ran.err) == (1, True)


def test_no_such_group(group: Kyara, kyara: Kyara) -> None:
    group("heap", "--library", "cast.kyara")
    ran = kyara("decide", "confirm", "--group", 99, "--character", "A", "--library", "cast.kyara")
    assert (ran.code, "there is no group 99" in ran.err) == (2, True)
    both = kyara("decide", "ignore", "heap/who.png", "--group", 1, "--library", "cast.kyara")
    assert (both.code, "--group stands in the place" in both.err) == (2, True)


def test_a_broken_picture_does_not_stop_the_others(group: Kyara, heap: Path) -> None:
    (heap / "heap" / "broken.png").write_bytes(b"no picture")
    ran = group("heap")
    assert ran.code == 3
    assert "broken.png" in ran.err
    assert "3 groups of 15 figures" in ran.out


def test_groups_that_are_one_are_joined_and_named_at_once(group: Kyara, kyara: Kyara) -> None:
    library = ("--library", "cast.kyara")
    first = numbers(group("heap", *library, "--json"))
    (of_ruby,), (of_jade,) = first["ruby"], first["jade"]
    said = kyara("decide", "merge", "--group", of_ruby, "--group", of_jade, *library)
    assert (said.code, "one character: a group of 5, a group of 5" in said.out) == (0, True)
    joined = numbers(group(*library, "--json"))
    assert joined["ruby"] == joined["jade"]
    assert kyara("decide", "undo", *library).code == 0
    assert numbers(group(*library, "--json"))["ruby"] != joined["jade"]
    kyara("decide", "undo", "2", *library)  # what took it back
    again = numbers(group(*library, "--json"))["ruby"].pop()
    named = kyara("decide", "confirm", "--group", again, "--character", "Both", *library, "--json")
    assert len(named.json()["pictures"]) == 10


def test_joined_groups_are_spoken_of_as_one_before_they_are_grouped_again(
    group: Kyara, kyara: Kyara
) -> None:
    library = ("--library", "cast.kyara")
    first = numbers(group("heap", *library, "--json"))
    (of_ruby,), (of_jade,) = first["ruby"], first["jade"]
    kyara("decide", "merge", "--group", of_ruby, "--group", of_jade, *library)
    twice = kyara("decide", "apart", "--group", of_ruby, "--group", of_jade, *library)
    assert (twice.code, "two different" in twice.err) == (2, True)
    named = kyara(
        "decide", "confirm", "--group", of_jade, "--character", "Both", *library, "--json"
    )
    assert len(named.json()["pictures"]) == 10


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("merge", "--group", 1), "two groups are needed"),
        (("merge", "--group", 1, "--group", 2, "--into", "A"), "in the place of CHARACTERS"),
        (("merge",), "name CHARACTERS and --into"),
        (("apart", "--group", 1), "two different"),
        (("apart", "Nobody", "--group", 1), "no character"),
        (("distinct", "heap/who.png"), "none of the pictures"),
        (("confirm", "--group", 1, "--character", "A", "--sure"), "--sure is about PICTURES"),
    ],
)
def test_answers_that_cannot_be_given(
    group: Kyara, kyara: Kyara, words: tuple[object, ...], message: str
) -> None:
    group("heap", "--library", "cast.kyara")
    ran = kyara("decide", *words, "--library", "cast.kyara")
    assert (ran.code, message in ran.err) == (2, True), ran.err
