"""Toy embeddings whose right answers are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kyara.evaluate.trials import Embedded
from kyara.types import FloatArray


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
