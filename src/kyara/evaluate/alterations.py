"""What can happen to a picture without changing who is in it, done by Pillow alone."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageFilter, ImageOps

from kyara.pictures.digest import digest_of_bytes
from kyara.pictures.read import Picture, flatten
from kyara.pictures.source import Content, Source

__all__ = ["ALTERATIONS", "Alteration", "AlteredSource"]

Alteration = Callable[[Image.Image], Image.Image]
"""From a picture in RGB to another, which may be of another size."""

HUE_SHIFT = 30  # degrees of the colour circle: red becomes orange, skin becomes sickly
JPEG_QUALITY = 30
LINE_REACH = 3  # pixels, at the size that pictures are embedded at


def greyscale(image: Image.Image) -> Image.Image:
    """Luma alone (ITU-R BT.601)."""
    return ImageOps.grayscale(image).convert("RGB")


def hue_up(image: Image.Image) -> Image.Image:
    """All hues turned by 30 degrees, towards green."""
    return _turned(image, HUE_SHIFT)


def hue_down(image: Image.Image) -> Image.Image:
    """All hues turned by 30 degrees, towards blue."""
    return _turned(image, -HUE_SHIFT)


def left_half(image: Image.Image) -> Image.Image:
    """The left half: half of a face that looks at us, more or less of one that does not."""
    return image.crop((0, 0, max(1, image.width // 2), image.height))


def jpeg(image: Image.Image) -> Image.Image:
    """Compressed until blocks show: JPEG at quality 30."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=JPEG_QUALITY)
    return Image.open(stream).convert("RGB")


def line_art(image: Image.Image) -> Image.Image:
    """Dark lines on white, where a pixel is darker than the brightest beside it: the inverse
    of the grey dilation residue, stretched to the full range."""
    grey = ImageOps.grayscale(image)
    residue = ImageChops.difference(grey.filter(ImageFilter.MaxFilter(LINE_REACH)), grey)
    return ImageOps.autocontrast(ImageOps.invert(residue)).convert("RGB")


ALTERATIONS: dict[str, Alteration] = {
    "grey": greyscale,
    "hue_up": hue_up,
    "hue_down": hue_down,
    "half": left_half,
    "jpeg": jpeg,
    "line_art": line_art,
}
"""By name, in the order of reports."""


def _turned(image: Image.Image, degrees: int) -> Image.Image:
    step = round(256 * degrees / 360)
    hue, saturation, value = image.convert("HSV").split()
    turned = hue.point([(level + step) % 256 for level in range(256)])
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


@dataclass(frozen=True)
class AlteredSource:
    """A picture that is altered at the size at which it is decoded.

    Attributes:
        of: the picture as it is.
        how: one of `ALTERATIONS`.
        fill: what transparency is laid over first.
    """

    of: Source
    how: str
    fill: tuple[int, int, int]

    @property
    def name(self) -> str:
        """That of the picture."""
        return self.of.name

    def state(self) -> None:
        """None: no file holds the altered picture."""
        return

    def read(self) -> _AlteredContent:
        """See `kyara.pictures.source.Source`."""
        return _AlteredContent(self.of.read(), self.how, self.fill)


@dataclass(frozen=True)
class _AlteredContent:
    of: Content
    how: str
    fill: tuple[int, int, int]

    @property
    def digest(self) -> bytes:
        return digest_of_bytes(self.of.digest + self.how.encode())

    def decode(self, *, longest: int | None = None, shortest: int | None = None) -> Picture:
        picture = self.of.decode(longest=longest, shortest=shortest)
        image = ALTERATIONS[self.how](flatten(picture.image, self.fill))
        return Picture(image, image.width, image.height)
