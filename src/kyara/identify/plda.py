"""How characters differ, as numbers: the two-covariance model (PLDA).

An embedding is taken to be its character's own point plus what differs from picture to
picture, both normally distributed (Ioffe 2006, "Probabilistic linear discriminant analysis";
Brümmer and de Villiers 2010, "The speaker partitioning problem"). The score of a probe
against a character is the logarithm of how much more likely the probe is if it shows that
character, whose point is only known as well as its references tell, than if it shows somebody
else. So one reference, or several that disagree, say less than many that agree.

Only the sum over a character's references is needed: the cost does not grow with their number.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kyara.errors import DataError
from kyara.types import FloatArray

__all__ = ["Enrolled", "PldaModel", "fit_plda"]

SHRINKAGE = 0.1
"""Of the covariance within characters towards a multiple of the identity, by its mean variance."""

_PER_CHARACTER = 40  # pictures at most: a character with 300 does not count for ten


@dataclass(frozen=True, eq=False)
class PldaModel:
    """The model, in the axes in which both covariances are diagonal.

    Attributes:
        mean: of all characters, shape (d,).
        transform: to axes in which the variance within a character is 1, shape (d, k).
        between: the variance between characters along each axis, shape (k,), at least 0.
    """

    mean: FloatArray
    transform: FloatArray
    between: FloatArray

    def __post_init__(self) -> None:
        d, k = self.transform.shape
        if self.mean.shape != (d,) or self.between.shape != (k,):
            raise ValueError(
                f"expected mean ({d},) and between ({k},), got {self.mean.shape} and "
                f"{self.between.shape}"
            )
        parts = (self.mean, self.transform, self.between)
        if not all(np.isfinite(part).all() for part in parts) or (self.between < 0).any():
            raise ValueError("expected finite parameters and no negative variance")

    def project(self, embeddings: FloatArray) -> FloatArray:
        """Embeddings (n, d) in the model's axes, (n, k)."""
        return np.asarray((embeddings - self.mean) @ self.transform, dtype=np.float32)

    def enrol(self, means: FloatArray, counts: NDArray[np.intp]) -> Enrolled:
        """Characters to score probes against.

        Args:
            means: the mean of each character's references (c, d), not scaled to length 1.
            counts: how many references each has, shape (c,).
        """
        weights = self.between * counts[:, None] / (self.between * counts[:, None] + 1.0)
        expected = self.project(means) * weights
        certainties, group = np.unique(counts, return_inverse=True)
        spreads = 1.0 + self.between / (self.between * certainties[:, None] + 1.0)
        precision = 1.0 / spreads
        constant = 0.5 * np.log((1.0 + self.between) * precision).sum(axis=1)[group]
        return Enrolled(
            self,
            np.asarray((expected * precision[group]).T, dtype=np.float32),
            np.asarray(constant - 0.5 * (expected**2 * precision[group]).sum(axis=1), np.float32),
            np.asarray(0.5 * (1.0 / (1.0 + self.between) - precision).T, dtype=np.float32),
            group,
        )

    def scores(self, probes: FloatArray, means: FloatArray, counts: NDArray[np.intp]) -> FloatArray:
        """Log-likelihood ratios (p, c), natural logarithm, of probes (p, d); see `enrol`."""
        return self.enrol(means, counts).scores(probes)

    def to_bytes(self) -> bytes:
        """As a NumPy archive (.npz) that needs no pickle."""
        stream = io.BytesIO()
        np.savez(stream, mean=self.mean, transform=self.transform, between=self.between)
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> PldaModel:
        """What `to_bytes` wrote.

        Raises:
            DataError: it is something else.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                parts = {key: archive[key] for key in ("mean", "transform", "between")}
            return cls(**{key: np.asarray(part, np.float32) for key, part in parts.items()})
        except Exception as error:  # NumPy and zipfile raise whatever a torn file leads to
            raise DataError("these are not the parameters of an open-set judge") from error

    @cached_property
    def dimension(self) -> int:
        """d, the length of the embeddings that it is for."""
        return len(self.mean)


@dataclass(frozen=True, eq=False)
class Enrolled:
    """What a score needs of some characters, worked out once.

    The log-likelihood ratio is a quadratic form in the probe, in which the characters with
    equally many references share the square part.

    Attributes:
        plda: the model.
        linear: shape (k, c).
        constant: shape (c,).
        square: a column for each number of references, shape (k, g).
        group: the column of each character, shape (c,).
    """

    plda: PldaModel
    linear: FloatArray
    constant: FloatArray
    square: FloatArray
    group: NDArray[np.intp]

    def scores(self, probes: FloatArray) -> FloatArray:
        """Log-likelihood ratios (p, c), natural logarithm, of probes (p, d)."""
        projected = self.plda.project(probes)
        squares = projected**2 @ self.square
        ratios = projected @ self.linear + squares[:, self.group] + self.constant
        return np.asarray(ratios, dtype=np.float32)


def fit_plda(
    embeddings: FloatArray,
    characters: NDArray[np.intp],
    sources: NDArray[np.intp],
    shrinkage: float = SHRINKAGE,
) -> PldaModel:
    """Fit the model by moments.

    Characters with one picture say nothing. A character counts alike however many pictures it
    has; a source by the square root of its characters, so that one large source does not
    decide for all.

    Args:
        embeddings: shape (n, d).
        characters: a number per character, shape (n,).
        sources: a number per source, shape (n,).
        shrinkage: of the covariance within characters towards a multiple of the identity, by its
            mean variance.

    Raises:
        DataError: fewer than two characters with two pictures.
    """
    groups = _groups(characters)
    if len(groups) < 2:
        raise DataError("an open-set judge needs two characters with two pictures each")
    _, of_source, sizes = np.unique(
        [sources[group[0]] for group in groups], return_inverse=True, return_counts=True
    )
    weights = np.sqrt(1.0 / sizes)[of_source]
    weights /= weights.sum()
    counts = np.array([len(group) for group in groups])
    means = np.stack([embeddings[group].mean(axis=0, dtype=np.float64) for group in groups])
    rows = np.concatenate(
        [
            (embeddings[group] - mean) * np.sqrt(weight / (len(group) - 1))
            for group, mean, weight in zip(groups, means, weights, strict=True)
        ]
    )
    within = rows.T @ rows
    mean = weights @ means
    deviations = (means - mean) * np.sqrt(weights)[:, None]
    # The means of few pictures scatter by themselves, too.
    between = deviations.T @ deviations - within * float(weights @ (1.0 / counts))
    within += shrinkage * np.trace(within) / len(within) * np.eye(len(within))
    values, vectors = np.linalg.eigh(within)
    whiten = vectors * np.maximum(values, 1e-12) ** -0.5
    variances, axes = np.linalg.eigh(whiten.T @ between @ whiten)
    kept = variances > 0  # the others tell no characters apart
    return PldaModel(
        mean.astype(np.float32),
        (whiten @ axes[:, kept]).astype(np.float32),
        variances[kept].astype(np.float32),
    )


def _groups(characters: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    rng = np.random.default_rng(0)
    order = rng.permutation(len(characters))
    order = order[np.argsort(characters[order], kind="stable")]
    _, starts = np.unique(characters[order], return_index=True)
    return [g[:_PER_CHARACTER] for g in np.split(order, starts[1:]) if len(g) > 1]
