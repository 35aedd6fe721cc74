"""How each picture of a data set fares in drawn inboxes: which ones fail, and as what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from kyara.encode.encoder import Encoder
from kyara.evaluate.dataset import LabelledPicture
from kyara.evaluate.embed import EmbeddedDataset
from kyara.evaluate.inboxes import NOBODY, Inbox, InboxShape, draw_inboxes, rule_for
from kyara.evaluate.open_set_fit import strangers_of
from kyara.evaluate.report import write_bytes
from kyara.evaluate.trials import Embedded

__all__ = ["Fate", "pictures_in_inboxes", "save_fates"]

_USUAL = InboxShape()
_DRAWS = 20


class Fate(msgspec.Struct, frozen=True):
    """How a picture fared at the defaults.

    Attributes:
        model: the name of the encoder's plugin.
        source, character, file, kind: which picture.
        right, wrong, unknown: how often it had its own name, another, or none, where its
            character had references.
        named, left: how often it had a name, or none, where it was a stranger.
        taken_for: for whom wrongly, the most frequent; None if it never was.
    """

    model: str
    source: str
    character: str
    file: str
    kind: str
    right: int
    wrong: int
    unknown: int
    named: int
    left: int
    taken_for: str | None

    @property
    def failed(self) -> float:
        """The share of the times that it failed."""
        failed = self.wrong + self.unknown + self.named
        return failed / (failed + self.right + self.left)


def pictures_in_inboxes(
    encoder: Encoder,
    data: EmbeddedDataset,
    shape: InboxShape = _USUAL,
    *,
    draws: int = _DRAWS,
    seed: int = 0,
) -> list[Fate]:
    """How the pictures fared that were drawn at least once, judged as `kyara sort` judges them;
    by source, those that failed most first.

    Args:
        draws: inboxes of each source.
    """
    others = strangers_of(data.sources)
    fates: list[Fate] = []
    for source, embedded in data.sources.items():
        rng = np.random.default_rng(seed)
        inboxes = draw_inboxes(embedded, shape, draws, encoder.id, rng, others)
        found = _fates_of(data.pictures[source], embedded, encoder, inboxes)
        fates += sorted(found, key=lambda fate: (-fate.failed, fate.character, fate.file))
    return fates


def save_fates(fates: Sequence[Fate], path: Path) -> None:
    """Write them as JSON Lines.

    Raises:
        OutputError: it cannot be written.
    """
    write_bytes(path, b"".join(msgspec.json.encode(fate) + b"\n" for fate in fates))


def _fates_of(
    pictures: Sequence[LabelledPicture],
    embedded: Embedded,
    encoder: Encoder,
    inboxes: Iterable[Inbox],
) -> list[Fate]:
    names = {int(n): p.character for n, p in zip(embedded.characters, pictures, strict=True)}
    counts = [Counter[str]() for _ in pictures]
    taken_for = [Counter[str]() for _ in pictures]
    for inbox in inboxes:
        for row, known, answer, right in _answers(inbox, encoder):
            counts[row][_outcome(known, answer, right)] += 1
            if answer is not None and not right:
                taken_for[row][names[int(answer)]] += 1
    return [
        Fate(
            encoder.name,
            picture.source,
            picture.character,
            picture.name,
            picture.kind,
            **{key: count[key] for key in ("right", "wrong", "unknown", "named", "left")},
            taken_for=min(wrongly, key=lambda name: (-wrongly[name], name), default=None),
        )
        for picture, count, wrongly in zip(pictures, counts, taken_for, strict=True)
        if count
    ]


def _answers(inbox: Inbox, encoder: Encoder) -> list[tuple[int, bool, str | None, bool]]:
    """Of each picture of the source: its number, whether it is known, the name that it gets, and
    whether that is right."""
    rule = rule_for(encoder, None).fitted(inbox.gallery, inbox.pictures)
    scores = rule.judge.scores(inbox.pictures, inbox.gallery)
    best = scores.argmax(axis=1)
    named = scores.max(axis=1) >= (-np.inf if rule.threshold is None else rule.threshold)
    return [
        (row, known, inbox.gallery.characters[place] if name else None, name and place == own)
        for row, known, place, name, own in zip(
            inbox.rows.tolist(),
            inbox.known.tolist(),
            best.tolist(),
            named.tolist(),
            inbox.own.tolist(),
            strict=True,
        )
        if row != NOBODY
    ]


def _outcome(known: bool, answer: str | None, right: bool) -> str:
    if not known:
        return "left" if answer is None else "named"
    if answer is None:
        return "unknown"
    return "right" if right else "wrong"
