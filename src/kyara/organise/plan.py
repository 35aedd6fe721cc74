"""What would be done with files, before anything is done."""

from __future__ import annotations

import contextlib
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

from kyara.errors import KyaraError, OutputError
from kyara.organise.places import lies_below, refusal

__all__ = ["Action", "Before", "Filing", "Operation", "Plan", "Status", "make_plan"]


class Action(StrEnum):
    """What is done with a picture."""

    COPY = "copy"
    MOVE = "move"
    LINK = "link"
    """A hard link: a second name of the same file."""
    SYMLINK = "symlink"
    """A symbolic link: a file that leads to the picture."""
    REFILE = "refile"
    """Moved within the target folder: what an earlier run put there belongs elsewhere now."""
    WITHDRAW = "withdraw"
    """Removed from the target folder: what an earlier run put there does not belong there now, and
    the same picture is at the source."""


class Status(StrEnum):
    """How it stands with an operation."""

    TO_DO = "to do"
    DONE = "done"
    THERE = "there"
    """The same picture already lies at the target."""
    FAILED = "failed"

    @property
    def word(self) -> Literal["new", "there", "failed"]:
        """What plan files and results say, for which a file at its target is new whether it
        will be made or was made."""
        match self:
            case Status.TO_DO | Status.DONE:
                return "new"
            case Status.THERE:
                return "there"
            case Status.FAILED:
                return "failed"


@dataclass(frozen=True)
class Filing:
    """A picture, known by its digest, and the folder that it belongs in.

    Attributes:
        action: what is done with it; None: what the plan does with all.
    """

    source: Path
    digest: bytes
    folder: str
    action: Action | None = None


@dataclass(frozen=True)
class Operation:
    """One file to be copied, moved or linked to a target that nothing else has."""

    action: Action
    source: Path
    target: Path
    digest: bytes
    status: Status
    error: KyaraError | None = None


@dataclass(frozen=True)
class Plan:
    """Operations that are shown, carried out and undone as one thing.

    Attributes:
        root: the folder that all targets lie in.
        inbox: where the pictures were looked for, if anywhere.
    """

    root: Path
    operations: tuple[Operation, ...]
    inbox: Path | None = None


class Before(Protocol):
    """What earlier runs filed in a target folder; see `kyara.organise.earlier`."""

    def own(self, digest: bytes, /) -> Sequence[Path]:
        """Where a picture lies as Kyara put it."""
        ...

    def was_touched(self, digest: bytes, /) -> bool:
        """Whether somebody moved, changed or removed a picture that was filed."""
        ...

    def changed_in(self, digest: bytes, folder: Path, /) -> Path | None:
        """A picture that was filed in a folder, and is there with something written into it."""
        ...

    def elsewhere(self, digest: bytes, size: int, /) -> Path | None:
        """Where somebody put a picture of so many bytes."""
        ...


def make_plan(
    filings: Iterable[Filing],
    root: Path,
    action: Action,
    digest_of: Callable[[Path], bytes],
    *,
    inbox: Path | None = None,
    before: Before | None = None,
) -> Plan:
    """Choose a target for each filing in a folder below `root`; operations are in their order.

    A picture keeps its name. Where another picture has that name (also in other case, for
    file systems that cannot tell), the first eight digits of its digest are added:
    `name~1a2b3c4d.png`. A picture that lies there already under one of its names stays as it
    is, so a second run finds what the first one made, in whatever order.

    A picture that an earlier run filed where it does not belong now is moved from there, or
    removed if it is everywhere that it belongs; one that a person moved within `root` since, or
    wrote something into, is there. Operations that only remove stand last.

    What would not lie below `root`, by its name or by a link there, has failed; so has moving a
    picture to which a link leads out of the inbox.

    Args:
        digest_of: the digest of a file that already lies below `root`.
        before: what earlier runs filed; None: nothing.
    """
    filings = list(filings)
    folders = dict.fromkeys(root / filing.folder for filing in filings)
    names = _Names((one for one in folders if lies_below(one / "any", root)), digest_of)
    moves = _Moves(filings, root, before)
    operations = [_plan_one(filing, root, action, names, inbox, moves) for filing in filings]
    filed = [o for o in operations if o.status is not Status.FAILED]
    return Plan(root, (*operations, *moves.withdrawals(filed)), inbox)


