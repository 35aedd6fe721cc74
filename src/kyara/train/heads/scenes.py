"""Training pictures, composed: single pictures, pages of panels, mosaics, with figures that are cut
out and balloons laid over them.

Everything is a function of a seed. All is Pillow's: cutting a window out of a picture and scaling
it is one call, and little else takes time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kyara.evaluate.boxes import BoxedPicture
from kyara.train.heads.config import SceneConfig
from kyara.train.heads.effects import chance, restyled, worn
from kyara.train.heads.shelf import Shelf
from kyara.types import FloatArray

__all__ = ["Scene", "Scenes"]

_Area = tuple[int, int, int, int]

_SMALLEST_PANEL = 24
# A head that is cut: shown by at least so much of its area it is still one; by less than the
# other it is not there; in between nobody can say.
_STILL_A_HEAD, _NOT_THERE = 0.45, 0.08
_SMALLEST_HEAD = 6.0
_COVERED = 0.25
# The head of a figure that is cut out, in parts of the scene's side; and the figure at most.
_HEAD_OF_FIGURE = (0.05, 0.4)
_LARGEST_FIGURE = 4
_LETTERS = "ABCDEFGHIKLMNOPRSTUVWabcdefgilmnoprstu !?"
_COLOURS = ((255, 255, 255), (114, 114, 114), (0, 0, 0))


@dataclass(frozen=True)
class Scene:
    """A composed picture (RGB) with its heads (n, 4) and what counts neither way (m, 4)."""

    image: Image.Image
    heads: FloatArray
    ignored: FloatArray


class Scenes:
    """Composes scenes of what is on the shelf."""

    def __init__(self, shelf: Shelf, config: SceneConfig) -> None:
        self._shelf, self._config = shelf, config

    def compose(self, seed: int, size: int) -> Scene:
        """The scene of that seed, `size` pixels a side."""
        random, config = Random(seed), self._config
        canvas = Image.new("RGB", (size, size), _paper(random))
        pick = random.random()
        mosaic = config.single <= pick < config.single + config.mosaic
        one = pick < config.single
        areas = [(0, 0, size, size)] if one else _rows(random, size, mosaic=mosaic)
        heads, ignored = self._fill(canvas, areas, random, mosaic=mosaic)
        if self._shelf.has_figures and chance(random, config.figures):
            for _ in range(random.choice((1, 1, 2, 2, 3, 4, 6))):
                heads, ignored = self._lay_figure(canvas, heads, ignored, random)
        if self._shelf.has_decoys and chance(random, config.balloons):
            self._lay_balloons(canvas, heads, random)
        if chance(random, config.balloons / 3):
            _lay_letters(canvas, heads, random)
        return Scene(worn(canvas, random, config), _boxes(heads), _boxes(ignored))

    def _fill(
        self, canvas: Image.Image, areas: list[_Area], random: Random, *, mosaic: bool
    ) -> tuple[list[list[float]], list[list[float]]]:
        heads: list[list[float]] = []
        ignored: list[list[float]] = []
        gutter = random.choice((0, 0, 2, 4, 6)) if len(areas) > 1 else 0
        framed = len(areas) > 1 and chance(random, 0.4)
        for area in areas:
            left, top, right, bottom = _shrunk(area, gutter // 2)
            if min(right - left, bottom - top) < _SMALLEST_PANEL:
                continue
            way = "whole" if mosaic else "single" if len(areas) == 1 else "panel"
            panel, boxes, doubtful, complete = self._panel(
                (right - left, bottom - top), random, way
            )
            canvas.paste(panel, (left, top))
            if framed:
                ImageDraw.Draw(canvas).rectangle(
                    (left, top, right - 1, bottom - 1), outline=0, width=random.choice((1, 2))
                )
            if not complete:
                ignored.append([left, top, right, bottom])
            corner, seen = _array(left, top, left, top), (left, top, right, bottom)
            for box in boxes + corner:
                _sort_out(box, seen, heads, ignored)
            for box in doubtful + corner:
                _sort_out(box, seen, ignored, ignored)
        return heads, ignored

    def _panel(
        self, size: tuple[int, int], random: Random, way: str
    ) -> tuple[Image.Image, FloatArray, FloatArray, bool]:
        """A picture in a panel of that size, its boxes there, the doubtful ones, and whether
        these are all."""
        picture = self._shelf.draw(random)
        scale = _scale(picture, size, random, way, self._config)
        squeeze = math.exp(random.uniform(-0.12, 0.12))
        across, down = scale * squeeze, scale / squeeze
        stretch = _array(across, down, across, down)
        boxes = picture.boxes * stretch
        kept = boxes[random.randrange(len(boxes))] if len(boxes) and chance(random, 0.85) else None
        x = _offset(random, picture.width * across, size[0], kept, 0)
        y = _offset(random, picture.height * down, size[1], kept, 1)
        panel = self._window(picture, (across, down), (x, y), size, random)
        corner = _array(x, y, x, y)
        boxes, doubtful = boxes + corner, picture.doubtful * stretch + corner
        if chance(random, 0.5):
            panel = panel.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            boxes, doubtful = (_mirrored(part, size[0]) for part in (boxes, doubtful))
        return restyled(panel, random, self._config), boxes, doubtful, picture.complete

    def _window(
        self,
        picture: BoxedPicture,
        scale: tuple[float, float],
        offset: tuple[float, float],
        size: tuple[int, int],
        random: Random,
    ) -> Image.Image:
        """What of the scaled picture, its corner at `offset`, can be seen in a panel."""
        image = self._shelf.open(picture, max(picture.width, picture.height) * max(scale))
        panel = Image.new("RGB", size, _fill_colour(random))
        begin, end, source = [], [], []
        for axis, length in enumerate((picture.width, picture.height)):
            pixels = length * scale[axis]
            first = max(0, math.floor(offset[axis]))
            last = min(size[axis], math.ceil(offset[axis] + pixels))
            shown = (first - offset[axis]) / pixels, (last - offset[axis]) / pixels
            begin.append(first)
            end.append(last)
            source.append([min(1.0, max(0.0, s)) * image.size[axis] for s in shown])
        if end[0] <= begin[0] or end[1] <= begin[1]:
            return panel
        box = (source[0][0], source[1][0], source[0][1], source[1][1])
        if box[2] - box[0] < 1 or box[3] - box[1] < 1:
            return panel
        shape = (end[0] - begin[0], end[1] - begin[1])
        part = image.resize(shape, Image.Resampling.BILINEAR, box=box)
        panel.paste(part, (begin[0], begin[1]))
        return panel

    def _lay_figure(
        self,
        canvas: Image.Image,
        heads: list[list[float]],
        ignored: list[list[float]],
        random: Random,
    ) -> tuple[list[list[float]], list[list[float]]]:
        """Lay a figure that is cut out over the scene; gives what heads there are then."""
        picture, image = self._shelf.figure(random)
        boxes, doubtful = picture.boxes, picture.doubtful
        if chance(random, 0.5):
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            boxes, doubtful = (_mirrored(part, image.width) for part in (boxes, doubtful))
        wanted = canvas.width * _log_uniform(random, *_HEAD_OF_FIGURE)
        factor = wanted / float((boxes[0, 2:] - boxes[0, :2]).max())
        size = round(image.width * factor), round(image.height * factor)
        if min(size) < _SMALLEST_PANEL or max(size) > _LARGEST_FIGURE * canvas.width:
            return heads, ignored
        image = image.resize(size, Image.Resampling.BILINEAR)
        middle = (boxes[0, :2] + boxes[0, 2:]) / 2 * factor
        place = [round(random.uniform(0, canvas.width) - float(at)) for at in middle]
        alpha = image.getchannel("A")
        panel = restyled(image.convert("RGB"), random, self._config)
        canvas.paste(panel, (place[0], place[1]), alpha)
        heads, ignored = _hidden(alpha, (place[0], place[1]), heads, ignored)
        seen = (0, 0, canvas.width, canvas.height)
        corner = _array(*place, *place)
        for box in boxes * factor + corner:
            _sort_out(box, seen, heads, ignored)
        for box in doubtful * factor + corner:
            _sort_out(box, seen, ignored, ignored)
        return heads, ignored

    def _lay_balloons(self, canvas: Image.Image, heads: list[list[float]], random: Random) -> None:
        for _ in range(random.choice((1, 1, 2, 3, 4, 6))):
            balloon = self._shelf.decoy(random)
            longest = canvas.width * math.exp(random.uniform(math.log(0.06), math.log(0.4)))
            factor = longest / max(balloon.size)
            width = round(balloon.width * factor * random.uniform(0.75, 1.25))
            height = round(balloon.height * factor)
            if min(width, height) < 8 or max(width, height) >= canvas.width:
                continue
            place = _free_place(canvas.size, (width, height), heads, random)
            if place is None:
                continue
            balloon = balloon.resize((width, height), Image.Resampling.BILINEAR)
            canvas.paste(balloon, place, balloon)


def _array(*numbers: float) -> FloatArray:
    return np.asarray(numbers, dtype=np.float32)


def _paper(random: Random) -> tuple[int, int, int]:
    pick = random.random()
    if pick < 0.75:
        return (255, 255, 255) if pick < 0.6 else (0, 0, 0)
    return _any_colour(random)


def _fill_colour(random: Random) -> tuple[int, int, int]:
    return random.choice((*_COLOURS, _any_colour(random)))


def _any_colour(random: Random) -> tuple[int, int, int]:
    return (random.randrange(256), random.randrange(256), random.randrange(256))


def _rows(random: Random, size: int, *, mosaic: bool) -> list[_Area]:
    """A page's panels, or the pictures of a mosaic, row by row."""
    count = random.choice((3, 4, 4, 5)) if mosaic else random.choice((1, 2, 2, 2, 3, 3, 4))
    areas = []
    for top, bottom in _cuts(random, size, count):
        if mosaic:
            across = random.choice((3, 4, 5))
        else:
            across = random.choice((1, 2, 2, 3)) if count > 1 else random.choice((2, 3))
        areas += [(left, top, right, bottom) for left, right in _cuts(random, size, across)]
    return areas


