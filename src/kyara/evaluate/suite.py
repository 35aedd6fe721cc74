"""From encoders and a labelled data set to a report: the one path, in two steps."""

from __future__ import annotations

import datetime
import zlib
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.errors import DataError, UsageError
from kyara.evaluate.dataset import Dataset
from kyara.evaluate.embed import (
    EmbeddedDataset,
    altered_count,
    embed_altered,
    embed_dataset,
    mine,
)
from kyara.evaluate.metrics import interval
from kyara.evaluate.open_set_fit import strangers_of
from kyara.evaluate.protocols import (
    AXES,
    Curve,
    Estimate,
    EvaluationProtocol,
    Measured,
    Outcome,
    standard_protocols,
)
from kyara.evaluate.reliability import Reliability, cross_fitted
from kyara.evaluate.report import DataSummary, EncoderResult, Metric, Report, SourceSummary
from kyara.identify.default import JUDGES, default_judge, judge_named
from kyara.identify.judge import Any, Avg, Judge
from kyara.types import Progress, silent

__all__ = ["Seen", "check_judges", "judges_for", "measure", "see"]

Seen: TypeAlias = list[tuple[Encoder, EmbeddedDataset]]
"""A data set as each encoder sees it."""

_ALWAYS = (Any.name, Avg.name)
"""The judges that every encoder has: by them all can be compared."""


