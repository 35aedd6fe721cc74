"""What a person answered to suggestions, so that nothing is asked twice.

Figures are known by their picture's content, or its pixels where only a tag was written into the
file, and by their box: an answer holds when files are moved, embedded anew or grouped otherwise.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from kyara.library.database import Database
from kyara.library.figures import EVERY, as_text, same_figure
from kyara.library.said import Subject

__all__ = ["Answers", "Stance", "are_apart", "read_answers"]

Stance: TypeAlias = frozenset[tuple[int, int]]
"""The sides, each with its decision, on which a character or a group stands."""

_Place: TypeAlias = tuple[int, int, str]
"""A figure in a decision: its number, the side, and the box."""


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers that stand.

    Attributes:
        known: pictures that are to be known by something else than their digest.
        characters: on which sides each stands, by name.
        apart, together, distinct: the figures of those decisions, by what their picture is
            known by.
        confirmed: boxes by picture and character's name, of which a person is sure.
    """

    known: Mapping[bytes, bytes]
    characters: Mapping[str, Stance]
    apart: Mapping[bytes, Sequence[_Place]]
    together: Mapping[bytes, Sequence[_Place]]
    distinct: Mapping[bytes, Sequence[_Place]]
    confirmed: Mapping[tuple[bytes, str], Sequence[str]]

    def stance(self, subjects: Iterable[Subject], character: str | None = None) -> Stance:
        """Where figures stand in what was said to be different, and the character whose
        references they are, if they are."""
        own = self.characters.get(character, frozenset()) if character is not None else frozenset()
        return own | {
            place[:2] for subject in subjects for place in self._places(self.apart, subject)
        }

    def are_distinct(self, one: bytes, other: bytes) -> bool:
        """Whether it was said of two pictures that they are no copies."""
        found = [self.distinct.get(self._key(digest), ()) for digest in (one, other)]
        first, second = ({place[0] for place in places} for places in found)
        return not first.isdisjoint(second)

    def is_sure(self, subject: Subject, character: str) -> bool:
        """Whether a person is sure that a figure shows the character."""
        boxes = self.confirmed.get((self._key(subject.digest), character), ())
        return any(_is_same(box, as_text(subject.box)) for box in boxes)

    def joined(self, groups: Mapping[int, Sequence[Subject]]) -> list[list[int]]:
        """Which of the groups were said to be one, by number: each such set once, ascending.

        A side of a decision is the group that most of its figures are in by now.
        """
        votes: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
        for number, subjects in groups.items() if self.together else ():
            for subject in subjects:
                for decision, side, _ in self._places(self.together, subject):
                    votes[decision, side][number] += 1
        of_decision: dict[int, set[int]] = defaultdict(set)
        for (decision, _), counts in votes.items():
            of_decision[decision].add(counts.most_common(1)[0][0])
        return _united(of_decision.values())

    def _places(
        self, places: Mapping[bytes, Sequence[_Place]], subject: Subject
    ) -> Iterable[_Place]:
        found = places.get(self._key(subject.digest), ())
        return (place for place in found if _is_same(place[2], as_text(subject.box)))

    def _key(self, digest: bytes) -> bytes:
        return self.known.get(digest, digest)


def are_apart(one: Stance, other: Stance) -> bool:
    """Whether two were said to be different: they stand on different sides of a decision."""
    return any(
        decision == again and side != against for decision, side in one for again, against in other
    )


def read_answers(database: Database) -> Answers:
    """All of them."""
    known = _known(database)
    figures: dict[str, dict[bytes, list[_Place]]] = defaultdict(lambda: defaultdict(list))
    for decision, kind, side, digest, box in database.rows(
        "SELECT decision, kind, side, digest, box FROM sides WHERE digest IS NOT NULL"
        " ORDER BY decision, side, digest, box"
    ):
        figures[kind][known.get(digest, digest)].append((decision, side, box))
    characters: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for name, decision, side in database.rows(
        "SELECT name, decision, side FROM sides JOIN characters ON id = character"
    ):
        characters[name].add((decision, side))
    confirmed: dict[tuple[bytes, str], list[str]] = defaultdict(list)
    for digest, box, name in database.rows(
        "SELECT digest, box, name FROM sure JOIN characters ON id = character"
    ):
        confirmed[known.get(digest, digest), name].append(box)
    return Answers(
        known,
        {name: frozenset(sides) for name, sides in characters.items()},
        figures["apart"],
        figures["together"],
        figures["distinct"],
        confirmed,
    )


def _known(database: Database) -> dict[bytes, bytes]:
    """By the pixels where they were remembered."""
    pixels = dict(database.rows("SELECT digest, pixels FROM pixels"))
    tagged = dict(database.rows("SELECT digest, known FROM same_pixels"))
    return pixels | {digest: pixels.get(known, known) for digest, known in tagged.items()}


def _is_same(one: str, other: str) -> bool:
    return EVERY in (one, other) or same_figure(one, other)


def _united(sets: Iterable[set[int]]) -> list[list[int]]:
    """Sets that share something as one."""
    united: list[set[int]] = []
    for one in sets:
        touching = [other for other in united if not other.isdisjoint(one)]
        united = [other for other in united if other.isdisjoint(one)]
        united.append(one.union(*touching))
    return sorted(sorted(one) for one in united if len(one) > 1)
