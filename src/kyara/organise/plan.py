"""What would be done with files, before anything is done."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from kyara.errors import KyaraError, OutputError

__all__ = ["Action", "Filing", "Operation", "Status", "make_plan"]


class Action(str, Enum):
    """What is done with a picture."""

    COPY = "copy"
    MOVE = "move"
    LINK = "link"


class Status(str, Enum):
    """What an operation still has to do."""

    NEW = "new"
    THERE = "there"
    """The same picture already lies at the target."""
    FAILED = "failed"


@dataclass(frozen=True)
class Filing:
    """A picture, known by its digest, and the folder that it belongs in."""

    source: Path
    digest: bytes
    folder: str


@dataclass(frozen=True)
class Operation:
    """One file to be copied, moved or linked to a target that nothing else has."""

    action: Action
    source: Path
    target: Path
    digest: bytes
    status: Status
    error: KyaraError | None = None


def make_plan(
    filings: Iterable[Filing],
    root: Path,
    action: Action,
    digest_of: Callable[[Path], bytes],
) -> list[Operation]:
    """Choose a target for each picture in a folder below `root`.

    A picture keeps its name. Where another picture has that name (also in other case, for
    file systems that cannot tell), the first eight digits of its digest are added:
    `name~1a2b3c4d.png`. The name depends on the content alone, so a second run finds what
    the first one made.

    Args:
        digest_of: the digest of a file that already lies below `root`.
    """
    planned: dict[str, bytes] = {}
    return [_plan_one(filing, root, action, digest_of, planned) for filing in filings]


def _plan_one(
    filing: Filing,
    root: Path,
    action: Action,
    digest_of: Callable[[Path], bytes],
    planned: dict[str, bytes],
) -> Operation:
    for target in _names(root / filing.folder, filing):
        key = unicodedata.normalize("NFC", os.fspath(target)).casefold()
        taken = planned.get(key)
        if taken is None and os.path.lexists(target):
            # What cannot be read keeps its name, as another picture would.
            taken = _digest_or_none(target, digest_of) or b""
        if taken is None or taken == filing.digest:
            planned[key] = filing.digest
            status = Status.NEW if taken is None else Status.THERE
            return Operation(action, filing.source, target, filing.digest, status)
    problem = OutputError("every name for it is taken", where=target)
    return Operation(action, filing.source, target, filing.digest, Status.FAILED, problem)


def _names(folder: Path, filing: Filing) -> Iterator[Path]:
    name, digits = filing.source, filing.digest.hex()
    yield folder / name.name
    yield folder / f"{name.stem}~{digits[:8]}{name.suffix}"
    yield folder / f"{name.stem}~{digits}{name.suffix}"


def _digest_or_none(path: Path, digest_of: Callable[[Path], bytes]) -> bytes | None:
    try:
        return digest_of(path)
    except OSError:
        return None
