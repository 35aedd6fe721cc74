"""What is said of one figure in a picture, and of which detection it holds."""

from __future__ import annotations

import pytest

from kyara.errors import UsageError
from kyara.library.figures import as_text, nearest_figure, parse_box, said_of_figures
from kyara.library.log import Source
from kyara.library.said import NOTHING, Said, Subject
from kyara.types import Box, Detection
from tests.library.test_verdicts import decisions

PICTURE = bytes(32)
LEFT, RIGHT = Box(0, 0, 60, 60), Box(60, 0, 120, 60)
FOUND = [Detection(LEFT, "head"), Detection(RIGHT, "head")]
ON_LEFT, ON_RIGHT = Subject(PICTURE, LEFT), Subject(PICTURE, RIGHT)


def test_each_figure_is_who_it_was_said_to_be() -> None:
    with decisions() as (made, database):
        made.confirm([ON_LEFT], "ruby")
        made.confirm([ON_RIGHT], "jade")
        assert said_of_figures(database, PICTURE, FOUND) == [Said("ruby"), Said("jade")]
        assert made.said(PICTURE) == NOTHING
        made.undo()
        assert said_of_figures(database, PICTURE, FOUND) == [Said("ruby"), NOTHING]


def test_a_word_about_every_figure_takes_the_place_of_earlier_ones() -> None:
    with decisions() as (made, database):
        made.confirm([PICTURE], "ruby")
        made.confirm([ON_RIGHT], "jade")
        assert said_of_figures(database, PICTURE, FOUND) == [Said("ruby"), Said("jade")]
        made.confirm([PICTURE], "azure")
        assert said_of_figures(database, PICTURE, FOUND) == [Said("azure"), Said("azure")]


def test_one_figure_is_not_whom_the_picture_shows() -> None:
    with decisions() as (made, database):
        made.confirm([PICTURE], "ruby", Source.IMPORT)
        made.reject([ON_LEFT], "ruby")
        not_ruby = Said(None, frozenset({"ruby"}))
        assert said_of_figures(database, PICTURE, FOUND) == [not_ruby, Said("ruby")]
        made.confirm([ON_LEFT], "ruby")
        assert said_of_figures(database, PICTURE, FOUND) == [Said("ruby"), Said("ruby")]


def test_an_ignored_figure_leaves_the_others() -> None:
    with decisions() as (made, database):
        made.confirm([PICTURE], "ruby")
        made.ignore([ON_LEFT])
        assert said_of_figures(database, PICTURE, FOUND) == [Said(ignored=True), Said("ruby")]


def test_a_nearly_equal_box_is_the_same_figure() -> None:
    with decisions() as (made, database):
        made.confirm([ON_LEFT], "ruby")
        made.confirm([Subject(PICTURE, Box(5, 3, 62, 60))], "jade")
        assert database.rows("SELECT box FROM said") == [("5,3,62,60",)]
        assert said_of_figures(database, PICTURE, FOUND) == [Said("jade"), NOTHING]


def test_a_later_detector_finds_it_by_overlap() -> None:
    with decisions() as (made, database):
        made.confirm([ON_LEFT], "ruby")
        close, far = Box(6, 6, 60, 60), Box(20, 20, 60, 60)
        assert LEFT.overlap(close) == pytest.approx(0.81)
        assert LEFT.overlap(far) == pytest.approx(4 / 9)
        for box, expected in ((close, Said("ruby")), (far, NOTHING)):
            assert said_of_figures(database, PICTURE, [Detection(box, "head")]) == [expected]
        both = [Detection(Box(0, 0, 60, 50), "head"), Detection(close, "head")]
        assert said_of_figures(database, PICTURE, both) == [Said("ruby"), NOTHING]  # the best


def test_what_has_no_figure_yet_is_kept_for_one() -> None:
    with decisions() as (made, database):
        made.confirm([ON_LEFT], "ruby")
        assert said_of_figures(database, PICTURE, []) == []
        assert said_of_figures(database, PICTURE, [Detection(RIGHT, "head")]) == [NOTHING]


def test_an_import_says_nothing_of_a_picture_of_which_a_person_spoke() -> None:
    with decisions() as (made, database):
        made.confirm([ON_LEFT], "ruby")
        made.confirm([PICTURE], "jade", Source.IMPORT)
        assert said_of_figures(database, PICTURE, FOUND) == [Said("ruby"), NOTHING]


def test_splitting_one_figure_off() -> None:
    with decisions() as (made, database):
        made.confirm([ON_LEFT, ON_RIGHT], "ruby")
        made.split("ruby", [ON_LEFT], "young ruby")
        assert said_of_figures(database, PICTURE, FOUND) == [Said("young ruby"), Said("ruby")]
        made.split("ruby", [PICTURE], "old ruby")  # what of it is a reference of ruby
        assert said_of_figures(database, PICTURE, FOUND) == [Said("young ruby"), Said("old ruby")]
        with pytest.raises(UsageError, match="1 of the pictures are no references"):
            made.split("old ruby", [ON_LEFT], "other")


def test_merging_keeps_figures_apart() -> None:
    with decisions() as (made, database):
        made.confirm([ON_LEFT], "ruby")
        made.reject([ON_RIGHT], "ruby")
        made.confirm([ON_RIGHT], "jade")
        made.merge(["ruby"], "jade")
        assert said_of_figures(database, PICTURE, FOUND) == [Said("jade"), Said("jade")]


@pytest.mark.parametrize("edges", [(0, 0, 60, 60), (0.5, 1.25, 1000.1, 9999.875)])
def test_boxes_as_text(edges: tuple[float, float, float, float]) -> None:
    assert parse_box(as_text(Box(*edges))) == Box(*edges)
    assert parse_box("") is None


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d", "4,0,2,2", "0,0,nan,4", "0,0,1,1,1"])
def test_what_is_no_box(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_box(text)


def test_no_figure_is_the_nearest_of_none() -> None:
    assert nearest_figure(LEFT, []) is None
    assert nearest_figure(LEFT, FOUND) == 0