def see(
    encoders: Sequence[Encoder],
    dataset: Dataset,
    protocols: Sequence[EvaluationProtocol] | None = None,
    *,
    miner: Encoder | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Seen:
    """Embed a data set with each encoder, with as much beside as the protocols need.

    Args:
        protocols: by default `standard_protocols()`.
        miner: the encoder that names the hard pairs; without one there are none.

    Raises:
        DataError: nothing can be measured on this data set.
        PluginError: an encoder fails.
    """
    protocols = standard_protocols() if protocols is None else protocols
    names = {protocol.name for protocol in protocols}
    seen = []
    for encoder in encoders:
        with progress(encoder.name, len(dataset.pictures)) as tick:
            data = embed_dataset(encoder, dataset, on_done=tick)
        if "robustness" in names:
            with progress(f"{encoder.name}, altered", altered_count(data)) as tick:
                data = embed_altered(encoder, data, seed=seed, on_done=tick)
        seen.append((encoder, data))
    if miner is None or "hard_pairs" not in names:
        return seen
    with progress(f"{miner.name}, for hard pairs", len(dataset.pictures)) as tick:
        return mine(seen, miner, dataset, on_done=tick)


def measure(
    seen: Seen,
    dataset: Dataset,
    protocols: Sequence[EvaluationProtocol] | None = None,
    *,
    judges: Sequence[str] = (),
    labels: Sequence[str] = (),
    name: str = "",
    seed: int = 0,
) -> Report:
    """Measure what `see` returned by each protocol.

    Args:
        protocols: by default `standard_protocols()`.
        judges: names; see `judges_for`.
        labels: what the report calls what was seen, no two alike; by default the encoders' names.
        name: what the report calls the data set.
        seed: of all chance; encoders meet the same draws.

    Raises:
        PluginError: an encoder, or its judge, fails.
    """
    protocols = standard_protocols() if protocols is None else protocols
    encoders = [encoder for encoder, _ in seen]
    measured = [
        Measured(encoder, judges_for(encoder, judges), strangers_of(data.sources))
        for encoder, data in seen
    ]
    asked = {judge.name for one in measured for judge in one.judges}
    names = [judge for judge in JUDGES if judge in asked]
    headline = _headline(encoders, judges)
    return Report(
        date=datetime.date.today().isoformat(),
        data=_summary(dataset, name),
        primary={protocol.name: protocol.primary(headline) for protocol in protocols},
        metrics={protocol.name: protocol.metrics(names) for protocol in protocols},
        axes=dict(AXES),
        encoders=tuple(
            _measure_one(label, one, data, protocols, seed)
            for label, one, (_, data) in zip(
                labels or _labels(encoders), measured, seen, strict=True
            )
        ),
    )


def judges_for(encoder: Encoder, names: Sequence[str] = ()) -> tuple[Judge, ...]:
    """The judges to measure, in the order of reports: `any` and `avg`, which every encoder has,
    and those of the names that this one has; without names, the one that users get."""
    asked = {*_ALWAYS, *(names or [default_judge(encoder).name])}
    made = [make(encoder) for name, make in JUDGES.items() if name in asked]
    return tuple(judge for judge in made if judge is not None)


def check_judges(encoders: Sequence[Encoder], names: Sequence[str]) -> None:
    """Refuse, before anything is embedded, a judge that none of the encoders has.

    Raises:
        UsageError: there is none of a name, or no encoder has what it needs.
        PluginError: an encoder's judge cannot be read.
    """
    for name in names:
        refused = []
        for encoder in encoders:
            try:
                judge_named(encoder, name)
            except UsageError as error:
                refused.append(error)
        if len(refused) == len(encoders) and refused:
            raise refused[0]
    for encoder in encoders:
        judges_for(encoder, names)


def _headline(encoders: Sequence[Encoder], names: Sequence[str]) -> str:
    """The judge whose metric stands for a protocol: what was asked for, or what users get;
    where they get different ones, the one that all encoders have."""
    first = set(names[:1]) or {default_judge(encoder).name for encoder in encoders}
    return first.pop() if len(first) == 1 else Any.name


def _measure_one(
    label: str,
    measured: Measured,
    data: EmbeddedDataset,
    protocols: Sequence[EvaluationProtocol],
    seed: int,
) -> EncoderResult:
    encoder = measured.encoder
    sources: dict[str, dict[str, dict[str, Metric]]] = {source: {} for source in data.sources}
    mean: dict[str, dict[str, Metric]] = {}
    curves: dict[str, dict[str, dict[str, Curve]]] = {}
    for protocol in protocols:
        outcomes = {
            source: protocol.run(embedded, measured, _generator(seed, source, protocol.name))
            for source, embedded in data.sources.items()
        }
        for source, outcome in outcomes.items():
            sources[source][protocol.name] = {
                name: _metric(estimate) for name, estimate in outcome.metrics.items()
            }
            if outcome.curves:
                curves.setdefault(protocol.name, {})[source] = dict(outcome.curves)
        mean[protocol.name] = _means(list(outcomes.values()))
    return EncoderResult(
        label,
        encoder.id,
        encoder.input.size,
        encoder.dimension,
        sources,
        mean,
        curves,
        data.skipped,
        _reliability(encoder, data, seed),
    )


def _reliability(encoder: Encoder, data: EmbeddedDataset, seed: int) -> dict[str, Reliability]:
    try:
        return cross_fitted(data.sources, encoder, seed=seed)
    except DataError:  # half of the characters are too few, or the scores tell nothing
        return {}


def _generator(seed: int, source: str, protocol: str) -> np.random.Generator:
    # By name: a source's numbers do not hang on which others are measured beside it.
    return np.random.default_rng((seed, zlib.crc32(source.encode()), zlib.crc32(protocol.encode())))


def _means(outcomes: list[Outcome]) -> dict[str, Metric]:
    """The mean over sources, each counting once however large it is; its interval has the
    sources' characters drawn anew independently."""
    names = dict.fromkeys(name for outcome in outcomes for name in outcome.metrics)
    means = {}
    for name in names:
        known = [o.metrics[name] for o in outcomes if o.metrics[name].value is not None]
        values = [estimate.value for estimate in known if estimate.value is not None]
        replicates = [e.replicates for e in known if e.replicates is not None]
        both = np.mean(replicates, axis=0) if replicates else None
        means[name] = _metric(Estimate(float(np.mean(values)) if values else None, both))
    return means


def _metric(estimate: Estimate) -> Metric:
    ends = None if estimate.replicates is None else interval(estimate.replicates)
    return Metric(estimate.value, *(ends or (None, None)))


def _summary(dataset: Dataset, name: str) -> DataSummary:
    sources = {source: dataset.of_source(source) for source in dataset.sources}
    return DataSummary(
        name,
        dataset.digest(),
        {s: SourceSummary(len(d.pictures), len(d.by_identity)) for s, d in sources.items()},
    )


def _labels(encoders: Sequence[Encoder]) -> list[str]:
    """Names; the whole id where two have the same name, counted where two have one id."""
    names = [encoder.name for encoder in encoders]
    labels = [e.id if names.count(e.name) > 1 else e.name for e in encoders]
    return [
        f"{label} #{labels[: n + 1].count(label)}" if labels.count(label) > 1 else label
        for n, label in enumerate(labels)
    ]