def _cuts(random: Random, size: int, count: int) -> list[tuple[int, int]]:
    inner = [int(size * (n + random.uniform(-0.25, 0.25)) / count) for n in range(1, count)]
    edges = [0, *inner, size]
    return list(pairwise(edges))


def _shrunk(area: _Area, by: int) -> _Area:
    return area[0] + by, area[1] + by, area[2] - by, area[3] - by


def _scale(
    picture: BoxedPicture, size: tuple[int, int], random: Random, way: str, config: SceneConfig
) -> float:
    """Pixels of the panel per pixel of the picture."""
    whole = max(size) / max(picture.width, picture.height)
    cover = max(size[0] / picture.width, size[1] / picture.height)
    sides = picture.boxes[:, 2:] - picture.boxes[:, :2]
    if len(sides) and way != "whole" and chance(random, config.close_up):
        return random.uniform(0.7, 1.3) * min(size) / float(random.choice(sides.max(axis=1)))
    if way == "whole":
        return min(size[0] / picture.width, size[1] / picture.height) * random.uniform(0.8, 1.2)
    low, high = (0.45, 1.8) if way == "single" else (0.7, 1.9)
    scale = (whole if way == "single" else cover) * _log_uniform(random, low, high)
    if len(sides):  # but heads stay within the panel
        scale = min(scale, random.uniform(0.4, 0.95) * min(size) / float(sides.max()))
    return scale


