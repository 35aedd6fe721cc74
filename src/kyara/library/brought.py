"""Taking over what another library knew: figures with their embeddings, and whom they show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kyara.errors import UsageError
from kyara.library.decisions import check_character_name, named, record
from kyara.library.log import Confirm, Source, entries
from kyara.library.said import Subject
from kyara.library.store import Library
from kyara.types import Detection, FloatArray

__all__ = ["Brought", "Imported", "take_over"]


@dataclass(frozen=True, eq=False)
class Brought:
    """A figure that comes with its embedding.

    Attributes:
        character: whom it shows, or None where that is not known.
        digest, name: the picture, and what its file was called.
        embedding: shape (1, d).
    """

    character: str | None
    digest: bytes
    name: str
    detection: Detection
    embedding: FloatArray

    @property
    def subject(self) -> Subject:
        """What its character is said of: a picture that is one figure may be cut up by a
        detector later, and shows the character all the same."""
        return Subject(self.digest, None if self.detection.kind == "whole" else self.detection.box)


@dataclass(frozen=True)
class Imported:
    """What an import brought.

    Attributes:
        references: references in the file.
        named: those that became references of the library.
    """

    references: int
    named: int


def take_over(
    library: Library, encoder: str, detector: str, figures: Iterable[Brought], where: Path
) -> Imported:
    """Keep the figures, all or none, and name those that have a character. What a person has said
    stands.

    Args:
        encoder, detector: ids of what made the figures.
        where: they come from.

    Raises:
        UsageError: they are of another encoder, or a name in them cannot be a character's.
    """
    if encoder != library.encoder.identity:
        raise UsageError(
            f"it holds embeddings of {encoder}, not of {library.encoder.identity}",
            where=where,
            hint="import it into a library of that model",
        )
    before = library.counts().references
    references: list[tuple[str, Subject, Detection]] = []
    with library.database.writing():
        for figure in figures:
            library.database.run(
                "INSERT OR IGNORE INTO pictures (digest, name) VALUES (?, ?)",
                (figure.digest, figure.name.encode("utf-8", "surrogateescape")),
            )
            detections = [figure.detection]
            library.store_embeddings(figure.digest, detections, figure.embedding, detector)
            if figure.character is not None:
                references.append((figure.character, figure.subject, figure.detection))
        for name in dict.fromkeys(name for name, _, _ in references):
            check_character_name(name, where)
        _name(library, references)
    return Imported(len(references), library.counts().references - before)


def _name(library: Library, references: Iterable[tuple[str, Subject, Detection]]) -> None:
    by_name: dict[str, list[Subject]] = {}
    for name, subject, detection in references:
        (said,) = library.said_of(subject.digest, [detection])
        if said.character is None:
            by_name.setdefault(name, []).append(subject)
    for name, subjects in by_name.items():
        payload = Confirm(entries(subjects), *named(library.database, name))
        record(library.database, payload, Source.IMPORT)
