"""Same or different, for pairs of pictures: all of a source, or the hard ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kyara.evaluate.metrics import ZACI20_FNR, Roc, Vector, bootstrap, roc_of, roc_of_counts
from kyara.evaluate.protocols.contract import (
    CURVE_FPR,
    Curve,
    Measured,
    MetricInfo,
    Outcome,
    estimates,
    no_values,
)
from kyara.evaluate.trials import Embedded, Pairs, hard_pairs_of, pairs_of

__all__ = ["HardPairs", "Verification", "pair_rates"]

Rates = Callable[[Roc], Vector]

_RateOf = tuple[MetricInfo, Callable[[Roc], float]]

_ALL_PAIRS: tuple[_RateOf, ...] = (
    (MetricInfo("eer", "EER", higher_is_better=False), Roc.equal_error_rate),
    (
        MetricInfo("fpr_at_fnr_13.9", "FPR at FNR 13.9 %", higher_is_better=False),
        lambda roc: roc.fpr_at_fnr(ZACI20_FNR),
    ),
    (MetricInfo("tpr_at_fpr_1", "TPR at FPR 1 %"), lambda roc: roc.tpr_at_fpr(0.01)),
    (MetricInfo("tpr_at_fpr_0.1", "TPR at FPR 0.1 %"), lambda roc: roc.tpr_at_fpr(0.001)),
)
_HARD: tuple[_RateOf, ...] = (
    (MetricInfo("hard_eer", "EER of hard pairs", higher_is_better=False), Roc.equal_error_rate),
    (
        MetricInfo("hard_tpr_at_fpr_1", "TPR at FPR 1 % of hard pairs"),
        lambda roc: roc.tpr_at_fpr(0.01),
    ),
)

_BINS = 2048  # per kind of pair, for the bootstrap: a rate is then good to 1 / 2048


@dataclass(frozen=True)
class Verification:
    """Same or different: all pairs within a source.

    Attributes:
        bootstrap: how often the characters are drawn anew for the intervals; 0 for none.
        limit: see `pairs_of`.
    """

    name: ClassVar[str] = "verification"
    bootstrap: int = 200
    limit: int = 10_000_000

    def primary(self, _judge: str) -> str:
        """No judge is asked."""
        return "eer"

    def metrics(self, _judges: Sequence[str]) -> tuple[MetricInfo, ...]:
        """EER, FPR at ZACI-20's FNR, TPR at FPR 1 % and 0.1 %."""
        return tuple(metric for metric, _ in _ALL_PAIRS)

    def run(self, embedded: Embedded, measured: Measured, rng: np.random.Generator) -> Outcome:
        """The metrics, and the curve."""
        pairs = pairs_of(embedded, measured.compare, rng, self.limit)
        return _verified(pairs, _ALL_PAIRS, embedded.character_count, self.bootstrap, rng)


@dataclass(frozen=True)
class HardPairs:
    """Same or different for the pairs that another encoder, the miner, finds hardest: each
    picture with the one of its character that the miner finds least alike, and with the one
    of another character that it finds most alike (as Hermans, Beyer and Leibe 2017 mine
    within a batch, "In Defense of the Triplet Loss for Person Re-Identification").

    The miner must not be the encoder under test, or it would be judged on its own mistakes
    only; there is no value then. Attributes: see `Verification`.
    """

    name: ClassVar[str] = "hard_pairs"
    bootstrap: int = 200

    def primary(self, _judge: str) -> str:
        """No judge is asked."""
        return "hard_eer"

    def metrics(self, _judges: Sequence[str]) -> tuple[MetricInfo, ...]:
        """EER and TPR at FPR 1 %, of as many same pairs as different ones."""
        return tuple(metric for metric, _ in _HARD)

    def run(self, embedded: Embedded, measured: Measured, rng: np.random.Generator) -> Outcome:
        """The metrics, and the curve."""
        if embedded.mined is None:
            return no_values([metric.name for metric, _ in _HARD])
        pairs = hard_pairs_of(embedded, measured.compare, embedded.mined)
        return _verified(pairs, _HARD, embedded.character_count, self.bootstrap, rng)


def pair_rates(pairs: Pairs, rates: Rates, count: int) -> Callable[[Vector], Vector]:
    """From draws of the characters to `count` rates, NaN where there are none.

    Pairs are counted in bins of their scores, so that a draw costs milliseconds however many
    pairs there are.
    """
    shares = np.linspace(0, 1, _BINS)
    kinds = (pairs.scores[pairs.same], pairs.scores[~pairs.same])
    edges = np.unique(np.concatenate([np.quantile(scores, shares) for scores in kinds]))
    bins = np.searchsorted(edges, pairs.scores)
    span = int(max(pairs.first.max(), pairs.second.max())) + 1
    key = (bins * span + pairs.first) * span + pairs.second
    cells, counts = np.unique(key, return_counts=True)
    bin_of, first, second = cells // span**2, cells // span % span, cells % span
    same, size = first == second, len(edges) + 1
    slots = np.where(same, size, 0) + bin_of

    def statistic(draws: Vector) -> Vector:
        # A character that was drawn twice counts as two characters, each pairing with itself.
        weights = counts * np.where(same, draws[first], draws[first] * draws[second])
        counted = np.asarray(np.bincount(slots, weights, 2 * size), dtype=np.float64)
        roc = roc_of_counts(counted[size:], counted[:size])
        return np.full(count, np.nan) if roc is None else rates(roc)

    return statistic


def _verified(
    pairs: Pairs, rates: Sequence[_RateOf], characters: int, samples: int, rng: np.random.Generator
) -> Outcome:
    names = [metric.name for metric, _ in rates]
    if not pairs.both_kinds:
        return no_values(names)

    def values(roc: Roc) -> Vector:
        return np.array([rate(roc) for _, rate in rates])

    roc = roc_of(pairs.scores, pairs.same)
    replicates = bootstrap(pair_rates(pairs, values, len(names)), characters, samples, rng)
    curve = Curve("det", tuple(1.0 - roc.tpr_at_fpr(rate) for rate in CURVE_FPR))
    return Outcome(estimates(names, values(roc), replicates), {"det": curve})