class _Moves:
    """What is done with pictures that earlier runs filed."""

    def __init__(self, filings: Sequence[Filing], root: Path, before: Before | None) -> None:
        self._root = root
        self._before = before
        self._wanted: dict[bytes, set[Path]] = {}
        for filing in filings:
            self._wanted.setdefault(filing.digest, set()).add(root / filing.folder)
        self._taken: set[Path] = set()

    def take(self, filing: Filing, action: Action) -> Path | None:
        """Where an earlier run put the picture and it does not belong now; each place once."""
        if self._before is None:
            return None
        # From where it is copied it goes last, when the copies are made.
        kept = None if action is Action.MOVE else filing.source
        for place in self._before.own(filing.digest):
            wanted = place == kept or place.parent in self._wanted[filing.digest]
            if not wanted and place not in self._taken:
                self._taken.add(place)
                return place
        return None

    def withdrawals(self, filed: Sequence[Operation]) -> Iterator[Operation]:
        """The removal of what is left where it does not belong, of pictures that are filed."""
        if self._before is None:
            return
        final = {operation.digest: operation for operation in filed}
        for digest, operation in final.items():
            for place in self._before.own(digest):
                if place.parent not in self._wanted[digest] and place not in self._taken:
                    yield Operation(Action.WITHDRAW, operation.target, place, digest, Status.TO_DO)

    def put_elsewhere(self, filing: Filing) -> Path | None:
        """Where a person put the picture, or changed it."""
        if self._before is None or not self._before.was_touched(filing.digest):
            return None
        changed = self._before.changed_in(filing.digest, self._root / filing.folder)
        if changed is not None:
            return changed
        with contextlib.suppress(OSError):
            return self._before.elsewhere(filing.digest, filing.source.stat().st_size)
        return None


def _plan_one(
    filing: Filing,
    root: Path,
    action: Action,
    names: _Names,
    inbox: Path | None,
    moves: _Moves,
) -> Operation:
    action = filing.action or action
    targets = list(_candidates(root / filing.folder, filing))
    origin = inbox if action is Action.MOVE else None
    refused = refusal(filing.source, targets[0], root, origin)
    if refused is not None:
        return Operation(action, filing.source, targets[0], filing.digest, Status.FAILED, refused)
    for target in targets:
        there = names.where(target, filing.digest)
        if there is not None:
            return Operation(action, filing.source, there, filing.digest, Status.THERE)
    source, action = _origin(filing, action, moves)
    there = None if action is Action.REFILE else moves.put_elsewhere(filing)
    if there is not None:
        return Operation(action, source, there, filing.digest, Status.THERE)
    for target in targets:
        if names.take(target, filing.digest):
            return Operation(action, source, target, filing.digest, Status.TO_DO)
    problem = OutputError("every name for it is taken", where=targets[0])
    return Operation(action, source, targets[0], filing.digest, Status.FAILED, problem)


def _origin(filing: Filing, action: Action, moves: _Moves) -> tuple[Path, Action]:
    """What is filed: the picture, or what an earlier run made of it elsewhere."""
    place = moves.take(filing, action)
    return (filing.source, action) if place is None else (place, Action.REFILE)


class _Names:
    """What lies or will lie in some folders, by name; letter case makes no difference."""

    def __init__(self, folders: Iterable[Path], digest_of: Callable[[Path], bytes]) -> None:
        self._digest_of = digest_of
        self._files: dict[str, list[Path]] = {}
        self._digests: dict[Path, bytes | None] = {}
        for folder in dict.fromkeys(folders):
            with contextlib.suppress(OSError):  # not there yet, or it will not take files either
                for name in sorted(os.listdir(folder)):
                    self._files.setdefault(_key(folder / name), []).append(folder / name)

    def where(self, target: Path, digest: bytes) -> Path | None:
        """The file with that content that has the name of `target`, if there is one."""
        for path in self._files.get(_key(target), []):
            if path.parent == target.parent and self._digest(path) == digest:
                return path
        return None

    def take(self, target: Path, digest: bytes) -> bool:
        """Reserve the name, unless something else has it."""
        if _key(target) in self._files:
            return False
        self._files[_key(target)] = [target]
        self._digests[target] = digest
        return True

    def _digest(self, path: Path) -> bytes | None:
        if path not in self._digests:
            self._digests[path] = None  # what cannot be read is not the same
            with contextlib.suppress(OSError):
                self._digests[path] = self._digest_of(path)
        return self._digests[path]


def _key(target: Path) -> str:
    return unicodedata.normalize("NFC", os.fspath(target)).casefold()


def _candidates(folder: Path, filing: Filing) -> Iterator[Path]:
    name, digits = filing.source, filing.digest.hex()
    yield folder / name.name
    for marked in (f"~{digits[:8]}{name.suffix}", f"~{digits}{name.suffix}"):
        room = _LONGEST - len(os.fsencode(marked))
        stem = os.fsencode(name.stem)
        short = stem if len(stem) <= room else stem[:room].decode("utf-8", "ignore").encode()
        yield folder / f"{os.fsdecode(short)}{marked}"


_LONGEST = 255
"""Bytes of a name that file systems take."""
