"""The pictures that scenes are made of, small and encoded in memory."""

from __future__ import annotations

import io
from collections.abc import Sequence
from random import Random

from PIL import Image

from kyara.errors import UsageError
from kyara.evaluate.boxes import BoxedPicture
from kyara.pictures.read import PAPER, flatten

__all__ = ["Shelf"]

_SIDE = 640
_QUALITY = 92


class Shelf:
    """Draws pictures by source and opens them quickly.

    A picture is kept as a JPEG of at most 640 pixels a side from when it is first wanted: 60 kB
    rather than a megabyte, and a JPEG opens at half or a quarter of its size in a fraction of
    the time, which is what a panel needs.

    Raises:
        UsageError: none of the sources that `shares` names has a picture.
    """

    def __init__(self, pictures: Sequence[BoxedPicture], shares: dict[str, float]) -> None:
        self._decoys = [picture for picture in pictures if picture.decoy]
        self._sources: dict[str, list[BoxedPicture]] = {}
        for picture in pictures:
            if not picture.decoy and (not shares or picture.source in shares):
                self._sources.setdefault(picture.source, []).append(picture)
        if not self._sources:
            raise UsageError("the data has none of the sources that the config names")
        self._names = sorted(self._sources)
        self._weights = [shares.get(n, float(len(self._sources[n]))) for n in self._names]
        self._kept: dict[tuple[str, str], bytes] = {}

    @property
    def has_decoys(self) -> bool:
        """Whether there is anything to lay over scenes."""
        return bool(self._decoys)

    def draw(self, random: Random) -> BoxedPicture:
        """A picture to show: first its source, by its share, then one of it."""
        (name,) = random.choices(self._names, self._weights)
        return random.choice(self._sources[name])

    def decoy(self, random: Random) -> Image.Image:
        """A picture with alpha (RGBA) to lay over a scene."""
        return random.choice(self._decoys).file.read().decode().image.convert("RGBA")

    def open(self, picture: BoxedPicture, side: float) -> Image.Image:
        """The picture (RGB), at least `side` pixels on its longer side if it has as many here.

        Raises:
            PictureError: it cannot be read.
        """
        key = (picture.source, picture.name)
        if key not in self._kept:
            self._kept[key] = _small(picture)
        image = Image.open(io.BytesIO(self._kept[key]))
        factor = min(1.0, side / max(image.size))
        image.draft("RGB", (int(image.width * factor), int(image.height * factor)))
        return image.convert("RGB")


def _small(picture: BoxedPicture) -> bytes:
    image = flatten(picture.file.read().decode(longest=_SIDE).image, PAPER)
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()
