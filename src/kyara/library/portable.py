"""References as one file that can be given away: a zip archive of JSON, numpy and WebP.

    references.json         the encoder, the characters, and a picture for each row
    embeddings.npy          float32 (n, d), in the order of the pictures
    thumbnails/DIGEST.webp  for people, where the picture was still there

Nothing in it is ever executed or unpacked to the disk.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np

from kyara.detect import WHOLE
from kyara.errors import DataError, KyaraError, UsageError, one_line
from kyara.files import replaced, writing
from kyara.library.brought import Brought, Imported, take_over
from kyara.library.referred import References
from kyara.library.store import Library
from kyara.types import Box, Detection, FloatArray, as_embeddings

__all__ = ["export_references", "import_references"]

FORMAT = 2
THUMBNAIL = 96
"""Pixels of a thumbnail's longer side."""
_LONGEST_TEXT = 1 << 28
"""Bytes that references.json may have when unpacked: those of a million references."""
_HEADER = 4096
"""Bytes that a numpy file may have before its numbers."""

_Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class _Picture(msgspec.Struct, frozen=True):
    character: str
    digest: _Digest
    name: str
    box: tuple[float, float, float, float]
    kind: str
    score: float

    def __post_init__(self) -> None:
        if "/" in self.name or "\0" in self.name:  # it is shown, and looked for
            raise ValueError(f"{self.name!r} is not the name of a file")

    @property
    def detection(self) -> Detection:
        return Detection(Box(*self.box), self.kind, self.score)


class _Contents(msgspec.Struct, frozen=True):
    format: int
    encoder: str
    plugin: str
    dimension: int
    pictures: tuple[_Picture, ...]
    detector: str = WHOLE  # format 1 knew no other


def export_references(library: Library, path: Path, *, overwrite: bool = False) -> int:
    """Write all references to a new file at `path`; returns how many.

    Raises:
        UsageError: there is a file of that name, or there are no references.
        OutputError: it cannot be written; then nothing is left of it.
    """
    if os.path.lexists(path) and not overwrite:
        raise UsageError("this file exists", where=path, hint="choose another, or --overwrite")
    found = library.references()
    if not found.characters:
        raise UsageError("this library has no references", where=library.path)
    own = library.encoder
    plugin = Path(own.plugin).name  # of a directory, only the name: paths are nobody's business
    pictures = tuple(_pictures(found))
    contents = _Contents(FORMAT, own.identity, plugin, own.dimension, pictures, library.detector)
    with (
        writing(path),
        replaced(path) as part,
        zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        text = msgspec.json.format(msgspec.json.encode(contents), indent=1)
        archive.writestr("references.json", text)
        with archive.open("embeddings.npy", "w", force_zip64=True) as stream:
            np.save(stream, found.embeddings, allow_pickle=False)
        for digest in dict.fromkeys(found.digests):
            thumbnail = _thumbnail(library.paths_of(digest))
            if thumbnail is not None:
                archive.writestr(f"thumbnails/{digest.hex()}.webp", thumbnail)
    return len(found.characters)


def import_references(library: Library, path: Path) -> Imported:
    """Take over the references in the file at `path`. What a person has said stands.

    Raises:
        DataError: it is no such file, or is damaged.
        UsageError: it is of another encoder, or a name in it cannot be a character's.
    """
    contents, embeddings = _read(path)
    figures = (
        Brought(
            picture.character,
            bytes.fromhex(picture.digest),
            picture.name,
            picture.detection,
            row[np.newaxis],
        )
        for picture, row in zip(contents.pictures, embeddings, strict=True)
    )
    return take_over(library, contents.encoder, contents.detector, figures, path)


def _pictures(found: References) -> Iterable[_Picture]:
    for n, (character, digest, name) in enumerate(
        zip(found.characters, found.digests, found.names, strict=True)
    ):
        detection = found.detection(n)
        box, kind, score = detection.box.as_tuple(), detection.kind, detection.score
        yield _Picture(character, digest.hex(), name, box, kind, score)


def _thumbnail(paths: Iterable[Path]) -> bytes | None:
    from PIL import Image

    from kyara.pictures.read import decode, flatten, read_bytes

    for path in paths:
        try:
            picture = decode(read_bytes(path), longest=THUMBNAIL, where=path)
            small = flatten(picture.image)
        except KyaraError:
            continue  # gone, or no longer what it was: the embedding is what counts
        small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
        stream = io.BytesIO()
        small.save(stream, "WEBP", quality=75)
        return stream.getvalue()
    return None


def _read(path: Path) -> tuple[_Contents, FloatArray]:
    try:
        with zipfile.ZipFile(path) as archive:
            contents = msgspec.json.decode(
                _member(archive, "references.json", _LONGEST_TEXT), type=_Contents
            )
            if contents.format > FORMAT:
                raise DataError("a newer Kyara wrote it", where=path, hint="update Kyara")
            # No more than so many numbers, of eight bytes at most, can be meant.
            largest = 8 * contents.dimension * len(contents.pictures) + _HEADER
            stream = io.BytesIO(_member(archive, "embeddings.npy", largest))
            embeddings = as_embeddings(
                np.load(stream, allow_pickle=False), dimension=contents.dimension
            )
    except FileNotFoundError:
        raise UsageError("there is no such file", where=path) from None
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, msgspec.DecodeError) as error:
        what = f"this is not an export of a library: {one_line(error)}"
        raise DataError(what, where=path) from error
    if len(embeddings) != len(contents.pictures):
        what = f"{len(contents.pictures)} pictures but {len(embeddings)} embeddings"
        raise DataError(what, where=path)
    return contents, embeddings


def _member(archive: zipfile.ZipFile, name: str, largest: int) -> bytes:
    if archive.getinfo(name).file_size > largest:
        raise ValueError(f"{name} is too long")
    return archive.read(name)
