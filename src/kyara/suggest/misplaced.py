"""References that probably do not belong to their character."""

from __future__ import annotations

import math

import numpy as np

from kyara.identify.gallery import Gallery, Indices
from kyara.identify.judge import Judge, Rule
from kyara.identify.left_out import scores_left_out
from kyara.suggest.contents import Contents
from kyara.suggest.kinds import Kind, Suggestion, subject_of
from kyara.types import FloatArray

__all__ = ["LEAST", "REFERENCES", "misplaced", "odds_of_misplaced"]

REFERENCES = 3
"""Of a character of fewer, none can be said to be unlike the others."""

LEAST = 0.3
"""From which probability on it is asked."""

_RIGHT = 4.0
"""Log-odds, before it is looked at, that a reference shows its character and not the other that
it is most alike: people seldom err. Chosen on half of the characters of the dev pictures."""

_CERTAIN = 1e-6
"""Probabilities nearer to 0 or 1 are taken for this near."""


def misplaced(contents: Contents) -> list[Suggestion]:
    """References that are like another character rather than like the other references of their
    own, but for those of which a person is sure."""
    if len(contents.characters) < 2:
        return []
    gallery = contents.gallery()
    fitted = contents.rule.fitted(gallery, contents.unnamed.embeddings, contents.rejected)
    odds, others = odds_of_misplaced(gallery, fitted)
    sides = {member.side.character: member.side for member in contents.characters}
    found = []
    for n in np.flatnonzero(odds > math.log(LEAST / (1 - LEAST))).tolist():
        own, other = (gallery.characters[place] for place in (gallery.owners[n], others[n]))
        figure = contents.reference(n)
        if not contents.answers.is_sure(subject_of(figure), own):
            probability = 1.0 / (1.0 + math.exp(-float(odds[n])))
            both = (sides[own], sides[other])
            found.append(Suggestion(Kind.MISPLACED, both, (figure,), probability, 1))
    return found


def odds_of_misplaced(gallery: Gallery, fitted: Rule) -> tuple[FloatArray, Indices]:
    """The log-odds that each reference is not of its character, shape (n,), and whom it is most
    alike instead, an index into the characters (n,); -inf where a character has fewer than
    `REFERENCES`.

    A reference is asked for as if it were new, in the gallery without it. It is out of place by
    as much as it is rather the other than its own.
    """
    odds = np.full(len(gallery.embeddings), -np.inf, dtype=np.float32)
    others = np.zeros(len(odds), dtype=np.intp)
    judge = fitted.judge
    for rows, (scores,) in scores_left_out(gallery, [judge], np.arange(len(odds))):
        here, owners = np.arange(len(scores)), gallery.owners[rows]
        own = scores[here, owners]
        scores[here, owners] = -np.inf
        others[rows] = scores.argmax(axis=1)
        best = scores[here, others[rows]]
        for n in np.flatnonzero(gallery.counts[owners] >= REFERENCES).tolist():
            counts = gallery.counts[owners[n]] - 1, gallery.counts[others[rows][n]]
            mine, theirs = (
                _log_odds(judge, float(score), int(count))
                for score, count in zip((own[n], best[n]), counts, strict=True)
            )
            odds[rows.start + n] = theirs - mine - _RIGHT
    return odds, others


def _log_odds(judge: Judge, score: float, references: int) -> float:
    probability = judge.probability(score, references)
    if probability is None:
        return -math.inf
    probability = min(max(probability, _CERTAIN), 1 - _CERTAIN)
    return math.log(probability / (1 - probability))
