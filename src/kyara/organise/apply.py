"""Carrying a plan out: each operation whole or not at all, and in the journal before it is done."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Generator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from kyara.errors import KyaraError, OutputError, printable, reason
from kyara.organise.beside import Sidecars
from kyara.organise.files import (
    copy_file,
    hard_link,
    move_file,
    rename_file,
    symbolic_link,
    withdraw,
)
from kyara.organise.journal import Journal, locked
from kyara.organise.places import refusal
from kyara.organise.plan import Action, Operation, Plan, Status
from kyara.pictures.digest import digest_of_file

__all__ = ["apply_plan"]

# Operations that are written to the journal together: waiting for the disk costs milliseconds.
_BATCH = 64


def apply_plan(
    plan: Plan, *, digest_of: Callable[[Path], bytes] = digest_of_file
) -> Generator[Operation, None, None]:
    """Carry out each operation; yields it as done, already there, or failed with its error.

    A copy appears under its name only when it is complete, and never in the place of another
    file. A moved picture leaves its old place only when it is in the new one, and not at all if
    an earlier operation on it failed: so the same plan, made again, finds it. The first
    operation waits until no other process works in the target folder. A plan that has nothing
    to do touches nothing.

    Args:
        digest_of: the digest of what turns out to lie at a target already.

    Raises:
        OutputError: the journal cannot be begun; nothing was done.
    """
    numbered = iter(enumerate(plan.operations))
    stuck: set[Path] = set()
    sidecars = Sidecars(plan.root)
    with contextlib.ExitStack() as stack:
        journal: Journal | None = None
        while batch := list(islice(numbered, _BATCH)):
            announced = {n: o for n, o in batch if o.status is Status.TO_DO}
            journal = _begun(journal, plan, stack) if announced else journal
            problem = None if journal is None else _announce(journal, announced, plan.root)
            for n, operation in batch:
                done = operation
                if _is_to_do(operation):
                    journal = _begun(journal, plan, stack)
                    if n not in announced:
                        problem = problem or _announce(journal, {n: operation}, plan.root)
                    held = problem or _forbidden(operation, plan) or _held_back(operation, stuck)
                    part = journal.part(n, operation.target.parent)
                    done = _carry_out(operation, part, digest_of, held)
                    _clear_away(done, sidecars)
                    if problem is None:
                        journal.end(n, done=done.status is Status.DONE)
                if done.status is Status.FAILED:
                    stuck.add(operation.source)
                yield done
        if journal is not None:
            journal.finish()


def _begun(journal: Journal | None, plan: Plan, stack: contextlib.ExitStack) -> Journal:
    if journal is not None:
        return journal
    stack.enter_context(locked(plan.root))
    return stack.enter_context(Journal.create(plan))


def _is_to_do(operation: Operation) -> bool:
    # Should the same picture, from elsewhere, have failed to get there, this one is needed.
    # It is announced no earlier: until then its target is not its own.
    if operation.status is Status.THERE and operation.action is not Action.WITHDRAW:
        return not os.path.lexists(operation.target)
    return operation.status is Status.TO_DO


def _announce(journal: Journal, operations: dict[int, Operation], root: Path) -> KyaraError | None:
    try:
        if operations:
            journal.begin(operations, root)
    except OutputError as error:
        return error
    return None


def _clear_away(done: Operation, sidecars: Sidecars) -> None:
    """Where a picture of an earlier run was, leave nothing of that run's."""
    if done.action in (Action.REFILE, Action.WITHDRAW) and done.status is Status.DONE:
        place = done.source if done.action is Action.REFILE else done.target
        sidecars.remove(place)
        with contextlib.suppress(OSError):  # not empty
            place.parent.rmdir()


def _forbidden(operation: Operation, plan: Plan) -> KyaraError | None:
    inbox = plan.inbox if operation.action is Action.MOVE else None
    if operation.action is Action.REFILE:
        inbox = plan.root
    return refusal(operation.source, operation.target, plan.root, inbox)


def _held_back(operation: Operation, stuck: set[Path]) -> KyaraError | None:
    """Why a picture is not moved, if another operation on it failed."""
    if operation.action is not Action.MOVE or operation.source not in stuck:
        return None
    what = "it was not moved, for it could not be put everywhere that it belongs"
    return OutputError(what, where=operation.source)


def _carry_out(
    operation: Operation,
    part: Path,
    digest_of: Callable[[Path], bytes],
    held: KyaraError | None,
) -> Operation:
    """What became of it; with `held`, a reason against it, nothing is done."""
    target = operation.target
    if held is not None:
        return replace(operation, status=Status.FAILED, error=held)
    try:
        _make_folder(target.parent)
        _do(operation, part)
    except OSError as error:
        if isinstance(error, FileExistsError) and _holds(target, operation.digest, digest_of):
            return replace(operation, status=Status.THERE)
        problem = OutputError(
            f"cannot {operation.action.value} it to {printable(str(target))}: {reason(error)}",
            where=operation.source,
        )
        return replace(operation, status=Status.FAILED, error=problem)
    return replace(operation, status=Status.DONE)


def _do(operation: Operation, part: Path) -> None:
    source, target = operation.source, operation.target
    match operation.action:
        case Action.COPY:
            copy_file(source, target, part)
        case Action.MOVE:
            move_file(source, target, part)
        case Action.LINK:
            hard_link(source, target)
        case Action.SYMLINK:
            symbolic_link(source, target)
        case Action.REFILE:
            rename_file(source, target, part)
        case Action.WITHDRAW:
            withdraw(source, target, operation.digest)


def _holds(target: Path, digest: bytes, digest_of: Callable[[Path], bytes]) -> bool:
    try:
        return digest_of(target) == digest
    except OSError:
        return False


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, "a file is in place of the folder") from error
