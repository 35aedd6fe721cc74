"""Which pictures stand in which batch: a pure function of seed and step, so that a run that
was interrupted goes on with the batches it would have seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler

from kyara.errors import UsageError
from kyara.evaluate.dataset import Dataset
from kyara.train.config import TrainConfig

__all__ = ["BalancedBatches", "Draw"]


@dataclass(frozen=True)
class Draw:
    """One place in a batch: which picture, at what size, augmented with which seed."""

    index: int
    size: int
    seed: int


class BalancedBatches(Sampler[list[Draw]]):
    """Batches for steps `first` to `config.steps`, balanced over sources and characters.

    Args:
        part: (index, count): yield only that part of each batch, for one of several processes.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: TrainConfig,
        first: int = 0,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        if config.data.groups % part[1]:
            raise UsageError(
                f"{config.data.groups} groups cannot be split over {part[1]} processes"
            )
        self._config = config
        self._first = first
        self._part = part
        self._characters: dict[str, list[list[int]]] = {}
        for (source, _), indices in dataset.by_identity.items():
            self._characters.setdefault(source, []).append(indices)
        self._sources = sorted(self._characters)
        weights = config.data.source_weights
        mass = [
            weights.get(source, 1.0) * sum(map(len, self._characters[source])) ** 0.5
            for source in self._sources
        ]
        self._probability = np.asarray(mass) / sum(mass)

    def __len__(self) -> int:
        return self._config.steps - self._first

    def __iter__(self) -> Iterator[list[Draw]]:
        for step in range(self._first, self._config.steps):
            batch = self.batch(step)
            index, count = self._part
            yield batch[index * len(batch) // count : (index + 1) * len(batch) // count]

    def batch(self, step: int) -> list[Draw]:
        """All draws of one step."""
        rng = np.random.default_rng((self._config.seed, step))
        size = self._config.size_at(step)
        indices = [index for group in self._groups(rng) for index in group]
        seeds = rng.integers(0, 2**62, len(indices))
        return [Draw(i, size, int(seed)) for i, seed in zip(indices, seeds, strict=True)]

    def _groups(self, rng: np.random.Generator) -> Iterator[list[int]]:
        data = self._config.data
        taken: set[tuple[str, int]] = set()
        for source in rng.choice(self._sources, size=data.groups, p=self._probability):
            characters = self._characters[source]
            free = [c for c in range(len(characters)) if (source, c) not in taken]
            for c in rng.permutation(free)[: data.characters_per_group].tolist():
                taken.add((source, c))
                yield _pick(characters[c], data.pictures_per_character, rng)


def _pick(indices: list[int], count: int, rng: np.random.Generator) -> list[int]:
    """`count` of `indices`, each used before any is repeated."""
    rounds = [rng.permutation(indices) for _ in range(-(-count // len(indices)))]
    return [int(index) for index in np.concatenate(rounds)[:count]]
