"""`kyara compare`: two pictures, several, bad ones, and models without calibration."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Ran, draw
from tests.support import AWKWARD_NAMES, TORN, awkward, tree

Compare = Callable[..., Ran]


@pytest.fixture
def compare(kyara: Callable[..., Ran], tiny_plugin: Path) -> Compare:
    return lambda *arguments: kyara("compare", *arguments, "--plugin", tiny_plugin)


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two of ruby, one of jade, one torn; the working directory."""
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "r1.png", "ruby", 1)
    draw(tmp_path / "r2.png", "ruby", 2)
    draw(tmp_path / "j.png", "jade", 3)
    (tmp_path / "torn.png").write_bytes(TORN)
    return tmp_path


def numbers(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"^(\w+) +([-\d.]+)$", text, re.M)}


def test_two_pictures_of_one_character(pictures: Path, compare: Compare) -> None:
    ran = compare("r1.png", "r2.png")
    found = numbers(ran.out)
    assert ran.code == 0
    assert ran.err == ""
    assert found["score"] > 0.9
    expected = 1 / (1 + math.exp(-(20 * found["score"] - 16)))
    assert found["probability"] == pytest.approx(expected, abs=0.01)
    assert ran.out.splitlines()[-1] in (
        "Very likely the same character.",
        "Probably the same character.",
    )


def test_two_pictures_of_two_characters(pictures: Path, compare: Compare) -> None:
    ran = compare("r1.png", "j.png")
    assert numbers(ran.out)["probability"] < 0.2
    assert ran.out.endswith("different characters.\n")


def test_json_of_two(pictures: Path, compare: Compare) -> None:
    ran = compare("r1.png", "j.png", "--json")
    found = ran.json()
    assert set(found) == {
        *("encoder", "pictures", "scores", "probabilities"),
        *("score", "probability", "same", "verdict"),
    }
    assert found["encoder"].startswith("tiny@1:")
    assert found["pictures"] == ["r1.png", "j.png"]
    assert found["score"] == found["scores"][0][1] == found["scores"][1][0]
    assert found["probability"] == found["probabilities"][0][1]
    assert found["same"] is False
    assert found["scores"][0][0] == pytest.approx(1)


def test_json_of_three_is_the_matrix(pictures: Path, compare: Compare) -> None:
    found = compare("r1.png", "r2.png", "j.png", "--json").json()
    assert set(found) == {"encoder", "pictures", "scores", "probabilities"}
    scores = found["scores"]
    assert [len(row) for row in scores] == [3, 3, 3]
    assert scores == [list(column) for column in zip(*scores, strict=True)]
    assert scores[0][1] > scores[0][2]
    assert all(0 <= p <= 1 for row in found["probabilities"] for p in row)


def test_three_are_a_table(pictures: Path, compare: Compare) -> None:
    ran = compare("r1.png", "r2.png", "j.png")
    assert ran.code == 0
    assert "Probability that both show the same character" in ran.out
    rows = [line.split() for line in ran.out.splitlines() if ".png" in line]
    assert [row[:2] for row in rows] == [["1", "r1.png"], ["2", "r2.png"], ["3", "j.png"]]
    assert [row[1 + n] for n, row in enumerate(rows, 1)] == ["·", "·", "·"]
    assert float(rows[0][3]) > 0.8
    assert float(rows[0][4]) < 0.2


def test_a_folder_stands_for_its_pictures(pictures: Path, compare: Compare) -> None:
    (pictures / "torn.png").unlink()
    found = compare(".", "--json").json()
    assert found["pictures"] == ["j.png", "r1.png", "r2.png"]


def test_a_picture_named_twice_is_compared_with_itself(pictures: Path, compare: Compare) -> None:
    ran = compare("r1.png", "r1.png")
    assert numbers(ran.out)["score"] == pytest.approx(1)


@pytest.mark.parametrize("bad", ["torn.png", "gone.png", "n" * 300])
def test_a_bad_one_among_three_is_skipped_and_named(
    pictures: Path, compare: Compare, bad: str
) -> None:
    ran = compare("r1.png", bad, "j.png", "--json")
    assert ran.code == 3
    assert ran.json()["pictures"] == ["r1.png", "j.png"]
    assert f"kyara: skipped {bad}: " in ran.err
    assert "kyara: 1 of 3 were skipped" in ran.err


