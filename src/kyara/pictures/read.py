"""From the bytes of a file to upright 8-bit pixels, for every format that Pillow reads.

JPEG is decoded at a reduced size where the caller needs few pixels: the decoder then
skips most of the work (a 12-megapixel photograph costs a tenth).
"""

from __future__ import annotations

import io
import os
import warnings
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from kyara.errors import PictureError, one_line, reason
from kyara.pictures.files import open_regular
from kyara.pictures.memory import BUDGET, cost_of, webp_size
from kyara.pictures.mended import mended
from kyara.pictures.picture import Picture
from kyara.pictures.progressive import without_fine_scans

__all__ = [
    "Picture",
    "StoredSize",
    "count_frames",
    "decode",
    "flatten",
    "measure",
    "read_bytes",
    "upright",
]

# Flattening and padding use white: it is the paper of most drawings.
PAPER = (255, 255, 255)

MAX_FILE_BYTES = 512 * 1024 * 1024
"""Longer files are refused before they are read into memory."""

MAX_PIXELS = 180_000_000
"""More pixels than this are refused rather than decoded, whatever memory there is."""

_BAND = 1 << 20
"""Pixels that are converted at once."""

_MOVING = ("GIF", "PNG", "WEBP", "AVIF")
_FRAMES = 64
"""Frames of an animation that are looked at until one shows something."""
_BLANK = 32
"""How far apart the lightest and the darkest pixel are, of 255, in a frame that shows nothing."""

