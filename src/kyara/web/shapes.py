"""What the API answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from kyara.errors import UsageError
from kyara.library.said import Said, Subject
from kyara.suggest.kinds import Kind
from kyara.types import Box

__all__ = [
    "Asked",
    "Candidate",
    "Candidates",
    "Character",
    "CharacterPage",
    "Characters",
    "Compared",
    "Decided",
    "Digest",
    "Edges",
    "Figure",
    "Found",
    "Group",
    "GroupPage",
    "Grouping",
    "Groups",
    "Identified",
    "Log",
    "Name",
    "Near",
    "Perhaps",
    "PerhapsGroup",
    "Picture",
    "PictureItem",
    "Pictures",
    "Question",
    "QuestionSide",
    "Questions",
    "Queue",
    "QueueItem",
    "Reference",
    "Session",
    "Shape",
    "Similar",
    "SimilarFigure",
    "figure_of",
]

Probability = Annotated[float, Field(ge=0, le=1)]
Edges = tuple[float, float, float, float]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the picture")]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Shape(BaseModel):
    """What travels: frozen, and with nothing unknown in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Figure(Shape):
    """A figure of the library: the picture that it is in, and its box in pixels of the upright
    picture (left, top, right, bottom); without a box, the whole picture."""

    picture: Digest
    box: Edges | None = None

    @property
    def subject(self) -> Subject:
        """The same, as the library has it.

        Raises:
            UsageError: the box is none.
        """
        try:
            box = None if self.box is None else Box(*self.box)
        except ValueError as error:
            raise UsageError(str(error)) from error
        return Subject(bytes.fromhex(self.picture), box)


def figure_of(subject: Subject) -> Figure:
    """A subject for JSON."""
    box = None if subject.box is None else subject.box.as_tuple()
    return Figure(picture=subject.digest.hex(), box=box)


class Session(Shape):
    """What a client needs first: the token for changes, and how things stand."""

    csrf: str
    version: str
    library: str
    model: Literal["loading", "ready", "failed"]
    problem: str | None = None
    pictures: int
    characters: int
    references: int
    groups: int


class Character(Shape):
    """A character, by an id that never means another."""

    id: int
    name: str
    references: int
    cover: Figure | None = None


class Characters(Shape):
    """All characters, by name."""

    characters: list[Character]


class Reference(Shape):
    """A figure that is known to show a character."""

    figure: Figure
    by_person: bool
    decision: int


class CharacterPage(Shape):
    """A character with some of its references."""

    character: Character
    references: list[Reference]


class Group(Shape):
    """Figures without a name that seem to show one character."""

    number: int
    figures: int
    sample: list[Figure]


class Groups(Shape):
    """Some of the groups, the largest first, and how many there are."""

    total: int
    groups: list[Group]


class GroupPage(Shape):
    """A group with some of its figures."""

    number: int
    total: int
    figures: list[Figure]


class Grouping(Shape):
    """How the search for groups stands."""

    running: bool
    problem: str | None = None


class Near(Shape):
    """A reference, and how alike it is."""

    figure: Figure
    score: float


class Candidate(Shape):
    """A character that a figure may show, with the references that say so."""

    character: str
    score: float
    probability: Probability | None = None
    nearest: list[Near] = []


class Candidates(Shape):
    """Whom a group may show, the likeliest first."""

    candidates: list[Candidate]


class PerhapsGroup(Shape):
    """A group that is probably a character with a name."""

    number: int
    character: str
    probability: Probability


class Perhaps(Shape):
    """Those of some groups that are probably a character with a name."""

    groups: list[PerhapsGroup]


class QuestionSide(Shape):
    """A group or a character that is asked about, with some of its figures."""

    group: int | None = None
    character: str | None = None
    pictures: int
    figures: list[Figure]


class Question(Shape):
    """Something whose answer would settle much; `key` tells it from all others.

    merge: are the two sides one? named: is the group the character? misplaced: is the figure no
    reference of the first side, but rather the second? alike: a warning. copies: are the figures
    copies of one picture?
    """

    key: str
    kind: Kind
    sides: list[QuestionSide]
    figures: list[Figure]
    probability: Probability | None = None
    settles: int


class Questions(Shape):
    """Some questions, and how many there are."""

    total: int
    questions: list[Question]


class Verdict(Shape):
    """What was said of a figure."""

    character: str | None = None
    rejected: list[str] = []
    ignored: bool = False
    by_person: bool = False

    @classmethod
    def of(cls, said: Said) -> Verdict:
        """The same for JSON."""
        return cls(
            character=said.character,
            rejected=sorted(said.rejected),
            ignored=said.ignored,
            by_person=said.by_person,
        )


class Found(Shape):
    """A figure in a picture and who it is: a name, `unknown`, or null if nothing was judged."""

    box: Edges
    kind: Literal["head", "figure", "whole"]
    character: str | None = None
    candidates: list[Candidate] = []
    said: Verdict = Verdict()


class Identified(Shape):
    """Who is in a picture that was sent."""

    name: str
    width: int | None = None
    height: int | None = None
    figures: list[Found] = []
    error: str | None = None


class Asked(Shape):
    """The answers for all pictures that were sent."""

    pictures: list[Identified]


class Compared(Shape):
    """Do two pictures show the same character?"""

    score: float
    probability: Probability | None = None
    same: bool | None = None


class Decided(Shape):
    """A decision, as the log has it; `payload` depends on its kind."""

    id: int
    time: str
    source: Literal["person", "import", "model"]
    kind: str
    words: str
    stands: bool
    undoes: int | None = None
    payload: dict[str, Any] = {}


class Log(Shape):
    """Decisions, the latest first."""

    total: int
    decisions: list[Decided]


class PictureItem(Shape):
    """A picture in a list."""

    picture: Digest
    name: str


class Pictures(Shape):
    """Some of the pictures, by name, and how many there are."""

    total: int
    pictures: list[PictureItem]


class Picture(Shape):
    """A picture of the library: its figures, who they are and why, and what was decided."""

    picture: Digest
    name: str
    width: int | None = None
    height: int | None = None
    gone: bool
    figures: list[Found]
    history: list[Decided]


class QueueItem(Shape):
    """A figure without a name, and who it may be."""

    figure: Figure
    name: str
    found: Found


class Queue(Shape):
    """Figures without a name, the most doubtful answers first."""

    total: int
    items: list[QueueItem]


class SimilarFigure(Shape):
    """A figure like another; the name of the character, if it has one."""

    figure: Figure
    score: float
    character: str | None = None


class Similar(Shape):
    """Figures like another, the most alike first."""

    figures: list[SimilarFigure]