@pytest.mark.parametrize("given", [("torn.png", "gone.png"), ("r1.png", "torn.png")])
def test_without_two_usable_pictures_it_fails(
    pictures: Path, compare: Compare, given: tuple[str, str]
) -> None:
    ran = compare(*given)
    assert ran.code == 1
    assert ran.out == ""
    for name in set(given) - {"r1.png"}:
        assert f"kyara: skipped {name}: " in ran.err


@pytest.mark.parametrize("given", [[], ["r1.png"]])
def test_fewer_than_two_is_wrong_usage(pictures: Path, compare: Compare, given: list[str]) -> None:
    ran = compare(*given)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err != ""


def test_an_empty_folder_is_wrong_usage(pictures: Path, compare: Compare) -> None:
    (pictures / "empty").mkdir()
    ran = compare("empty")
    assert ran.code == 2
    assert "two pictures or more" in ran.err


@pytest.fixture
def uncalibrated(tiny_plugin: Path) -> Path:
    manifest = tiny_plugin / "plugin.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text[: text.index("[calibration]")], encoding="utf-8")
    return tiny_plugin


def test_without_calibration_it_says_so(
    pictures: Path, compare: Compare, uncalibrated: Path
) -> None:
    ran = compare("r1.png", "r2.png")
    assert ran.code == 0
    assert set(numbers(ran.out)) == {"score"}
    assert "not calibrated" in ran.out
    found = compare("r1.png", "r2.png", "--json").json()
    assert (found["probability"], found["same"]) == (None, None)
    assert found["probabilities"] == [[None, None], [None, None]]
    assert "not calibrated" in found["verdict"]
    assert "Scores:" in compare("r1.png", "r2.png", "j.png").out


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_awkward_names(pictures: Path, compare: Compare, name: bytes) -> None:
    path = draw(awkward(pictures, name), "ruby", 4)
    ran = compare("r1.png", path, "j.png")
    assert ran.code == 0
    usual = compare("r1.png", "r2.png", "j.png")
    assert len(ran.out.splitlines()) == len(usual.out.splitlines())
    found = compare("r1.png", path, "--json")
    assert json.loads(found.out)["pictures"][1] == str(path)
    broken = awkward(pictures / "bad", name)
    broken.parent.mkdir()
    broken.write_bytes(TORN)
    ran = compare("r1.png", "r2.png", broken)
    assert ran.code == 3
    assert len(ran.err.splitlines()) == 2
    assert all(line.isprintable() for line in ran.err.splitlines())


def test_the_explanation_is_a_picture(pictures: Path, compare: Compare) -> None:
    ran = compare("r1.png", "j.png", "--explain", "why.png")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == compare("r1.png", "j.png").out
    with Image.open(pictures / "why.png") as image:
        assert image.format == "PNG"
        assert min(image.size) > 700
        about = image.text["Description"]
        colours = len(image.convert("RGB").getcolors(1 << 20) or [])
    assert "occlusion sensitivity" in about
    assert f"Score {numbers(ran.out)['score']:.2f}" in about
    assert ran.out.splitlines()[-1] in about
    assert colours > 100


def test_the_explanation_is_named_in_json(pictures: Path, compare: Compare) -> None:
    found = compare("r1.png", "r2.png", "--explain", "why.png", "--json").json()
    assert found.pop("explanation") == {
        "file": "why.png",
        "method": "occlusion sensitivity (Zeiler and Fergus 2014)",
    }
    assert found == compare("r1.png", "r2.png", "--json").json()


@pytest.mark.parametrize(
    ("given", "target", "says"),
    [
        (["r1.png", "r2.png", "j.png"], "why.png", "--explain is about two pictures (3 were"),
        (["r1.png", "r2.png"], "j.png", "j.png: this file exists"),
        (["r1.png", "r2.png"], "gone/why.png", "gone: there is no such folder"),
    ],
)
def test_what_cannot_be_explained(
    pictures: Path, compare: Compare, given: list[str], target: str, says: str
) -> None:
    before = tree(pictures)
    ran = compare(*given, "--explain", target)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert tree(pictures) == before


def test_of_one_broken_picture_there_is_no_explanation(pictures: Path, compare: Compare) -> None:
    ran = compare("r1.png", "torn.png", "--explain", "why.png")
    assert ran.code == 1
    assert not (pictures / "why.png").exists()
