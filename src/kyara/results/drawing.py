"""Pictures with the answers drawn into them: a frame around each figure, and who it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from kyara.errors import KyaraError, OutputError, UsageError, printable
from kyara.files import NewFolder, is_folder, new_file, writing
from kyara.identify.answer import UNKNOWN, Answer
from kyara.pictures.read import Picture, flatten
from kyara.pictures.source import Source
from kyara.results.fonts import font_for
from kyara.types import Box

__all__ = ["Drawings", "draw_answers"]

_LEAST, _MOST = 640, 2400
"""Pixels of the longest side: smaller pictures are enlarged, so that names can be read, and larger
ones made smaller, for they are there to be looked at."""
_LETTER = 40
"""The longest side by the height of the letters."""
_COLOURS = (
    *((230, 25, 75), (0, 130, 200), (60, 180, 75), (245, 130, 48), (145, 30, 180)),
    *((70, 240, 240), (240, 50, 230), (255, 225, 25), (0, 128, 128), (170, 110, 40)),
)
_NOBODY = (90, 90, 90)
_DARK, _LIGHT = (16, 16, 16), (255, 255, 255)
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}

_Colour = tuple[int, int, int]


@dataclass(frozen=True)
class _Label:
    """A line of text and where it goes, in pixels of the drawing.

    Attributes:
        around: the figure; None: the whole picture.
    """

    text: str
    colour: _Colour
    around: Box | None
    font: ImageFont.FreeTypeFont
    pad: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, the border included; the same height for every text."""
        ascent, descent = self.font.getmetrics()
        return round(self.font.getlength(self.text)) + 4 * self.pad, ascent + descent + self.pad


def draw_answers(picture: Picture, answers: Sequence[Answer]) -> Image.Image:
    """The picture with a frame and a name for each of its figures, as RGB.

    A figure whose name no font here can write is called by its number, `figure 0`.
    """
    longest = max(picture.image.size)
    scale = min(max(longest, _LEAST), _MOST) / longest
    size = tuple(max(1, round(side * scale)) for side in picture.image.size)
    image = flatten(picture.image).resize((size[0], size[1]), Image.Resampling.LANCZOS)
    zoom = (image.width / picture.width, image.height / picture.height)
    labels = _labels(answers, zoom, image.size)
    draw = ImageDraw.Draw(image)
    for label in labels:
        if label.around is not None:
            _frame(draw, label.around, label.colour, label.pad)
    taken: list[Box] = []
    figures = [label.around for label in labels if label.around is not None]
    for label in labels:
        place = _place(label, image.size, taken, figures)
        taken.append(place)
        _write(draw, label, place)
    return image


