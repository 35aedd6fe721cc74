"""Where pixels come from: a file, a frame, or memory; of archives, see `kyara.pictures.archives`.

A `Source` has a name and can be read; what it held is its `Content`, which has a digest and can
be decoded, more than once if more pixels are needed. Nothing is read before it is asked for.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from kyara.errors import PictureError, UsageError, one_line, reason
from kyara.pictures.digest import digest_of_bytes
from kyara.pictures.state import FileState
from kyara.pictures.urls import Url

if TYPE_CHECKING:  # a run that the cache answers never needs the decoders
    from PIL import Image

    from kyara.pictures.read import Picture

__all__ = [
    "Content",
    "Data",
    "Encoded",
    "File",
    "Frame",
    "InMemory",
    "NoFile",
    "PictureLike",
    "Pixels",
    "Remote",
    "Source",
    "as_source",
    "as_sources",
    "frames_of",
    "several",
]

# Pillow's pictures load themselves when they are first used, and must not do so twice at once.
_LOADING = threading.Lock()


class Content(Protocol):
    """What a source held when it was read."""

    @property
    def digest(self) -> bytes:
        """What the picture is known by, 32 bytes; see docs/reference/library-file.md."""
        ...

    def decode(self, *, longest: int | None = None, shortest: int | None = None) -> Picture:
        """Its pixels, upright; see `kyara.pictures.read.decode`.

        Raises:
            PictureError: it is no picture, broken, or too large.
        """
        ...


class Source(Protocol):
    """A picture that can be read."""

    @property
    def name(self) -> str:
        """What messages and results call it; of a file, its path."""
        ...

    def state(self) -> FileState | None:
        """What tells without reading that it is as it was; None for what is no file of its own.

        Raises:
            OSError: the file is not there.
        """
        ...

    def read(self) -> Content:
        """What it holds now.

        Raises:
            PictureError: it cannot be read.
        """
        ...


PictureLike: TypeAlias = "str | os.PathLike[str] | Image.Image | NDArray[np.uint8] | Source"
"""What stands for a picture: its path; pixels, as Pillow or numpy have them (uint8, of shape
(h, w), (h, w, 3) or (h, w, 4)); or a source."""


@dataclass(frozen=True)
class Encoded:
    """The bytes of a picture file.

    Attributes:
        name: for the message of an error.
        frame: which picture of an animation, from 0.
    """

    data: bytes = field(repr=False)
    name: str | None = None
    frame: int = 0

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the file; of a later frame than the first, of that and its number."""
        digest = digest_of_bytes(self.data)
        if self.frame == 0:
            return digest
        return digest_of_bytes(digest + b"frame" + self.frame.to_bytes(8, "big"))

    def decode(self, *, longest: int | None = None, shortest: int | None = None) -> Picture:
        """See `Content`."""
        from kyara.pictures.read import decode

        sides = {"longest": longest, "shortest": shortest}
        picture = decode(self.data, **sides, frame=self.frame, where=self.name)
        if picture.image.size == (picture.width, picture.height):
            return picture
        return replace(picture, finer=lambda longest: self.decode(longest=longest))


