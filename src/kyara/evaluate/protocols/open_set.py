"""Open-set identification: who is it, and is it anybody at all?

Whole characters are held out: half of a source's characters have references, the others are
strangers. DIR and FPIR are those of ISO/IEC 19795-1; how they belong together is shown by
Phillips, Grother and Micheals (2011), "Evaluation methods in face recognition".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kyara.evaluate.metrics import Mask, Vector, bootstrap
from kyara.evaluate.protocols.contract import (
    Estimate,
    Measured,
    MetricInfo,
    Outcome,
    estimates,
    names_of,
    no_values,
)
from kyara.evaluate.trials import Embedded, EnrolmentDraw, Identified, draw_enrolment, identified
from kyara.identify.judge import RATES
from kyara.types import FloatArray

__all__ = [
    "AS_IT_RUNS",
    "AT_BEST",
    "COUNTS",
    "OpenSetIdentification",
    "at_threshold",
    "draw_open_set",
    "figures",
]

COUNTS = (1, 3, 5, 10)

AT_BEST = {
    **{f"dir_at_fpir_{round(100 * r)}": f"DIR at FPIR {round(100 * r)} %" for r in RATES},
    "auroc": "AUROC",
    "top1": "top-1",
}
AS_IT_RUNS = {
    "right": ("right names", True),
    "wrong": ("wrong names", False),
    "unknown": ("known but `unknown`", False),
    "strangers_named": ("strangers named", False),
}


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


@dataclass(frozen=True)
class OpenSetIdentification:
    """The best character's score decides whether a probe is known at all.

    Measured are, for each number of references and each judge:

    - DIR, the share of the known probes that get their own name when a share FPIR of the
      strangers gets one; AUROC of known against strangers; and top-1 of the known probes alone.
      The threshold is chosen on the same probes, per source, for every judge alike.
    - at the threshold that the judge has by default: of the known probes those with the right
      name, a wrong one, or none; of the strangers those with a name. No value for a judge
      without a threshold.

    Attributes:
        counts: the numbers of references.
        draws: random choices of characters and references.
        bootstrap: samples for the intervals; the probes' characters are drawn.
    """

    name: ClassVar[str] = "open_set"
    counts: tuple[int, ...] = COUNTS
    draws: int = 5
    bootstrap: int = 200

    def primary(self, judge: str) -> str:
        """DIR at 5 % FPIR with a few references."""
        return f"dir_at_fpir_5_{self.middle}_{judge}"

    @property
    def middle(self) -> int:
        """The n that stands in the tables."""
        return sorted(self.counts)[len(self.counts) // 2]

    def metrics(self, judges: Sequence[str]) -> tuple[MetricInfo, ...]:
        """Every figure for each number of references and judge."""
        return tuple(
            metric for n in self.counts for judge in judges for metric in self._figures_of(n, judge)
        )

    def run(self, embedded: Embedded, measured: Measured, rng: np.random.Generator) -> Outcome:
        """The metrics."""
        embedded = _with_strangers(embedded, measured.strangers)
        seed = int(rng.integers(2**62))
        metrics: dict[str, Estimate] = {}
        for n in self.counts:
            again = np.random.default_rng((seed, n))  # the same choices, whatever is counted
            draws = [
                identified(embedded, draw, measured.judges, measured.encoder.id)
                for draw in draw_open_set(embedded, n, self.draws, again)
            ]
            for judge in measured.judges:
                names = names_of(self._figures_of(n, judge.name))
                if not draws:
                    metrics |= no_values(names).metrics
                    continue
                found = Identified.together([draw[judge.name] for draw in draws])
                metrics |= _estimates(names, found, judge.threshold(), self.bootstrap, rng)
        return Outcome(metrics)

    def _figures_of(self, n: int, judge: str) -> tuple[MetricInfo, ...]:
        which = f"{n} {'reference' if n == 1 else 'references'}, {judge}"
        shown = n == self.middle
        at_best = [
            MetricInfo(f"{key}_{n}_{judge}", f"{title}, {which}", in_tables=shown)
            for key, title in AT_BEST.items()
        ]
        as_it_runs = [
            MetricInfo(f"{key}_{n}_{judge}", f"{title}, {which}", higher, in_tables=shown)
            for key, (title, higher) in AS_IT_RUNS.items()
        ]
        return (*at_best, *as_it_runs)


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
    names: Sequence[str],
    found: Identified,
    threshold: float | None,
    samples: int,
    rng: np.random.Generator,
) -> dict[str, Estimate]:
    # Strictest first; where scores tie, strangers come first, so that a tie favours nobody.
    order = np.lexsort((found.known, -found.scores))
    known, right = found.known[order], found.right[order]
    named = None if threshold is None else found.scores[order] >= threshold
    _, owners = np.unique(found.owners[order], return_inverse=True)

    def statistic(draws: Vector) -> Vector:
        weights = draws[owners]
        return np.concatenate(
            [figures(known, right, weights), at_threshold(known, right, named, weights)]
        )

    clusters = int(owners.max()) + 1
    replicates = bootstrap(statistic, clusters, samples, rng)
    return estimates(names, statistic(np.ones(clusters)), replicates)


def figures(known: Mask, right: Mask, weights: Vector) -> Vector:
    """The figures of probes in the order of falling scores, each counting `weights`."""
    of_known, of_strangers = weights * known, weights * ~known
    if not of_known.any() or not of_strangers.any():
        return np.full(len(AT_BEST), np.nan)
    accepted = np.cumsum(of_strangers) / of_strangers.sum()
    correct = np.concatenate([[0.0], np.cumsum(of_known * right) / of_known.sum()])
    at = np.searchsorted(accepted, np.array(RATES) + 1e-9, side="right")
    auroc = float(of_known @ (1.0 - accepted)) / of_known.sum()
    return np.array([*correct[at], auroc, correct[-1]])


def at_threshold(known: Mask, right: Mask, named: Mask | None, weights: Vector) -> Vector:
    """Of the known the shares with the right name, a wrong one, and none; of the strangers
    those with a name."""
    of_known, of_strangers = float(weights @ known), float(weights @ ~known)
    if named is None or of_known == 0.0 or of_strangers == 0.0:
        return np.full(len(AS_IT_RUNS), np.nan)
    of_all = [named & right, known & named & ~right, known & ~named, named & ~known]
    totals = [of_known, of_known, of_known, of_strangers]
    return np.array([weights @ part / total for part, total in zip(of_all, totals, strict=True)])