def _log_uniform(random: Random, low: float, high: float) -> float:
    return math.exp(random.uniform(math.log(low), math.log(high)))


def _offset(random: Random, length: float, room: int, kept: FloatArray | None, axis: int) -> float:
    """Where the picture begins in the panel, along an axis; `kept` stays in view if it can."""
    if length <= room:
        return random.uniform(0, room - length)
    low, high = room - length, 0.0
    if kept is not None:
        first, last = float(kept[axis]), float(kept[axis + 2])
        if last - first < room:
            low, high = max(low, -first), min(high, room - last)
            low, high = min(low, high), max(low, high)
            return random.uniform(max(low, room - length), min(high, 0.0))
        middle = room / 2 - (first + last) / 2  # a close-up: in the middle, or nearly
        return min(0.0, max(room - length, middle + random.uniform(-0.15, 0.15) * room))
    return random.uniform(low, high)


def _sort_out(
    box: FloatArray, panel: _Area, heads: list[list[float]], ignored: list[list[float]]
) -> None:
    """Put what can be seen of a head in a panel where it belongs."""
    left, top = max(float(box[0]), panel[0]), max(float(box[1]), panel[1])
    right, bottom = min(float(box[2]), panel[2]), min(float(box[3]), panel[3])
    if right <= left or bottom <= top:
        return
    area = float((box[2] - box[0]) * (box[3] - box[1]))
    seen = (right - left) * (bottom - top) / max(1.0, area)
    if seen < _NOT_THERE:
        return
    clear = seen > _STILL_A_HEAD and min(right - left, bottom - top) >= _SMALLEST_HEAD
    (heads if clear else ignored).append([left, top, right, bottom])


