"""Open-set identification: who is it, and is it anybody at all?

Whole characters are held out: half of a source's characters have references, the others are
strangers. DIR and FPIR are those of ISO/IEC 19795-1; how they belong together is shown by
Phillips, Grother and Micheals (2011), "Evaluation methods in face recognition".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kyara.evaluate.metrics import Mask, Vector, bootstrap
from kyara.evaluate.protocols import Estimate, Outcome
from kyara.evaluate.trials import Compare, Embedded, EnrolmentDraw, Indices, draw_enrolment
from kyara.identify.judge import RATES
from kyara.identify.plda import PldaModel
from kyara.types import Aggregation, FloatArray

__all__ = ["COUNTS", "OpenSetIdentification", "OpenSetTrials", "draw_open_set", "plda_scores"]

COUNTS = (1, 3, 5, 10)
PLDA = "plda"

_FIGURES = (*(f"dir_at_fpir_{round(100 * rate)}" for rate in RATES), "auroc", "top1")


@dataclass(frozen=True)
class OpenSetTrials:
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
    def of(cls, scores: FloatArray, own: Mask, owners: Indices) -> OpenSetTrials:
        """From scores (p, c) and which are the probe's own character."""
        best = np.argmax(scores, axis=1)
        rows = np.arange(len(scores))
        return cls(scores[rows, best], own[rows, best], np.asarray(own.any(axis=1)), owners)

    @classmethod
    def together(cls, parts: list[OpenSetTrials]) -> OpenSetTrials:
        """Several draws as one."""
        return cls(
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.right for part in parts]),
            np.concatenate([part.known for part in parts]),
            np.concatenate([part.owners for part in parts]),
        )


