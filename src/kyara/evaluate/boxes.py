"""Pictures in which somebody drew boxes around heads: to train a detector on, and to measure it.

A CSV with a row per box and the columns source, file, width, height, complete, x0, y0, x1, y1,
kind. A picture without a figure has one row with empty edges. A box of kind `doubtful` may be a
head and may not, and counts neither way. The files lie in `<csv without .csv>.tar`, in
`<csv without .csv>/<source>.tar`, or in the folder `<csv without .csv>/<source>/`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kyara.errors import DataError
from kyara.evaluate.dataset import index_archive
from kyara.evaluate.tables import read_table
from kyara.pictures.archives import Member
from kyara.pictures.source import File
from kyara.results.boxes import DOUBTFUL
from kyara.types import FloatArray

__all__ = ["DECOY", "BoxedPicture", "by_source", "digest_of", "load_boxes"]

DECOY = "decoy"
"""The kind of a picture with alpha that is laid over others in training and shows no head."""
_COLUMNS = ("source", "file", "width", "height", "complete", "x0", "y0", "x1", "y1", "kind")
_Places = dict[str, tuple[Path, tuple[int, int]]]


@dataclass(frozen=True, eq=False)
class BoxedPicture:
    """One picture with its boxes.

    Attributes:
        source: the part of the data that it comes from; results are reported per source.
        name: of the file, within its source.
        width, height: in pixels, upright.
        boxes: (n, 4) left, top, right, bottom in pixels: the heads with their hair.
        doubtful: (m, 4): what lies there counts neither as right nor as wrong.
        complete: every head in it has a box; without that, what is found beside the boxes is
            neither right nor wrong.
        decoy: it is laid over others, see `DECOY`.
        path, span: see `kyara.evaluate.dataset.LabelledPicture`.
    """

    source: str
    name: str
    width: int
    height: int
    boxes: FloatArray
    complete: bool
    decoy: bool
    path: Path
    span: tuple[int, int] | None = None
    doubtful: FloatArray = field(default_factory=lambda: np.empty((0, 4), np.float32))

    @property
    def file(self) -> File | Member:
        """Where its pixels come from."""
        return File(self.path) if self.span is None else Member(self.path, self.name, self.span)


def load_boxes(path: Path) -> list[BoxedPicture]:
    """The pictures of a CSV of boxes, in its order.

    Raises:
        DataError: it cannot be read, lacks a column, holds what is no box, or names a file
            that is not there.
    """
    rows = read_table(path)
    missing = set(_COLUMNS) - set(rows[0] if rows else _COLUMNS)
    if missing:
        raise DataError(f"no column {', '.join(sorted(missing))}", where=path)
    if not rows:
        raise DataError("no picture is in this data set", where=path)
    pictures: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        pictures.setdefault((row["source"], row["file"]), []).append(row)
    places: dict[str, _Places] = {}
    return [_picture(path, group, places) for group in pictures.values()]


def by_source(pictures: Sequence[BoxedPicture]) -> dict[str, int]:
    """How many pictures each source has."""
    return dict(sorted(Counter(picture.source for picture in pictures).items()))


def digest_of(pictures: Sequence[BoxedPicture]) -> str:
    """SHA-256 over names and boxes (not pixels): tells two data sets apart in a record."""
    sha = hashlib.sha256()
    for picture in pictures:
        sha.update(f"{picture.source}\0{picture.name}\0{picture.complete}\n".encode())
        sha.update(picture.boxes.tobytes())
        sha.update(picture.doubtful.tobytes())
    return sha.hexdigest()


def _picture(
    manifest: Path, rows: Sequence[dict[str, str]], places: dict[str, _Places]
) -> BoxedPicture:
    first = rows[0]
    source, name = first["source"], first["file"]
    path, span = _place(manifest, source, name, places)
    try:
        size = int(first["width"]), int(first["height"])
        boxes, doubtful = (
            _edges([row for row in rows if row["x0"] and (row["kind"] == DOUBTFUL) == unsure])
            for unsure in (False, True)
        )
    except ValueError as error:
        raise DataError(f"{source}/{name}: {error}", where=manifest) from error
    complete, decoy = first["complete"] != "0", first["kind"] == DECOY
    return BoxedPicture(source, name, *size, boxes, complete, decoy, path, span, doubtful)


def _edges(rows: Sequence[dict[str, str]]) -> FloatArray:
    edges = [[float(row[edge]) for edge in ("x0", "y0", "x1", "y1")] for row in rows]
    boxes = np.asarray(edges, dtype=np.float32).reshape(-1, 4)
    if not (boxes[:, 2:] > boxes[:, :2]).all():
        raise ValueError("a box ends before it begins")
    return boxes


def _place(
    manifest: Path, source: str, name: str, places: dict[str, _Places]
) -> tuple[Path, tuple[int, int] | None]:
    together = manifest.with_suffix(".tar")
    archive = together if together.is_file() else manifest.with_suffix("") / f"{source}.tar"
    key = archive.as_posix()
    if key not in places:
        places[key] = {
            member: (path, span)
            for member, (path, span) in index_archive(archive).items()
            if span is not None
        }
    if name in places[key]:
        return places[key][name]
    path = manifest.with_suffix("") / source / name
    if not path.is_file():
        raise DataError(f"{source} has no file {name}", where=manifest)
    return path, None
