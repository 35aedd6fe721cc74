"""What a character may be called, and what the folder of its pictures is called."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote

from kyara.errors import UsageError

__all__ = [
    "UNKNOWN",
    "as_name",
    "check_character",
    "check_name",
    "folder_of",
    "is_text",
    "name_of",
    "nearly",
    "written_alike",
]

UNKNOWN = "unknown"
"""The answer for a picture of nobody known; no character can have it as a name."""

_LONGEST = 200
"""Bytes of a folder's name; file systems take 255, and some programs add to them."""
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\s*\..*)?\Z")
"""Names of devices, which Windows takes whatever the suffix."""
_REFUSED = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_ENDS = re.compile(r"^[ .]|[ .]$")
_SPELT = 5
"""Letters of the shortest names of which one may be misspelt: `dee` and `dey` are two."""


def as_name(text: str) -> str:
    """A name as it is kept and compared: composed (NFC), as keyboards type it. File systems of
    Macs hand names out decomposed."""
    return unicodedata.normalize("NFC", text)


def check_character(name: str, where: str | os.PathLike[str] | None = None) -> None:
    """Nothing, if a character can be called so: any text that is no path.

    Raises:
        UsageError: it cannot.
    """
    parts = name.split("/")
    if "\\" in name or "\0" in name or any(part.strip() in ("", ".", "..") for part in parts):
        raise UsageError(f"{name!r} cannot be the name of a character", where=where)
    _refuse_unknown(name, where)


def check_name(name: str, where: str | os.PathLike[str] | None = None) -> None:
    """Nothing, if a folder can be called so on every system, and is not taken for another.

    Raises:
        UsageError: it cannot.
    """
    if (
        not name.strip()
        or _REFUSED.search(name)
        or _ENDS.search(name)
        or _RESERVED.match(name)
        or len(os.fsencode(name)) > _LONGEST
    ):
        raise UsageError(f"{name!r} cannot be the name of a folder on every system", where=where)
    _refuse_unknown(name, where)


def folder_of(name: str) -> str:
    """The name of the folder for pictures of a character: its own, or where some system could
    not have that, with escapes (`Re:Zero` is `Re%3AZero`)."""
    if name == UNKNOWN or _is_portable(name):
        return name
    escaped = _REFUSED.sub(_escape, name)
    escaped = _ENDS.sub(_escape, escaped)
    if _RESERVED.match(escaped):
        escaped = f"%{ord(escaped[0]):02X}{escaped[1:]}"
    if len(os.fsencode(escaped)) <= _LONGEST:
        return escaped
    digits = hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
    short = os.fsencode(escaped)[: _LONGEST - 9].decode("utf-8", "ignore").rstrip(" .%")
    return f"{short}~{digits}"


def name_of(folder: str) -> str:
    """Whose pictures a folder of that name holds: what `folder_of` escaped is read back."""
    name = as_name(folder)
    if "%" in name and is_text(name):
        plain = unquote(name, errors="strict") if _ESCAPES.search(name) else name
        if folder_of(plain) == name:
            return plain
    return name


_ESCAPES = re.compile(r"%[0-7][0-9A-F]")


def nearly(name: str, others: Iterable[str]) -> str | None:
    """One of the other names that is probably meant, or None: it differs in letter case,
    blanks or signs between words, or, of longer names, in one letter."""
    key = _key(name)
    for other in others:
        if other != name and (_key(other) == key or _differ_in_one(key, _key(other))):
            return other
    return None


def written_alike(names: Iterable[str]) -> list[list[str]]:
    """Groups of names that differ in letter case, blanks or signs only."""
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        groups.setdefault(_key(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def is_text(name: str) -> bool:
    """Whether a name is Unicode; a folder's may hold bytes that are not UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_unknown(name: str, where: str | os.PathLike[str] | None) -> None:
    if name.strip().casefold() == UNKNOWN:
        raise UsageError(
            f"a character cannot be called {name!r}",
            where=where,
            hint="pictures of nobody known are sorted there",
        )


def _is_portable(name: str) -> bool:
    try:
        check_name(name)
    except UsageError:
        return False
    return True


def _escape(found: re.Match[str]) -> str:
    return f"%{ord(found[0]):02X}"


def _key(name: str) -> str:
    return re.sub(r"[\s_\-.'\u2019·・]+", "", unicodedata.normalize("NFKC", name).casefold())


def _differ_in_one(one: str, other: str) -> bool:
    """Whether one letter was left out, added or taken for another, or two next to each other
    were exchanged."""
    if min(len(one), len(other)) < _SPELT or abs(len(one) - len(other)) > 1:
        return False
    start = _common(one, other)
    end = _common(one[start:][::-1], other[start:][::-1])
    left, right = one[start : len(one) - end], other[start : len(other) - end]
    exchanged = len(left) == len(right) == 2 and left == right[::-1]
    # Of `Rei 1` and `Rei 2` it is the digit that tells them apart.
    digits = any(char.isdigit() for char in left + right)
    return (max(len(left), len(right)) <= 1 or exchanged) and not digits


def _common(one: str, other: str) -> int:
    """How many characters the two begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))