def draw_open_set(
    embedded: Embedded, n: int, draws: int, rng: np.random.Generator
) -> Iterator[EnrolmentDraw]:
    """Enrolments of n references of half of the characters that have more than n pictures.

    None where there are fewer than four such characters.
    """
    pictures = np.bincount(embedded.characters)
    eligible = np.flatnonzero(pictures > n)
    if len(eligible) < 4:
        return
    for _ in range(draws):
        counts = np.zeros(len(pictures), dtype=np.intp)
        counts[rng.permutation(eligible)[: len(eligible) // 2]] = n
        yield draw_enrolment(embedded, counts, rng)


def plda_scores(
    embedded: Embedded, draw: EnrolmentDraw, plda: PldaModel
) -> tuple[FloatArray, Mask]:
    """As `EnrolmentDraw.scores`, by a back-end."""
    counts = np.diff(draw.starts, append=len(draw.references))
    references = embedded.embeddings[draw.references]
    sums = np.add.reduceat(references, draw.starts, axis=0)
    means = np.asarray(sums / counts[:, None], dtype=np.float32)
    own = embedded.characters[draw.probes, None] == draw.enrolled[None]
    return plda.scores(embedded.embeddings[draw.probes], means, counts), own


@dataclass(frozen=True, eq=False)
class OpenSetIdentification:
    """The best character's score decides whether a probe is known at all.

    Measured are, for each number of references and each way to score: DIR, the share of the
    known probes that get their own name when a share FPIR of the strangers gets one; AUROC of
    known against strangers; and top-1 of the known probes alone. The threshold is chosen on
    the same probes, per source, for every way alike.

    Attributes:
        plda: a back-end to measure beside the plain thresholds; fitted on other characters.
        strangers: embeddings (m, d) of further characters that nobody enrols.
        counts: the numbers of references.
        draws: random choices of characters and references.
        bootstrap: samples for the intervals; the probes' characters are drawn.
    """

    name: ClassVar[str] = "open_set"
    plda: PldaModel | None = None
    strangers: FloatArray | None = None
    counts: tuple[int, ...] = COUNTS
    draws: int = 5
    bootstrap: int = 200

    @property
    def primary(self) -> str:
        """DIR at 5 % FPIR with a few references."""
        middle = sorted(self.counts)[len(self.counts) // 2]
        return f"dir_at_fpir_5_{middle}_{PLDA if self.plda else Aggregation.ANY.value}"

    def run(self, embedded: Embedded, compare: Compare, rng: np.random.Generator) -> Outcome:
        """Every figure for each number of references and way to score."""
        embedded = _with_strangers(embedded, self.strangers)
        seed = int(rng.integers(2**62))
        metrics: dict[str, Estimate] = {}
        for n in self.counts:
            again = np.random.default_rng((seed, n))  # the same choices, whatever is counted
            trials = self._trials(embedded, compare, n, again)
            for way, parts in trials.items():
                metrics |= _estimates(f"{n}_{way}", parts, self.bootstrap, rng)
        return Outcome(metrics)

    def _trials(
        self, embedded: Embedded, compare: Compare, n: int, rng: np.random.Generator
    ) -> Mapping[str, list[OpenSetTrials]]:
        ways: dict[str, list[OpenSetTrials]] = {how.value: [] for how in Aggregation}
        if self.plda is not None:
            ways[PLDA] = []
        for draw in draw_open_set(embedded, n, self.draws, rng):
            owners = embedded.characters[draw.probes]
            for how in Aggregation:
                scores = draw.scores(embedded, compare, how)
                ways[how.value].append(OpenSetTrials.of(*scores, owners))
            if self.plda is not None:
                scores = plda_scores(embedded, draw, self.plda)
                ways[PLDA].append(OpenSetTrials.of(*scores, owners))
        return ways


def _with_strangers(embedded: Embedded, strangers: FloatArray | None) -> Embedded:
    # Where nobody can be enrolled, strangers would be all that there is.
    if strangers is None or not len(embedded.with_more_than(1)):
        return embedded
    numbers = np.arange(len(strangers))
    return Embedded(
        np.concatenate([embedded.embeddings, strangers]),
        np.concatenate([embedded.characters, embedded.character_count + numbers]),
        np.concatenate([embedded.scenes, embedded.scenes.max() + 1 + numbers]),
    )


def _estimates(
    suffix: str, parts: list[OpenSetTrials], samples: int, rng: np.random.Generator
) -> dict[str, Estimate]:
    names = [f"{figure}_{suffix}" for figure in _FIGURES]
    if not parts:
        return {name: Estimate(None) for name in names}
    trials = OpenSetTrials.together(parts)
    # Strictest first; where scores tie, strangers come first, so that a tie favours nobody.
    order = np.lexsort((trials.known, -trials.scores))
    known, right = trials.known[order], trials.right[order]
    _, owners = np.unique(trials.owners[order], return_inverse=True)

    def statistic(draws: Vector) -> Vector:
        return _figures(known, right, draws[owners])

    clusters = int(owners.max()) + 1
    values = statistic(np.ones(clusters))
    replicates = bootstrap(statistic, clusters, samples, rng)
    columns = replicates.T if replicates.size else [None] * len(names)
    return {
        name: Estimate(None if np.isnan(value) else float(value), column)
        for name, value, column in zip(names, values, columns, strict=True)
    }


def _figures(known: Mask, right: Mask, weights: Vector) -> Vector:
    """The figures of probes in the order of falling scores, each counting `weights`."""
    of_known, of_strangers = weights * known, weights * ~known
    if not of_known.any() or not of_strangers.any():
        return np.full(len(_FIGURES), np.nan)
    accepted = np.cumsum(of_strangers) / of_strangers.sum()
    identified = np.concatenate([[0.0], np.cumsum(of_known * right) / of_known.sum()])
    at = np.searchsorted(accepted, np.array(RATES) + 1e-9, side="right")
    auroc = float(of_known @ (1.0 - accepted)) / of_known.sum()
    return np.array([*identified[at], auroc, identified[-1]])
