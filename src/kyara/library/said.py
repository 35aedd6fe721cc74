"""What has been said of pictures and figures: the part of a library that every answer heeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from kyara.types import Box, Detection

__all__ = ["NOTHING", "Said", "SaidOf", "Subject", "nothing_said"]


@dataclass(frozen=True)
class Subject:
    """What something is said of.

    Attributes:
        digest: of the picture.
        box: the figure, in pixels of the upright picture; None: every figure in it.
    """

    digest: bytes
    box: Box | None = None


@dataclass(frozen=True)
class Said:
    """What a person, or an import, has said of a figure; it outranks every model.

    Attributes:
        character: who it is, or None if nobody was named.
        rejected: who it is not, whatever a model finds.
        ignored: it is to be left alone.
        by_person: a person said who it is, or to leave it alone; not a folder or an import.

    Raises:
        ValueError: it is said to show a character, and also not to, or to be ignored.
    """

    character: str | None = None
    rejected: frozenset[str] = frozenset()
    ignored: bool = False
    by_person: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        if self.character is not None and (self.ignored or self.character in self.rejected):
            raise ValueError(f"expected one verdict, got {self}")


NOTHING = Said()
"""Nobody has said anything."""

SaidOf: TypeAlias = Callable[[bytes, Sequence[Detection]], Sequence[Said]]
"""What has been said of each of these detections in the picture with that digest."""


def nothing_said(_digest: bytes, detections: Sequence[Detection]) -> list[Said]:
    """The `SaidOf` where there is no library."""
    return [NOTHING] * len(detections)
