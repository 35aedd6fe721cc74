"""Speaking of pictures: from their paths, and perhaps a box, to a decision about what is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kyara.errors import KyaraError, PictureError, UsageError
from kyara.library.figures import in_pixels, nearest_figure
from kyara.library.learn import Learned, Opening, digests_at, learn
from kyara.library.log import Decision
from kyara.library.pixels import remember_pixels
from kyara.library.said import Said, Subject
from kyara.library.store import Library
from kyara.library.unnamed import members
from kyara.library.verdicts import find_character
from kyara.types import Box, Detection, Progress, silent

__all__ = [
    "Spoken",
    "apart",
    "confirm",
    "confirm_group",
    "distinct",
    "figure_at",
    "ignore",
    "ignore_group",
    "join_groups",
    "reject",
    "reject_group",
    "split",
]


@dataclass(frozen=True)
class Spoken:
    """What came of speaking of pictures.

    Attributes:
        decision: what was noted; None if none of the pictures can be used.
        pictures: how many it is about.
        failed: those that cannot be used: missing, or no pictures.
    """

    decision: Decision | None
    pictures: int
    failed: tuple[PictureError, ...]


def confirm(
    library: Library,
    paths: Sequence[Path],
    character: str,
    opening: Opening,
    *,
    box: Box | None = None,
    new: bool = False,
    sure: bool = False,
    progress: Progress = silent,
) -> Spoken:
    """The pictures show the character, or the figure in `box` does. Those that are not in the
    library are added, and become its references.

    Args:
        opening: opens the library's encoder, if there is something to embed.
        new: also where the name is new and nearly that of another.
        sure: they are never to be suggested as being out of place.

    Raises:
        UsageError: nobody can be called so, another is probably meant, there is no figure in that
            box, there are several in a picture and no box, or something is new and the
            encoder is not the library's.
        PluginError: something is new, and the encoder cannot be opened.
        OutputError: the library was opened for reading only.
    """
    if not new:
        library.decisions.require_meant(character)
    learned = learn(library, paths, opening, progress=progress)
    if box is None:
        for path, digest in learned.digests.items():
            _check_single(library, digest, path)
    return _say(
        library,
        learned,
        box,
        lambda subjects: library.decisions.confirm(subjects, character, sure=sure),
    )


def confirm_group(library: Library, number: int, character: str, *, new: bool = False) -> Spoken:
    """The figures of a group, as `kyara group` numbered them, show the character; but for those
    that were spoken of since, or that were said not to show it.

    Args:
        new: see `confirm`.

    Raises:
        UsageError: nobody can be called so, another is probably meant, or there is no such group.
        OutputError: the library was opened for reading only.
    """
    if not new:
        library.decisions.require_meant(character)
    known = find_character(library.database, character)
    name = character if known is None else known[1]  # it may be a former one
    open_ones = [
        subject
        for subject, said in _group(library, number)
        if said.character is None and not said.ignored and name not in said.rejected
    ]
    if not open_ones:
        raise UsageError(f"of every figure in group {number} something else was said")
    return Spoken(library.decisions.confirm(open_ones, character), len(open_ones), ())


def reject_group(library: Library, number: int, character: str) -> Spoken:
    """None of the figures of a group shows the character; see `confirm_group`.

    Raises:
        UsageError: there is no such character, or group.
        OutputError: the library was opened for reading only.
    """
    open_ones = _nameless(library, number)
    return Spoken(library.decisions.reject(open_ones, character), len(open_ones), ())


def ignore_group(library: Library, number: int) -> Spoken:
    """The figures of a group are to be left alone; see `confirm_group`.

    Raises:
        UsageError: there is no such group.
        OutputError: the library was opened for reading only.
    """
    open_ones = _nameless(library, number)
    return Spoken(library.decisions.ignore(open_ones), len(open_ones), ())


def apart(library: Library, characters: Sequence[str], groups: Sequence[int]) -> Decision:
    """All of these characters, and the figures of these groups, are different characters.

    Raises:
        UsageError: there is no such character or group, a group has a name, or there are fewer
            than two.
        OutputError: the library was opened for reading only.
    """
    sides = _sides(library, groups)
    decision = library.decisions.apart(characters, sides)
    _remember(library, sides)
    return decision


def join_groups(library: Library, groups: Sequence[int]) -> Decision:
    """The figures of these groups show one character, who has no name yet: they are one group.

    Raises:
        UsageError: there is no such group, one has a name, or there are fewer than two.
        OutputError: the library was opened for reading only.
    """
    sides = _sides(library, groups)
    decision = library.decisions.together(sides)
    _remember(library, sides)
    return decision


def distinct(library: Library, paths: Sequence[Path]) -> Spoken:
    """No two of the pictures are copies of one. They need not be in the library.

    Raises:
        UsageError: there are fewer than two different ones.
        OutputError: the library was opened for reading only.
    """
    learned = digests_at(library, paths)
    if len(set(learned.digests.values())) < 2:
        return Spoken(None, 0, tuple(learned.failed))
    decision = library.decisions.distinct(learned.digests.values())
    remember_pixels(library.database, learned.digests)
    return Spoken(decision, len(learned.digests), tuple(learned.failed))


def _sides(library: Library, groups: Sequence[int]) -> list[list[Subject]]:
    """The figures of groups, each once: of those that were said to be one, one has them."""
    sides = [_nameless(library, number) for number in dict.fromkeys(groups)]
    return [side for n, side in enumerate(sides) if side not in sides[:n]]


_REMEMBERED = 20
"""Of a group so many pictures are known again by their pixels: one is enough, and each is read."""


def _remember(library: Library, sides: Sequence[Sequence[Subject]]) -> None:
    digests = {one.digest for side in sides for one in side[:_REMEMBERED]}
    places = {path: digest for digest in digests for path in library.paths_of(digest)[:1]}
    remember_pixels(library.database, places)


def _nameless(library: Library, number: int) -> list[Subject]:
    """The figures of a group that have no name yet.

    Raises:
        UsageError: there is no such group, or all have one.
    """
    found = [subject for subject, said in _group(library, number) if said.character is None]
    if not found:
        raise UsageError(f"every figure in group {number} has a name by now")
    return found


def _group(library: Library, number: int) -> list[tuple[Subject, Said]]:
    """The figures of a group, and what has been said of each."""
    found = []
    for subject in members(library.database, number):
        if subject.box is None:
            found.append((subject, library.said(subject.digest)))
        else:
            detection = Detection(subject.box, "figure")
            found.append((subject, library.said_of(subject.digest, [detection])[0]))
    return found


def reject(
    library: Library,
    paths: Sequence[Path],
    character: str,
    opening: Opening,
    *,
    box: Box | None = None,
) -> Spoken:
    """The pictures do not show the character, or the figure in `box` does not. Those that are
    new are added to the library, without a name, so that it counts for pictures like them; it
    stands, for them alone, also where they cannot be, and where a box is named in one.

    Args:
        opening: opens the library's encoder, if there is something to embed.

    Raises:
        UsageError: there is no such character, or no figure in that box.
        OutputError: the library was opened for reading only.
    """
    learned = digests_at(library, paths)
    new = [path for path, digest in learned.digests.items() if not library.knows(digest)]
    if new and box is None:
        library.decisions.find(character)  # nothing is added for a name that there is not
        with suppress(KyaraError):
            learn(library, new, opening)
    return _say(
        library, learned, box, lambda subjects: library.decisions.reject(subjects, character)
    )


def ignore(library: Library, paths: Sequence[Path], *, box: Box | None = None) -> Spoken:
    """The pictures are to be left alone, or the figure in `box`. They need not be in the
    library.

    Raises:
        UsageError: there is no figure in that box.
        OutputError: the library was opened for reading only.
    """
    return _say(library, digests_at(library, paths), box, library.decisions.ignore)


def split(
    library: Library, character: str, paths: Sequence[Path], into: str, *, box: Box | None = None
) -> Spoken:
    """The pictures, or the figure in `box`, show somebody else than the character: `into`.

    Raises:
        UsageError: there is no such character, `into` is not new, or a picture is not a
            reference of the character.
        OutputError: the library was opened for reading only.
    """
    learned = digests_at(library, paths)
    return _say(
        library, learned, box, lambda subjects: library.decisions.split(character, subjects, into)
    )


def _say(
    library: Library,
    learned: Learned,
    box: Box | None,
    decide: Callable[[Sequence[Subject]], Decision],
) -> Spoken:
    subjects = [
        Subject(digest) if box is None else figure_at(library, digest, box, path)
        for path, digest in learned.digests.items()
    ]
    decision = decide(subjects) if subjects else None
    remember_pixels(library.database, learned.digests)
    return Spoken(decision, len(subjects), tuple(learned.failed))


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
        what = f"there is no figure at {in_pixels(box)}"
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
    return " or ".join(in_pixels(figure.box) for figure in library.figures(digest))
