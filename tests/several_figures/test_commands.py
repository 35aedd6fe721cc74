"""Pictures with two figures, through every command; a test detector finds them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kyara import Model
from kyara.identify.answer import Answer
from kyara.sorting import Several, _folders
from kyara.types import Match
from tests.conftest import Ran, draw
from tests.detectors import LEFT, RIGHT, pair
from tests.support import files

Kyara = Callable[..., Ran]
BOTH = {"ruby/both.png", "jade/both.png"}


def contents(folder: Path) -> dict[str, bytes]:
    """The files below it, by path."""
    return {name: (folder / name).read_bytes() for name in files(folder)}


@pytest.fixture
def sort(folder: Path, kyara: Kyara, tiny_plugin: Path) -> Kyara:
    def call(*more: object) -> Ran:
        options = ("--refs", "cast", "--plugin", tiny_plugin, "--threshold", "0.8")
        return kyara("sort", "inbox", *options, "--out", "out", *more)

    return call


EVERYTHING = BOTH | {"azure/guest.png", "jade/twins.png", "unknown/who.png"}


@pytest.mark.parametrize("how", ["--copy", "--link", "--symlink"])
def test_a_picture_goes_to_each_of_its_characters(
    sort: Kyara, kyara: Kyara, folder: Path, how: str
) -> None:
    before = contents(folder / "inbox")
    first = sort(how)
    assert (first.code, first.err) == (0, "")
    assert "5 filed." in first.out
    assert files(folder / "out") == EVERYTHING
    assert contents(folder / "inbox") == before
    assert "0 filed, 5 were there already." in sort(how).out
    assert files(folder / "out") == EVERYTHING
    assert kyara("undo", "out").code == 0
    assert files(folder / "out") == set()
    assert contents(folder / "inbox") == before


def test_moved_it_is_in_one_folder_and_copied_to_the_other(
    sort: Kyara, kyara: Kyara, folder: Path
) -> None:
    before = contents(folder / "inbox")
    ran = sort("--move", "--json")
    assert (ran.code, ran.err) == (0, "5 filed.\n")
    assert files(folder / "out") == EVERYTHING
    assert files(folder / "inbox") == set()
    rows = [row for row in ran.rows() if row["path"] == "inbox/both.png"]
    assert [(row["character"], row["target"], row["done"]) for row in rows] == [
        ("ruby", "out/ruby/both.png", "new"),
        ("jade", "out/jade/both.png", "new"),
    ]
    assert kyara("undo", "out").code == 0
    assert files(folder / "out") == set()
    assert contents(folder / "inbox") == before


def test_moved_again_after_a_copy_nothing_is_done_twice(sort: Kyara, folder: Path) -> None:
    pair(folder / "out" / "ruby" / "both.png", "ruby", "jade")
    assert "4 filed, 1 were there already." in sort("--move").out
    assert files(folder / "out") == EVERYTHING


def test_each_figure_has_its_row(sort: Kyara) -> None:
    rows = sort("--json", "--dry-run").rows()
    of = {(Path(r["path"]).name, r["detection"]): r for r in rows}
    assert len(of) == 7
    guest = of["guest.png", 1]
    assert (guest["character"], guest["target"], guest["done"]) == ("unknown", None, None)
    assert guest["box"] == [60, 0, 120, 60]
    assert guest["kind"] == "head"
    twins = [(of["twins.png", n]["character"], of["twins.png", n]["target"]) for n in (0, 1)]
    assert sorted(twins, key=str) == [("jade", "out/jade/twins.png"), ("unknown", None)]
    table = sort("--dry-run").out
    assert any(LEFT in line and "ruby" in line for line in table.splitlines())
    counts = [line.split()[:2] for line in table.splitlines() if "." not in line.split(" ")[0]]
    assert ["jade", "2"] in counts  # pictures, not figures


def test_the_surest_figure_decides(sort: Kyara, folder: Path) -> None:
    rows = sort("--several", "first", "--json").rows()
    assert files(folder / "out") == EVERYTHING - {"jade/both.png"}
    of_both = [row for row in rows if row["path"] == "inbox/both.png"]
    assert [(row["character"], row["target"]) for row in of_both] == [
        ("ruby", "out/ruby/both.png"),
        ("jade", None),
    ]


@pytest.mark.parametrize("how", ["--copy", "--move"])
def test_a_folder_for_those_who_are_together(
    sort: Kyara, kyara: Kyara, folder: Path, how: str
) -> None:
    before = contents(folder / "inbox")
    rows = sort("--several", "folder", how, "--json").rows()
    expected = EVERYTHING - BOTH | {"jade + ruby/both.png"}
    assert files(folder / "out") == expected
    of_both = [row for row in rows if row["path"] == "inbox/both.png"]
    assert [row["target"] for row in of_both] == ["out/jade + ruby/both.png"] * 2
    assert kyara("undo", "out").code == 0
    assert contents(folder / "inbox") == before
    pair(folder / "inbox" / "again.png", "jade", "ruby")  # the other way round
    assert sort("--several", "folder", how).code == 0
    assert files(folder / "out") == expected | {"jade + ruby/again.png"}


def test_a_group_with_too_long_a_name_says_how_many_more() -> None:
    names = [f"{letter * 60}" for letter in "dacb"]
    answers = [
        Answer(Path("x.png"), b"", name, (Match(name, 1.0, None),)) for name in (*names, "unknown")
    ]
    found = set(_folders(answers, Several.FOLDER).values())
    assert found == {f"{'a' * 60} + {'b' * 60} + 2 more"}


def test_nobody_is_in_a_picture_twice(folder: Path, kyara: Kyara, tiny_plugin: Path) -> None:
    def who(*more: object) -> list[str]:
        options = ("--refs", "cast", "--plugin", tiny_plugin, "--json", *more)
        return [row["character"] for row in kyara("identify", "inbox/twins.png", *options).rows()]

    assert sorted(who("--threshold", "0.8")) == ["jade", "unknown"]
    assert who("--threshold", "0.8", "--twins") == ["jade", "jade"]
    named = who("--always-name")
    assert len(set(named)) == 2
    assert "jade" in named
    model = Model(tiny_plugin, cache=False)
    for twins, count in ((False, 1), (True, 2)):
        gallery = model.gallery("cast", threshold=0.8, twins=twins)
        answers = gallery.identify("inbox/twins.png")
        assert [a.character for a in answers].count("jade") == count
        # Whom the other figure is, is no candidate for this one.
        assert sum(a.best is not None and a.best.character == "jade" for a in answers) == count


def test_with_fewer_characters_than_figures_a_name_is_given_all_the_same(
    folder: Path, kyara: Kyara, tiny_plugin: Path
) -> None:
    (folder / "jade.json").write_text('{"jade": "cast/jade"}')
    options = ("--refs", "jade.json", "--plugin", tiny_plugin, "--always-name", "--json")
    rows = kyara("identify", "inbox/both.png", *options).rows()
    assert [row["character"] for row in rows] == ["jade", "jade"]


def test_of_a_reference_with_several_figures_the_one_that_is_alike_is_taken(
    sort: Kyara, folder: Path
) -> None:
    pair(folder / "cast" / "ruby" / "two.png", "stranger", "ruby", 3)
    ran = sort()
    assert ran.code == 0
    assert f"two.png: of 2 figures the one at {RIGHT} is taken to be ruby" in ran.err
    assert files(folder / "out") == EVERYTHING
    (folder / "cast" / "pals").mkdir()
    pair(folder / "cast" / "pals" / "0.png", "ruby", "stranger", 7)
    skipped = sort()
    assert skipped.code == 3
    assert "'pals' has no usable picture" in skipped.err
    assert "its pictures have several figures: add one in which it is alone" in skipped.err
    draw(folder / "cast" / "pals" / "1.png", "stranger", 4)
    assert sort("--move").code == 0
    assert files(folder / "out") >= {"pals/who.png", "pals/guest.png"}


def test_a_plan_in_a_file_does_the_same(sort: Kyara, kyara: Kyara, folder: Path) -> None:
    before = contents(folder / "inbox")
    assert sort("--move", "--plan", "plan.json").code == 0
    planned = json.loads((folder / "plan.json").read_text(encoding="utf-8"))["operations"]
    of_both = [o["action"] for o in planned if o["source"].endswith("both.png")]
    assert of_both == ["copy", "move"]  # when it goes, it is everywhere else
    assert kyara("apply", "plan.json").code == 0
    assert files(folder / "out") == EVERYTHING
    assert files(folder / "inbox") == set()
    assert kyara("undo", "out").code == 0
    assert contents(folder / "inbox") == before


def test_a_folder_that_cannot_be_made_is_named_once(sort: Kyara, folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "jade").write_bytes(b"a file")
    ran = sort("--move")
    assert ran.code == 3
    assert ran.err.count("twins.png: cannot move it") == 1
    # What could be put into one of its two folders only stays, for the next run.
    assert "both.png: it was not moved" in ran.err
    assert files(folder / "inbox") == {"both.png", "twins.png"}
    (folder / "out" / "jade").unlink()
    assert sort("--move").code == 0
    assert files(folder / "out") == EVERYTHING
    assert files(folder / "inbox") == set()


def test_sidecars_and_report_name_both(sort: Kyara, folder: Path) -> None:
    ran = sort("--move", "--sidecar", "txt", "--sidecar", "xmp", "--report", "report.html")
    assert ran.code == 0
    for name in BOTH:
        text = (folder / "out" / f"{name}.txt").read_text(encoding="utf-8")
        assert text == "character:ruby\ncharacter:jade\n"
        xmp = (folder / "out" / f"{name}.xmp").read_text(encoding="utf-8")
        assert xmp.count("<mwg-rs:Area") == xmp.count("mwg-rs:Name=") == 2
    guest = (folder / "out" / "azure" / "guest.png.txt").read_text(encoding="utf-8")
    assert guest == "character:azure\n"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "7 answers" in page
    for link in ("out/ruby/both.png", "out/jade/both.png"):
        assert page.count(f'href="{link}"') == 1
    assert page.count('href="out/azure/guest.png"') == 2  # the stranger in it, too


def test_identify_reports_each_box(folder: Path, kyara: Kyara, tiny_plugin: Path) -> None:
    options = ("--refs", "cast", "--plugin", tiny_plugin, "--threshold", "0.8", "--json")
    rows = kyara("identify", "inbox/both.png", "inbox/who.png", *options).rows()
    assert [(r["detection"], r["kind"], r["character"]) for r in rows] == [
        (0, "figure", "ruby"),
        (1, "head", "jade"),
        (0, "figure", "unknown"),
    ]
    assert [",".join(f"{edge:g}" for edge in row["box"]) for row in rows[:2]] == [LEFT, RIGHT]


def test_compare_takes_the_figures_that_are_most_alike(
    folder: Path, kyara: Kyara, tiny_plugin: Path
) -> None:
    compare = ("compare", "--plugin", tiny_plugin, "--json")
    found = kyara(*compare, "inbox/both.png", "cast/jade/0.png").json()
    assert found["same"] is True
    assert found["figures"] == [1, 0]
    assert found["boxes"][0] == [[0, 0, 60, 60], [60, 0, 120, 60]]
    matrix = kyara(*compare, "inbox/both.png", "cast/jade/0.png", "cast/azure/0.png").json()
    assert matrix["scores"][0][1] == found["score"] > 0.9 > matrix["scores"][0][2]
    assert matrix["scores"][0][0] == pytest.approx(1)
    alone = kyara(*compare, "cast/jade/1.png", "cast/jade/0.png").json()
    assert not {"boxes", "figures"} & set(alone)
    why = kyara(*compare, "inbox/both.png", "cast/jade/0.png", "--explain", "why.png")
    assert why.code == 0


def test_embed_has_a_row_for_each_figure(folder: Path, kyara: Kyara, tiny_plugin: Path) -> None:
    ran = kyara("embed", "inbox", "--out", "all.npz", "--plugin", tiny_plugin)
    assert ran.code == 0
    with np.load("all.npz") as arrays:
        assert len(arrays["embeddings"]) == len(arrays["paths"]) == len(arrays["boxes"]) == 7
        assert arrays["kinds"].tolist()[:2] == ["figure", "head"]
        assert arrays["scores"].tolist()[:2] == [0.875, 0.625]
        assert arrays["detector"] == "halves@1"
