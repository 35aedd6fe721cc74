"""What a library learns from what it is told: the same pictures judged before and after.

One half of each inbox is spoken of, the other is only judged. All of them lie in the library, so
what they show of their look is known at every stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.evaluate.inboxes import (
    NOBODY,
    Inbox,
    InboxShape,
    SpecOf,
    draw_inboxes,
    plugins_own,
    rule_for,
)
from kyara.evaluate.metrics import Mask
from kyara.evaluate.protocols.contract import (
    Estimate,
    Measured,
    MetricInfo,
    Outcome,
    names_of,
    no_values,
)
from kyara.evaluate.protocols.judged import FIGURES, Judged, estimates_of, judged
from kyara.evaluate.trials import Embedded, Indices
from kyara.identify.gallery import Gallery
from kyara.identify.judge import Rule
from kyara.library.referred import Rejected
from kyara.manifest import AdaptedSpec

__all__ = ["Learning"]


SHAPE = InboxShape(pictures=400, references=3)


@dataclass(frozen=True)
class _Told:
    """What was said of pictures of an inbox.

    Attributes:
        confirmed: the numbers of those of which it was said whom they show.
        rejected: the numbers of those that do not show the character that they were taken for.
    """

    confirmed: Indices
    rejected: Indices


@dataclass(frozen=True)
class Learning:
    """A library before and after it was told something.

    It is told whom `confirmed` pictures of each character show, as far as the half that is spoken
    of has so many; or it is corrected where it errs: `corrections` pictures, drawn from those
    that have a wrong name or none, get the right one, or it is said that they do not show whom
    they were taken for; or only the latter, all of it.

    Attributes:
        shape: of the inboxes.
        confirmed: pictures of each character, in a stage for each number.
        corrections: in all.
        draws: inboxes of each source.
        bootstrap: samples for the intervals; the pictures' characters are drawn.
        spec_of: what scores mean, where the plugin's own was fitted to what is measured on.
    """

    name: ClassVar[str] = "learning"
    shape: InboxShape = SHAPE
    confirmed: tuple[int, ...] = (1, 3, 10)
    corrections: int = 20
    draws: int = 8
    bootstrap: int = 200
    spec_of: SpecOf = plugins_own

    def primary(self, judge: str) -> str:  # noqa: ARG002
        """DIR at 5 % FPIR after the corrections."""
        return f"dir_at_fpir_5_{_corrected(self.corrections)}"

    def metrics(self, judges: Sequence[str]) -> tuple[MetricInfo, ...]:  # noqa: ARG002
        """Every figure at each stage, whatever judges are measured beside."""
        return tuple(metric for stage in self.stages for metric in self._of(stage))

    def run(self, embedded: Embedded, measured: Measured, rng: np.random.Generator) -> Outcome:
        """The metrics."""
        spec = self.spec_of(embedded)
        inboxes = draw_inboxes(
            embedded, self.shape, self.draws, measured.encoder.id, rng, measured.strangers
        )
        found: dict[str, list[Judged]] = {stage: [] for stage in self.stages}
        for inbox in inboxes:
            for stage, one in self._judged(inbox, measured.encoder, spec, rng).items():
                found[stage].append(one)
        metrics: dict[str, Estimate] = {}
        for stage, parts in found.items():
            names = names_of(self._of(stage))
            if not parts:
                metrics |= no_values(names).metrics
                continue
            metrics |= estimates_of(names, Judged.together(parts), self.bootstrap, rng)
        return Outcome(metrics)

    @property
    def stages(self) -> dict[str, str]:
        """What is said at each, for people, by key."""
        titles = {"before": "before"}
        for count in self.confirmed:
            which = "picture" if count == 1 else "pictures"
            titles[_confirmed(count)] = f"{count} {which} of each character confirmed"
        titles[_corrected(self.corrections)] = f"{self.corrections} corrections"
        titles["rejected"] = "all wrong names rejected"
        return titles

    def _of(self, stage: str) -> list[MetricInfo]:
        return [
            MetricInfo(f"{key}_{stage}", f"{title}, {self.stages[stage]}", higher)
            for key, (title, higher) in FIGURES.items()
        ]

    def _judged(
        self,
        inbox: Inbox,
        encoder: Encoder,
        spec: AdaptedSpec | None,
        rng: np.random.Generator,
    ) -> dict[str, Judged]:
        half = _half(inbox, rng)
        told_of, asked = np.flatnonzero(half), inbox.only(~half)
        order = rng.permutation(told_of)
        rule = rule_for(encoder, spec)
        answers = _answers(inbox, rule)
        stages = {"before": _Told(_NONE, _NONE)}
        for count in self.confirmed:
            stages[_confirmed(count)] = _Told(_first_of_each(inbox, order, count), _NONE)
        errors = order[(answers != inbox.own)[order]][: self.corrections]
        known = inbox.known[errors]
        stages[_corrected(self.corrections)] = _Told(errors[known], errors[~known])
        named = (answers != NOBODY) & (answers != inbox.own)
        stages["rejected"] = _Told(_NONE, order[named[order]])
        found = {}
        for stage, told in stages.items():
            after, gallery = _after(inbox, told, answers, rule)
            found[stage] = judged(replace(asked, gallery=gallery), after)
        return found


_NONE = np.zeros(0, dtype=np.intp)


def _confirmed(count: int) -> str:
    return f"confirmed_{count}"


def _corrected(count: int) -> str:
    return f"corrected_{count}"


def _half(inbox: Inbox, rng: np.random.Generator) -> Mask:
    """The pictures that are spoken of, (p,): half of the scenes, so that no picture is judged
    by another that was cut from the same."""
    scenes, places = np.unique(inbox.scenes, return_inverse=True)
    return np.asarray((rng.permutation(len(scenes)) < len(scenes) / 2)[places])


def _first_of_each(inbox: Inbox, order: Indices, count: int) -> Indices:
    """Of the pictures of known characters, in that order, so many of each."""
    known = order[inbox.known[order]]
    sorted_ = known[np.argsort(inbox.own[known], kind="stable")]
    owners = inbox.own[sorted_]
    place = np.arange(len(sorted_)) - np.searchsorted(owners, owners)
    return np.asarray(sorted_[place < count])


def _answers(inbox: Inbox, rule: Rule) -> Indices:
    """Who each picture is taken for (p,), or `NOBODY`."""
    fitted = rule.fitted(inbox.gallery, inbox.pictures)
    scores = fitted.judge.scores(inbox.pictures, inbox.gallery)
    named = scores.max(axis=1) >= (-np.inf if fitted.threshold is None else fitted.threshold)
    return np.where(named, scores.argmax(axis=1), NOBODY)


def _after(inbox: Inbox, told: _Told, answers: Indices, rule: Rule) -> tuple[Rule, Gallery]:
    """The rule, and the references, once that was said."""
    gallery, confirmed = inbox.gallery, told.confirmed
    names = gallery.characters
    references = [
        *zip((names[n] for n in gallery.owners), gallery.paths, gallery.embeddings, strict=True),
        *((names[inbox.own[n]], _NOWHERE, inbox.pictures[n]) for n in confirmed),
    ]
    larger = Gallery.build(gallery.encoder, references)
    others = np.delete(inbox.pictures, confirmed, axis=0)
    rejected = Rejected(
        tuple(names[n] for n in answers[told.rejected]), inbox.pictures[told.rejected]
    )
    return rule.fitted(larger, others, rejected), larger


_NOWHERE = Path()
