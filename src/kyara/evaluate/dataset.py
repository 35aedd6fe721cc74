"""Labelled pictures to train on and to measure with.

Two layouts are read:

- a folder with a folder per character;
- a CSV manifest with the columns `source`, `character`, `file` and, if known, `kind` and
  `picture`. The files of source `s` lie in `<manifest without .csv>/s.tar`, in a folder
  `<manifest without .csv>/s/`, or, without a source, beside the manifest.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kyara.errors import DataError, one_line
from kyara.evaluate.tables import read_table
from kyara.library.cast import folders_in
from kyara.pictures.archives import Member
from kyara.pictures.find import find_pictures
from kyara.pictures.source import File

__all__ = ["Dataset", "LabelledPicture", "index_archive", "load_dataset", "load_datasets"]


@dataclass(frozen=True)
class LabelledPicture:
    """One picture whose character is known.

    Attributes:
        source: the part of the data that it comes from; results are reported per source.
        character: unique within its source.
        name: of the file, within its source.
        kind: what sort of picture it is, or "".
        scene: what it was cut from. A query and its references never share a scene; a
            picture that was not cut from another is its own scene.
        path: the file, or the archive that holds it.
        span: (offset, length) within the archive, or None for a file of its own.
    """

    source: str
    character: str
    name: str
    kind: str
    scene: str
    path: Path
    span: tuple[int, int] | None = None

    @property
    def identity(self) -> tuple[str, str]:
        """(source, character): what makes two pictures show the same one."""
        return (self.source, self.character)

    @property
    def file(self) -> File | Member:
        """Where its pixels come from."""
        if self.span is None:
            return File(self.path)
        return Member(self.path, self.name, self.span)

    def read(self) -> bytes:
        """The content of the picture's file.

        Raises:
            PictureError: it cannot be read.
        """
        return self.file.read().data


@dataclass(frozen=True)
class Dataset:
    """Labelled pictures in a fixed order."""

    pictures: tuple[LabelledPicture, ...]

    @property
    def sources(self) -> list[str]:
        """Sorted names of the sources."""
        return sorted({picture.source for picture in self.pictures})

    @cached_property
    def by_identity(self) -> dict[tuple[str, str], list[int]]:
        """Indices into `pictures`, by (source, character), in order."""
        groups: dict[tuple[str, str], list[int]] = {}
        for index, picture in enumerate(self.pictures):
            groups.setdefault(picture.identity, []).append(index)
        return groups

    def of_source(self, source: str) -> Dataset:
        """The pictures of one source."""
        return Dataset(tuple(p for p in self.pictures if p.source == source))

    def digest(self) -> str:
        """SHA-256 over names and labels (not pixels): tells two data sets apart in a record."""
        sha = hashlib.sha256()
        for picture in self.pictures:
            sha.update(f"{picture.source}\0{picture.character}\0{picture.name}\n".encode())
        return sha.hexdigest()


def load_dataset(path: Path) -> Dataset:
    """The data set at `path`, a folder or a CSV manifest.

    Raises:
        DataError: missing, without pictures, or naming files that are not there.
    """
    if path.is_dir():
        pictures = _from_folder(path)
    elif path.is_file():
        pictures = _from_manifest(path)
    else:
        raise DataError("there is no such data set", where=path)
    if not pictures:
        hint = "one folder per character is expected"
        raise DataError("no picture is in this data set", where=path, hint=hint)
    return Dataset(tuple(pictures))


def load_datasets(paths: Iterable[Path]) -> Dataset:
    """The data sets at `paths` as one, as `load_dataset` reads each."""
    return Dataset(tuple(picture for path in paths for picture in load_dataset(path).pictures))


def _from_folder(root: Path) -> list[LabelledPicture]:
    pictures = []
    for folder in folders_in(root):
        for path in find_pictures([folder]):
            name = path.relative_to(root).as_posix()
            pictures.append(LabelledPicture(root.name, folder.name, name, "", name, path))
    return pictures


def _from_manifest(manifest: Path) -> list[LabelledPicture]:
    rows = read_table(manifest)
    missing = {"character", "file"} - set(rows[0] if rows else ())
    if rows and missing:
        raise DataError(f"no column {', '.join(sorted(missing))}", where=manifest)
    archives: dict[str, dict[str, tuple[Path, tuple[int, int] | None]]] = {}
    pictures = []
    for row in rows:
        source = row.get("source") or ""
        if source not in archives:
            archives[source] = index_archive(manifest.with_suffix("") / f"{source}.tar")
        name = row["file"]
        folder = manifest.with_suffix("") / source if source else manifest.parent
        path, span = archives[source].get(name, (folder / name, None))
        if span is None and not path.is_file():
            raise DataError(f"{source or manifest.stem} has no file {name}", where=manifest)
        scene = row.get("picture") or name
        kind = row.get("kind") or ""
        label = (source or manifest.stem, row["character"])
        pictures.append(LabelledPicture(*label, name, kind, scene, path, span))
    return pictures


def index_archive(path: Path) -> dict[str, tuple[Path, tuple[int, int] | None]]:
    """Where each file in a tar lies: the tar, and (offset, length); empty if there is no tar.

    Raises:
        DataError: it is broken.
    """
    if not path.is_file():
        return {}
    try:
        with tarfile.open(path) as archive:
            return {
                member.name.removeprefix("./"): (path, (member.offset_data, member.size))
                for member in archive
                if member.isfile()
            }
    except tarfile.TarError as error:
        raise DataError(f"no whole tar: {one_line(error)}", where=path) from error
