"""Sidecars: small files beside a picture that tell other programs who is in it.

`picture.png.txt` and `picture.png.json` are what hydrus imports, `picture.png.xmp` is what
photo managers (digiKam, darktable, Immich) read. What stands in a sidecar already outranks the
model: nothing in it is changed or taken out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from kyara.errors import OutputError
from kyara.files import new_file, replaced, writing
from kyara.identify.answer import UNKNOWN, Answer
from kyara.results.text import as_text
from kyara.results.xmp import Region, Unmergeable, xmp_with

__all__ = ["Outcome", "Sidecar", "write_sidecar"]

KEPT = "it names another character and is kept"
DELETE = "delete it to have it written anew"


class Sidecar(StrEnum):
    """Its kind, and its suffix."""

    TXT = "txt"
    """A tag per line, `character:Name`, UTF-8."""
    JSON = "json"
    """The same tags, with scores and boxes."""
    XMP = "xmp"
    """Keywords, and face regions as the Metadata Working Group has them."""


class Outcome(StrEnum):
    """What became of a sidecar."""

    NEW = "new"
    ADDED = "added"
    """One was there; tags or regions were added to it."""
    THERE = "there"
    """One was there and says the same."""
    NOTHING = "nothing"
    """Nobody known is in the picture."""


Note: TypeAlias = Callable[[Path, bytes | None, bytes], None]
"""Told of a sidecar before it is written: its path, what stands there, and what will."""


def write_sidecar(
    picture: Path,
    answers: Sequence[Answer],
    kind: Sidecar,
    encoder_id: str,
    *,
    note: Note | None = None,
) -> Outcome:
    """Say in a sidecar who is in a picture.

    A sidecar that is there gets what it lacks (JSON excepted, which has as many forms as
    programs); if it names somebody else already, it stays as it is.

    Args:
        picture: where the file lies.
        answers: for its detections.
        encoder_id: of the model that gave them.
        note: told what is about to be written.

    Raises:
        OutputError: the sidecar cannot be written, or is kept as it is.
    """
    named = [a for a in answers if a.character is not None and a.character != UNKNOWN]
    if not named:
        return Outcome.NOTHING
    path = picture.with_name(f"{picture.name}.{kind.value}")
    if path.is_symlink():  # what it leads to may be anything
        raise OutputError("this sidecar is a link, and is not written through", where=path)
    with writing(path, what="cannot write this sidecar"):
        there = path.read_bytes() if path.is_file() else None
        content = _CONTENT[kind](_Wanted(path, picture, named, encoder_id, there))
        if content is None:
            return Outcome.THERE
        if note is not None:
            note(path, there, content)
        with (new_file if there is None else replaced)(path) as part:
            part.write_bytes(content)
        return Outcome.NEW if there is None else Outcome.ADDED


@dataclass(frozen=True)
class _Wanted:
    """A sidecar to be written; `there` is what stands in it already."""

    path: Path
    picture: Path
    answers: Sequence[Answer]
    encoder_id: str
    there: bytes | None

    @property
    def tags(self) -> list[str]:
        """`character:Name` of each, without doubles."""
        return list(dict.fromkeys(f"character:{as_text(a.character or '')}" for a in self.answers))


def _txt(wanted: _Wanted) -> bytes | None:
    there = wanted.there
    if there is None:
        return "".join(f"{tag}\n" for tag in wanted.tags).encode()
    if b"\0" in there:
        raise OutputError("this is no UTF-8 text and is kept", where=wanted.path, hint=DELETE)
    lines = there.decode("utf-8-sig", "surrogateescape").split("\n")
    known = {line.strip().casefold() for line in lines}  # hydrus has all tags in small letters
    missing = [tag for tag in wanted.tags if tag.casefold() not in known]
    if not missing:
        return None
    if any(tag.startswith("character:") for tag in known):
        raise OutputError(KEPT, where=wanted.path, hint=DELETE)
    end = "\r\n" if b"\r\n" in there else "\n"
    glue = end if there and not there.endswith(b"\n") else ""
    return there + (glue + "".join(tag + end for tag in missing)).encode()


def _json(wanted: _Wanted) -> bytes | None:
    if wanted.there is not None:
        if not set(wanted.tags) <= set(_tags_in(wanted.there)):
            what = "it does not say the same and is kept"
            raise OutputError(what, where=wanted.path, hint=DELETE)
        return None
    detections = [
        {
            "character": as_text(answer.character or ""),
            "score": round(answer.best.score, 4),
            "probability": answer.best.probability and round(answer.best.probability, 4),
            "kind": answer.detection.kind,
            "box": answer.detection.box.as_tuple(),
        }
        for answer in wanted.answers
        if answer.best is not None and answer.detection is not None
    ]
    about = {"encoder": wanted.encoder_id, "detections": detections}
    content = {"tags": wanted.tags, "kyara": about}
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def _tags_in(content: bytes) -> list[str]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return []
    tags = found.get("tags") if isinstance(found, dict) else None
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def _xmp(wanted: _Wanted) -> bytes | None:
    regions = [
        Region(as_text(answer.character or ""), answer.detection)
        for answer in wanted.answers
        if answer.detection is not None
    ]
    try:
        return xmp_with(wanted.picture, regions, wanted.there)
    except Unmergeable as error:
        raise OutputError(f"{error} and is kept", where=wanted.path, hint=DELETE) from error


_CONTENT = {Sidecar.TXT: _txt, Sidecar.JSON: _json, Sidecar.XMP: _xmp}