_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
# Pillow would start Ghostscript for these, whatever the suffix of the file.
_PROGRAMS = ("EPS",)
_TRANSPOSE = {  # EXIF orientation -> what makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPS_SIDES = (5, 6, 7, 8)


@dataclass(frozen=True)
class StoredSize:
    """The size of a picture as its file stores it, before it is turned upright.

    Attributes:
        width, height: in pixels.
        orientation: how it must be turned (EXIF 2.3: 1 to 8).
    """

    width: int
    height: int
    orientation: int

    @property
    def upright(self) -> tuple[int, int]:
        """(width, height) of the upright picture."""
        size = (self.width, self.height)
        return size[::-1] if self.orientation in _SWAPS_SIDES else size


def measure(picture: str | os.PathLike[str] | bytes) -> StoredSize:
    """The stored size of a picture, at a path or a file's content, from its header.

    Raises:
        PictureError: it cannot be read, or is not a picture.
    """
    _prepare_pillow()
    path = None if isinstance(picture, bytes) else picture
    try:
        with io.BytesIO(picture) if isinstance(picture, bytes) else open_regular(picture) as stream:
            _refuse_canvas(stream.read(30), path)
            stream.seek(0)
            opened = _opened(stream)
            if opened.format in _PROGRAMS:
                raise UnidentifiedImageError
            orientation = _orientation(opened)
            width, height = opened.size
            if opened.format == "TIFF" and orientation in _SWAPS_SIDES:
                width, height = height, width  # of TIFF alone, Pillow tells the upright size
            return StoredSize(width, height, orientation)
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError("not a picture", where=path) from None
    except Exception as error:  # as in decode()
        raise PictureError(f"the picture is broken: {one_line(error)}", where=path) from error


def _opened(stream: BinaryIO) -> Image.Image:
    try:
        return Image.open(stream)
    except Exception:
        stream.seek(0)
        whole = mended(stream.read(MAX_FILE_BYTES))
        if whole is None:
            raise
        return Image.open(io.BytesIO(whole))


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The content of a picture file.

    Raises:
        PictureError: missing, a folder, unreadable, empty, or too long.
    """
    try:
        with open_regular(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > MAX_FILE_BYTES:
                raise PictureError(f"the file is too long ({size >> 20} MiB)", where=path)
            data = stream.read()
    except FileNotFoundError:
        raise PictureError("there is no such file", where=path) from None
    except IsADirectoryError:
        raise PictureError("this is a folder, not a picture", where=path) from None
    except OSError as error:
        raise PictureError(f"cannot read it: {reason(error)}", where=path) from error
    if not data:
        raise PictureError("the file is empty", where=path)
    return data


def decode(
    data: bytes,
    *,
    longest: int | None = None,
    shortest: int | None = None,
    frame: int = 0,
    where: str | os.PathLike[str] | None = None,
) -> Picture:
    """Decode one frame, upright, as RGB or RGBA.

    Of an animation that fades in from one colour, frame 0 is the first that shows something.
    Whatever is not pixels, such as text or camera data, may be damaged.

    Args:
        data: a file's content.
        longest, shortest: pixels that the caller needs on the longest or the shortest side;
            JPEG is then decoded at the smallest of the decoder's sizes that has so many.
        frame: which picture of an animation.
        where: the file's name, for the message of an error.

    Raises:
        PictureError: not a picture, broken, truncated, or too large to decode.
    """
    try:
        return _decoded(data, longest, shortest, frame, where)
    except PictureError:
        whole = mended(data)
        if whole is None:
            raise
        return _decoded(whole, longest, shortest, frame, where)


def _decoded(
    data: bytes,
    longest: int | None,
    shortest: int | None,
    frame: int,
    where: str | os.PathLike[str] | None,
) -> Picture:
    _prepare_pillow()
    _refuse_canvas(data[:30], where)
    cost = 0
    try:
        with Image.open(io.BytesIO(data)) as opened:
            if opened.format in _PROGRAMS:
                raise PictureError(_unidentified(data), where=where)
            full = opened.size
            image = _reduced(opened, data, longest, shortest)
            if image.width * image.height > MAX_PIXELS:
                raise PictureError(_too_large(full), where=where)
            cost = cost_of(image, turned=_orientation(image) in _TRANSPOSE)
            with BUDGET.spending(cost):
                pixels = _frame(image, frame, where)
            width, height = reversed(full) if _orientation(image) in _SWAPS_SIDES else full
            return Picture(pixels, width, height)
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError(_unidentified(data), where=where) from None
    except Image.DecompressionBombError:
        raise PictureError(_too_large(None), where=where) from None
    except MemoryError:
        raise _too_costly(cost, where) from None
    except Exception as error:  # on broken data decoders raise anything, even SyntaxError
        raise PictureError(f"the picture is broken: {one_line(error)}", where=where) from error


def count_frames(data: bytes, *, where: str | os.PathLike[str] | None = None) -> int:
    """How many pictures an animation has; 1 for a still one.

    Raises:
        PictureError: not a picture, or broken.
    """
    _prepare_pillow()
    _refuse_canvas(data[:30], where)
    try:
        with _opened(io.BytesIO(data)) as opened:
            return int(getattr(opened, "n_frames", 1))
    except UnidentifiedImageError:
        raise PictureError(_unidentified(data), where=where) from None
    except Exception as error:  # as in decode()
        raise PictureError(f"the picture is broken: {one_line(error)}", where=where) from error


def _refuse_canvas(head: bytes, where: str | os.PathLike[str] | None) -> None:
    """Nothing, unless merely opening a file that begins so would take too much memory.

    Raises:
        PictureError: it would.
    """
    size = webp_size(head)
    if size is None:
        return
    if size[0] * size[1] > MAX_PIXELS:
        raise PictureError(_too_large(size), where=where)
    cost = 16 * size[0] * size[1]  # as `cost_of` counts them
    if cost > BUDGET.limit:
        raise _too_costly(cost, where)


def _too_costly(cost: int, where: str | os.PathLike[str] | None) -> PictureError:
    if cost <= BUDGET.limit:
        return PictureError("there is not enough memory to decode it", where=where)
    needed, allowed = -(-cost // 1_000_000), BUDGET.limit // 1_000_000
    what = f"decoding it takes {needed} MB of memory, more than the {allowed} MB for pictures"
    return PictureError(what, where=where, hint=f"--memory {needed}")


def upright(image: Image.Image) -> Image.Image:
    """`image`, loaded, as 8-bit RGB or RGBA, turned as its EXIF says."""
    image.load()
    # Asked for after loading: TIFF turns itself and then says so.
    orientation = _orientation(image)
    pixels = _to_8_bit(image)
    return pixels.transpose(_TRANSPOSE[orientation]) if orientation in _TRANSPOSE else pixels


def _orientation(image: Image.Image) -> int:
    """As its EXIF says, from 1 to 8; 1 where that cannot be understood."""
    try:
        found = int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # on broken data it raises anything
        return 1
    return found if found in _TRANSPOSE else 1


def _frame(image: Image.Image, frame: int, where: str | os.PathLike[str] | None) -> Image.Image:
    if frame:
        try:
            image.seek(frame)
        except EOFError:
            raise PictureError(f"it has no frame {frame}", where=where) from None
        return upright(image)
    first = upright(image)
    if image.format not in _MOVING or not _is_blank(first):
        return first
    first = first.copy()  # the next frames take the place of its pixels
    for number in range(1, min(int(getattr(image, "n_frames", 1)), _FRAMES)):
        image.seek(number)
        later = upright(image)
        if not _is_blank(later):
            return later
    return first


def _is_blank(image: Image.Image) -> bool:
    extrema = flatten(image).getextrema()
    return all(high - low < _BLANK for low, high in extrema)  # type: ignore[misc]


def flatten(image: Image.Image, colour: tuple[int, int, int] = PAPER) -> Image.Image:
    """`image` as RGB, transparency laid over `colour`."""
    if image.mode == "RGB":
        return image
    paper = Image.new("RGB", image.size, colour)
    paper.paste(image, mask=image.getchannel("A"))
    return paper


@cache
def _prepare_pillow() -> None:
    # Pillow's own limit stays (its error is caught above); its warning, half-way there,
    # would only put a line of Python between the user's results.
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    warnings.filterwarnings("ignore", module=r"PIL\..*")
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return
    register_heif_opener()


def _reduced(
    image: Image.Image, data: bytes, longest: int | None, shortest: int | None
) -> Image.Image:
    """`image`, to be decoded at the smallest of its decoder's sizes that is large enough."""
    full = image.size
    scales = [
        wanted / side(full)
        for wanted, side in ((longest, max), (shortest, min))
        if wanted is not None
    ]
    scale = max(scales, default=1.0)
    if scale >= 1:
        return image
    # Only JPEG heeds this. Both sides are asked for, so the longest keeps its pixels.
    wanted_size = (max(1, round(full[0] * scale)), max(1, round(full[1] * scale)))
    image.draft(None, wanted_size)
    an_eighth = max(image.size) * 5 < max(full)
    if image.format == "JPEG" and "progressive" in image.info and an_eighth:
        image = Image.open(io.BytesIO(without_fine_scans(data)))
        image.draft(None, wanted_size)
    return image


def _to_8_bit(image: Image.Image) -> Image.Image:
    mode = image.mode
    if mode == "RGBA" or (mode == "RGB" and "transparency" not in image.info):
        return image  # loaded: its pixels stay when the file is closed
    if mode.startswith("I") or mode == "F":
        return _wide_grey_to_8_bit(image)
    if mode in ("LA", "La", "PA", "RGBa") or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("RGB")


def _wide_grey_to_8_bit(image: Image.Image) -> Image.Image:
    # Pillow's own conversion clips 16-bit grey at 255, which turns most of it white. In bands of
    # rows, for the numbers between take many times the memory of the picture.
    values = np.asarray(image)
    low, high = 0.0, 255.0 * 257.0
    if not image.mode.startswith("I"):
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
    scale = 255.0 / max(high - low, 1e-9)
    grey = np.empty(values.shape, dtype=np.uint8)
    rows = max(1, _BAND // max(1, image.width))
    for top in range(0, image.height, rows):
        band = values[top : top + rows].astype(np.float64)
        if image.mode == "F":
            band = np.nan_to_num(band)
        grey[top : top + rows] = np.clip(np.rint((band - low) * scale), 0, 255)
    return Image.fromarray(grey).convert("RGB")


def _too_large(size: tuple[int, int] | None) -> str:
    sides = "" if size is None else f"{size[0]} x {size[1]}, "
    return f"too large to decode ({sides}more than {MAX_PIXELS // 1_000_000} megapixels)"


def _unidentified(data: bytes) -> str:
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return "HEIC needs one more package: pip install 'kyara[heic]'"
    if data[4:8] == b"ftyp" and data[8:12] in _AVIF_BRANDS:
        return "AVIF needs a Pillow that was built with it: pip install --upgrade pillow"
    return "not a picture, or a format that is not known here"
