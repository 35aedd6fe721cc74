"""A plan as a file: what `kyara sort --plan` writes and `kyara apply` reads.

The reference of every field is docs/reference/plans.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from kyara.errors import DataError, KyaraError, OutputError, reason
from kyara.files import is_folder, new_file, reading, writing
from kyara.organise.files import below
from kyara.organise.plan import Action, Operation, Plan, Status
from kyara.organise.records import as_text, check_version

__all__ = [
    "PlanFile",
    "PlannedOperation",
    "checked_plan",
    "load_plan",
    "require_new",
    "save_plan",
]

FORMAT: Final = "kyara-plan"
VERSION: Final = 1

Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class PlannedOperation(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One operation.

    Attributes:
        source: the picture, an absolute path.
        target: where it goes, relative to the plan's `root`.
        digest: SHA-256 of the picture's content, hexadecimal.
        error: why it failed while it was planned.
    """

    action: Action
    source: str
    target: str
    digest: Digest
    status: Literal["new", "there", "failed"]
    error: str | None = None


class PlanFile(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The whole file.

    Attributes:
        made: when, in UTC, ISO 8601.
        kyara: the version that made it.
        inbox: where the pictures were looked for, an absolute path.
        root: the folder that all targets lie in, an absolute path.
    """

    format: Literal["kyara-plan"]
    version: Literal[1]
    made: str
    kyara: str
    inbox: str | None = None
    root: str
    operations: list[PlannedOperation]


def require_new(path: Path) -> None:
    """Nothing, if a plan can be written there: better known before the work than after it.

    Raises:
        OutputError: the file is there already, or its folder is not.
    """
    if os.path.lexists(path):
        raise OutputError("this file exists", where=path, hint="choose another")
    if not is_folder(path.parent):
        raise OutputError("there is no such folder", where=path.parent)


def save_plan(plan: Plan, path: Path) -> None:
    """Write the plan to a new file, whole or not at all.

    Raises:
        OutputError: the file is there already, or cannot be written.
    """
    made = PlanFile(
        format=FORMAT,
        version=VERSION,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        kyara=version("kyara"),
        inbox=None if plan.inbox is None else os.path.abspath(plan.inbox),
        root=os.path.abspath(plan.root),
        operations=[_to_file(operation, plan.root) for operation in plan.operations],
    )
    with writing(path), new_file(path) as part:
        part.write_bytes(as_text(made, indent=1))


def load_plan(path: Path) -> Plan:
    """The plan that `save_plan` wrote.

    Raises:
        DataError: it cannot be read, or is not such a plan.
    """
    try:
        with reading(path):
            read = json.loads(path.read_bytes())
    except ValueError as error:
        raise DataError(f"not a plan: {error}", where=path) from error
    if not isinstance(read, dict) or read.get("format") != FORMAT:
        raise DataError(
            "not a plan", where=path, hint="kyara sort … --plan FILE and kyara apply FILE"
        )
    check_version(read, VERSION, "plan", path)
    try:
        found = msgspec.convert(read, PlanFile)
        operations = tuple(_from_file(operation, found.root) for operation in found.operations)
        _check_targets(operations)
    except (msgspec.ValidationError, ValueError) as error:
        raise DataError(f"not a plan: {error}", where=path) from error
    inbox = None if found.inbox is None else Path(found.inbox)
    return Plan(Path(found.root), operations, inbox)


def checked_plan(plan: Plan, digest_of: Callable[[Path], bytes]) -> Plan:
    """The plan as things are now: pictures that changed since it was made have failed, and
    those that were filed since are there.

    Args:
        digest_of: the digest of a file now.
    """
    return replace(plan, operations=tuple(_checked(o, digest_of) for o in plan.operations))


def _checked(operation: Operation, digest_of: Callable[[Path], bytes]) -> Operation:
    if operation.status is Status.FAILED:
        return operation
    try:
        if digest_of(operation.source) == operation.digest:
            return _there_or_not(operation, digest_of)
        what = "it was changed since the plan was made"
    except OSError as error:
        there = _there_or_not(operation, digest_of)  # it was moved by this plan before
        if isinstance(error, FileNotFoundError) and there.status is Status.THERE:
            return there
        what = f"cannot read it: {reason(error)}"
    problem = OutputError(what, where=operation.source)
    return replace(operation, status=Status.FAILED, error=problem)


def _there_or_not(operation: Operation, digest_of: Callable[[Path], bytes]) -> Operation:
    if operation.action is Action.WITHDRAW:
        gone = not os.path.lexists(operation.target)
        return replace(operation, status=Status.THERE) if gone else operation
    if operation.status is Status.TO_DO:
        with suppress(OSError):  # not there, or not to be read: then it is not the same
            if digest_of(operation.target) == operation.digest:
                return replace(operation, status=Status.THERE)
    return operation


def _check_targets(operations: Sequence[Operation]) -> None:
    taken: set[Path] = set()
    for operation in operations:
        if operation.status is Status.TO_DO and operation.target in taken:
            raise ValueError(f"two operations have the target {os.fspath(operation.target)!r}")
        taken.add(operation.target)


def _to_file(operation: Operation, root: Path) -> PlannedOperation:
    return PlannedOperation(
        action=operation.action,
        source=os.path.abspath(operation.source),
        target=os.fspath(operation.target.relative_to(root)),
        digest=operation.digest.hex(),
        status=operation.status.word,
        error=None if operation.error is None else operation.error.what,
    )


def _from_file(operation: PlannedOperation, root: str) -> Operation:
    source = Path(operation.source)
    if not (source.is_absolute() and Path(root).is_absolute()):
        raise ValueError(f"{operation.source!r} and {root!r} should be absolute paths")
    error: KyaraError | None = None
    status = Status.TO_DO if operation.status == "new" else Status(operation.status)
    if status is Status.FAILED:
        error = OutputError(operation.error or "it failed while it was planned", where=source)
    return Operation(
        action=operation.action,
        source=source,
        target=below(Path(root), operation.target),
        digest=bytes.fromhex(operation.digest),
        status=status,
        error=error,
    )
