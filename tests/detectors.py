"""Detectors for tests; no real one is needed to see what several figures lead to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from PIL import Image

from kyara.pictures.read import Picture
from kyara.types import Box, Detection
from tests.conftest import COLOURS


class Halves:
    """A wide picture has two figures, its halves; a higher one than wide has none; any other
    has one: all of it."""

    id = "halves@1"
    longest = 32
    margin = 0.0
    context: Literal["none", "alone"] = "none"

    def __init__(self) -> None:
        self.asked: list[int] = []

    def detect(self, pictures: Sequence[Picture]) -> list[tuple[Detection, ...]]:
        self.asked.append(len(pictures))
        return [self._figures(picture.width, picture.height) for picture in pictures]

    @staticmethod
    def _figures(width: int, height: int) -> tuple[Detection, ...]:
        if width < height:
            return ()
        if width < 2 * height:
            return (Detection(Box(0, 0, width, height), "figure", 0.75),)
        middle = width / 2
        return (
            Detection(Box(0, 0, middle, height), "figure", 0.875),
            Detection(Box(middle, 0, width, height), "head", 0.625),
        )


LEFT, RIGHT = "0,0,60,60", "60,0,120,60"
"""The boxes in a picture of `pair`."""


def pair(path: Path, left: str, right: str, dot: int = 0) -> Path:
    """A picture (120 x 60) of two characters side by side; `dot` makes it differ."""
    image = Image.new("RGB", (120, 60), COLOURS[left])
    image.paste(COLOURS[right], (60, 0, 120, 60))
    image.putpixel((dot, 0), (255, 255, 255))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path
