"""All that can be asked about a library, what settles most first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from kyara.cluster.perhaps import NamedCharacters
from kyara.encode.encoder import Encoder
from kyara.errors import PictureError
from kyara.identify.judge import Rule
from kyara.identify.references import LibraryReferences
from kyara.library.answers import are_apart
from kyara.library.store import Library
from kyara.suggest.contents import Contents, read_contents
from kyara.suggest.copies import copies
from kyara.suggest.kinds import Kind, Suggestion
from kyara.suggest.misplaced import misplaced
from kyara.suggest.pairs import characters_that_are_one, groups_that_are_one
from kyara.types import Progress, silent

__all__ = ["Suggested", "suggest"]


@dataclass(frozen=True)
class Suggested:
    """What a person may be asked.

    Attributes:
        suggestions: the one that settles most first; see `Suggestion.weight`.
        failed: pictures that could not be looked at for copies.
    """

    suggestions: tuple[Suggestion, ...]
    failed: tuple[PictureError, ...] = ()


def suggest(
    library: Library,
    encoder: Encoder,
    rule: Rule,
    kinds: Collection[Kind] = tuple(Kind),
    progress: Progress = silent,
) -> Suggested:
    """What may be asked about a library: nothing that was answered before.

    Groups are those that `kyara group` found last. Nothing is changed, but that a library that
    may be written remembers what copies are told by.

    Args:
        encoder: the library's.
        rule: judges, as for `kyara identify`.
        kinds: only these; without `Kind.COPIES` no file is opened.

    Raises:
        UsageError: the encoder is not the library's.
        DataError: an embedding is not as it should be.
    """
    contents = read_contents(library, encoder, rule)
    found: list[Suggestion] = []
    failed: list[PictureError] = []
    if Kind.MERGE in kinds:
        found += groups_that_are_one(contents)
    if Kind.MERGE in kinds or Kind.ALIKE in kinds:
        found += [one for one in characters_that_are_one(contents) if one.kind in kinds]
    if Kind.NAMED in kinds:
        found += _named(library, encoder, contents)
    if Kind.MISPLACED in kinds:
        found += misplaced(contents)
    if Kind.COPIES in kinds:
        sets, failed = copies(library, contents.answers, progress)
        found += sets
    return Suggested(tuple(sorted(found, key=lambda one: (-one.weight, one.key))), tuple(failed))


def _named(library: Library, encoder: Encoder, contents: Contents) -> list[Suggestion]:
    """Groups that are probably a character with a name."""
    if not contents.groups or not contents.characters:
        return []
    known = LibraryReferences(library).embedded(encoder)
    named = NamedCharacters.of(contents.unnamed, known, contents.rule)
    characters = {str(member.side): member for member in contents.characters}
    found = []
    for group in contents.groups:
        apart = [name for name, one in characters.items() if are_apart(group.stance, one.stance)]
        perhaps = named.likely(group.places, apart)
        if perhaps is not None:
            sides = (group.side, characters[perhaps.character].side)
            asked = (Kind.NAMED, sides, (), perhaps.probability, group.side.pictures)
            found.append(Suggestion(*asked))
    return found
