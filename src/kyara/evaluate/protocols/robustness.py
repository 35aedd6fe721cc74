"""What is lost where one of two pictures was altered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kyara.evaluate.alterations import ALTERATIONS
from kyara.evaluate.metrics import Roc, Vector, bootstrap, roc_of
from kyara.evaluate.protocols.contract import (
    Measured,
    MetricInfo,
    Outcome,
    estimates,
    names_of,
    no_values,
)
from kyara.evaluate.protocols.verification import pair_rates
from kyara.evaluate.trials import Compare, Embedded, Indices, Pairs
from kyara.types import FloatArray

__all__ = ["Robustness"]


@dataclass(frozen=True)
class Robustness:
    """Verification of altered pictures against all others as they are.

    The pictures are some of each source (see `kyara.evaluate.embed.choose_altered`). How much
    higher the error is than that of the same pictures unaltered says more than the error.

    Attributes:
        bootstrap: how often the characters are drawn anew for the intervals, 0 for none; an
            error and the one that it is compared with meet the same draws.
    """

    name: ClassVar[str] = "robustness"
    bootstrap: int = 200

    def primary(self, _judge: str) -> str:
        """No judge is asked."""
        return "rise_worst"

    def metrics(self, _judges: Sequence[str]) -> tuple[MetricInfo, ...]:
        """EER clean and altered, by how much each rises, and the largest rise."""
        words = {name: name.replace("_", " ") for name in ("clean", *ALTERATIONS)}
        titles = {
            **{f"eer_{name}": f"EER, {word}" for name, word in words.items()},
            **{f"rise_{name}": f"rise of the EER, {words[name]}" for name in ALTERATIONS},
            "rise_worst": "largest rise of the EER",
        }
        return tuple(MetricInfo(n, title, higher_is_better=False) for n, title in titles.items())

    def run(self, embedded: Embedded, measured: Measured, rng: np.random.Generator) -> Outcome:
        """The metrics."""
        names, compare = names_of(self.metrics(())), measured.compare
        altered = embedded.altered
        if altered is None or not len(altered.pictures):
            return no_values(names)
        clean = embedded.embeddings[altered.pictures]
        sides = [clean, *(altered.embeddings[name] for name in ALTERATIONS)]
        trials = [_pairs(side, altered.pictures, embedded, compare) for side in sides]
        if not trials[0].both_kinds:
            return no_values(names)
        rates = [pair_rates(pairs, _eer, 1) for pairs in trials]
        replicates = bootstrap(
            lambda draws: _with_rises(np.concatenate([rate(draws) for rate in rates])),
            embedded.character_count,
            self.bootstrap,
            rng,
        )
        errors = [roc_of(pairs.scores, pairs.same).equal_error_rate() for pairs in trials]
        return Outcome(estimates(names, _with_rises(np.array(errors)), replicates))


def _pairs(side: FloatArray, pictures: Indices, embedded: Embedded, compare: Compare) -> Pairs:
    """Embeddings (r, d) of the given pictures against all pictures of other scenes."""
    scores = compare(side, embedded.embeddings)
    apart = embedded.scenes[pictures, None] != embedded.scenes[None]
    rows, columns = np.nonzero(apart)
    first, second = embedded.characters[pictures[rows]], embedded.characters[columns]
    return Pairs(scores[apart], first == second, first, second)


def _eer(roc: Roc) -> Vector:
    return np.array([roc.equal_error_rate()])


def _with_rises(errors: Vector) -> Vector:
    """Errors, the first one clean, then by how much the others rise, then the most."""
    rises = errors[1:] - errors[0]
    return np.concatenate([errors, rises, [rises.max()]])
