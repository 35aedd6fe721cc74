"""What `kyara suggest` asks of which a yes would be right, and what it overlooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from kyara.cluster.grouping import ALONE, group_figures
from kyara.cluster.perhaps import NamedCharacters
from kyara.encode.encoder import Encoder
from kyara.evaluate.protocols.contract import (
    Estimate,
    Measured,
    MetricInfo,
    Outcome,
    names_of,
    no_values,
)
from kyara.evaluate.trials import Embedded, Indices, gallery_of_pictures
from kyara.identify.default import choose_judge
from kyara.identify.gallery import Gallery
from kyara.identify.references import EmbeddedReferences
from kyara.library.said import NOTHING
from kyara.library.unnamed import Unnamed
from kyara.suggest import misplaced, pairs
from kyara.types import Box, Detection, FloatArray

__all__ = ["Suggestions"]

_KINDS = {
    "merge": "groups that are one",
    "named": "groups with a name",
    "misplaced": "references out of place",
}
_FIGURES = {
    "precision": ("precision", True),
    "recall": ("recall", True),
    "expected": ("precision that the probabilities say", True),
    "asked": ("questions", False),
}
_EMPTY = np.zeros((0, 3))

_Questions = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
"""For each question the probability of a yes, whether that is right, and which mistake it finds, or
`ALONE`; shape (q, 3)."""


@dataclass(frozen=True)
class Suggestions:
    """The characters of each source are halved: what suggestions go by was chosen on the one
    half, and is measured on the other.

    Groups that are one: those of heaps, as `Grouping` draws them. A question is right if most
    figures of both groups show one character; recall is of the groups of which another shows the
    same. Groups with a name: half of the characters have references, which are not in the heap.
    References out of place: some of each character, of which a share has been moved to another.

    Attributes:
        chosen_on: measure on the half on which everything was chosen instead.
        draws: heaps, and galleries, of each source.
        pictures: in a heap, at most.
        characters: of a gallery, at most.
        references: of each of them, at most, and three at least.
        enrolled: references of a character with a name.
        moved: the share of the references that is moved.
    """

    name: ClassVar[str] = "suggestions"
    chosen_on: bool = False
    draws: int = 8
    pictures: int = 600
    characters: int = 20
    references: int = 10
    enrolled: int = 5
    moved: float = 0.05

    def primary(self, _judge: str) -> str:
        """No judge is chosen: it is the one that users get."""
        return "misplaced_recall"

    def metrics(self, _judges: Sequence[str]) -> tuple[MetricInfo, ...]:
        """Precision and recall of both kinds, the precision that is promised, and how many
        questions there are for each heap or gallery."""
        return tuple(
            MetricInfo(f"{kind}_{key}", f"{title}, {what}", higher)
            for kind, what in _KINDS.items()
            for key, (title, higher) in _FIGURES.items()
        )

    def run(self, embedded: Embedded, measured: Measured, rng: np.random.Generator) -> Outcome:
        """The metrics; none where a half has too little."""
        half = embedded.only(embedded.characters % 2 == (0 if self.chosen_on else 1))
        values: dict[str, float | None] = {}
        for kind, draw in (
            ("merge", self._merges),
            ("named", self._named),
            ("misplaced", self._misplaced),
        ):
            values |= _summed([draw(half, measured.encoder, rng) for _ in range(self.draws)], kind)
        known = no_values(names_of(self.metrics(()))).metrics
        return Outcome(dict(known) | {name: Estimate(value) for name, value in values.items()})

    def _merges(
        self, embedded: Embedded, encoder: Encoder, rng: np.random.Generator
    ) -> tuple[_Questions, int]:
        """The questions about one heap, and how many groups have another of their character."""
        places = embedded.one_of_each_scene(rng)[: self.pictures]
        rows = embedded.embeddings[places]
        members, shown = _grouped(rows, embedded.characters[places], encoder)
        if len(members) < 2:
            return _EMPTY, 0
        alone = np.ones(len(rows), dtype=bool)
        alone[np.concatenate(members)] = False
        own = [_most_typical(rows[member]) for member in members]
        found = pairs.closeness(own, rows[alone], encoder.id, choose_judge(encoder))
        asked = [
            (probability, float(shown[one] == shown[other]), place)
            for one, other, probability in found.closest(pairs.LEAST)
            for place in (one, other)
        ]
        several = int((np.bincount(shown)[shown] > 1).sum())
        return np.array(asked).reshape(-1, 3), several

    def _named(
        self, embedded: Embedded, encoder: Encoder, rng: np.random.Generator
    ) -> tuple[_Questions, int]:
        """The questions about one heap in which half of the characters have references that are
        not in it, and how many groups show one of those."""
        places = embedded.one_of_each_scene(rng)
        owners = embedded.characters[places]
        enough = rng.permutation(np.flatnonzero(np.bincount(owners) > self.enrolled))
        names = np.sort(enough[: min(self.characters, len(enough) // 2)])
        if not len(names):
            return _EMPTY, 0
        references = np.concatenate([np.flatnonzero(owners == n)[: self.enrolled] for n in names])
        heap = np.delete(places, references)[: self.pictures]
        rows = embedded.embeddings[heap]
        gallery = gallery_of_pictures(embedded, places[references], encoder.id)
        members, shown = _grouped(rows, embedded.characters[heap], encoder)
        known = EmbeddedReferences(gallery, others=rows)
        named = NamedCharacters.of(_nobody(rows), known, choose_judge(encoder))
        asked = []
        for number, (member, character) in enumerate(zip(members, shown.tolist(), strict=True)):
            perhaps = named.likely(member)
            if perhaps is not None:
                meant = int(names[gallery.characters.index(perhaps.character)])
                asked.append((perhaps.probability, float(meant == character), number))
        return np.array(asked).reshape(-1, 3), int(np.isin(shown, names).sum())

    def _misplaced(
        self, embedded: Embedded, encoder: Encoder, rng: np.random.Generator
    ) -> tuple[_Questions, int]:
        """The questions about one gallery, and how many references were moved."""
        drawn = self._gallery(embedded, encoder.id, rng)
        if drawn is None:
            return _EMPTY, 0
        gallery, moved = drawn
        fitted = choose_judge(encoder).fitted(gallery)
        odds, _ = misplaced.odds_of_misplaced(gallery, fitted)
        probabilities = 1 / (1 + np.exp(-odds.astype(np.float64)))
        asked = np.flatnonzero(probabilities >= misplaced.LEAST)
        columns = (probabilities[asked], moved[asked].astype(np.float64), asked)
        return np.stack(columns, axis=1), int(moved.sum())

    def _gallery(
        self, embedded: Embedded, encoder: str, rng: np.random.Generator
    ) -> tuple[Gallery, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]] | None:
        """References of some characters, and which of them were moved; None for too few."""
        places = embedded.one_of_each_scene(rng)
        owners = embedded.characters[places]
        enough = np.flatnonzero(np.bincount(owners) >= misplaced.REFERENCES)
        chosen = rng.permutation(enough)[: self.characters]
        if len(chosen) < 2:
            return None
        own = [places[owners == character][: self.references] for character in chosen]
        rows = np.concatenate(own)
        right = np.repeat(np.arange(len(own)), [len(one) for one in own])
        moved = rng.random(len(rows)) < self.moved
        shift = rng.integers(1, len(own), len(rows))
        put = np.where(moved, (right + shift) % len(own), right)
        order = np.argsort(put, kind="stable")
        found, starts = np.unique(put[order], return_index=True)
        names = tuple(f"{number:09}" for number in found.tolist())
        embeddings = embedded.embeddings[rows[order]]
        return Gallery(encoder, names, embeddings, starts, (Path(),) * len(rows)), moved[order]


def _grouped(rows: FloatArray, truth: Indices, encoder: Encoder) -> tuple[list[Indices], Indices]:
    """The groups of a heap, and the character that most figures of each show."""
    spec = encoder.manifest.grouping
    if spec is None or not len(rows):
        return [], np.empty(0, np.intp)
    groups = group_figures(rows, spec.similarity)
    members = [np.flatnonzero(groups == n) for n in range(int(groups.max(initial=ALONE)) + 1)]
    return members, np.array([np.bincount(truth[own]).argmax() for own in members], np.intp)


def _nobody(rows: FloatArray) -> Unnamed:
    """Figures of which nothing was said."""
    count, whole = len(rows), Detection(Box(0, 0, 1, 1), "whole")
    digests, paths = (bytes(32),) * count, (Path(),) * count
    return Unnamed(digests, paths, (whole,) * count, (NOTHING,) * count, rows)


def _most_typical(rows: FloatArray) -> FloatArray:
    return rows[np.argsort(-(rows @ rows.mean(axis=0)), kind="stable")]


def _summed(drawn: Sequence[tuple[_Questions, int]], kind: str) -> dict[str, float | None]:
    """The figures of all draws together."""
    questions = np.concatenate([asked for asked, _ in drawn])
    found = sum(len(np.unique(asked[asked[:, 1] > 0, 2])) for asked, _ in drawn)
    there = sum(count for _, count in drawn)
    asked = bool(len(questions))
    sides = 2 if kind == "merge" else 1  # such a question finds the mistake of two groups
    return {
        f"{kind}_precision": float(questions[:, 1].mean()) if asked else None,
        f"{kind}_recall": found / there if there else None,
        f"{kind}_expected": float(questions[:, 0].mean()) if asked else None,
        f"{kind}_asked": len(questions) / len(drawn) / sides if asked or there else None,
    }
