"""From encoders and a labelled data set to a report."""

from __future__ import annotations

import datetime
import zlib
from collections.abc import Sequence

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.errors import DataError
from kyara.evaluate.dataset import Dataset
from kyara.evaluate.embed import EmbeddedDataset, OnDone, embed_altered, embed_dataset, mine
from kyara.evaluate.metrics import interval
from kyara.evaluate.protocols import (
    AXES,
    Curve,
    Estimate,
    EvaluationProtocol,
    Outcome,
    standard_protocols,
)
from kyara.evaluate.reliability import Reliability, cross_fitted
from kyara.evaluate.report import DataSummary, EncoderResult, Metric, Report, SourceSummary

__all__ = ["evaluate", "measure"]


def evaluate(
    encoders: Sequence[Encoder],
    dataset: Dataset,
    protocols: Sequence[EvaluationProtocol] | None = None,
    *,
    miner: Encoder | None = None,
    name: str = "",
    seed: int = 0,
    on_done: OnDone = lambda _count: None,
) -> Report:
    """Embed a data set with each encoder and measure it by each protocol.

    Args:
        protocols: by default `standard_protocols()`.
        miner: the encoder that names the hard pairs; without one there are none.
        name: what the report calls the data set.
        seed: of all chance; encoders meet the same draws.

    Raises:
        DataError: nothing can be measured on this data set.
        PluginError: an encoder fails.
    """
    protocols = standard_protocols() if protocols is None else protocols
    names = {protocol.name for protocol in protocols}
    embedded = []
    for encoder in encoders:
        data = embed_dataset(encoder, dataset, on_done=on_done)
        if "robustness" in names:
            data = embed_altered(encoder, data, seed=seed, on_done=on_done)
        embedded.append((encoder, data))
    if miner is not None and "hard_pairs" in names:
        embedded = mine(embedded, miner, dataset, on_done=on_done)
    return measure(embedded, dataset, protocols, name=name, seed=seed)


def measure(
    embedded: Sequence[tuple[Encoder, EmbeddedDataset]],
    dataset: Dataset,
    protocols: Sequence[EvaluationProtocol] | None = None,
    *,
    name: str = "",
    seed: int = 0,
) -> Report:
    """The second half of `evaluate`, for a data set that is embedded already."""
    protocols = standard_protocols() if protocols is None else protocols
    labels = _labels([encoder for encoder, _ in embedded])
    return Report(
        date=datetime.date.today().isoformat(),
        data=_summary(dataset, name),
        primary={protocol.name: protocol.primary for protocol in protocols},
        axes=dict(AXES),
        encoders=tuple(
            _measure_one(label, encoder, data, protocols, seed)
            for label, (encoder, data) in zip(labels, embedded, strict=True)
        ),
    )


def _measure_one(
    label: str,
    encoder: Encoder,
    data: EmbeddedDataset,
    protocols: Sequence[EvaluationProtocol],
    seed: int,
) -> EncoderResult:
    sources: dict[str, dict[str, dict[str, Metric]]] = {source: {} for source in data.sources}
    mean: dict[str, dict[str, Metric]] = {}
    curves: dict[str, dict[str, dict[str, Curve]]] = {}
    for protocol in protocols:
        outcomes = {
            source: protocol.run(
                embedded, encoder.similarity, _generator(seed, source, protocol.name)
            )
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
        return cross_fitted(data.sources, encoder.similarity, seed=seed)
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
