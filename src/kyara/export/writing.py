"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

from kyara.organise.files import put_in_place

__all__ = ["as_text", "replace_whole", "write_new"]


def write_new(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file that is not there yet.

    Raises:
        FileExistsError: it is; it stays as it is.
        OSError: it cannot be written; nothing of it is left.
    """
    part = _part_beside(path)
    try:
        _write(part, chunks)
        put_in_place(part, path)
    finally:  # also when Ctrl-C comes
        with contextlib.suppress(OSError):
            part.unlink()


def replace_whole(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file anew, in the place of what was there; a symbolic link keeps pointing to it.

    Raises:
        OSError: it cannot be written; what was there is still there.
    """
    path = Path(os.path.realpath(path))
    part = _part_beside(path)
    try:
        _write(part, chunks)
        with contextlib.suppress(OSError):
            shutil.copymode(path, part)
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def as_text(name: str) -> str:
    """A name as one line of valid Unicode text, for files that others read: control characters,
    line breaks and undecodable bytes appear as escapes, everything else (emoji, joiners, other
    scripts) as it is."""
    return "".join(_escaped(char) if _breaks_text(char) else char for char in name)


def _breaks_text(char: str) -> bool:
    code = ord(char)
    control = code < 0x20 or 0x7F <= code < 0xA0 or code in (0x2028, 0x2029)
    return control or 0xD800 <= code < 0xE000 or code & 0xFFFE == 0xFFFE


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def _part_beside(path: Path) -> Path:
    return path.parent / f".kyara-{secrets.token_hex(8)}.part"


def _write(part: Path, chunks: Iterable[bytes]) -> None:
    with part.open("xb") as stream:
        stream.writelines(chunks)
