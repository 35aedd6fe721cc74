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
        UsageError: none of the sources that `shares` names has a picture, or one that
            `figures` names has none with a head.
    """

    def __init__(
        self,
        pictures: Sequence[BoxedPicture],
        shares: dict[str, float],
        figures: dict[str, float] | None = None,
    ) -> None:
        figures = figures or {}
        self._decoys = [picture for picture in pictures if picture.decoy]
        sources: dict[str, list[BoxedPicture]] = {}
        for picture in pictures:
            if not picture.decoy:
                sources.setdefault(picture.source, []).append(picture)
        cut_out = {
            name: [picture for picture in sources.pop(name, []) if len(picture.boxes)]
            for name in figures
        }
        if not all(cut_out.values()):
            empty = next(name for name, group in cut_out.items() if not group)
            raise UsageError(f"the data has no figures of {empty}, which the config names")
        self._pictures = _Sources(
            {name: group for name, group in sources.items() if not shares or name in shares},
            shares,
        )
        self._figures = _Sources(cut_out, figures) if cut_out else None
        self._kept: dict[tuple[str, str], bytes] = {}

    @property
    def has_decoys(self) -> bool:
        """Whether there is anything to lay over scenes."""
        return bool(self._decoys)

    def draw(self, random: Random) -> BoxedPicture:
        """A picture to show: first its source, by its share, then one of it."""
        return self._pictures.draw(random)

    @property
    def has_figures(self) -> bool:
        """Whether there are figures, cut out, to lay over scenes."""
        return self._figures is not None

    def figure(self, random: Random) -> tuple[BoxedPicture, Image.Image]:
        """A figure that is cut out, with its boxes, and its pixels (RGBA).

        Raises:
            PictureError: it cannot be read.
            UsageError: there are none.
        """
        if self._figures is None:
            raise UsageError("the config names no source of figures")
        picture = self._figures.draw(random)
        return picture, picture.file.read().decode().image.convert("RGBA")

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


class _Sources:
    """Pictures by source, and how often each source is drawn."""

    def __init__(self, sources: dict[str, list[BoxedPicture]], shares: dict[str, float]) -> None:
        if not sources:
            raise UsageError("the data has none of the sources that the config names")
        self._sources = sources
        self._names = sorted(sources)
        self._weights = [shares.get(name, float(len(sources[name]))) for name in self._names]

    def draw(self, random: Random) -> BoxedPicture:
        (name,) = random.choices(self._names, self._weights)
        return random.choice(self._sources[name])


def _small(picture: BoxedPicture) -> bytes:
    image = flatten(picture.file.read().decode(longest=_SIDE).image, PAPER)
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()
