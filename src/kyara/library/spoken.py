"""What a person speaks of: from a picture's path, and perhaps a box, to what a decision names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kyara.errors import PictureError, UsageError
from kyara.library.figures import as_text, nearest_figure
from kyara.library.said import Subject
from kyara.library.store import Library
from kyara.pictures.digest import digest_of_file
from kyara.types import Box

__all__ = ["digest_at", "figure_at", "subjects_at"]


def digest_at(library: Library, path: Path) -> bytes | None:
    """The digest of the picture that is at `path`, or was; None if none is known."""
    try:
        return digest_of_file(path)
    except OSError:
        return library.find(path)


def subjects_at(
    library: Library, paths: Sequence[Path], *, box: Box | None = None, single: bool = False
) -> tuple[list[Subject], list[PictureError]]:
    """What is meant by pictures that are there, or were; and the others.

    Args:
        box: means the figure there, in each of them.
        single: without a box, a picture must have one figure only.

    Raises:
        UsageError: there is no such figure, or it is not clear which is meant.
    """
    subjects, missing = [], []
    for path in paths:
        digest = digest_at(library, path)
        if digest is None:
            missing.append(PictureError("there is no such picture", where=path))
        elif box is not None:
            subjects.append(figure_at(library, digest, box, path))
        else:
            if single:
                _check_single(library, digest, path)
            subjects.append(Subject(digest))
    return subjects, missing


def figure_at(library: Library, digest: bytes, box: Box, path: Path) -> Subject:
    """The figure in that box. The box is taken as it is where no figures are known: the picture
    need not be in the library.

    Args:
        path: for the message of an error.

    Raises:
        UsageError: there is none.
    """
    figures = library.figures(digest)
    if not figures:
        return Subject(digest, box)
    nearest = nearest_figure(box, figures)
    if nearest is None:
        what = f"there is no figure at {as_text(box)}"
        raise UsageError(what, where=path, hint=f"figures: {_boxes(library, digest)}")
    found = figures[nearest]
    # What is the whole picture stays so, should a detector find figures in it later.
    return Subject(digest, None if found.kind == "whole" else found.box)


def _check_single(library: Library, digest: bytes, path: Path) -> None:
    count = len(library.figures(digest))
    if count > 1:
        raise UsageError(
            f"there are {count} figures in this picture",
            where=path,
            hint=f"say which with --box: {_boxes(library, digest)}",
        )


def _boxes(library: Library, digest: bytes) -> str:
    return " or ".join(as_text(figure.box) for figure in library.figures(digest))
