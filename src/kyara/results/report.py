"""A report for people: one HTML file with everything in it, to be looked through and passed on.

It needs no network and no script to be read (a little script adds a filter). Thumbnails are
made while it is written, so memory does not grow with their number.
"""

from __future__ import annotations

import base64
import hashlib
import math
import os
import urllib.parse
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from kyara.errors import UsageError
from kyara.files import is_folder, new_file, replaced, writing
from kyara.identify.answer import UNKNOWN, Answer
from kyara.results.text import as_text
from kyara.results.thumbnails import Thumbnail, thumbnail
from kyara.runtime.workers import worker_count

__all__ = ["Answered", "check_report_place", "write_report"]

T = TypeVar("T")
R = TypeVar("R")

SIDE = 144
"""Pixels of a thumbnail's longest side; they are shown at this size or half of it."""
REFERENCES_KEPT = 512
"""Thumbnails of references that are kept while a report is written: many pictures share them."""
_MARK = b'<meta name="generator" content="Kyara">'
_SCRIPT = Path(__file__).with_name("report.js")


@dataclass(frozen=True)
class Answered:
    """An answer, and where its picture lies now (it may have been moved since)."""

    answer: Answer
    lies_at: Path


@dataclass(frozen=True)
class _Card:
    """What the page shows of one answer; all of it text that HTML can hold."""

    path: str
    link: str
    character: str
    probability: str
    score: str
    runner_up: str
    said: str
    perhaps: str
    nearest: str
    picture: Thumbnail | None
    reference: Thumbnail | None


@dataclass(frozen=True)
class _Group:
    """The answers with the same character, least certain first; cards are made when asked for."""

    name: str
    answers: Sequence[Answered]
    make_cards: Callable[[Sequence[Answered]], Iterator[_Card]]

    @property
    def title(self) -> str:
        """The heading."""
        return "Unknown" if self.is_unknown else as_text(self.name)

    @property
    def is_unknown(self) -> bool:
        """Whether it is the group of those that are nobody known."""
        return self.name == UNKNOWN

    @property
    def cards(self) -> Iterator[_Card]:
        """Made one by one."""
        return self.make_cards(self.answers)


def check_report_place(path: Path) -> None:
    """See, before any work, that a report can be written there.

    Raises:
        UsageError: there is no such folder, or another file than an earlier report is there.
    """
    if not is_folder(path.parent):
        raise UsageError("there is no such folder", where=path.parent)
    if os.path.lexists(path) and not _is_report(path):
        raise UsageError("this is no report of Kyara", where=path, hint="choose another name")


def write_report(
    path: Path,
    answers: Iterable[Answered],
    *,
    encoder_id: str,
    on_picture: Callable[[], None] = lambda: None,
) -> None:
    """Write the report on `answers` to `path`; an earlier report there is replaced.

    Args:
        on_picture: called for each answer that is in it.

    Raises:
        UsageError, OutputError: it cannot be written; nothing half-written is left.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    check_report_place(path)
    script = _SCRIPT.read_text(encoding="utf-8")
    template = Environment(
        loader=PackageLoader("kyara", "results"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("report.html.j2")
    answers = list(answers)
    failed = [
        (as_text(str(one.answer.path)), one.answer.error.what)
        for one in answers
        if one.answer.error is not None
    ]
    workers = worker_count()
    with ThreadPoolExecutor(workers, thread_name_prefix="kyara-report") as pool:
        of_reference = lru_cache(REFERENCES_KEPT)(lambda near: thumbnail(near, None, SIDE))

        def make_cards(group: Sequence[Answered]) -> Iterator[_Card]:
            def make(one: Answered) -> _Card:
                return _card(one, path.parent, of_reference)

            for card in _ahead(pool, make, group, 4 * workers):
                on_picture()
                yield card

        chunks = template.generate(
            groups=_grouped(answers, make_cards),
            failed=failed,
            total=len(answers) - len(failed),
            encoder=as_text(encoder_id),
            script=script,
            script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
        place = replaced if os.path.lexists(path) else new_file
        with (
            writing(path, what="cannot write the report"),
            place(path) as part,
            part.open("wb") as stream,
        ):
            stream.writelines(chunk.encode() for chunk in chunks)


def _is_report(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return _MARK in stream.read(512)
    except OSError:
        return False


def _grouped(
    answers: Iterable[Answered], make_cards: Callable[[Sequence[Answered]], Iterator[_Card]]
) -> list[_Group]:
    """By name, the unknown last; within a group the doubtful first."""
    by_name: dict[str, list[Answered]] = {}
    for one in answers:
        if one.answer.character is not None:
            by_name.setdefault(one.answer.character, []).append(one)
    names = sorted(by_name, key=lambda name: (name == UNKNOWN, name.casefold(), name))
    return [_Group(name, sorted(by_name[name], key=_certainty), make_cards) for name in names]


def _certainty(one: Answered) -> tuple[float, float]:
    """Low for what a person should look at first."""
    answer = one.answer
    best = answer.best
    if answer.said.character is not None:
        return (math.inf, math.inf)
    if best is None:
        return (0.0, 0.0)
    score = best.score if best.probability is None else best.probability
    margin = answer.margin or 0.0
    # An unknown is the more doubtful the more it is like somebody.
    return (-score, -margin) if answer.character == UNKNOWN else (score, margin)


def _card(one: Answered, folder: Path, of_reference: Callable[[Path], Thumbnail | None]) -> _Card:
    answer = one.answer
    best, second, box = answer.best, answer.runner_up, None
    if answer.detection is not None and answer.detection.kind != "whole":
        box = answer.detection.box
    return _Card(
        path=as_text(str(answer.path)),
        link=_link(one.lies_at, folder),
        character="" if best is None else as_text(best.character),
        probability="" if best is None else _percent(best.probability),
        score="" if best is None else f"{best.score:.2f}",
        runner_up="" if second is None else _in_words(second.character, second.score),
        said=_said(answer),
        perhaps="" if answer.perhaps is None else as_text(answer.perhaps.character),
        nearest="" if answer.nearest is None else as_text(str(answer.nearest)),
        picture=thumbnail(one.lies_at, box, SIDE),
        reference=None if answer.nearest is None else of_reference(answer.nearest),
    )


def _said(answer: Answer) -> str:
    if answer.said.character is None:
        return ""
    return "said by a person" if answer.said.by_person else "said by its folder"


def _in_words(character: str, score: float) -> str:
    return f"{as_text(character)} {score:.2f}"


def _percent(probability: float | None) -> str:
    return "" if probability is None else f"{100 * probability:.0f} %"


def _link(path: Path, folder: Path) -> str:
    """A relative link from the report to the picture, so that both can be moved together."""
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:  # another drive
        return path.resolve().as_uri()
    return urllib.parse.quote(os.fsencode(relative).replace(os.fsencode(os.sep), b"/"))


def _ahead(
    pool: ThreadPoolExecutor, work: Callable[[T], R], items: Iterable[T], depth: int
) -> Iterator[R]:
    """`map`, in order, never more than `depth` results ahead."""
    running: deque[Future[R]] = deque()
    for item in items:
        running.append(pool.submit(work, item))
        if len(running) >= depth:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()
