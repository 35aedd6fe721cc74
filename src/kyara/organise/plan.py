"""What would be done with files, before anything is done."""

from __future__ import annotations

import contextlib
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from kyara.errors import KyaraError, OutputError
from kyara.organise.places import lies_below, refusal

__all__ = ["Action", "Filing", "Operation", "Plan", "Status", "make_plan"]


class Action(StrEnum):
    """What is done with a picture."""

    COPY = "copy"
    MOVE = "move"
    LINK = "link"
    """A hard link: a second name of the same file."""
    SYMLINK = "symlink"
    """A symbolic link: a file that leads to the picture."""


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


def make_plan(
    filings: Iterable[Filing],
    root: Path,
    action: Action,
    digest_of: Callable[[Path], bytes],
    *,
    inbox: Path | None = None,
) -> Plan:
    """Choose a target for each filing in a folder below `root`; operations are in their order.

    A picture keeps its name. Where another picture has that name (also in other case, for
    file systems that cannot tell), the first eight digits of its digest are added:
    `name~1a2b3c4d.png`. A picture that lies there already under one of its names stays as it
    is, so a second run finds what the first one made, in whatever order.

    What would not lie below `root`, by its name or by a link there, has failed; so has moving a
    picture to which a link leads out of the inbox.

    Args:
        digest_of: the digest of a file that already lies below `root`.
    """
    filings = list(filings)
    folders = dict.fromkeys(root / filing.folder for filing in filings)
    names = _Names((one for one in folders if lies_below(one / "any", root)), digest_of)
    operations = (_plan_one(filing, root, action, names, inbox) for filing in filings)
    return Plan(root, tuple(operations), inbox)


def _plan_one(
    filing: Filing, root: Path, action: Action, names: _Names, inbox: Path | None
) -> Operation:
    action = filing.action or action
    targets = list(_candidates(root / filing.folder, filing))
    refused = refusal(filing.source, targets[0], root, inbox, moves=action is Action.MOVE)
    if refused is not None:
        return Operation(action, filing.source, targets[0], filing.digest, Status.FAILED, refused)
    for target in targets:
        there = names.where(target, filing.digest)
        if there is not None:
            return Operation(action, filing.source, there, filing.digest, Status.THERE)
    for target in targets:
        if names.take(target, filing.digest):
            return Operation(action, filing.source, target, filing.digest, Status.TO_DO)
    problem = OutputError("every name for it is taken", where=targets[0])
    return Operation(action, filing.source, targets[0], filing.digest, Status.FAILED, problem)


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
    yield folder / f"{name.stem}~{digits[:8]}{name.suffix}"
    yield folder / f"{name.stem}~{digits}{name.suffix}"
