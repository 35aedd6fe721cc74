"""Saying yes or no to a suggestion: a decision like all others, that can be undone."""

from __future__ import annotations

from kyara.errors import UsageError
from kyara.library import spoken
from kyara.library.log import Decision
from kyara.library.pixels import remember_pixels
from kyara.library.spoken import Spoken
from kyara.library.store import Library
from kyara.suggest.kinds import Kind, Side, Suggestion, subject_of

__all__ = ["accept", "decline"]


def accept(library: Library, suggestion: Suggestion) -> Decision:
    """Yes: the groups or characters become one; the group is confirmed as the character; the
    reference is no longer the character's; of copies all but the first are ignored.

    Raises:
        UsageError: what it is about has changed since; or it is a warning, to which there is only
            a no.
        OutputError: the library was opened for reading only.
    """
    sides, figures = suggestion.sides, suggestion.figures
    match suggestion.kind:
        case Kind.MERGE if sides[0].character is not None:
            return library.decisions.merge([_name(sides[1])], sides[0].character)
        case Kind.MERGE:
            return spoken.join_groups(library, [_number(side) for side in sides])
        case Kind.NAMED:
            return _made(spoken.confirm_group(library, _number(sides[0]), _name(sides[1])))
        case Kind.MISPLACED:
            decision = library.decisions.reject([subject_of(figures[0])], _name(sides[0]))
        case Kind.COPIES:
            decision = library.decisions.ignore([one.digest for one in figures[1:]])
        case Kind.ALIKE:
            raise UsageError("that two characters are alike is a warning: say that they are one")
    return _known_again(library, suggestion, decision)


def decline(library: Library, suggestion: Suggestion) -> Decision:
    """No: they are different; the group is not the character; the reference is right; the
    pictures are no copies. It is not suggested again.

    Raises:
        UsageError: what it is about has changed since.
        OutputError: the library was opened for reading only.
    """
    sides, figures = suggestion.sides, suggestion.figures
    match suggestion.kind:
        case Kind.MERGE | Kind.ALIKE:
            names = [side.character for side in sides if side.character is not None]
            numbers = [side.group for side in sides if side.group is not None]
            return spoken.apart(library, names, numbers)
        case Kind.NAMED:
            return _made(spoken.reject_group(library, _number(sides[0]), _name(sides[1])))
        case Kind.MISPLACED:
            subject = subject_of(figures[0])
            decision = library.decisions.confirm([subject], _name(sides[0]), sure=True)
        case Kind.COPIES:
            decision = library.decisions.distinct([one.digest for one in figures])
    return _known_again(library, suggestion, decision)


def _known_again(library: Library, suggestion: Suggestion, decision: Decision) -> Decision:
    """The decision, whose pictures are known by their pixels from now on."""
    remember_pixels(library.database, {one.path: one.digest for one in suggestion.figures})
    return decision


def _name(side: Side) -> str:
    if side.character is None:
        raise ValueError(f"expected a character, got {side}")
    return side.character


def _number(side: Side) -> int:
    if side.group is None:
        raise ValueError(f"expected a group, got {side}")
    return side.group


def _made(said: Spoken) -> Decision:
    if said.decision is None:
        raise ValueError("expected a decision about a group")
    return said.decision