def _labels(
    answers: Sequence[Answer], zoom: tuple[float, float], size: tuple[int, int]
) -> list[_Label]:
    letter = max(14, max(size) // _LETTER)
    names = sorted({a.character for a in answers if a.character is not None} - {UNKNOWN})
    labels = []
    for number, answer in enumerate(answers):
        if answer.detection is None:
            continue
        colour = _NOBODY
        if answer.character in names:
            colour = _COLOURS[names.index(answer.character) % len(_COLOURS)]
        text, font = _text(answer, number, letter, size[0])
        box = answer.detection.box
        around = None
        if answer.detection.kind != "whole":
            around = Box(
                box.left * zoom[0], box.top * zoom[1], box.right * zoom[0], box.bottom * zoom[1]
            )
        labels.append(_Label(text, colour, around, font, max(2, letter // 8)))
    return labels


def _text(
    answer: Answer, number: int, letter: int, width: int
) -> tuple[str, ImageFont.FreeTypeFont]:
    """What is written at a figure, cut so that it fits into the width of the picture."""
    name = "ignored" if answer.character is None else printable(answer.character)
    if answer.perhaps is not None:
        name = f"perhaps {printable(answer.perhaps.character)}"
    font = font_for(name, letter)
    if font is None:
        name, font = f"figure {number}:", font_for("", letter)
    if font is None:
        raise OutputError("this Pillow has no font", hint="install a Pillow with FreeType")
    chance = answer.best.probability if answer.best is not None else None
    named = answer.character not in (None, UNKNOWN) and answer.said.character is None
    named = named or answer.perhaps is not None
    rest = f" {chance:.0%}" if named and chance is not None else ""
    most = width - letter
    if font.getlength(name + rest) > most:
        while name and font.getlength(f"{name}…{rest}") > most:
            name = name[:-1]
        name += "…"
    return (name + rest).removesuffix(":"), font


def _frame(draw: ImageDraw.ImageDraw, box: Box, colour: _Colour, width: int) -> None:
    """A coloured line between two dark ones, to be seen on every ground."""
    edge = max(1, width // 2)
    for grown, line, ink in ((edge, width + 2 * edge, _DARK), (0, width, colour)):
        corners = (box.left - grown, box.top - grown, box.right + grown, box.bottom + grown)
        draw.rectangle(corners, outline=ink, width=line)


def _place(
    label: _Label, size: tuple[int, int], taken: Sequence[Box], figures: Sequence[Box]
) -> Box:
    """Where a label covers least of other labels and, after that, of the figures."""
    width, height = (float(side) for side in label.size)
    around = label.around or Box(0.0, 0.0, float(size[0]), float(size[1]))
    if label.around is None:
        tops, lefts = [0.0], [0.0]
    else:
        tops = [around.top - height, around.bottom, around.top, around.bottom - height]
        lefts = [around.left, around.right - width]
    places = []
    for top in tops:
        for left in lefts:
            x = min(max(0.0, left), max(0.0, size[0] - width))
            y = min(max(0.0, top), max(0.0, size[1] - height))
            places.append(Box(x, y, x + width, y + height))
    return min(
        places,
        key=lambda p: (sum(_common(p, t) for t in taken), sum(_common(p, f) for f in figures)),
    )


def _common(a: Box, b: Box) -> float:
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    return max(0.0, width) * max(0.0, height)


def _write(draw: ImageDraw.ImageDraw, label: _Label, place: Box) -> None:
    draw.rectangle(place.as_tuple(), fill=label.colour, outline=_DARK, width=max(1, label.pad // 2))
    red, green, blue = label.colour
    ink = _DARK if 0.3 * red + 0.59 * green + 0.11 * blue > 140 else _LIGHT
    at = (place.left + 2 * label.pad, place.top + label.pad / 2)
    draw.text(at, label.text, fill=ink, font=label.font)


class Drawings:
    """Writes drawn pictures: one to a file, or several to a folder. Both are new: nothing is
    ever overwritten.

    Attributes:
        problems: pictures that could not be drawn, and why.
    """

    def __init__(self, place: Path) -> None:
        """See, before any work, that they can be written there.

        Raises:
            UsageError: something is there, or there is no such folder.
        """
        self.problems: list[KyaraError] = []
        self._new_folder = NewFolder(place)
        self._folder: NewFolder | None = self._new_folder
        self._place = place
        self._begun = False

    def begin(self, *, several: bool) -> None:
        """Told before pictures come whether there may be more than one.

        Raises:
            UsageError: the place is not for that many.
            OutputError: the folder cannot be made.
        """
        if self._begun:
            return
        self._begun = True
        as_picture = self._place.suffix.lower() in _FORMATS and not is_folder(self._place)
        if several and as_picture:
            raise UsageError("several pictures are drawn into a folder", where=self._place)
        if as_picture:
            self._folder = None
        elif several or is_folder(self._place):
            self._new_folder.make()
        else:
            hint = f"one of {', '.join(_FORMATS)}, or an empty folder"
            raise UsageError("this is no name for a picture", where=self._place, hint=hint)

    def add(self, answers: Sequence[Answer], source: Source) -> None:
        """Draw the answers for a picture, unless it failed."""
        if any(answer.error is not None for answer in answers):
            return
        folder = self._folder
        target = self._place if folder is None else folder.name_for(Path(source.name).stem, ".png")
        try:
            picture = source.read().decode(longest=_MOST)
            drawn = draw_answers(picture, answers)
            with writing(target), new_file(target) as part:
                drawn.save(part, _FORMATS[target.suffix.lower()], quality=92)
        except KyaraError as error:
            self.problems.append(error)
