"""Where the figures in a picture are. Until a detector is in the box: the picture itself."""

from __future__ import annotations

from kyara.pictures.read import Picture
from kyara.types import Box, Detection

__all__ = ["whole"]


def whole(picture: Picture) -> Detection:
    """The whole picture as one detection."""
    return Detection(Box(0.0, 0.0, float(picture.width), float(picture.height)), "whole")
