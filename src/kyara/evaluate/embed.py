"""A labelled data set as an encoder sees it: as it is, altered, and with the pairs that another
encoder finds hard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kyara.detect import WholePicture
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import embed_pictures
from kyara.errors import DataError
from kyara.evaluate.alterations import ALTERATIONS, AlteredSource
from kyara.evaluate.dataset import Dataset, LabelledPicture
from kyara.evaluate.trials import Altered, Embedded, Indices, mine_hard_pairs
from kyara.pictures.source import Source
from kyara.types import FloatArray

__all__ = [
    "ALTERED_PICTURES",
    "EmbeddedDataset",
    "OnDone",
    "altered_count",
    "choose_altered",
    "embed_altered",
    "embed_dataset",
    "embed_labelled",
    "embedded_of",
    "mine",
]

ALTERED_PICTURES = 100
"""Of each source, how many pictures are altered to see what that costs: against all the others
they make some ten thousand pairs, and embedding them takes a minute rather than an hour."""

OnDone = Callable[[int], object]
"""Told how many more pictures are done."""


@dataclass(frozen=True)
class EmbeddedDataset:
    """A data set as one encoder sees it.

    Attributes:
        sources: the embeddings by source.
        pictures: which picture each row is, by source.
        skipped: pictures that could not be read, each with the reason.
    """

    sources: Mapping[str, Embedded]
    pictures: Mapping[str, tuple[LabelledPicture, ...]] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()


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
    found = []
    for one in embed_labelled(encoder, dataset.pictures, workers):
        found.append(one)
        on_done(1)
    return embedded_of(found, dataset.sources, encoder.dimension)


def embedded_of(
    found: Sequence[tuple[LabelledPicture, FloatArray | str]],
    names: Sequence[str],
    dimension: int,
) -> EmbeddedDataset:
    """Pictures with their embeddings (d,), or the reason why one has none, as a data set.

    Args:
        names: of the sources.

    Raises:
        DataError: what is left does not have a character with two pictures beside another.
    """
    kept = [picture for picture, row in found if not isinstance(row, str)]
    rows = [row for _, row in found if not isinstance(row, str)]
    skipped = [reason for _, reason in found if isinstance(reason, str)]
    embeddings = np.stack(rows) if rows else np.zeros((0, dimension), np.float32)
    pictures = {s: tuple(p for p in kept if p.source == s) for s in names}
    sources = {source: _of_source(source, kept, embeddings) for source in names}
    if not any(s.character_count > 1 and len(s.with_more_than(1)) for s in sources.values()):
        raise DataError(
            "nothing can be measured on this data set",
            hint="two characters are needed, and of one of them two pictures",
        )
    return EmbeddedDataset(sources, pictures, tuple(skipped))


def choose_altered(embedded: Embedded, count: int, seed: int) -> Indices:
    """Up to `count` pictures to alter: of each character with two scenes about as many as of
    the others, drawn at random; shape (r,)."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(embedded))
    order = order[np.argsort(embedded.characters[order], kind="stable")]
    owners = embedded.characters[order]
    place = np.arange(len(order)) - np.searchsorted(owners, owners)  # within its character
    scenes = np.unique(np.stack([embedded.characters, embedded.scenes]), axis=1)[0]
    several = np.bincount(scenes, minlength=embedded.character_count) > 1
    # First one of each character, then a second of each, and so on; who is first is chance.
    turn = rng.permutation(embedded.character_count)
    taken = np.lexsort((turn[owners], place))
    return np.sort(order[taken[several[owners[taken]]]][:count])


def altered_count(data: EmbeddedDataset, count: int = ALTERED_PICTURES) -> int:
    """How many pictures `embed_altered` embeds."""
    chosen = sum(len(choose_altered(embedded, count, 0)) for embedded in data.sources.values())
    return chosen * len(ALTERATIONS)


