"""What a person says of pictures and characters, and taking it back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kyara.errors import UsageError
from kyara.library.database import Database
from kyara.library.figures import parse_box, said_of_figures
from kyara.library.log import (
    Apart,
    Confirm,
    Decision,
    Distinct,
    Forget,
    Ignore,
    Merge,
    Payload,
    Reject,
    Rename,
    Source,
    Split,
    Together,
    Undo,
    append,
    entries,
    next_id,
    read_log,
)
from kyara.library.said import Said, Subject
from kyara.library.verdicts import apply, find_character, rebuild, said_of
from kyara.names import as_name, check_character, is_text, nearly
from kyara.types import Detection

__all__ = [
    "Character",
    "Decisions",
    "NearlyNamedError",
    "check_character_name",
    "named",
    "record",
]


class NearlyNamedError(UsageError):
    """A name is new, and nearly that of another, who is probably meant.

    Attributes:
        meant: the name of that one.
    """

    def __init__(self, name: str, meant: str, where: Path) -> None:
        super().__init__(
            f"there is no character {name!r}; did you mean {meant!r}?",
            where=where,
            hint="--new makes a new one of that name",
        )
        self.meant = meant


@dataclass(frozen=True)
class Character:
    """A character of a library.

    Attributes:
        id: never means another, whatever its name becomes.
        references: pictures, and single figures in others, that are known to show it.
    """

    id: int
    name: str
    references: int


class Decisions:
    """The decisions of a library. Each method is one transaction and one row of the log.

    A picture is named by its digest, which stands for every figure in it; a single figure by a
    `Subject`. Neither need be in the library.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def said(self, digest: bytes) -> Said:
        """What the decisions come to for every figure in a picture."""
        return said_of(self._database, digest)

    def characters(self) -> list[Character]:
        """All characters, by name."""
        return [
            Character(*row)
            for row in self._database.rows(
                "SELECT c.id, c.name, (SELECT COUNT(*) FROM said JOIN pictures USING (digest)"
                " WHERE character = c.id) FROM characters c ORDER BY c.name"
            )
        ]

    def find(self, name: str) -> Character:
        """The character that is called so; or that was, if nobody is.

        Raises:
            UsageError: there is none.
        """
        found = find_character(self._database, name)
        if found is None:
            raise UsageError(
                f"there is no character {name!r}",
                where=self._database.path,
                hint="kyara library info lists them",
            )
        count = "SELECT COUNT(*) FROM said JOIN pictures USING (digest) WHERE character = ?"
        return Character(*found, self._database.row(count, found[:1])[0])

    def pictures_of(self, character: Character) -> list[bytes]:
        """The digests of the pictures that its references are in."""
        query = "SELECT DISTINCT digest FROM said WHERE character = ? ORDER BY digest"
        return [digest for (digest,) in self._database.rows(query, (character.id,))]

    def names(self, digest: bytes) -> bool:
        """Whether anybody was said to be in the picture."""
        query = "SELECT 1 FROM said WHERE digest = ? AND character IS NOT NULL"
        return self._database.row(query, (digest,)) is not None

    def said_by_person(self, digest: bytes) -> bool:
        """Whether a person, not a folder or an import, said who is in the picture."""
        query = "SELECT 1 FROM said WHERE digest = ? AND source = 'person'"
        return self._database.row(query, (digest,)) is not None

    def require_meant(self, name: str) -> None:
        """Nothing, if there is a character of that name, or none that is called nearly so.

        Raises:
            NearlyNamedError: another is probably meant.
        """
        if find_character(self._database, name) is not None:
            return
        meant = nearly(as_name(name), (one.name for one in self.characters()))
        if meant is not None:
            raise NearlyNamedError(name, meant, self._database.path)

    def log(self) -> list[Decision]:
        """Everything that was ever decided, in order."""
        return read_log(self._database)

    def confirm(
        self,
        pictures: Iterable[bytes | Subject],
        name: str,
        source: Source = Source.PERSON,
        *,
        sure: bool = False,
    ) -> Decision:
        """The pictures show the character of that name, who is made if there is none.

        From an import it has no effect on pictures on which a person has said otherwise.

        Args:
            sure: they are never to be suggested as being out of place.

        Raises:
            UsageError: no character can be called so.
        """
        named_ones = entries(_subjects(pictures))

        def say() -> Payload:
            return Confirm(named_ones, *named(self._database, name), sure)

        return self._record(say, source)

    def reject(self, pictures: Iterable[bytes | Subject], name: str) -> Decision:
        """The pictures do not show that character; no model will say again that they do.

        Raises:
            UsageError: there is no such character.
        """
        named_ones = entries(_subjects(pictures))

        def say() -> Payload:
            character = self.find(name)
            return Reject(named_ones, character.id, character.name)

        return self._record(say)

    def ignore(self, pictures: Iterable[bytes | Subject]) -> Decision:
        """The pictures are to be left alone."""
        payload = Ignore(entries(_subjects(pictures)))
        return self._record(lambda: payload)

    def forget(self, pictures: Iterable[bytes | Subject]) -> Decision:
        """The pictures are references of nobody; no import makes them so again."""
        payload = Forget(entries(_subjects(pictures)))
        return self._record(lambda: payload)

    def rename(self, old: str, new: str) -> Decision:
        """The character is called `new`; imports that call it `old` still mean it.

        Raises:
            UsageError: there is no such character, or another has the name.
        """
        new = as_name(new)
        check_character_name(new)

        def say() -> Payload:
            character = self.find(old)
            return Rename(character.id, character.name, new)

        return self._record(say)

    def merge(self, others: Sequence[str], into: str) -> Decision:
        """The characters `others` are the same as `into`.

        Raises:
            UsageError: one of them is not there, or the same as `into` already.
        """

        def say() -> Payload:
            kept = self.find(into)
            merged = [self.find(name) for name in others]
            if not merged or kept.id in [character.id for character in merged]:
                raise UsageError(f"{kept.name!r} cannot be merged into itself")
            return Merge(
                tuple(character.id for character in merged),
                tuple(character.name for character in merged),
                kept.id,
                kept.name,
            )

        return self._record(say)

    def apart(self, characters: Sequence[str], groups: Sequence[Sequence[Subject]]) -> Decision:
        """All of these characters, and the figures of these groups, are different characters;
        it is not to be suggested again that two of them are one.

        Raises:
            UsageError: there is no such character, or there are fewer than two sides.
        """
        spoken_of = tuple(entries(_subjects(group)) for group in groups)

        def say() -> Payload:
            found = {one.id: one.name for one in map(self.find, characters)}
            if len(found) + len(spoken_of) < 2:
                raise UsageError("two different characters or groups are needed")
            return Apart(tuple(found), tuple(found.values()), spoken_of)

        return self._record(say)

    def together(self, groups: Sequence[Sequence[Subject]]) -> Decision:
        """The figures of these groups show one character, who has no name yet.

        Raises:
            UsageError: there are fewer than two.
        """
        if len(groups) < 2:
            raise UsageError("two groups are needed")
        payload = Together(tuple(entries(_subjects(group)) for group in groups))
        return self._record(lambda: payload)

    def distinct(self, pictures: Iterable[bytes]) -> Decision:
        """No two of the pictures are copies of one; it is not to be suggested again.

        Raises:
            UsageError: there are fewer than two.
        """
        payload = Distinct(entries(_subjects(pictures)))
        if len(payload.pictures) < 2:
            raise UsageError("two different pictures are needed")
        return self._record(lambda: payload)

    def split(self, name: str, pictures: Iterable[bytes | Subject], into: str) -> Decision:
        """Some pictures of the character show another, who is new.

        Raises:
            UsageError: there is no such character, `into` is not new, or a picture is not a
                reference of the character.
        """
        into = as_name(into)
        check_character_name(into)
        subjects = _subjects(pictures)

        def say() -> Payload:
            origin = self.find(name)
            owned = [self._owned(origin, subject) for subject in subjects]
            foreign = owned.count([])
            if foreign:
                raise UsageError(
                    f"{foreign} of the pictures are no references of {origin.name!r}",
                    hint="kyara decide confirm says whom they show",
                )
            if self._database.row("SELECT 1 FROM characters WHERE name = ?", (into,)):
                raise UsageError(
                    f"there is a character {into!r} already",
                    hint="kyara decide confirm moves pictures to one that there is",
                )
            split_off = entries(subject for subjects in owned for subject in subjects)
            return Split(split_off, origin.id, next_id(self._database), into)

        return self._record(say)

    def _owned(self, character: Character, subject: Subject) -> list[Subject]:
        """What of the subject is a reference of the character: it itself, if it is; of a picture
        of which only single figures are, those."""
        if subject.box is not None:
            found = [Detection(subject.box, "figure")]
            (said,) = said_of_figures(self._database, subject.digest, found)
            return [subject] if said.character == character.name else []
        rows = self._database.rows(
            "SELECT box FROM said WHERE digest = ? AND character = ? ORDER BY box",
            (subject.digest, character.id),
        )
        owned = [Subject(subject.digest, parse_box(text)) for (text,) in rows]
        return [subject] if subject in owned else owned

    def undo(self, decision: int | None = None) -> tuple[Decision, Decision]:
        """Take a decision back, by default a person's last that stands. What took something
        back can be taken back, too.

        Returns:
            What was taken back, and the row that does so.

        Raises:
            UsageError: there is no such decision, it does not stand, or without it two
                characters would have the same name.
        """
        with self._database.writing():
            target = _to_undo(self.log(), decision)
            made = append(self._database, Source.PERSON, Undo(), undoes=target.id)
            rebuild(self._database)
        return target, made

    def _record(self, say: Callable[[], Payload], source: Source = Source.PERSON) -> Decision:
        with self._database.writing():
            return record(self._database, say(), source)


