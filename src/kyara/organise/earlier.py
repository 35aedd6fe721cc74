"""What earlier runs filed in a target folder, and what of it still lies as they left it.

A picture that Kyara filed, and that is where it was put and holds what it held, is Kyara's to move
when the answer has changed. One that is not was moved, changed or removed by a person; where they
put it, it stays.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from kyara.errors import KyaraError
from kyara.organise.journal import FOLDER, Entry, JournalRecord, find_journals, read_journal
from kyara.organise.places import lies_below
from kyara.organise.plan import Action

__all__ = ["Earlier", "Filed", "read_earlier"]


@dataclass(frozen=True)
class Filed:
    """A picture that an earlier run filed.

    Attributes:
        target: where it was put.
        inbox: of the run that moved it there; None if its picture stayed where it was.
    """

    target: Path
    digest: bytes
    inbox: Path | None = None


@dataclass(frozen=True)
class Earlier:
    """What was filed in a target folder by this person's own runs, as their journals say.

    Attributes:
        filed: the last word on each place.
        digest_of: the digest of a file now.
    """

    root: Path
    filed: tuple[Filed, ...]
    digest_of: Callable[[Path], bytes]

    def own(self, digest: bytes) -> list[Path]:
        """Where a picture lies as Kyara put it."""
        return self._places.get(digest, [])

    def was_touched(self, digest: bytes) -> bool:
        """Whether somebody moved, changed or removed a picture that was filed."""
        return digest in self._touched

    def changed_in(self, digest: bytes, folder: Path) -> Path | None:
        """A picture that was filed in a folder, and is there with something written into it."""
        for one in self.filed:
            if one.digest == digest and one.target.parent == folder:
                return one.target if os.path.lexists(one.target) else None
        return None

    def elsewhere(self, digest: bytes, size: int) -> Path | None:
        """A file below the target folder that holds a picture of so many bytes, and was not put
        there by Kyara."""
        kept = set(self._places.get(digest, []))
        for path in self._by_size.get(size, []):
            if path not in kept and self._holds(path, digest):
                return path
        return None

    def moved_from(self, inbox: Path) -> list[Path]:
        """Pictures that were moved here from that inbox, where they lie as Kyara put them; one
        place for each."""
        here = os.path.realpath(inbox)
        found: dict[bytes, Path] = {}
        for one in self._untouched:
            if one.inbox is not None and os.path.realpath(one.inbox) == here:
                found.setdefault(one.digest, one.target)
        return list(found.values())

    def knows(self, inbox: Path) -> bool:
        """Whether anything was moved here from that inbox."""
        here = os.path.realpath(inbox)
        return any(o.inbox is not None and os.path.realpath(o.inbox) == here for o in self.filed)

    @cached_property
    def _untouched(self) -> list[Filed]:
        return [one for one in self.filed if self._holds(one.target, one.digest)]

    @cached_property
    def _places(self) -> dict[bytes, list[Path]]:
        places: dict[bytes, list[Path]] = {}
        for one in self._untouched:
            places.setdefault(one.digest, []).append(one.target)
        return places

    @cached_property
    def _touched(self) -> set[bytes]:
        put = Counter(one.digest for one in self.filed)
        return {digest for digest in put if put[digest] > len(self._places.get(digest, []))}

    @cached_property
    def _by_size(self) -> dict[int, list[Path]]:
        found: dict[int, list[Path]] = {}
        for path in _files_below(self.root):
            with contextlib.suppress(OSError):
                found.setdefault(path.stat().st_size, []).append(path)
        return found

    def _holds(self, path: Path, digest: bytes) -> bool:
        if not lies_below(path, self.root):
            return False
        try:
            return self.digest_of(path) == digest
        except OSError:
            return False


def read_earlier(root: Path, digest_of: Callable[[Path], bytes]) -> Earlier:
    """What the journals of the target folder `root` say, as far as they can be read and are this
    person's own."""
    filed: dict[Path, Filed] = {}
    with contextlib.suppress(KyaraError):
        for path in find_journals(root):
            with contextlib.suppress(KyaraError):
                record = read_journal(path)
                if record.own:
                    for entry in record.entries:
                        _follow(filed, entry, record)
    return Earlier(root, tuple(filed.values()), digest_of)


def _follow(filed: dict[Path, Filed], entry: Entry, record: JournalRecord) -> None:
    if entry.undone or entry.done is False:
        return
    if entry.action is Action.WITHDRAW:
        filed.pop(entry.target, None)
    elif entry.action is Action.REFILE:
        source = record.root / os.path.relpath(entry.source, os.path.abspath(record.root))
        before = filed.pop(source, Filed(source, entry.digest))
        filed[entry.target] = replace(before, target=entry.target)
    else:
        inbox = record.inbox if entry.action is Action.MOVE else None
        filed[entry.target] = Filed(entry.target, entry.digest, inbox)


def _files_below(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != FOLDER]
        yield from (Path(folder, name) for name in sorted(names))
