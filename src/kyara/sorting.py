"""The main job: identify every picture of an inbox and file it under its character."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from pathlib import Path

from kyara.encode.cache import EmbeddingCache, digest_with
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import embed_pictures
from kyara.errors import PictureError, UsageError
from kyara.files import is_folder
from kyara.identify.answer import Answer, answer_pictures
from kyara.identify.default import choose_judge
from kyara.identify.judge import Rule
from kyara.identify.references import EmbeddedReferences, References
from kyara.library.depicted import SeveralFigures
from kyara.names import UNKNOWN, folder_of
from kyara.organise.apply import apply_plan
from kyara.organise.earlier import read_earlier
from kyara.organise.plan import Action, Filing, Operation, Plan, Status, make_plan
from kyara.organise.undo import recover
from kyara.pictures.find import PassedOver, find_pictures
from kyara.pictures.state import FileState
from kyara.types import Progress, silent

__all__ = ["Several", "SortRequest", "SortResult", "carry_out", "sort_pictures"]

_LONGEST_FOLDER = 150
"""Bytes of the name of a folder for a group; file systems take about 250."""


class Several(StrEnum):
    """Where a picture of several characters goes."""

    EACH = "each"
    """To the folder of each of them."""
    FIRST = "first"
    """To the folder of the most certain one only."""
    FOLDER = "folder"
    """To a folder for those who are in it together: `Ann + Bo`."""


@dataclass(frozen=True)
class SortRequest:
    """What is to be sorted, against what, and where to.

    Attributes:
        references: the characters. What was said of a picture binds: it goes where it was
            said to belong, and one to be ignored is left.
        rule: the judge, and from which score on a character is known; by default what
            `choose_judge` chooses for the encoder, as the command line does.
    """

    inbox: Path
    references: References
    out: Path
    rule: Rule | None = None
    action: Action = Action.COPY
    several: Several = Several.EACH
    dry_run: bool = False


@dataclass(frozen=True)
class SortResult:
    """One answer per figure, with the operation that files its picture there; None for pictures
    that failed, and for a figure by which its picture was not filed.

    Attributes:
        bad_references: references that could not be used.
        plan: what was or would be done.
        interrupted: Ctrl-C came; the operations that were not begun are missing in `answers`.
        rule: by which the pictures were judged, fitted to them if it adapts.
        chosen_references: references with several figures, one of which was taken.
        notes: what a person should know of the references, and of what was not looked at, a
            sentence each.
    """

    answers: list[tuple[Answer, Operation | None]]
    bad_references: list[PictureError]
    plan: Plan
    interrupted: bool = False
    rule: Rule | None = None
    chosen_references: tuple[SeveralFigures, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def operations(self) -> list[Operation]:
        """Those that were begun, or in a dry run would be, each once."""
        return list(dict.fromkeys(o for _, o in self.answers if o is not None))


def sort_pictures(
    request: SortRequest,
    encoder: Encoder,
    *,
    cache: EmbeddingCache | None = None,
    progress: Progress = silent,
) -> SortResult:
    """Identify the figures in the pictures of the inbox; then copy, move or link the pictures,
    unless a dry run.

    A picture goes to the folder of every character in it, or where `several` says; to `unknown` if
    it has none. Moved to several folders, it goes to that of the character that is most certain,
    and copies of it to the others.

    The folders that results go to and that references come from are not searched, should
    they lie within the inbox; a folder of references that is itself the inbox is
    sorted. What an earlier run filed, and nobody touched, follows its answer if that has changed;
    moving goes on with what it moved before, so that it can be finished. Interrupted (Ctrl-C) while
    files are handled, it returns what was done; earlier, nothing was done yet, and
    KeyboardInterrupt passes through.

    Raises:
        UsageError: the inbox is missing, or it or the references have no usable picture, or the
            results cannot go where they should.
        OutputError: the journal cannot be begun; nothing was done.
    """
    _check_places(request)
    if not request.dry_run:
        recover(request.out)
    passed_over = PassedOver()
    earlier = read_earlier(request.out, lambda path: digest_with(cache, path))
    paths = find_pictures([request.inbox], skip=_passed_over(request), passed_over=passed_over)
    if request.action is Action.MOVE:  # those that are no longer in the inbox
        paths += earlier.moved_from(request.inbox)
        if not paths and earlier.knows(request.inbox):
            return SortResult([], [], Plan(request.out, (), request.inbox))
    if not paths:
        raise UsageError("no pictures are here", where=request.inbox, hint=passed_over.in_words)
    references = request.references.embedded(encoder, cache, progress)
    answers, rule = _identify_all(paths, request, references, encoder, cache, progress)
    groups = [list(group) for _, group in groupby(answers, key=lambda answer: answer.path)]
    folders = [_folders(group, request.several) for group in groups]
    filings = [
        filing
        for group, its in zip(groups, folders, strict=True)
        for filing in _filings(group[0], list(dict.fromkeys(its.values())), request.action)
    ]
    for name in dict.fromkeys(filing.folder for filing in filings):
        _check_apart(request.out / name, request.references)
    plan = make_plan(
        filings,
        request.out,
        request.action,
        lambda path: digest_with(cache, path),
        inbox=request.inbox,
        before=earlier,
    )
    done, interrupted = list(plan.operations), False
    if not request.dry_run:
        done, interrupted = carry_out(plan, cache=cache, progress=progress)
    # Interrupted, it did the first of them.
    filed = {(f.source, f.folder): operation for f, operation in zip(filings, done, strict=False)}
    return SortResult(
        [
            (answer, filed.get((answer.path, its.get(answer.character, ""))))
            for group, its in zip(groups, folders, strict=True)
            for answer in group
        ],
        list(references.failed),
        plan,
        interrupted,
        rule,
        references.chosen,
        (*references.doubts(rule), *filter(None, [passed_over.in_words, _withdrawn(done)])),
    )


def _filings(answer: Answer, folders: Sequence[str], action: Action) -> list[Filing]:
    """What is done with the picture of an answer: it is moved last, when the copies of it are
    made."""
    if answer.digest is None or not folders:
        return []
    beside = Action.COPY if action is Action.MOVE else action
    last = Filing(answer.path, answer.digest, folders[-1], action)
    return [*(Filing(last.source, last.digest, f, beside) for f in folders[:-1]), last]


def _folders(answers: Sequence[Answer], several: Several) -> dict[str | None, str]:
    """The folder that one picture goes to by each of its characters, the most certain last; by
    `unknown` only if nobody is known."""
    named = [a for a in answers if a.character not in (None, UNKNOWN)]
    best_first = sorted(named, key=_certainty, reverse=True)
    names = list(dict.fromkeys(a.character for a in best_first if a.character is not None))[::-1]
    if not names:
        nobody = any(answer.character == UNKNOWN for answer in answers)
        return {UNKNOWN: UNKNOWN} if nobody else {}
    match several:
        case Several.EACH:
            return {name: folder_of(name) for name in names}
        case Several.FIRST:
            return {names[-1]: folder_of(names[-1])}
        case Several.FOLDER:
            return dict.fromkeys(names, folder_of(_group(names)))


def _group(names: Sequence[str]) -> str:
    """What those who are in a picture together are called, the same in whatever order they are
    found. Where there are too many for a name, it says how many more."""
    ordered = sorted(names)
    for left_out in range(len(ordered)):
        more = [f"{left_out} more"] if left_out else []
        group = " + ".join([*ordered[: len(ordered) - left_out], *more])
        if len(os.fsencode(group)) <= _LONGEST_FOLDER:
            break
    return group


def _withdrawn(operations: Sequence[Operation]) -> str | None:
    """How many copies of earlier runs go, in a sentence; None if there are none."""
    count = sum(o.action is Action.WITHDRAW and o.status is not Status.FAILED for o in operations)
    copies = "copy that an earlier run made does" if count == 1 else "copies of earlier runs do"
    return f"{count} {copies} not belong there any more: removed" if count else None


def _certainty(answer: Answer) -> tuple[bool, float]:
    """What somebody said comes before every score."""
    score = 0.0 if answer.best is None else answer.best.score
    return answer.said.character is not None, score


def carry_out(
    plan: Plan, *, cache: EmbeddingCache | None = None, progress: Progress = silent
) -> tuple[list[Operation], bool]:
    """Apply the plan; returns the operations that were begun, and whether Ctrl-C came.

    Raises:
        OutputError: the journal cannot be begun; nothing was done.
    """
    done: list[Operation] = []
    interrupted = False
    try:
        with progress("files", len(plan.operations)) as tick, closing(apply_plan(plan)) as doing:
            for operation in doing:
                done.append(operation)
                tick()
    except KeyboardInterrupt:
        interrupted = True
    if cache is not None:
        # So that the next run knows what lies there without reading it.
        made = [o for o in done if o.status is Status.DONE and o.target.exists()]
        cache.remember([(FileState.of(o.target), o.digest) for o in made])
    return done, interrupted


def _passed_over(request: SortRequest) -> list[Path]:
    inbox = os.path.realpath(request.inbox)
    folders = request.references.folders
    return [request.out, *(f for f in folders if os.path.realpath(f) != inbox)]


def _check_places(request: SortRequest) -> None:
    inbox, out = os.path.realpath(request.inbox), os.path.realpath(request.out)
    if not os.path.lexists(inbox):
        raise UsageError("there is no such file or folder", where=request.inbox)
    if inbox == out:
        raise UsageError("the results cannot go to the inbox itself", where=request.out)
    if os.path.lexists(out) and not is_folder(out):
        raise UsageError("this is a file, where a folder is needed", where=request.out)
    _check_apart(request.out, request.references)


def _check_apart(results: Path, references: References) -> None:
    """Nothing, if results do not lie where references do: they would be references."""
    place = Path(os.path.realpath(results))
    for folder in references.folders:
        if place.is_relative_to(os.path.realpath(folder)):
            what = "the results cannot go where the references are, for they would be references"
            raise UsageError(what, where=results, hint=f"the references: {folder}")


def _identify_all(
    paths: list[Path],
    request: SortRequest,
    references: EmbeddedReferences,
    encoder: Encoder,
    cache: EmbeddingCache | None,
    progress: Progress,
) -> tuple[list[Answer], Rule]:
    """All pictures are embedded before the first is judged: the judge is fitted to them."""
    embedded = []
    with progress("pictures", len(paths)) as tick:
        found = embed_pictures(paths, encoder, detector=references.detector, cache=cache)
        for picture in references.watch(found):
            embedded.append(picture)
            tick()
    rule = choose_judge(encoder) if request.rule is None else request.rule
    rule = references.fit(rule, embedded)
    answers = answer_pictures(embedded, references.gallery, encoder, rule, said_of=references.said)
    return list(answers), rule
