"""Pictures with the answers drawn into them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFont

from kyara import detect
from kyara.identify.answer import Answer
from kyara.library.said import NOTHING, Said
from kyara.pictures.read import Picture
from kyara.results import fonts
from kyara.results.drawing import _common, _labels, _place, draw_answers
from kyara.types import Box, Detection, Match
from tests.conftest import Ran, draw
from tests.detectors import Halves, pair
from tests.support import TORN, files

Kyara = Callable[..., Ran]


def answer(name: str | None, box: Box, kind: str = "head", said: Said = NOTHING) -> Answer:
    best = Match("nobody", 0.1, 0.02) if name in (None, "unknown") else Match(name, 0.5, 0.93)
    return Answer(Path("x.png"), b"", name, (best,), detection=Detection(box, kind), said=said)


def plain(width: int, height: int, colour: tuple[int, int, int] = (127, 127, 127)) -> Picture:
    return Picture(Image.new("RGB", (width, height), colour), width, height)


@pytest.mark.parametrize("size", [(1, 1), (60, 30), (30, 900), (4000, 50), (5000, 4000)])
def test_any_picture_can_be_drawn_into(size: tuple[int, int]) -> None:
    box = Box(0, 0, size[0] / 2, size[1])
    drawn = draw_answers(plain(*size), [answer("Ann", box), answer("unknown", box)])
    assert 640 <= max(drawn.size) <= 2400
    assert drawn.width * size[1] == pytest.approx(drawn.height * size[0], abs=2 * max(drawn.size))


@pytest.mark.parametrize("ground", [(0, 0, 0), (255, 255, 255), (230, 25, 75), (0, 130, 200)])
def test_a_frame_is_seen_on_every_ground(ground: tuple[int, int, int]) -> None:
    drawn = np.asarray(
        draw_answers(plain(800, 800, ground), [answer("Ann", Box(200, 200, 600, 600))])
    ).astype(int)
    row = drawn[400, 190:212]  # across the left edge, far from the label
    assert np.abs(row - ground).sum(axis=1).max() > 100


EDGES = st.integers(0, 90)


@given(st.lists(st.tuples(EDGES, EDGES, st.integers(4, 60), st.integers(4, 60)), max_size=8))
def test_labels_lie_within_the_picture(figures: list[tuple[int, int, int, int]]) -> None:
    answers = [
        answer(f"character {n}", Box(x, y, min(100, x + w), min(100, y + h)))
        for n, (x, y, w, h) in enumerate(figures)
    ]
    taken: list[Box] = []
    for label in _labels(answers, (8.0, 8.0), (800, 800)):
        place = _place(label, (800, 800), taken, [])
        assert min(place.left, place.top) >= 0
        assert max(place.right, place.bottom) <= 800
        taken.append(place)


def test_labels_of_neighbours_do_not_cover_each_other() -> None:
    answers = [answer("somebody long", Box(x, 40, x + 12, 60)) for x in (10, 24, 38)]
    places: list[Box] = []
    for label in _labels(answers, (8.0, 8.0), (800, 800)):
        places.append(_place(label, (800, 800), places, []))
    assert all(_common(a, b) == 0 for n, a in enumerate(places) for b in places[:n])


def texts(*answers: Answer, width: int = 800) -> list[str]:
    return [label.text for label in _labels(answers, (1.0, 1.0), (width, 800))]


def test_what_is_written() -> None:
    box = Box(0, 0, 50, 50)
    assert texts(
        answer("Ann", box), answer("unknown", box), answer(None, box, said=Said(ignored=True))
    ) == ["Ann 93%", "unknown", "ignored"]
    assert texts(answer("Ann", box, said=Said("Ann"))) == ["Ann"]  # nobody has to be sure
    maybe = replace(answer("unknown", box), ranked=(Match("Ann", 0.4, 0.31),))
    assert texts(maybe) == ["perhaps Ann 31%"]
    assert texts(replace(maybe, ranked=(Match("Ann", 0.4, None),))) == ["unknown"]
    assert texts(answer("a\nb", box)) == ["a\\nb 93%"]
    (long,) = texts(answer("name " * 40, box), width=300)
    assert long.endswith("… 93%")


def test_a_name_that_no_font_has_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box(0, 0, 50, 50)
    monkeypatch.setattr(fonts, "_FONTS", ())
    monkeypatch.delenv("KYARA_FONT", raising=False)
    assert texts(answer("Ann", box), answer("暁美ほむら", box)) == ["Ann 93%", "figure 1: 93%"]


def test_a_font_of_the_users_own_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fonts, "_FONTS", ())
    monkeypatch.setenv("KYARA_FONT", os.fspath(tmp_path / "none.ttf"))
    assert fonts.font_for("\u0416", 20) is None or fonts.font_for("\u0416", 20)  # not an error
    own = ImageFont.load_default(20)
    monkeypatch.setattr(fonts, "_opened", lambda name, size: own if name else None)
    monkeypatch.setattr(fonts, "_has", lambda name, letter: bool(name))
    assert fonts.font_for("Ann", 20) is own


class TestCommand:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, cast: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(detect, "DEFAULT", Halves())
        pair(tmp_path / "in" / "both.png", "ruby", "jade")
        pair(tmp_path / "more" / "both.jpg", "azure", "jade")
        draw(tmp_path / "in" / "who.png", "stranger", 13)
        return tmp_path

    @pytest.fixture
    def identify(self, kyara: Kyara, tiny_plugin: Path) -> Kyara:
        def call(*more: object) -> Ran:
            options = ("--refs", "cast", "--plugin", tiny_plugin, "--threshold", "0.8")
            return kyara("identify", *more, *options, "--json")

        return call

    @pytest.mark.parametrize("name", ["out.png", "out.JPG", "out.webp"])
    def test_one_picture_to_a_file(self, identify: Kyara, name: str) -> None:
        ran = identify("in/both.png", "--draw", name)
        assert (ran.code, ran.err) == (0, "")
        with Image.open(name) as drawn:
            assert drawn.size == (640, 320)
        again = identify("in/both.png", "--draw", name)
        assert again.code == 2
        assert "nothing is overwritten" in again.err
        assert again.out == ""

    def test_several_to_a_folder(self, identify: Kyara, folder: Path) -> None:
        (folder / "in" / "torn.png").write_bytes(TORN)
        ran = identify("in", "more", "--draw", "out")
        assert ran.code == 3  # by the torn one
        assert files(folder / "out") == {"both.png", "both-2.png", "who.png"}
        assert identify("in", "--draw", "out").code == 2
        assert files(folder / "out") == {"both.png", "both-2.png", "who.png"}

    @pytest.mark.parametrize(
        ("pictures", "place", "message"),
        [
            (["in/both.png"], "out", "this is no name for a picture"),
            (["in"], "out.png", "several pictures are drawn into a folder"),
            (["in"], "none/out", "there is no such folder"),
        ],
    )
    def test_places_that_cannot_be(
        self, identify: Kyara, pictures: list[str], place: str, message: str
    ) -> None:
        ran = identify(*pictures, "--draw", place)
        assert ran.code == 2
        assert message in ran.err
        assert not Path(place).exists()

    def test_what_cannot_be_written_is_named(
        self, identify: Kyara, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_args: object, **_more: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Image.Image, "save", full)
        ran = identify("in", "--draw", "out")
        assert ran.code == 3
        assert "cannot write it: No space left on device" in ran.err
        assert len(ran.rows()) == 3
        assert files(folder / "out") == set()
