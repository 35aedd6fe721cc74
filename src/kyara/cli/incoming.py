"""The pictures that a command is asked about: named on the command line, or told on stdin."""

from __future__ import annotations

import codecs
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from kyara.errors import DataError, KyaraError, UsageError
from kyara.files import is_folder
from kyara.pictures.archives import is_archive, members_of
from kyara.pictures.find import PassedOver, find_pictures
from kyara.pictures.source import Source

__all__ = ["STDIN", "Asked", "asked_for", "names_in"]

STDIN = "-"
LONGEST_LINE = 1 << 24
"""Bytes. What is longer is no list of pictures."""


@dataclass(frozen=True)
class Asked:
    """A picture, and what else its line on stdin said of it.

    Attributes:
        member: where it comes from, if that is an archive; its path is the archive's and its name.
    """

    path: Path
    extra: Mapping[str, Any] = field(default_factory=dict)
    member: Source | None = None


def asked_for(
    pictures: Sequence[str],
    *,
    nul: bool,
    skip: Iterable[Path],
    complain: Callable[[KyaraError], None],
    passed_over: PassedOver | None = None,
) -> Iterator[list[Asked]]:
    """The pictures of the command line in one batch; those of stdin (`-`) in batches of what
    has arrived, so that nobody waits for an answer because the list goes on.

    A line is a path, or a JSON object with the key `path`. A folder stands for the pictures
    in it, and so does an archive (zip, cbz, tar) that is named itself.

    Args:
        nul: stdin holds paths that end with NUL, as `find -print0` prints them.
        skip: folders that are not entered.
        complain: told of what cannot be used; the rest goes on.
        passed_over: counts the files in folders that are no pictures.
    """
    find = partial(find_pictures, skip=list(skip), passed_over=passed_over)
    named = [name for name in pictures if name != STDIN]
    batch = [asked for name in named for asked in _expanded(Asked(Path(name)), find, complain)]
    if batch:
        yield batch
    if STDIN not in pictures:
        return
    for lines in _arriving(sys.stdin.fileno(), b"\0" if nul else b"\n"):
        batch = []
        for line in lines:
            try:
                asked = Asked(Path(os.fsdecode(line))) if nul else _parsed(line)
            except KyaraError as error:
                complain(error)
            else:
                batch += _expanded(asked, find, complain)
        if batch:
            yield batch


def names_in(named: Sequence[str], *, nul: bool) -> list[str]:
    """What is named on the command line, with the paths and URLs on stdin, one per line, in the
    place of `-`.

    Args:
        nul: on stdin a NUL is behind each.

    Raises:
        UsageError: that is said of a stdin that is not read.
    """
    if nul and STDIN not in named:
        raise UsageError("-0 is about a list on stdin", hint="name `-` as well")
    return [name for given in named for name in (_listed(nul) if given == STDIN else [given])]


def _listed(nul: bool) -> Iterator[str]:
    for lines in _arriving(sys.stdin.fileno(), b"\0" if nul else b"\n"):
        for line in lines:
            yield os.fsdecode(line if nul else _as_written(line))


def _expanded(
    asked: Asked,
    find: Callable[[list[Path]], list[Path]],
    complain: Callable[[KyaraError], None],
) -> Iterator[Asked]:
    try:
        if is_archive(asked.path) and not is_folder(asked.path):
            for member in members_of(asked.path):
                yield Asked(Path(member.name), asked.extra, member)
            return
        for path in find([asked.path]):
            yield Asked(path, asked.extra)
    except KyaraError as error:
        complain(error)


def _arriving(stream: int, separator: bytes) -> Iterator[list[bytes]]:
    """The items that end with `separator`, empty ones left out, as they come."""
    rest, utf_16 = b"", None
    first = True
    # Not through Python's buffer, which would wait until it is full.
    while data := os.read(stream, 1 << 16):
        if first and data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            utf_16 = codecs.getincrementaldecoder("utf-16")("replace")  # as PowerShell writes lists
        first = False
        if utf_16 is not None:
            data = utf_16.decode(data).encode("utf-8", "surrogatepass")
        *items, rest = (rest + data).split(separator)
        if len(rest) > LONGEST_LINE:
            raise UsageError("this is not a list of pictures: a line has no end", where="stdin")
        yield [item for item in items if item.strip(b"\r")]
    if rest.strip(b"\r"):
        yield [rest]


def _parsed(line: bytes) -> Asked:
    line = _as_written(line)
    if b"\0" in line:
        raise _bad_line(line, "a NUL is in this line", "for lists of find -print0: -0")
    if not line.startswith(b"{"):
        return Asked(Path(os.fsdecode(line)))
    try:
        found = json.loads(line.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        if not line.startswith(b'{"'):
            return Asked(Path(os.fsdecode(line)))  # a file may be called {1}.png
        raise _bad_line(line, "this is not JSON") from error
    path = found.get("path")
    if not isinstance(path, str) or not path or "\0" in path:
        raise _bad_line(line, 'this JSON has no "path" to a picture')
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        raise _bad_line(line, 'its "path" is no name of a file') from error
    return Asked(Path(path), found)


def _as_written(line: bytes) -> bytes:
    return line.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\r")  # as Windows writes lists


def _bad_line(line: bytes, what: str, hint: str | None = None) -> DataError:
    text = os.fsdecode(line)
    return DataError(what, where=text if len(text) <= 80 else f"{text[:80]}…", hint=hint)