@dataclass(frozen=True)
class Pixels:
    """Upright 8-bit pixels, RGB or RGBA."""

    image: Image.Image

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of `pixels RGB 640 480` (mode, width, height), a zero byte, and the pixels."""
        image = self.image
        head = f"pixels {image.mode} {image.width} {image.height}\0".encode()
        return digest_of_bytes(head + image.tobytes())

    def decode(self, *, longest: int | None = None, shortest: int | None = None) -> Picture:  # noqa: ARG002
        """All of them: there is nothing to save."""
        from kyara.pictures.read import Picture

        return Picture(self.image, self.image.width, self.image.height)


@dataclass(frozen=True)
class File:
    """A picture file."""

    path: Path

    @property
    def name(self) -> str:
        """Its path."""
        return os.fspath(self.path)

    def state(self) -> FileState:
        """See `Source`."""
        return FileState.of(self.path)

    def read(self) -> Encoded:
        """See `Source`."""
        from kyara.pictures.read import read_bytes

        return Encoded(read_bytes(self.path), self.name)


class NoFile:
    """What has no file of its own: it is known by its digest, once it has been read."""

    def state(self) -> None:
        """None; see `Source`."""
        return


@dataclass(frozen=True)
class Remote(NoFile):
    """A picture file at a URL."""

    url: Url

    @property
    def name(self) -> str:
        """The URL."""
        return str(self.url)

    def read(self) -> Encoded:
        """See `Source`."""
        from kyara.pictures.read import MAX_FILE_BYTES

        try:
            data = self.url.read(0, MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            raise PictureError("there is no such file", where=self.name) from None
        except OSError as error:
            raise PictureError(f"cannot read it: {reason(error)}", where=self.name) from error
        if len(data) > MAX_FILE_BYTES:
            raise PictureError("the file is too long", where=self.name)
        if not data:
            raise PictureError("the file is empty", where=self.name)
        return Encoded(data, self.name)


@dataclass(frozen=True)
class Data(NoFile):
    """The bytes of a picture file, from memory."""

    data: bytes = field(repr=False)
    name: str = "picture"

    def read(self) -> Encoded:
        """See `Source`."""
        return Encoded(self.data, self.name)


@dataclass(frozen=True)
class InMemory(NoFile):
    """A picture of Pillow's, of any mode; turned as its EXIF says."""

    image: Image.Image
    name: str = "picture"

    def read(self) -> Pixels:
        """See `Source`."""
        from kyara.pictures.read import upright

        try:
            with _LOADING:
                return Pixels(upright(self.image))
        except Exception as error:  # as in decode(): one that was opened may be broken
            what = f"the picture is broken: {one_line(error)}"
            raise PictureError(what, where=self.name) from error


@dataclass(frozen=True)
class Frame(NoFile):
    """One picture of an animation, the whole of it.

    Attributes:
        of: the animation.
        number: from 0. The first is what Kyara takes the animation for, and has its digest.
    """

    of: Source
    number: int

    @property
    def name(self) -> str:
        """`animation.gif, frame 3`, counted from 0."""
        return f"{self.of.name}, frame {self.number}"

    def read(self) -> Content:
        """See `Source`."""
        content = self.of.read()
        if not isinstance(content, Encoded):
            raise PictureError("pixels in memory are no animation", where=self.name)
        return replace(content, name=self.name, frame=self.number)


def several(pictures: PictureLike | Iterable[PictureLike]) -> Sequence[PictureLike]:
    """One picture as a list of it; several, also as an array of shape (n, h, w, c), as a list."""
    if isinstance(pictures, np.ndarray):
        return list(pictures) if pictures.ndim == 4 else [pictures]
    # A source can be read, and a picture of Pillow's, which is not imported to ask, has EXIF.
    one = isinstance(pictures, (str, os.PathLike)) or any(
        hasattr(pictures, sign) for sign in ("read", "getexif")
    )
    return [cast("PictureLike", pictures)] if one else list(cast("Iterable[PictureLike]", pictures))


def as_source(picture: PictureLike, name: str = "picture") -> Source:
    """`picture` as a source.

    Args:
        name: what it is called if it is only in memory.

    Raises:
        UsageError: it is none of these, or an array of another kind than pixels have.
    """
    if isinstance(picture, (str, os.PathLike)):
        return File(Path(picture))
    if isinstance(picture, np.ndarray):
        return InMemory(_as_image(picture), name)
    if hasattr(picture, "getexif"):
        return InMemory(cast("Image.Image", picture), name)
    if not (hasattr(picture, "read") and hasattr(picture, "state")):
        what = f"expected a path, a picture of Pillow's, an array or a source, got {type(picture)}"
        raise UsageError(what)
    return picture


def as_sources(pictures: Iterable[PictureLike]) -> list[Source]:
    """All as sources; those in memory are called `picture 1` and so on, by their place.

    Raises:
        UsageError: see `as_source`.
    """
    return [as_source(picture, f"picture {n}") for n, picture in enumerate(pictures, start=1)]


def frames_of(animation: Source) -> list[Source]:
    """Every picture of an animation; of a still picture, the one.

    Raises:
        PictureError: it cannot be read, or is no picture.
    """
    from kyara.pictures.read import count_frames

    content = animation.read()
    if not isinstance(content, Encoded):
        return [animation]
    count = count_frames(content.data, where=animation.name)
    return [animation] if count == 1 else [Frame(animation, number) for number in range(count)]


def _as_image(array: NDArray[np.uint8]) -> Image.Image:
    from PIL import Image

    colours = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not colours or 0 in array.shape:
        raise UsageError(
            "expected pixels as uint8 of shape (h, w), (h, w, 3) or (h, w, 4), "
            f"got {array.dtype} of shape {array.shape}"
        )
    return Image.fromarray(array)
