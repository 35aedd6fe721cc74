"""Groups, or characters, that are probably one; and characters that are only alike."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kyara.identify.gallery import Gallery
from kyara.identify.judge import Rule
from kyara.library.answers import are_apart
from kyara.suggest.contents import Contents, Member
from kyara.suggest.kinds import Kind, Suggestion
from kyara.types import FloatArray

__all__ = ["LEAST", "Closeness", "characters_that_are_one", "closeness", "groups_that_are_one"]

LEAST = 0.2
"""From which probability on it is asked whether two groups are one: six of ten are then. Chosen on
half of the characters of the dev pictures."""

LEAST_ALIKE = 0.1
"""From which on two characters are said to be alike."""

EVEN = 0.5
"""From which on two characters are rather one than two."""

ONE_IN = 50
"""Of so many pairs of characters that somebody gave two names and that are as alike as the judge is
even about, one is a slip."""

_TYPICAL = 8
"""Figures that stand for a side, the most typical."""

_BLOCK = 512
"""Figures that are scored at once."""


@dataclass(frozen=True, eq=False)
class Closeness:
    """How probable it is of each two of some members that they are one.

    Attributes:
        scores: by the judge, shape (m, m); -inf of each with itself.
        rule: what the scores mean.
        counts: figures that stand for each, shape (m,).
    """

    scores: FloatArray
    rule: Rule
    counts: tuple[int, ...]

    def probability(self, one: int, other: int) -> float | None:
        """That two are one; None for a model without calibration."""
        if not np.isfinite(self.scores[one, other]):
            return None
        count = max(self.counts[one], self.counts[other])
        return self.rule.judge.probability(float(self.scores[one, other]), count)

    def but(self, pairs: Sequence[tuple[int, int]]) -> Closeness:
        """The same, but these are no pairs."""
        scores = self.scores.copy()
        for one, other in pairs:
            scores[one, other] = scores[other, one] = -np.inf
        return replace(self, scores=scores)

    def closest(self, least: float) -> list[tuple[int, int, float]]:
        """Each with the one that is closest to it, once each pair, with the probability that they
        are one, if that is `least` or more."""
        best = enumerate(self.scores.argmax(axis=1).tolist())
        found = []
        for one, other in sorted({(min(pair), max(pair)) for pair in best}):
            probability = self.probability(one, other)
            if probability is not None and probability >= least:
                found.append((one, other, probability))
        return found


def closeness(
    embeddings: Sequence[FloatArray], others: FloatArray, encoder: str, rule: Rule
) -> Closeness:
    """How alike some characters are that nobody has compared.

    Each figure is asked for in the gallery of all, and what it scores is taken on the mean, as
    for a group that may be a character; from both sides. The judge is fitted to them.

    Args:
        embeddings: of each one's figures, the most typical first, shape (k, d) each.
        others: of further figures of the same user, shape (n, d).
    """
    rows = [own[:_TYPICAL] for own in embeddings]
    counts = tuple(len(own) for own in rows)
    starts = np.cumsum([0, *counts[:-1]])
    names = tuple(f"{number:09}" for number in range(len(rows)))
    together = np.concatenate(rows)
    gallery = Gallery(encoder, names, together, starts, (Path(),) * len(together))
    fitted = rule.fitted(gallery, others if len(others) else None)
    sums = np.zeros((len(rows), len(rows)), dtype=np.float32)
    owners = gallery.owners
    for begin in range(0, len(together), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        here, begins = np.unique(owners[block], return_index=True)
        scores = fitted.judge.scores(together[block], gallery)
        sums[here] += np.add.reduceat(scores, begins, axis=0)
    means = sums / np.asarray(counts, dtype=np.float32)[:, np.newaxis]
    both = np.asarray((means + means.T) / 2, dtype=np.float32)
    np.fill_diagonal(both, -np.inf)
    return Closeness(both, fitted, counts)


def groups_that_are_one(contents: Contents) -> list[Suggestion]:
    """Of each group the one that it is probably the same as, if there is one."""
    pairs = _closest(contents.groups, contents.alone, contents, LEAST)
    return [_suggestion(Kind.MERGE, *pair) for pair in pairs]


def characters_that_are_one(contents: Contents) -> list[Suggestion]:
    """The same of characters; and those that are only alike. Somebody has given them two names,
    so it takes more than to be alike, and it is asked only where it is more probable than not."""
    pairs = _closest(contents.characters, contents.unnamed.embeddings, contents, LEAST_ALIKE)
    told = [(one, other, _though_named_apart(probability)) for one, other, probability in pairs]
    return [
        _suggestion(Kind.MERGE if probability >= EVEN else Kind.ALIKE, one, other, probability)
        for one, other, probability in told
    ]


def _though_named_apart(probability: float) -> float:
    """The probability that two are one (Bayes), if they have two names."""
    return probability / (probability + (1.0 - probability) * (ONE_IN - 1))


def _closest(
    members: Sequence[Member], others: FloatArray, contents: Contents, least: float
) -> list[tuple[Member, Member, float]]:
    """Each member with the one that is closest to it, once each pair, the larger first; not those
    that were said to be different."""
    if len(members) < 2:
        return []
    found = closeness([one.embeddings for one in members], others, contents.encoder, contents.rule)
    stances = [(n, one.stance) for n, one in enumerate(members) if one.stance]
    apart = [
        (n, m)
        for (n, first), (m, second) in itertools.combinations(stances, 2)
        if are_apart(first, second)
    ]
    closest = []
    for n, m, probability in found.but(apart).closest(least):
        larger, smaller = sorted((n, m), key=lambda one: -members[one].side.pictures)
        closest.append((members[larger], members[smaller], probability))
    return closest


def _suggestion(kind: Kind, larger: Member, smaller: Member, probability: float) -> Suggestion:
    sides = (larger.side, smaller.side)
    return Suggestion(kind, sides, (), probability, smaller.side.pictures)
