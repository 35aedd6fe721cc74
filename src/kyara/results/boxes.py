"""What a detector found, for other tools and for training: JSON Lines, a CSV of boxes, crops."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

from kyara.detect import crop_box
from kyara.detect.finding import FoundFigures
from kyara.encode.preprocess import cut
from kyara.errors import OutputError, PictureError, UsageError
from kyara.files import NewFolder, is_folder, new_file, writing
from kyara.types import Detection

__all__ = ["BoxTable", "Crops", "boxes_line"]

DOUBTFUL = "doubtful"
"""The kind of a box that may be a figure and may not: nothing is concluded from it."""
_COLUMNS = (
    *("source", "file", "width", "height", "complete", "x0", "y0", "x1", "y1", "kind", "score"),
)


def boxes_line(found: FoundFigures) -> str:
    """One JSON object on a line; see docs/reference/output.md."""
    row: dict[str, Any] = {"path": os.fspath(found.path)}
    if found.error is not None:
        return json.dumps(row | {"error": found.error.what}) + "\n"
    row |= dict(zip(("width", "height"), found.size, strict=True))
    row["figures"] = [_object(figure) for figure in found.figures]
    row["doubtful"] = [_object(figure) for figure in found.doubtful]
    return json.dumps(row) + "\n"


def _object(figure: Detection) -> dict[str, Any]:
    return {
        "kind": figure.kind,
        "box": [round(edge, 1) for edge in figure.box.as_tuple()],
        "score": round(figure.score, 4),
    }


class BoxTable:
    """A CSV of boxes as `kyara train` and `kyara evaluate --detector` read it."""

    def __init__(self, path: Path) -> None:
        """See, before any work, that it can be written there.

        Raises:
            UsageError: something has that name, or there is no such folder.
        """
        if os.path.lexists(path):
            hint = "choose another name: nothing is overwritten"
            raise UsageError("there is a file of this name", where=path, hint=hint)
        if not is_folder(path.parent):
            raise UsageError("there is no such folder", where=path.parent)
        self._path = path
        self._rows: list[tuple[object, ...]] = []

    def add(self, found: FoundFigures) -> None:
        """The rows of a picture that could be read: one per figure, sure or of kind `doubtful`; or
        one without a box."""
        if found.error is not None:
            return
        source, file = self._place(found.path)
        head = (source, file, *found.size, 1)
        kinds = [one.kind for one in found.figures] + [DOUBTFUL] * len(found.doubtful)
        boxes = [
            (*(f"{edge:.1f}" for edge in one.box.as_tuple()), kind, f"{one.score:.4f}")
            for kind, one in zip(kinds, found.figures + found.doubtful, strict=True)
        ]
        self._rows += [(*head, *box) for box in boxes or [("",) * 6]]

    def _place(self, path: Path) -> tuple[str, str]:
        """Source and file, as readers of the CSV put them together again."""
        absolute, folder = path.absolute(), self._path.with_suffix("").absolute()
        if not absolute.is_relative_to(folder):
            return absolute.parent.name, os.fspath(absolute)
        source, *rest = absolute.relative_to(folder).parts
        return (source, "/".join(rest)) if rest else ("", source)

    def write(self) -> None:
        """Write it.

        Raises:
            OutputError: it cannot be written, or something has got its name in the meantime.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([_COLUMNS, *self._rows])
        with writing(self._path), new_file(self._path) as part:
            part.write_bytes(text.getvalue().encode("utf-8", "surrogateescape"))


class Crops:
    """Cuts figures out, each with the detector's margin, into PNG files in a new folder.

    Attributes:
        written: how many.
        problems: pictures that could not be cut.
    """

    def __init__(self, folder: Path, margin: float) -> None:
        """See, before any work, that they can be written there.

        Raises:
            UsageError: something is there, or there is no such folder.
            OutputError: it cannot be made.
        """
        self.written = 0
        self.problems: list[PictureError | OutputError] = []
        self._folder = NewFolder(folder)
        self._folder.make()
        self._margin = margin

    def add(self, found: FoundFigures) -> None:
        """The figures of a picture, at the size that they have there."""
        if found.content is None or not found.figures:
            return
        try:
            picture = found.content.decode()
            for figure in found.figures:
                box = crop_box(figure, self._margin, float(picture.width), float(picture.height))
                target = self._folder.name_for(found.path.stem, ".png")
                with writing(target), new_file(target) as part:
                    cut(picture, box).save(part, "PNG")
                self.written += 1
        except (PictureError, OutputError) as error:
            self.problems.append(error)
