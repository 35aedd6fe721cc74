"""Toy embeddings whose right answers are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.evaluate.alterations import ALTERATIONS
from kyara.evaluate.dataset import Dataset
from kyara.evaluate.protocols import EvaluationProtocol, Measured
from kyara.evaluate.report import Report
from kyara.evaluate.suite import measure, see
from kyara.evaluate.trials import Altered, Embedded, mine_hard_pairs
from kyara.identify.judge import Any, Avg
from kyara.manifest import EmbeddingSpec, InputSpec, Manifest, ModelSpec, PluginSpec
from kyara.types import FloatArray, PixelArray


def toy(
    embeddings: Sequence[Sequence[float]],
    characters: Sequence[int],
    scenes: Sequence[int] | None = None,
) -> Embedded:
    """One source; each picture its own scene unless told."""
    scenes = range(len(characters)) if scenes is None else scenes
    return Embedded(
        np.asarray(embeddings, dtype=np.float32),
        np.asarray(characters, dtype=np.intp),
        np.asarray(scenes, dtype=np.intp),
    )


def dot(a: FloatArray, b: FloatArray) -> FloatArray:
    """The similarity of toy embeddings."""
    return np.asarray(a @ b.T, dtype=np.float32)


@dataclass(frozen=True)
class _Comparing:
    similarity: Callable[[FloatArray, FloatArray], FloatArray]

    def encode(self, crops: PixelArray) -> FloatArray:
        raise AssertionError("nothing is encoded here")


def toy_encoder(
    similarity: Callable[[FloatArray, FloatArray], FloatArray] = dot, cosine: bool = True
) -> Encoder:
    """An encoder that only compares."""
    plain = similarity is dot and cosine
    manifest = Manifest(
        plugin=PluginSpec(name="toy", version="1"),
        model=ModelSpec(entry="none:none"),
        input=InputSpec(size=8),
        embedding=EmbeddingSpec(dimension=8, similarity="cosine" if plain else "plugin"),
    )
    return Encoder("toy@1", manifest, lambda: _Comparing(similarity), concurrent=True)


def by(
    similarity: Callable[[FloatArray, FloatArray], FloatArray] = dot,
    strangers: FloatArray | None = None,
) -> Measured:
    """An encoder of that similarity, to be measured, with the judges that every encoder has."""
    encoder = toy_encoder(similarity)
    return Measured(encoder, (Any(encoder), Avg(encoder)), strangers)


def report_of(
    encoders: Sequence[Encoder],
    dataset: Dataset,
    protocols: Sequence[EvaluationProtocol] | None = None,
    name: str = "",
    judges: Sequence[str] = (),
) -> Report:
    """What `kyara evaluate` measures."""
    seen = see(encoders, dataset, protocols)
    return measure(seen, dataset, protocols, name=name, judges=judges)


def rng() -> np.random.Generator:
    """The same chance in every test."""
    return np.random.default_rng(0)


def clusters(
    characters: int, pictures: int, noise: float, dimension: int = 8, seed: int = 0
) -> Embedded:
    """Characters as random directions, pictures as noise around them."""
    chance = np.random.default_rng(seed)
    centres = chance.normal(size=(characters, dimension))
    owners = np.repeat(np.arange(characters), pictures)
    rows = centres[owners] + noise * chance.normal(size=(len(owners), dimension))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return toy(rows.tolist(), owners.tolist())


def complete(embedded: Embedded) -> Embedded:
    """With hard pairs, and every other picture altered: turned a little, more each time."""
    pictures = np.arange(0, len(embedded), 2)
    rows = embedded.embeddings[pictures]
    shift = np.roll(rows, 1, axis=1)
    altered = {name: rows + 0.1 * n * shift for n, name in enumerate(ALTERATIONS)}
    mined = mine_hard_pairs(embedded, dot)
    return replace(embedded, mined=mined, altered=Altered(pictures, altered))