def _mirrored(boxes: FloatArray, width: int) -> FloatArray:
    """Boxes of the mirrored picture."""
    turned = boxes.copy()
    turned[:, [0, 2]] = width - boxes[:, [2, 0]]
    return turned


def _hidden(
    alpha: Image.Image,
    place: tuple[int, int],
    heads: list[list[float]],
    ignored: list[list[float]],
) -> tuple[list[list[float]], list[list[float]]]:
    """Heads, and what counts neither way, when something of that alpha lies over them.

    A head that is hidden for the greater part is not there; of one that is half hidden nobody
    can say.
    """
    opaque = np.asarray(alpha) > 127
    kept: list[list[float]] = []
    unclear: list[list[float]] = []
    for boxes, into in ((heads, kept), (ignored, unclear)):
        for box in boxes:
            left, top, right, bottom = (round(v) - place[i % 2] for i, v in enumerate(box))
            over = opaque[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
            share = float(over.sum()) / max(1, (right - left) * (bottom - top))
            if share <= _COVERED:
                into.append(box)
            elif share < 1 - _NOT_THERE:
                unclear.append(box)
    return kept, unclear


def _free_place(
    size: tuple[int, int], wanted: tuple[int, int], heads: list[list[float]], random: Random
) -> tuple[int, int] | None:
    """A random place, unless much of a head would be covered there."""
    x, y = random.randint(0, size[0] - wanted[0]), random.randint(0, size[1] - wanted[1])
    for left, top, right, bottom in heads:
        across = min(right, x + wanted[0]) - max(left, x)
        down = min(bottom, y + wanted[1]) - max(top, y)
        if max(0, across) * max(0, down) > _COVERED * (right - left) * (bottom - top):
            return None
    return x, y


def _lay_letters(canvas: Image.Image, heads: list[list[float]], random: Random) -> None:
    """Drawn balloons and captions with letters."""
    draw = ImageDraw.Draw(canvas)
    for _ in range(random.randint(1, 4)):
        width = int(canvas.width * random.uniform(0.08, 0.3))
        height = int(canvas.height * random.uniform(0.05, 0.2))
        place = _free_place(canvas.size, (width, height), heads, random)
        if place is None:
            continue
        box = (*place, place[0] + width, place[1] + height)
        fill = (255, 255, 255) if chance(random, 0.8) else _any_colour(random)
        if chance(random, 0.7):
            draw.ellipse(box, fill=fill, outline=(0, 0, 0))
        else:
            draw.rectangle(box, fill=fill)
        points = random.uniform(8, 16)
        font = ImageFont.load_default(points)
        y = place[1] + height * 0.25
        while y < place[1] + height * 0.75 - points:
            letters = random.choices(_LETTERS, k=max(2, int(width * 0.7 / (points * 0.6))))
            draw.text((place[0] + width * 0.17, y), "".join(letters), (0, 0, 0), font)
            y += points * 1.2


def _boxes(rows: list[list[float]]) -> FloatArray:
    return np.asarray(rows, dtype=np.float32).reshape(-1, 4)
