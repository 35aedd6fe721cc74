"""What can be said through the API."""

from __future__ import annotations

from typing import Annotated, Literal, Union

from pydantic import Field

from kyara.suggest.kinds import Kind
from kyara.web.shapes import Edges, Figure, Name, Shape

__all__ = [
    "Answer",
    "Apart",
    "Change",
    "Confirm",
    "Cover",
    "Draw",
    "Ignore",
    "Merge",
    "Reject",
    "Rename",
    "Split",
    "Together",
    "Undo",
]


class Confirm(Shape):
    """These figures, or those of a group that have no name yet, show the character."""

    kind: Literal["confirm"]
    character: Name
    figures: tuple[Figure, ...] = ()
    group: int | None = None
    new: bool = Field(False, description="also where the name is nearly another's")


class Reject(Shape):
    """These figures, or those of a group, do not show the character."""

    kind: Literal["reject"]
    character: Name
    figures: tuple[Figure, ...] = ()
    group: int | None = None


class Ignore(Shape):
    """These figures, or those of a group, are to be left alone."""

    kind: Literal["ignore"]
    figures: tuple[Figure, ...] = ()
    group: int | None = None


class Rename(Shape):
    """The character gets another name."""

    kind: Literal["rename"]
    character: Name
    name: Name


class Merge(Shape):
    """The characters are the same as another."""

    kind: Literal["merge"]
    characters: tuple[Name, ...] = Field(min_length=1)
    into: Name


class Split(Shape):
    """Some references of a character show another, who is new."""

    kind: Literal["split"]
    character: Name
    figures: tuple[Figure, ...] = Field(min_length=1)
    into: Name


class Apart(Shape):
    """These characters and groups are all different; it is not asked again."""

    kind: Literal["apart"]
    characters: tuple[Name, ...] = ()
    groups: tuple[int, ...] = ()


class Together(Shape):
    """These groups show one character, who has no name yet."""

    kind: Literal["together"]
    groups: tuple[int, ...] = Field(min_length=2)


class Cover(Shape):
    """The character is shown by this figure, one of its references."""

    kind: Literal["cover"]
    character: Name
    figures: tuple[Figure, ...] = Field(min_length=1, max_length=1)


class Draw(Shape):
    """There is a figure in this box; it takes the place of one that was found there."""

    box: Edges


Change = Annotated[
    Union[Confirm, Reject, Ignore, Rename, Merge, Split, Cover, Apart, Together],  # noqa: UP007 (pydantic reads it)
    Field(discriminator="kind"),
]
"""What can be said."""


class Answer(Shape):
    """Yes or no to a question of `/suggestions`."""

    key: str
    kind: Kind
    yes: bool


class Undo(Shape):
    """Take back a decision; by default the last that stands."""

    decision: int | None = None
