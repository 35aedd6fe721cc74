"""How an exported network looks at a crop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from kyara.errors import UsageError

__all__ = ["Look"]

SMALLEST = 32


@dataclass(frozen=True)
class Look:
    """One of the ways to look at a crop whose features are averaged.

    Attributes:
        size: side that the crop is scaled to; default: as it comes.
        mirrored: its mirror image.
    """

    size: int | None = None
    mirrored: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """From what a user types: `112` or `112:mirrored`.

        Raises:
            UsageError: it is neither.
        """
        size, _, mirrored = text.partition(":")
        if mirrored not in ("", "mirrored") or not size.isdecimal() or int(size) < SMALLEST:
            what = (
                f"{text!r} is no look: it is a size from {SMALLEST} on, as in 112 or 112:mirrored"
            )
            raise UsageError(what)
        return cls(int(size), bool(mirrored))
