"""The figures of a library's pictures: what was found, and what was said of each of them.

A decision names a figure by a box, and a later detector may find the same figure a little
otherwise. A box that was said is that of the figure which it overlaps most, if their common area
is at least half of what both cover.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kyara.library.database import Database
from kyara.library.said import NOTHING, Said
from kyara.types import Box, Detection, FloatArray

__all__ = [
    "EVERY",
    "SAME",
    "as_text",
    "figures_of",
    "in_pixels",
    "named_alone",
    "nearest_figure",
    "of_detector",
    "parse_box",
    "said_of_figures",
    "same_figure",
    "store_embeddings",
]

EVERY = ""
"""In place of a box: every figure in the picture."""
SAME = 0.5
"""Overlap from which on two boxes are the same figure's."""


def as_text(box: Box | None) -> str:
    """The box as tables have it: `left,top,right,bottom`; `EVERY` for None."""
    return EVERY if box is None else ",".join(f"{edge:.10g}" for edge in box.as_tuple())


def in_pixels(box: Box) -> str:
    """The box as messages have it, in whole pixels: near enough for `--box`."""
    return ",".join(f"{edge:.0f}" for edge in box.as_tuple())


def parse_box(text: str) -> Box | None:
    """The inverse of `as_text`.

    Raises:
        ValueError: it is no box.
    """
    if text == EVERY:
        return None
    edges = [float(edge) for edge in text.split(",")]
    if len(edges) != 4:
        raise ValueError(f"expected left,top,right,bottom, got {text!r}")
    return Box(*edges)


def same_figure(a: str, b: str) -> bool:
    """Whether two boxes, as text, are the same figure's; neither may be `EVERY`."""
    one, other = parse_box(a), parse_box(b)
    return one is not None and other is not None and one.overlap(other) >= SAME


def nearest_figure(box: Box, detections: Sequence[Detection]) -> int | None:
    """Which of the detections the box means, or None."""
    overlaps = [detection.box.overlap(box) for detection in detections]
    best = max(range(len(overlaps)), key=overlaps.__getitem__, default=None)
    return None if best is None or overlaps[best] < SAME else best


@dataclass(frozen=True)
class _Word:
    """A row of `said` or `rejections`; its figure is an index, or None for every one."""

    figure: int | None
    overlap: float
    character: str | None
    ignored: bool = False
    by_person: bool = False


def said_of_figures(
    database: Database, digest: bytes, detections: Sequence[Detection]
) -> list[Said]:
    """What the decisions come to for each of these detections in a picture.

    What was said of one figure outranks what was said of every one.
    """
    said = database.rows(
        "SELECT box, name, ignored, source = 'person' FROM said"
        " LEFT JOIN characters ON id = character WHERE digest = ? ORDER BY decision",
        (digest,),
    )
    rejected = database.rows(
        "SELECT box, name FROM rejections JOIN characters ON id = character WHERE digest = ?",
        (digest,),
    )
    if not said and not rejected:
        return [NOTHING] * len(detections)
    words = list(_matched(said, detections))
    against = list(_matched(rejected, detections))
    return [_said_of(n, words, against) for n in range(len(detections))]


def named_alone(database: Database, digest: bytes, detections: Sequence[Detection]) -> set[int]:
    """Which of these figures somebody named one by one."""
    query = "SELECT box, NULL FROM said WHERE digest = ? AND box <> ''"
    words = _matched(database.rows(query, (digest,)), detections)
    return {word.figure for word in words if word.figure is not None}


def _matched(rows: Iterable[Sequence[object]], detections: Sequence[Detection]) -> Iterable[_Word]:
    for text, name, *marks in rows:
        ignored, by_person = map(bool, marks or (False, False))
        box = parse_box(str(text))
        character = None if name is None else str(name)
        if box is None:
            yield _Word(None, 0.0, character, ignored, by_person)
            continue
        figure = nearest_figure(box, detections)
        if figure is not None:  # else no detector has found it yet
            overlap = detections[figure].box.overlap(box)
            yield _Word(figure, overlap, character, ignored, by_person)


def _said_of(figure: int, words: Sequence[_Word], against: Sequence[_Word]) -> Said:
    own = [word for word in words if word.figure == figure]
    every = [word for word in words if word.figure is None]
    ruled_out = {w.character for w in against if w.figure == figure and w.character is not None}
    all_ruled_out = {w.character for w in against if w.figure is None and w.character is not None}
    if own:
        word = max(reversed(own), key=lambda word: word.overlap)  # the later of equal ones
    elif every and every[0].character not in ruled_out:
        word = every[0]
    else:
        word = _Word(None, 0.0, None)
    rejected = frozenset(ruled_out | all_ruled_out) - {word.character}
    names = frozenset(name for name in rejected if name)
    return Said(word.character, names, word.ignored, word.by_person)


def store_embeddings(
    database: Database,
    digest: bytes,
    detections: Sequence[Detection],
    embeddings: FloatArray,
    detector: str,
) -> None:
    """Keep the detections (k) of a picture and their embeddings (k, d), where there are none
    yet; within the caller's transaction."""
    database.run("INSERT OR IGNORE INTO detectors (identity) VALUES (?)", (detector,))
    for detection, row in zip(detections, embeddings, strict=True):
        box = detection.box.as_tuple()
        database.run(
            "INSERT OR IGNORE INTO detections (picture, detector,"
            " box_left, box_top, box_right, box_bottom, kind, score)"
            " VALUES ((SELECT id FROM pictures WHERE digest = ?),"
            " (SELECT id FROM detectors WHERE identity = ?), ?, ?, ?, ?, ?, ?)",
            (digest, detector, *box, detection.kind, detection.score),
        )
        database.run(
            "INSERT OR IGNORE INTO embeddings (detection, encoder, vector) VALUES ("
            "(SELECT d.id FROM detections d JOIN pictures p ON p.id = d.picture"
            " WHERE p.digest = ? AND box_left = ? AND box_top = ? AND box_right = ?"
            " AND box_bottom = ? AND detector = (SELECT id FROM detectors WHERE identity = ?)),"
            " (SELECT encoder FROM library), ?)",
            (digest, *box, detector, row.astype("<f4").tobytes()),
        )


def of_detector(alias: str) -> str:
    """A condition in SQL: the detection `alias` is of the library's detector; or, in a picture
    where that one has not looked (an imported one, say), of the latest that has."""
    own = "(SELECT detector FROM library)"
    return (  # the case first that nearly all are: the other asks for each picture
        f"CASE WHEN {alias}.detector = {own} THEN 1 ELSE {alias}.detector ="
        f" (SELECT o.detector FROM detections o WHERE o.picture = {alias}.picture"
        f" ORDER BY o.detector = {own} DESC, o.detector DESC LIMIT 1) END"
    )


def figures_of(database: Database, digest: bytes) -> list[tuple[int, Detection]]:
    """The figures in a picture that count, each with the id of its row."""
    rows = database.rows(
        "SELECT d.id, box_left, box_top, box_right, box_bottom, kind, d.score FROM detections d"
        f" JOIN pictures p ON p.id = d.picture WHERE p.digest = ? AND {of_detector('d')}"
        " ORDER BY d.id",
        (digest,),
    )
    return [(row[0], Detection(Box(*row[1:5]), row[5], row[6])) for row in rows]
