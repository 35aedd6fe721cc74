"""What can be suggested, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kyara.cluster.heap import Figure
from kyara.library.said import Subject

__all__ = ["Kind", "Side", "Suggestion", "subject_of"]

_EVEN = 0.5
"""In place of a probability where there is none."""


class Kind(StrEnum):
    """What a suggestion asks."""

    MERGE = "merge"
    """Are these two groups, or two characters, one?"""
    NAMED = "named"
    """Is this group that character?"""
    MISPLACED = "misplaced"
    """Is this reference not of its character?"""
    ALIKE = "alike"
    """A warning: these two characters may be taken for each other."""
    COPIES = "copies"
    """Are these pictures copies of one?"""


@dataclass(frozen=True)
class Side:
    """A group, by its number, or a character, by its name.

    Attributes:
        figures: some of its figures to show, the most typical first.
        pictures: in how many pictures it is.
    """

    group: int | None
    character: str | None
    figures: tuple[Figure, ...]
    pictures: int

    def __post_init__(self) -> None:
        if (self.group is None) == (self.character is None):
            raise ValueError(f"expected a group or a character, got {self}")

    def __str__(self) -> str:
        """What it is called where people read it."""
        return f"group {self.group}" if self.character is None else self.character


@dataclass(frozen=True)
class Suggestion:
    """A question whose answer would settle something.

    Attributes:
        sides: what it is about. Of `MERGE` and `ALIKE` two of a kind, the larger first; of
            `NAMED` the group and the character; of `MISPLACED` the character whose reference it
            is, and the one that it is more like; of `COPIES` none.
        figures: of `MISPLACED` the reference; of `COPIES` one of each picture, the largest
            picture first.
        probability: that the answer is yes; None where that was never measured.
        settles: how many pictures a yes settles.
    """

    kind: Kind
    sides: tuple[Side, ...]
    figures: tuple[Figure, ...]
    probability: float | None
    settles: int

    @property
    def weight(self) -> float:
        """By which suggestions are ranked: pictures that an answer settles, on the average."""
        return self.settles * (_EVEN if self.probability is None else self.probability)

    @property
    def key(self) -> str:
        """Tells it from all others, as long as groups keep their numbers."""
        parts = [str(side) for side in self.sides]
        for figure in self.figures:
            box = "" if figure.detection.kind == "whole" else str(figure.detection.box.as_tuple())
            parts.append(figure.digest.hex() + box)
        return "\n".join([self.kind.value, *parts])


def subject_of(figure: Figure) -> Subject:
    """What a decision about a figure is about: what is the whole picture stays so, should a
    detector find figures in it later."""
    whole = figure.detection.kind == "whole"
    return Subject(figure.digest, None if whole else figure.detection.box)
