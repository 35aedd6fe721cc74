"""Boxes that a person drew, and covers that one chose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kyara import detect
from kyara.errors import UsageError
from kyara.library import browse
from kyara.library.check import check
from kyara.library.drawn import choose_cover, draw_figure
from kyara.library.roots import Root, RootKind
from kyara.library.said import Subject
from kyara.library.store import Library
from kyara.library.update import add
from kyara.pictures.digest import digest_of_file
from kyara.plugins.discover import open_encoder
from kyara.types import Box, Detection, FloatArray
from tests.detectors import Halves, pair

DRAWN = Detection(Box(70, 10, 110, 50), "head")


@pytest.fixture
def opened(tmp_path: Path, tiny_plugin: Path, cast: Path) -> Iterator[Library]:
    """A library with a cast, and a picture of two figures, left and right."""
    detect.DEFAULT = Halves()  # the fixture of all tests puts it back
    encoder = open_encoder(str(tiny_plugin))
    with Library.create(tmp_path / "cast.kyara", encoder, str(tiny_plugin)) as library:
        pictures = pair(tmp_path / "both.png", "jade", "azure")
        add(library, [Root(cast, RootKind.CAST), Root(pictures)], encoder)
        yield library


@pytest.fixture
def both(opened: Library, tmp_path: Path) -> bytes:
    return digest_of_file(tmp_path / "both.png")


def embedding() -> FloatArray:
    return np.full(48, 0.5, dtype=np.float32)


def boxes(library: Library, digest: bytes) -> set[Box]:
    return {figure.box for figure in library.figures(digest)}


def test_a_drawn_box_stands_beside_others_and_can_be_named(opened: Library, both: bytes) -> None:
    before = boxes(opened, both)
    drawn = draw_figure(opened, both, DRAWN, embedding())
    assert boxes(opened, both) == before | {DRAWN.box}
    opened.decisions.confirm([Subject(both, DRAWN.box)], "Ann")
    found = opened.references()
    row = found.characters.index("Ann")
    assert (found.detection(row), found.embeddings[row].tolist()) == (DRAWN, embedding().tolist())
    opened.decisions.undo(drawn.id)
    assert boxes(opened, both) == before
    opened.decisions.undo(opened.decisions.log()[-1].id)
    assert boxes(opened, both) == before | {DRAWN.box}
    assert check(opened).problems == []


def test_a_better_box_takes_the_place_of_one_and_what_was_said_of_it(
    opened: Library, both: bytes
) -> None:
    first = min(boxes(opened, both), key=lambda box: box.left)
    other = max(boxes(opened, both), key=lambda box: box.left)
    opened.decisions.confirm([Subject(both, first)], "Ann")
    better = Detection(Box(first.left, first.top, first.right - 5, first.bottom), "head")
    draw_figure(opened, both, better, embedding())
    assert boxes(opened, both) == {better.box, other}
    (said,) = opened.said_of(both, [better])
    assert said.character == "Ann"
    again = Detection(Box(first.left, first.top, first.right - 6, first.bottom), "head")
    draw_figure(opened, both, again, embedding())
    assert boxes(opened, both) == {again.box, other}
    opened.decisions.undo()
    assert boxes(opened, both) == {better.box, other}
    opened.decisions.undo()
    assert boxes(opened, both) == {first, other}


def test_it_holds_when_the_library_is_brought_up_to_date(
    opened: Library, both: bytes, tiny_plugin: Path
) -> None:
    from kyara.library.update import update

    draw_figure(opened, both, DRAWN, embedding())
    before = boxes(opened, both)
    update(opened, open_encoder(str(tiny_plugin)), read_all=True)
    assert boxes(opened, both) == before


def test_a_box_that_is_there_and_a_picture_that_is_not_are_refused(
    opened: Library, both: bytes
) -> None:
    there = opened.figures(both)[0]
    with pytest.raises(UsageError, match="exactly this box"):
        draw_figure(opened, both, there, embedding())
    with pytest.raises(UsageError, match="no such picture"):
        draw_figure(opened, bytes(32), DRAWN, embedding())
    assert opened.decisions.log()[-1].kind != "draw"


def test_a_cover_is_shown_while_it_is_a_reference(opened: Library) -> None:
    ruby = opened.decisions.find("ruby")
    pictures = opened.decisions.pictures_of(ruby)
    covers = {one.character.name: one.cover for one in browse.characters(opened)}
    (chosen,) = [p for p in pictures[1:2] if covers["ruby"] != Subject(p)]
    choose_cover(opened, "ruby", Subject(chosen, Box(0, 0, 60, 60)))

    def cover() -> Subject | None:
        return {c.character.name: c.cover for c in browse.characters(opened)}["ruby"]

    assert cover() == Subject(chosen, Box(0, 0, 60, 60))
    opened.decisions.rename("ruby", "Ruby")
    opened.decisions.undo()
    assert cover() == Subject(chosen, Box(0, 0, 60, 60))
    opened.decisions.reject([chosen], "ruby")
    assert cover() != Subject(chosen, Box(0, 0, 60, 60))
    opened.decisions.undo()
    assert cover() == Subject(chosen, Box(0, 0, 60, 60))
    opened.decisions.undo()
    assert cover() == covers["ruby"]
    with pytest.raises(UsageError, match="no reference"):
        choose_cover(opened, "jade", Subject(chosen))
    assert check(opened).problems == []


def test_a_cover_of_a_character_that_is_gone_brings_it_not_back(
    opened: Library, both: bytes
) -> None:
    first, _ = opened.figures(both)
    named = opened.decisions.confirm([Subject(both, first.box)], "Ann")
    choose_cover(opened, "Ann", Subject(both, first.box))
    opened.decisions.undo(named.id)
    assert "Ann" not in [one.name for one in opened.decisions.characters()]
    assert check(opened).problems == []
