"""Figures as the page and other programs name them: by a picture's digest, and perhaps a box."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kyara.errors import UsageError
from kyara.library.figures import in_pixels
from kyara.library.pixels import remember_pixels
from kyara.library.said import Subject
from kyara.library.spoken import figure_at
from kyara.library.store import Library

__all__ = ["as_known", "remember_spoken_of"]


def as_known(library: Library, named: Iterable[Subject], *, single: bool = False) -> list[Subject]:
    """The same subjects, each box that of the figure which it means.

    Args:
        single: a picture without a box is that of its only figure.

    Raises:
        UsageError: a picture is not in the library, there is no figure in a box, or several in
            a picture of which one is meant.
    """
    return [_as_known(library, subject, single) for subject in dict.fromkeys(named)]


def _as_known(library: Library, subject: Subject, single: bool) -> Subject:
    digest, box = subject.digest, subject.box
    if not library.knows(digest):
        raise UsageError("there is no such picture in the library")
    if box is not None:
        return figure_at(library, digest, box, library.path)
    figures = library.figures(digest)
    if single and len(figures) > 1:
        boxes = " or ".join(in_pixels(figure.box) for figure in figures)
        raise UsageError(
            f"there are {len(figures)} figures in this picture", hint=f"say which: {boxes}"
        )
    return subject


def remember_spoken_of(library: Library, subjects: Iterable[Subject]) -> None:
    """Keep the pixels of pictures that were spoken of, so that they are known again should a tag
    be written into their files."""
    found: dict[Path, bytes] = {}
    for digest in dict.fromkeys(subject.digest for subject in subjects):
        found |= dict.fromkeys(library.paths_of(digest)[:1], digest)
    remember_pixels(library.database, found)
