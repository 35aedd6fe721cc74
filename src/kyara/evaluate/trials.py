"""What is compared with what: pairs of pictures, and probes against enrolled characters.

Two pictures that were cut from one scene are never compared with each other: what surrounds
the character would tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from kyara.evaluate.metrics import Mask
from kyara.identify.gallery import Gallery, Indices
from kyara.identify.judge import Judge
from kyara.types import FloatArray

__all__ = [
    "Altered",
    "Compare",
    "Embedded",
    "EnrolmentDraw",
    "Identified",
    "Indices",
    "Pairs",
    "draw_enrolment",
    "gallery_of_pictures",
    "hard_pairs_of",
    "identified",
    "mine_hard_pairs",
    "pairs_of",
]

Compare: TypeAlias = Callable[[FloatArray, FloatArray], FloatArray]
"""Embeddings (n, d) and (m, d) to scores (n, m), higher is more alike: `Encoder.similarity`."""

_NOWHERE = Path()

BLOCK = 1024
"""Rows of a score matrix that are in memory at once."""


@dataclass(frozen=True)
class Altered:
    """Some pictures of a source, altered before they were embedded.

    Attributes:
        pictures: which ones, shape (r,).
        embeddings: by the name of the alteration, shape (r, d) each.
    """

    pictures: Indices
    embeddings: Mapping[str, FloatArray]


@dataclass(frozen=True)
class Embedded:
    """The embeddings of one source.

    Attributes:
        embeddings: shape (n, d).
        characters: a number for each character, from 0 on without gaps, shape (n,).
        scenes: a number for what each picture was cut from, shape (n,).
        mined: pairs of pictures that another encoder finds hard, shape (p, 2); None if there
            is no other.
        altered: some of the pictures once more, altered; None if they were not embedded.
    """

    embeddings: FloatArray
    characters: Indices
    scenes: Indices
    mined: Indices | None = None
    altered: Altered | None = None

    def __post_init__(self) -> None:
        n = len(self.embeddings)
        if self.characters.shape != (n,) or self.scenes.shape != (n,):
            raise ValueError(
                f"expected {n} characters and scenes, got {self.characters.shape} and "
                f"{self.scenes.shape}"
            )

    def __len__(self) -> int:
        return len(self.embeddings)

    @property
    def character_count(self) -> int:
        """How many characters there are."""
        return int(self.characters.max()) + 1 if len(self) else 0

    def one_of_each_scene(self, rng: np.random.Generator) -> Indices:
        """Places of one picture of each scene, in a random order."""
        order = rng.permutation(len(self))
        _, first = np.unique(self.scenes[order], return_index=True)
        return np.asarray(rng.permutation(order[first]), dtype=np.intp)

    def with_more_than(self, n: int) -> Embedded:
        """The characters that have more than `n` pictures; without `mined` and `altered`."""
        return self.only(np.bincount(self.characters)[self.characters] > n)

    def only(self, kept: Mask) -> Embedded:
        """The pictures that are kept (n,), as a source of its own."""
        _, characters = np.unique(self.characters[kept], return_inverse=True)
        return Embedded(self.embeddings[kept], characters, self.scenes[kept])


@dataclass(frozen=True)
class Pairs:
    """Pairs of pictures of different scenes, each once.

    Attributes:
        scores: shape (p,).
        same: whether both show the same character, shape (p,).
        first, second: their characters, shape (p,).
    """

    scores: FloatArray
    same: Mask
    first: Indices
    second: Indices

    @property
    def both_kinds(self) -> bool:
        """Whether there are same pairs and different ones, so that there is a curve."""
        return bool(self.same.any() and not self.same.all())


def pairs_of(embedded: Embedded, compare: Compare, rng: np.random.Generator, limit: int) -> Pairs:
    """All pairs within a source; similarity is taken to be symmetric.

    Of more than about `limit` pairs, all the same ones are kept and a random part of the
    different ones.
    """
    n = len(embedded)
    share = min(1.0, limit / max(1, n * (n - 1) // 2))
    blocks = [_pair_block(embedded, compare, rng, begin, share) for begin in range(0, n, BLOCK)]
    if not blocks:
        none = np.zeros(0, dtype=np.intp)
        return Pairs(np.zeros(0, dtype=np.float32), none.astype(np.bool_), none, none)
    scores = np.concatenate([block[0] for block in blocks])
    first = np.concatenate([block[1] for block in blocks])
    second = np.concatenate([block[2] for block in blocks])
    return Pairs(scores, first == second, first, second)


def _pair_block(
    embedded: Embedded, compare: Compare, rng: np.random.Generator, begin: int, share: float
) -> tuple[FloatArray, Indices, Indices]:
    end = min(begin + BLOCK, len(embedded))
    scores = compare(embedded.embeddings[begin:end], embedded.embeddings[begin:])
    characters, scenes = embedded.characters, embedded.scenes
    wanted = np.triu(scenes[begin:end, None] != scenes[None, begin:], k=1)
    if share < 1.0:
        same = characters[begin:end, None] == characters[None, begin:]
        wanted &= same | (rng.random(wanted.shape, dtype=np.float32) < share)
    rows, columns = np.nonzero(wanted)
    return scores[wanted], characters[rows + begin], characters[columns + begin]


def mine_hard_pairs(embedded: Embedded, compare: Compare) -> Indices:
    """The pairs that an encoder finds hardest, each once, shape (p, 2): each picture with the
    least similar one of its character and with the most similar one of another, both of
    another scene."""
    pairs = []
    for begin in range(0, len(embedded), BLOCK):
        rows = np.arange(begin, min(begin + BLOCK, len(embedded)))
        scores = compare(embedded.embeddings[rows], embedded.embeddings)
        same = embedded.characters[rows, None] == embedded.characters[None]
        apart = embedded.scenes[rows, None] != embedded.scenes[None]
        for wanted, hardness in ((same & apart, -scores), (~same & apart, scores)):
            hardest = np.argmax(np.where(wanted, hardness, -np.inf), axis=1)
            found = wanted.any(axis=1)
            pairs.append(np.stack([rows[found], hardest[found]], axis=1))
    none = np.zeros((0, 2), dtype=np.intp)
    return np.unique(np.sort(np.concatenate([none, *pairs]), axis=1), axis=0)


def hard_pairs_of(embedded: Embedded, compare: Compare, pairs: Indices) -> Pairs:
    """Scores of the given pairs of pictures (p, 2), in their order."""
    scores = np.zeros(len(pairs), dtype=np.float32)
    for begin in range(0, len(embedded), BLOCK):
        inside = (pairs[:, 0] >= begin) & (pairs[:, 0] < begin + BLOCK)
        block = compare(embedded.embeddings[begin : begin + BLOCK], embedded.embeddings)
        scores[inside] = block[pairs[inside, 0] - begin, pairs[inside, 1]]
    first, second = embedded.characters[pairs[:, 0]], embedded.characters[pairs[:, 1]]
    return Pairs(scores, first == second, first, second)


@dataclass(frozen=True)
class EnrolmentDraw:
    """One random enrolment and its probes.

    Attributes:
        references: pictures, sorted by character, shape (r,).
        enrolled: the characters that have references, ascending, shape (c,).
        starts: where each one's references begin, shape (c,).
        probes: pictures that are neither references nor of a reference's scene, shape (p,).
    """

    references: Indices
    enrolled: Indices
    starts: Indices
    probes: Indices

    def gallery(self, embedded: Embedded, encoder: str) -> Gallery:
        """The references as a gallery of the encoder of that id."""
        return gallery_of_pictures(embedded, self.references, encoder)

    def own(self, embedded: Embedded) -> Mask:
        """Which of the enrolled characters is each probe's own, shape (p, c)."""
        return np.asarray(embedded.characters[self.probes, None] == self.enrolled[None])


