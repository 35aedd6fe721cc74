"""Figures followed over frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kyara.encode.pipeline import EmbeddedPicture
from kyara.identify.tracks import follow
from kyara.types import Box, Detection, FloatArray

ANN, BO, DEE = np.eye(3, dtype=np.float32)
HERE, NEAR, FAR = Box(0, 0, 10, 10), Box(2, 0, 12, 10), Box(50, 0, 60, 10)


def frame(*figures: tuple[Box, FloatArray], kind: str = "head") -> EmbeddedPicture:
    rows = np.asarray([row for _, row in figures], np.float32).reshape(-1, 3)
    found = tuple(Detection(box, kind, 0.5) for box, _ in figures)
    return EmbeddedPicture(Path("x"), b"", found, rows, detector="heads@1")


def spans(*frames: EmbeddedPicture, patience: float = 1.0) -> list[tuple[float, float, int]]:
    tracks = follow(enumerate(frames), patience)
    return [(track.start, track.end, len(track.frames)) for track in tracks]


def test_who_moves_on_is_the_same() -> None:
    assert spans(frame((HERE, ANN)), frame((NEAR, ANN)), frame((FAR, ANN))) == [(0, 2, 3)]


def test_who_takes_the_place_of_another_is_not() -> None:
    assert spans(frame((HERE, ANN)), frame((HERE, BO))) == [(0, 0, 1), (1, 1, 1)]


def test_two_that_change_places_stay_themselves() -> None:
    crossing = [frame((HERE, ANN), (FAR, BO)), frame((HERE, BO), (FAR, ANN))]
    tracks = follow(enumerate(crossing), 1.0)
    assert [np.argmax(track.embedding) for track in tracks] == [0, 1]
    assert [len(track.frames) for track in tracks] == [2, 2]


@pytest.mark.parametrize(("patience", "count"), [(1.0, 2), (2.0, 1)])
def test_who_is_hidden_for_a_moment_comes_back(patience: float, count: int) -> None:
    hidden = [frame((HERE, ANN)), frame(), frame((HERE, ANN))]
    assert len(spans(*hidden, patience=patience)) == count


def test_where_nothing_is_found_nobody_is() -> None:
    assert spans(frame((HERE, ANN), kind="whole")) == []
