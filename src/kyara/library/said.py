"""What has been said of a picture: the part of a library that every answer heeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["NOTHING", "Said", "SaidOf", "nothing_said"]


@dataclass(frozen=True)
class Said:
    """What a person, or an import, has said of a picture; it outranks every model.

    Attributes:
        character: whom it shows, or None if nobody was named.
        rejected: whom it does not show, whatever a model finds.
        ignored: the picture is to be left alone.

    Raises:
        ValueError: it is said to show a character, and also not to, or to be ignored.
    """

    character: str | None = None
    rejected: frozenset[str] = frozenset()
    ignored: bool = False

    def __post_init__(self) -> None:
        if self.character is not None and (self.ignored or self.character in self.rejected):
            raise ValueError(f"expected one verdict, got {self}")


NOTHING = Said()
"""Nobody has said anything."""

SaidOf: TypeAlias = Callable[[bytes], Said]
"""What has been said of the picture with that digest."""


def nothing_said(_digest: bytes) -> Said:
    """The `SaidOf` where there is no library."""
    return NOTHING