def embed_altered(
    encoder: Encoder,
    data: EmbeddedDataset,
    *,
    count: int = ALTERED_PICTURES,
    seed: int = 0,
    on_done: OnDone = lambda _count: None,
) -> EmbeddedDataset:
    """`data` with some pictures of each source embedded once more for each alteration.

    Raises:
        PluginError: the encoder fails.
    """
    chosen = {s: choose_altered(e, count, seed) for s, e in data.sources.items()}
    pictures = [data.pictures[s][index] for s, indices in chosen.items() for index in indices]
    rows = {name: _embed_all(encoder, pictures, name, on_done) for name in ALTERATIONS}
    sources, begin = {}, 0
    for source, indices in chosen.items():
        own = slice(begin, begin + len(indices))
        altered = Altered(indices, {name: rows[name][own] for name in ALTERATIONS})
        sources[source] = replace(data.sources[source], altered=altered)
        begin += len(indices)
    return replace(data, sources=sources)


def mine(
    embedded: Sequence[tuple[Encoder, EmbeddedDataset]],
    miner: Encoder,
    dataset: Dataset,
    *,
    on_done: OnDone = lambda _count: None,
) -> list[tuple[Encoder, EmbeddedDataset]]:
    """The same, with the pairs that `miner` finds hard; the miner itself gets none.

    Embeddings of the miner that are among those given are used.

    Raises:
        PluginError: the miner fails.
    """
    known = [data for encoder, data in embedded if encoder.id == miner.id]
    views = known[0] if known else embed_dataset(miner, dataset, on_done=on_done)
    hard = {s: mine_hard_pairs(e, miner.similarity) for s, e in views.sources.items()}
    return [
        (encoder, data if encoder.id == miner.id else _with_mined(data, views, hard))
        for encoder, data in embedded
    ]


def _with_mined(
    data: EmbeddedDataset, views: EmbeddedDataset, hard: Mapping[str, Indices]
) -> EmbeddedDataset:
    sources = {}
    for source, embedded in data.sources.items():
        pairs = hard[source]
        if data.pictures[source] != views.pictures[source]:
            pairs = _translated(pairs, views.pictures[source], data.pictures[source])
        sources[source] = replace(embedded, mined=pairs)
    return replace(data, sources=sources)


def _translated(
    pairs: Indices, theirs: Sequence[LabelledPicture], ours: Sequence[LabelledPicture]
) -> Indices:
    """Pairs of their pictures as pairs of ours; those that only one could read are left out."""
    place = {picture: index for index, picture in enumerate(ours)}
    own = np.array([place.get(picture, -1) for picture in theirs], dtype=np.intp)
    translated = own[pairs]
    return np.asarray(translated[(translated >= 0).all(axis=1)])


def embed_labelled(
    encoder: Encoder,
    pictures: Sequence[LabelledPicture],
    workers: int | None = None,
    alteration: str | None = None,
) -> Iterator[tuple[LabelledPicture, FloatArray | str]]:
    """Embed labelled pictures, each as a whole, in order: with its embedding (d,), or the
    reason why it has none.

    Args:
        alteration: what is done to each picture first, one of `ALTERATIONS`.
    """
    sources: list[Source] = [picture.file for picture in pictures]
    if alteration is not None:
        sources = [AlteredSource(source, alteration, encoder.input.fill) for source in sources]
    found = embed_pictures(sources, encoder, detector=WholePicture(), workers=workers)
    for labelled, embedded in zip(pictures, found, strict=True):
        if embedded.error is None:
            yield labelled, embedded.embeddings[0]
        else:
            yield labelled, f"{labelled.source}/{labelled.name}: {embedded.error.what}"


def _embed_all(
    encoder: Encoder, pictures: Sequence[LabelledPicture], alteration: str, on_done: OnDone
) -> FloatArray:
    """Embeddings (r, d) of altered pictures that could be read before."""
    rows = np.zeros((len(pictures), encoder.dimension), dtype=np.float32)
    for n, (_, found) in enumerate(embed_labelled(encoder, pictures, alteration=alteration)):
        if isinstance(found, str):
            raise DataError(f"a picture could be read before and now not: {found}")
        rows[n] = found
        on_done(1)
    return rows


def _of_source(source: str, kept: list[LabelledPicture], embeddings: FloatArray) -> Embedded:
    indices = [n for n, picture in enumerate(kept) if picture.source == source]
    # Numbers by sorted names, so that nothing hangs on the order of the files.
    _, characters = np.unique([kept[n].character for n in indices], return_inverse=True)
    _, scenes = np.unique([kept[n].scene for n in indices], return_inverse=True)
    return Embedded(embeddings[indices], characters, scenes)
