"""Inboxes, as users have them: what comes of the default, and of a rate that was asked for.

The judge is the one that users get, fitted to each inbox, and beside it the same judge without
that (`--no-adapt`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.evaluate.inboxes import (
    Inbox,
    InboxShape,
    SpecOf,
    draw_inboxes,
    plugins_own,
    rule_for,
)
from kyara.evaluate.protocols.contract import (
    Estimate,
    Measured,
    MetricInfo,
    Outcome,
    names_of,
    no_values,
)
from kyara.evaluate.protocols.judged import FIGURES, Judged, estimates_of, judged
from kyara.evaluate.trials import Embedded
from kyara.identify.judge import RATES
from kyara.manifest import AdaptedSpec

__all__ = ["SHAPES", "Inboxes"]

SHAPES = (
    InboxShape(),
    InboxShape(pictures=1),
    InboxShape(pictures=1, references=1),
    InboxShape(pictures=10),
    InboxShape(pictures=50),
    InboxShape(pictures=100),
    InboxShape(strangers=0.1),
    InboxShape(strangers=0.9),
    InboxShape(references=1),
    InboxShape(references=3),
    InboxShape(references=10),
    InboxShape(characters=2),
    InboxShape(pictures=500, characters=100),
)
"""One as most are, and what differs from it in one thing."""

_ENOUGH = 100
"""Pictures in an inbox; of smaller ones several are drawn for one."""
_MOST_DRAWS = 16
_HOW = {"adapted": True, "as_is": False}
_ASKED = {f"strangers_named_at_{round(100 * r)}": r for r in RATES}


@dataclass(frozen=True)
class Inboxes:
    """Random inboxes of several shapes, judged as `kyara sort` judges them.

    Measured are, for each shape, adapted and as the model is: the figures of
    `OpenSetIdentification`; how far off probabilities are (the expected calibration error, in ten
    bins); and of the strangers those with a name where 1, 5 or 10 % were asked for.

    Attributes:
        shapes: of the inboxes; the first stands in the tables.
        draws: inboxes of each shape and source; of few pictures more.
        bootstrap: samples for the intervals; the pictures' characters are drawn.
        spec_of: what scores mean, where the plugin's own was fitted to what is measured on.
    """

    name: ClassVar[str] = "inboxes"
    shapes: tuple[InboxShape, ...] = SHAPES
    draws: int = 8
    bootstrap: int = 200
    spec_of: SpecOf = plugins_own

    def primary(self, judge: str) -> str:  # noqa: ARG002
        """DIR at 5 % FPIR of the first shape."""
        return f"dir_at_fpir_5_{self.shapes[0].key}_adapted"

    def metrics(self, judges: Sequence[str]) -> tuple[MetricInfo, ...]:  # noqa: ARG002
        """Every figure for each shape, adapted and not; whatever judges are measured beside."""
        return tuple(m for shape in self.shapes for how in _HOW for m in self._of(shape, how))

    def run(self, embedded: Embedded, measured: Measured, rng: np.random.Generator) -> Outcome:
        """The metrics."""
        seed = int(rng.integers(2**62))
        spec = self.spec_of(embedded)
        metrics: dict[str, Estimate] = {}
        for number, shape in enumerate(self.shapes):
            again = np.random.default_rng((seed, number))
            inboxes = list(
                draw_inboxes(
                    embedded,
                    shape,
                    self.draws * min(_MOST_DRAWS, max(1, _ENOUGH // shape.pictures)),
                    measured.encoder.id,
                    again,
                    measured.strangers,
                )
            )
            for how, adapt in _HOW.items():
                names = names_of(self._of(shape, how))
                if not inboxes:
                    metrics |= no_values(names).metrics
                    continue
                found = Judged.together(
                    [_judged(inbox, measured.encoder, spec, adapt) for inbox in inboxes]
                )
                metrics |= estimates_of(names, found, self.bootstrap, rng)
        return Outcome(metrics)

    def _of(self, shape: InboxShape, how: str) -> list[MetricInfo]:
        which = f"{shape.title}, {how.replace('_', ' ')}"
        shown = shape == self.shapes[0]
        titles = dict(FIGURES)
        for key, rate in _ASKED.items():
            titles[key] = (f"strangers named, {round(100 * rate)} % asked", False)
        return [
            MetricInfo(f"{key}_{shape.key}_{how}", f"{title}, {which}", higher, in_tables=shown)
            for key, (title, higher) in titles.items()
        ]


def _judged(inbox: Inbox, encoder: Encoder, spec: AdaptedSpec | None, adapt: bool) -> Judged:
    rule = rule_for(encoder, spec, adapt=adapt).fitted(inbox.gallery, inbox.pictures)
    found = judged(inbox, rule)
    named = np.full((len(found.scores), len(RATES)), np.nan)
    if rule.judge.threshold(RATES[0]) is not None:
        top = found.scores + (rule.threshold or 0.0)
        for column, rate in enumerate(RATES):
            asked = rule_for(encoder, spec, adapt=adapt, at_fpir=rate)
            least = asked.fitted(inbox.gallery, inbox.pictures).threshold
            named[:, column] = top >= (0.0 if least is None else least)
    return replace(found, named=named)