def draw_enrolment(embedded: Embedded, counts: Indices, rng: np.random.Generator) -> EnrolmentDraw:
    """Enrol `counts[c]` random pictures of each character c; those with 0 are only probes."""
    order = rng.permutation(len(embedded))
    order = order[np.argsort(embedded.characters[order], kind="stable")]
    owners = embedded.characters[order]
    place = np.arange(len(order)) - np.searchsorted(owners, owners)  # within its character
    chosen = place < counts[owners]
    references, rest = order[chosen], order[~chosen]
    probes = rest[~np.isin(embedded.scenes[rest], embedded.scenes[references])]
    enrolled, starts = np.unique(embedded.characters[references], return_index=True)
    return EnrolmentDraw(references, enrolled, starts, np.sort(probes))


def gallery_of_pictures(embedded: Embedded, pictures: Indices, encoder: str) -> Gallery:
    """Pictures (r,), sorted by character, as the gallery of the encoder of that id."""
    enrolled, starts = np.unique(embedded.characters[pictures], return_index=True)
    names = tuple(f"{character:09}" for character in enrolled.tolist())
    paths = (_NOWHERE,) * len(pictures)
    return Gallery(encoder, names, embedded.embeddings[pictures], starts, paths)


@dataclass(frozen=True)
class Identified:
    """The best character of each probe.

    Attributes:
        scores: of the best character, shape (p,).
        right: whether it is the probe's own, shape (p,).
        known: whether the probe's character has references, shape (p,).
        owners: a number for the probe's character, shape (p,).
    """

    scores: FloatArray
    right: Mask
    known: Mask
    owners: Indices

    @classmethod
    def of(cls, scores: FloatArray, own: Mask, owners: Indices) -> Identified:
        """From scores (p, c) and which are the probe's own character."""
        best = np.argmax(scores, axis=1)
        rows = np.arange(len(scores))
        return cls(scores[rows, best], own[rows, best], np.asarray(own.any(axis=1)), owners)

    @classmethod
    def together(cls, parts: Sequence[Identified]) -> Identified:
        """Several draws as one."""
        return cls(
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.right for part in parts]),
            np.concatenate([part.known for part in parts]),
            np.concatenate([part.owners for part in parts]),
        )


def identified(
    embedded: Embedded, draw: EnrolmentDraw, judges: Sequence[Judge], encoder: str
) -> dict[str, Identified]:
    """What each judge, by name, makes of the probes of a draw."""
    gallery = draw.gallery(embedded, encoder)
    probes, own = embedded.embeddings[draw.probes], draw.own(embedded)
    owners = embedded.characters[draw.probes]
    return {
        judge.name: Identified.of(judge.scores(probes, gallery), own, owners) for judge in judges
    }
