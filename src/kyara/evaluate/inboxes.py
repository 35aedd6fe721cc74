"""Inboxes as users have them: some pictures, some of them of nobody in the cast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.evaluate.metrics import Mask
from kyara.evaluate.trials import Embedded, gallery_of_pictures
from kyara.identify.adapted import Adaptation
from kyara.identify.default import choose_judge
from kyara.identify.gallery import Gallery, Indices
from kyara.identify.judge import Rule
from kyara.manifest import AdaptedSpec
from kyara.types import FloatArray

__all__ = ["NOBODY", "Inbox", "InboxShape", "SpecOf", "draw_inboxes", "plugins_own", "rule_for"]

SpecOf: TypeAlias = Callable[[Embedded], AdaptedSpec | None]
"""What scores mean for a source, fitted without it; None: what the plugin says."""

_FEW = 10
"""Strangers of a source below which others are put to them."""

NOBODY = -1


@dataclass(frozen=True)
class InboxShape:
    """What there is to draw.

    Attributes:
        pictures: in the inbox, at most.
        strangers: the share of them whose character has no references, 0 to 1.
        references: of each character.
        characters: with references, at most; half of those that have enough pictures, at most.
    """

    pictures: int = 200
    strangers: float = 0.5
    references: int = 5
    characters: int = 20

    @property
    def key(self) -> str:
        """Fit for a key in JSON."""
        percent = round(100 * self.strangers)
        return f"{self.pictures}p_{percent}s_{self.references}r_{self.characters}c"

    @property
    def title(self) -> str:
        """For people."""
        return (
            f"{self.pictures} pictures, {round(100 * self.strangers)} % strangers, "
            f"{self.references} references of {self.characters} characters"
        )


@dataclass(frozen=True)
class Inbox:
    """References, and pictures to be identified.

    Attributes:
        gallery: the references.
        pictures: embeddings (p, d).
        own: the index of each one's character in the gallery, or `NOBODY`; shape (p,).
        owners: a number for each one's character, shape (p,).
        scenes: a number for what each was cut from, shape (p,).
        rows: the number of each in its source, or `NOBODY` for a further stranger; shape (p,).
    """

    gallery: Gallery
    pictures: FloatArray
    own: Indices
    owners: Indices
    scenes: Indices
    rows: Indices

    def only(self, kept: Mask | Indices) -> Inbox:
        """With some of its pictures."""
        return Inbox(
            self.gallery,
            self.pictures[kept],
            self.own[kept],
            self.owners[kept],
            self.scenes[kept],
            self.rows[kept],
        )

    @property
    def known(self) -> Mask:
        """Whose character has references, shape (p,)."""
        return np.asarray(self.own != NOBODY)


def plugins_own(_embedded: Embedded) -> AdaptedSpec | None:
    """The `SpecOf` of a plugin that never saw the sources."""
    return None


def rule_for(
    encoder: Encoder,
    spec: AdaptedSpec | None,
    *,
    adapt: bool = True,
    at_fpir: float | None = None,
) -> Rule:
    """As users get it, by a meaning of the scores in place of the plugin's own, if one is given."""
    rule = choose_judge(encoder, at_fpir=at_fpir, adapt=adapt)
    if spec is None or not isinstance(rule.adapts, Adaptation):
        return rule
    return replace(rule, adapts=replace(rule.adapts, spec=spec))


def draw_inboxes(
    embedded: Embedded,
    shape: InboxShape,
    draws: int,
    encoder: str,
    rng: np.random.Generator,
    others: FloatArray | None = None,
) -> Iterator[Inbox]:
    """Random inboxes of one source; none where it has too few characters.

    Args:
        encoder: the id that made the embeddings.
        others: embeddings (m, d) of further strangers, for a source with hardly any.
    """
    eligible = np.flatnonzero(np.bincount(embedded.characters) > shape.references)
    if len(eligible) < 4:
        return
    for _ in range(draws):
        inbox = _draw(embedded, eligible, shape, encoder, rng, others)
        if len(inbox.pictures):
            yield inbox


def _draw(
    embedded: Embedded,
    eligible: Indices,
    shape: InboxShape,
    encoder: str,
    rng: np.random.Generator,
    others: FloatArray | None,
) -> Inbox:
    count = min(shape.characters, len(eligible) // 2)
    enrolled = np.sort(rng.permutation(eligible)[:count])
    order = rng.permutation(len(embedded))
    order = order[np.argsort(embedded.characters[order], kind="stable")]
    place = np.arange(len(order)) - np.searchsorted(
        embedded.characters[order], embedded.characters[order]
    )
    of_known = np.isin(embedded.characters[order], enrolled)
    chosen = of_known & (place < shape.references)
    references = order[chosen]
    left = order[~chosen]
    left = rng.permutation(left[~np.isin(embedded.scenes[left], embedded.scenes[references])])
    is_known = np.isin(embedded.characters[left], enrolled)
    wanted = _share(shape, rng)
    known, strangers = left[is_known][: shape.pictures - wanted], left[~is_known][:wanted]
    rows = np.concatenate([known, strangers])
    embeddings, owners = embedded.embeddings[rows], embedded.characters[rows]
    scenes = embedded.scenes[rows]
    if len(strangers) < min(_FEW, wanted) and others is not None:
        more = rng.permutation(len(others))[: wanted - len(strangers)]
        embeddings = np.concatenate([embeddings, others[more]])
        owners = np.concatenate([owners, embedded.character_count + more])
        scenes = np.concatenate([scenes, embedded.scenes.max() + 1 + more])
        rows = np.concatenate([rows, np.full(len(more), NOBODY)])
    own = np.full(len(owners), NOBODY, dtype=np.intp)
    own[: len(known)] = np.searchsorted(enrolled, embedded.characters[known])
    gallery = gallery_of_pictures(embedded, references, encoder)
    return Inbox(gallery, embeddings, own, owners, scenes, rows)


def _share(shape: InboxShape, rng: np.random.Generator) -> int:
    """How many strangers; of a single picture it is left to chance."""
    exact = shape.pictures * shape.strangers
    return int(exact) + int(rng.random() < exact - int(exact))
