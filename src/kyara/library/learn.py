"""What the pictures are known by that a person speaks of, and learning those that are new.

A file that is as the library knows it is not opened; another is, once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from kyara.encode.cache import EmbeddingCache
from kyara.encode.encoder import Encoder
from kyara.errors import KyaraError, PictureError, reason
from kyara.library.intake import Intake, batches
from kyara.library.scan import Seen, seen_at
from kyara.library.store import Library
from kyara.pictures.digest import digest_of_file
from kyara.types import Progress, silent

__all__ = ["Learned", "Opening", "digests_at", "learn"]

Opening: TypeAlias = Callable[[], AbstractContextManager[tuple[Encoder, EmbeddingCache | None]]]
"""Opens the library's encoder, and the cache if there is one."""


@dataclass
class Learned:
    """Pictures by path, each with what it is known by.

    Attributes:
        digests: of those that are there, or were; in the order in which they were named.
        failed: the others: missing, or of no use.
    """

    digests: dict[Path, bytes] = field(default_factory=dict)
    failed: list[PictureError] = field(default_factory=list)


def digests_at(library: Library, paths: Sequence[Path]) -> Learned:
    """What pictures are known by; they need not be in the library."""
    result, doubtful = _known(library, paths)
    _read(library, doubtful, result)
    return _in_order(result, paths)


def learn(
    library: Library, paths: Sequence[Path], opening: Opening, *, progress: Progress = silent
) -> Learned:
    """What pictures are known by; those that are not in the library are added to it.

    Args:
        opening: called if there are files that the library does not know as they are.

    Raises:
        UsageError: a new picture is there, and the encoder is not the library's.
        PluginError: a new picture is there, and the encoder cannot be opened.
        OutputError: the library was opened for reading only.
    """
    result, doubtful = _known(library, paths)
    if not doubtful:
        return result
    known = {digest for (digest,) in library.database.rows("SELECT digest FROM pictures")}
    with ExitStack() as stack:
        try:
            encoder, cache = stack.enter_context(opening())
            intake = Intake(library, encoder, cache, progress)
        except KyaraError:
            # Of copies of known pictures can be spoken without it.
            _read(library, doubtful, result)
            if not known.issuperset(result.digests.values()):
                raise
        else:
            _take_in(library, intake, doubtful, known, result)
            result.failed[:0] = intake.result.failed
    return _in_order(result, paths)


def _known(library: Library, paths: Sequence[Path]) -> tuple[Learned, list[Seen]]:
    """What can be told without opening a file, and the files that have to be opened."""
    result = Learned()
    doubtful = []
    for path in paths:
        try:
            seen = seen_at(library.database, path)
        except OSError:
            _recall(library, path, result, "there is no such picture")
            continue
        if seen.known is not None and seen.settled:
            result.digests[path] = seen.known.digest
        else:
            doubtful.append(seen)
    return result, doubtful


def _read(library: Library, files: Sequence[Seen], result: Learned) -> None:
    for one in files:
        try:
            result.digests[one.path] = digest_of_file(one.path)
        except OSError as error:
            _recall(library, one.path, result, f"cannot read it: {reason(error)}")


def _recall(library: Library, path: Path, result: Learned, otherwise: str) -> None:
    """What was at the path when it was last looked at."""
    digest = library.find(path)
    if digest is None:
        result.failed.append(PictureError(otherwise, where=path))
    else:
        result.digests[path] = digest


def _in_order(result: Learned, paths: Sequence[Path]) -> Learned:
    found = {path: result.digests[path] for path in paths if path in result.digests}
    return Learned(found, result.failed)


def _take_in(
    library: Library, intake: Intake, files: Sequence[Seen], known: set[bytes], result: Learned
) -> None:
    looked_ns = time.time_ns()
    for batch in batches(intake.opened(files, known)):
        result.digests |= {one.seen.path: one.digest for one in batch}
        new = [one for one in batch if one.embedded is not None]
        # Killed in between, `update` finds what it has to look at.
        library.remember_roots(one.seen.root for one in new if one.seen.root is not None)
        intake.store(new, looked_ns)
