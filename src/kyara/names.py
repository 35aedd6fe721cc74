"""What a character may be called."""

from __future__ import annotations

import os

from kyara.errors import UsageError

__all__ = ["UNKNOWN", "check_name", "is_text"]

UNKNOWN = "unknown"
"""The answer for a picture of nobody known; no character can have it as a name."""


def check_name(name: str, where: str | os.PathLike[str] | None = None) -> None:
    """Nothing, if pictures of a character of that name can be sorted into a folder.

    Raises:
        UsageError: they cannot.
    """
    if not name.strip() or name in (".", "..") or any(char in name for char in "/\\\0"):
        raise UsageError(f"{name!r} cannot be the name of a folder", where=where)
    if name == UNKNOWN:
        raise UsageError(
            f"a character cannot be called {UNKNOWN!r}",
            where=where,
            hint="pictures of nobody known are sorted there",
        )


def is_text(name: str) -> bool:
    """Whether a name is Unicode; a folder's may hold bytes that are not UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
