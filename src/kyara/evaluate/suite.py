"""From encoders and a labelled data set to a report."""

from __future__ import annotations

import datetime
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from kyara import detect
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import worker_count
from kyara.encode.preprocess import crop, decode_for
from kyara.errors import DataError, PictureError
from kyara.evaluate.dataset import Dataset, LabelledPicture
from kyara.evaluate.metrics import interval
from kyara.evaluate.protocols import (
    CURVE_FPR,
    Estimate,
    EvaluationProtocol,
    Outcome,
    standard_protocols,
)
from kyara.evaluate.report import DataSummary, EncoderResult, Metric, Report, SourceSummary
from kyara.evaluate.trials import Embedded
from kyara.plugins.manifest import InputSpec
from kyara.types import FloatArray, PixelArray

__all__ = ["EmbeddedDataset", "embed_dataset", "evaluate", "measure"]

_BATCH = 32

OnDone = Callable[[int], object]
"""Told how many more pictures are done."""


@dataclass(frozen=True)
class EmbeddedDataset:
    """A data set as one encoder sees it.

    Attributes:
        sources: the embeddings by source.
        skipped: pictures that could not be read, each with the reason.
    """

    sources: Mapping[str, Embedded]
    skipped: tuple[str, ...] = ()


def evaluate(
    encoders: Sequence[Encoder],
    dataset: Dataset,
    protocols: Sequence[EvaluationProtocol] | None = None,
    *,
    name: str = "",
    seed: int = 0,
    on_done: OnDone = lambda _count: None,
) -> Report:
    """Embed a data set with each encoder and measure it by each protocol.

    Args:
        protocols: by default `standard_protocols()`.
        name: what the report calls the data set.
        seed: of all chance; encoders meet the same draws.

    Raises:
        DataError: nothing can be measured on this data set.
        PluginError: an encoder fails.
    """
    embedded = [(e, embed_dataset(e, dataset, on_done=on_done)) for e in encoders]
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
        curve_fpr=CURVE_FPR,
        encoders=tuple(
            _measure_one(label, encoder, data, protocols, seed)
            for label, (encoder, data) in zip(labels, embedded, strict=True)
        ),
    )


def embed_dataset(
    encoder: Encoder,
    dataset: Dataset,
    *,
    workers: int | None = None,
    on_done: OnDone = lambda _count: None,
) -> EmbeddedDataset:
    """The embeddings of all pictures; those that cannot be read are named and left out.

    Raises:
        DataError: what is left does not have a character with two pictures beside another.
        PluginError: the encoder fails.
    """
    kept: list[LabelledPicture] = []
    rows: list[FloatArray] = []
    skipped: list[str] = []
    for batch in embed_labelled(encoder, dataset.pictures, workers or worker_count()):
        kept += batch.pictures
        rows.append(batch.embeddings)
        skipped += batch.skipped
        on_done(len(batch.pictures) + len(batch.skipped))
    embeddings = np.concatenate(rows) if rows else np.zeros((0, encoder.dimension), np.float32)
    sources = {source: _of_source(source, kept, embeddings) for source in dataset.sources}
    if not any(s.character_count > 1 and len(s.with_more_than(1)) for s in sources.values()):
        raise DataError(
            "nothing can be measured on this data set",
            hint="two characters are needed, and of one of them two pictures",
        )
    return EmbeddedDataset(sources, tuple(skipped))


@dataclass(frozen=True)
class EmbeddedBatch:
    """Some labelled pictures that could be read, and their embeddings (n, d).

    Attributes:
        skipped: the others, each with the reason.
    """

    pictures: list[LabelledPicture]
    embeddings: FloatArray
    skipped: list[str]


def embed_labelled(
    encoder: Encoder, pictures: Sequence[LabelledPicture], workers: int
) -> Iterator[EmbeddedBatch]:
    """Embed labelled pictures, in order, a batch at a time.

    As in `kyara.encode.pipeline`, a thread takes a batch through all steps.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="kyara-evaluate")
    running: deque[Future[EmbeddedBatch]] = deque()
    try:
        for begin in range(0, len(pictures), _BATCH):
            part = pictures[begin : begin + _BATCH]
            running.append(pool.submit(_embed_batch, encoder, part))
            if len(running) >= 2 * workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:  # also after an error, or Ctrl-C
        pool.shutdown(wait=True, cancel_futures=True)


def _embed_batch(encoder: Encoder, pictures: Sequence[LabelledPicture]) -> EmbeddedBatch:
    kept, crops, skipped = [], [], []
    for picture in pictures:
        try:
            crops.append(_crop(picture, encoder.input))
            kept.append(picture)
        except (PictureError, OSError) as error:
            skipped.append(f"{picture.source}/{picture.name}: {error}")
    stacked = np.stack(crops) if crops else np.zeros((0, 0, 0, 3), dtype=np.uint8)
    return EmbeddedBatch(kept, encoder.encode(stacked), skipped)


def _crop(labelled: LabelledPicture, spec: InputSpec) -> PixelArray:
    picture = decode_for(labelled.read(), spec)
    return crop(picture, detect.whole(picture).box, spec)


def _of_source(source: str, kept: list[LabelledPicture], embeddings: FloatArray) -> Embedded:
    indices = [n for n, picture in enumerate(kept) if picture.source == source]
    # Numbers by sorted names, so that nothing hangs on the order of the files.
    _, characters = np.unique([kept[n].character for n in indices], return_inverse=True)
    _, scenes = np.unique([kept[n].scene for n in indices], return_inverse=True)
    return Embedded(embeddings[indices], characters, scenes)


def _measure_one(
    label: str,
    encoder: Encoder,
    data: EmbeddedDataset,
    protocols: Sequence[EvaluationProtocol],
    seed: int,
) -> EncoderResult:
    sources: dict[str, dict[str, dict[str, Metric]]] = {source: {} for source in data.sources}
    mean: dict[str, dict[str, Metric]] = {}
    curves: dict[str, dict[str, tuple[float, ...]]] = {}
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
            if outcome.curve is not None:
                curves.setdefault(protocol.name, {})[source] = outcome.curve
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
    )


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