def named(database: Database, name: str) -> tuple[int, str]:
    """Id and name of the character called so, or of one that the next decision makes; within
    the caller's transaction.

    Raises:
        UsageError: no character can be called so.
    """
    name = as_name(name)
    found = find_character(database, name)
    if found is None:
        check_character_name(name)
        found = (next_id(database), name)
    return found


def record(database: Database, payload: Payload, source: Source) -> Decision:
    """Write a decision down and let the derived tables follow, within the caller's
    transaction."""
    decision = append(database, source, payload)
    apply(database, decision)
    return decision


def check_character_name(name: str, where: Path | None = None) -> None:
    """Nothing, if a character of a library can be called so.

    Raises:
        UsageError: it cannot.
    """
    check_character(name, where)
    if not is_text(name):
        raise UsageError(
            f"{name!r} is not text, so no character of a library can be called so",
            where=where,
            hint="rename the folder",
        )


def _subjects(pictures: Iterable[bytes | Subject]) -> list[Subject]:
    found = [one if isinstance(one, Subject) else Subject(one) for one in pictures]
    if not found:
        raise UsageError("no picture was named")
    return list(dict.fromkeys(found))


def _to_undo(log: Sequence[Decision], wanted: int | None) -> Decision:
    if wanted is None:
        for decision in reversed(log):
            if decision.stands and decision.source is Source.PERSON and decision.undoes is None:
                return decision
        raise UsageError("there is nothing to undo")
    by_id = {decision.id: decision for decision in log}
    if wanted not in by_id:
        raise UsageError(f"there is no decision {wanted}", hint="kyara decide log lists them")
    if not by_id[wanted].stands:
        raise UsageError(f"decision {wanted} was undone already")
    last = by_id[wanted]  # taken back and brought again: undo what brought it again
    while last.undone_by is not None:
        last = by_id[last.undone_by]
    return last
