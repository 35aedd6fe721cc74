"""What happens to a panel or to a whole scene: other colours, print, a copy of a copy."""

from __future__ import annotations

import math
from random import Random

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from kyara.train.augment import line_art, recompressed
from kyara.train.heads.config import SceneConfig

__all__ = ["chance", "restyled", "worn"]

# Luminance of red, green and blue (Rec. 601).
_LUMA = np.asarray([0.299, 0.587, 0.114])


def chance(random: Random, probability: float) -> bool:
    """True so often."""
    return random.random() < probability


def restyled(panel: Image.Image, random: Random, config: SceneConfig) -> Image.Image:
    """A panel as another hand or another process might have made it; at most one change."""
    pick = random.random()
    for share, change in (
        (config.grey, _grey),
        (config.halftone, _halftone),
        (config.line_art, _lines),
        (config.colour, _recoloured),
        (config.negative, _negative),
    ):
        if pick < share:
            return change(panel, random)
        pick -= share
    return panel


def worn(scene: Image.Image, random: Random, config: SceneConfig) -> Image.Image:
    """The whole scene as it might have come down to us."""
    if chance(random, config.whole_grey):
        scene = _grey(scene, random)
    if chance(random, config.blur):
        size = scene.size
        factor = random.uniform(0.4, 0.8)
        small = (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
        scene = scene.resize(small, Image.Resampling.BOX).resize(size, Image.Resampling.BILINEAR)
    if chance(random, config.jpeg):
        scene = recompressed(scene, random.randint(25, 80)).convert("RGB")
    return scene


def _grey(panel: Image.Image, _random: Random) -> Image.Image:
    return ImageOps.grayscale(panel).convert("RGB")


def _negative(panel: Image.Image, _random: Random) -> Image.Image:
    return ImageOps.invert(panel)


def _lines(panel: Image.Image, random: Random) -> Image.Image:
    if random.random() < 0.5:
        return line_art(panel)
    return Image.blend(line_art(panel), _grey(panel, random), random.uniform(0.1, 0.4))


def _halftone(panel: Image.Image, random: Random) -> Image.Image:
    """Few greys and a slanted screen of dots, as manga is printed."""
    grey = np.asarray(ImageOps.grayscale(panel), dtype=np.float32)
    levels, pitch = random.choice((2, 3, 4)), random.uniform(1.0, 2.2)
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]].astype(np.float32)
    screen = np.sin((x + y) * pitch) * np.sin((x - y) * pitch) * (127.0 / levels)
    toned = np.clip((grey - 90) * random.uniform(1, 2) + 128 + screen, 0, 255) / 255
    steps = np.round(toned * (levels - 1)) / (levels - 1) * 255
    return Image.fromarray(steps.astype(np.uint8)).convert("RGB")


def _recoloured(panel: Image.Image, random: Random) -> Image.Image:
    """Hue, saturation, contrast and brightness in one linear map of the colours.

    Hue turns about the grey axis (Rodrigues); mostly a little, sometimes all the way round.
    """
    angle = random.uniform(-math.pi, math.pi) if chance(random, 0.35) else random.gauss(0, 0.1)
    saturation, contrast = random.uniform(0.4, 1.5), random.uniform(0.65, 1.3)
    turn = np.cos(angle) * np.eye(3) + (1 - np.cos(angle)) / 3 * np.ones((3, 3))
    axis = np.asarray([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    turn = turn + np.sin(angle) * axis
    grey = np.ones((3, 1)) * _LUMA
    linear = contrast * ((1 - saturation) * grey + saturation * np.eye(3)) @ turn
    brightness = random.uniform(-25, 35)
    rows = np.concatenate([linear, np.full((3, 1), brightness)], axis=1)
    changed = panel.convert("RGB", tuple(float(value) for value in rows.reshape(-1)))
    if chance(random, 0.1):
        changed = changed.filter(ImageFilter.GaussianBlur(random.uniform(0.4, 1.2)))
    return changed
