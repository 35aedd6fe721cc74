"""Targets for distillation: what another encoder says of every training picture.

The teacher sees each picture once, as it is; the student must say the same of its augmented
views (Hinton et al. 2015; with features as targets, Romero et al. 2015).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kyara.encode.encoder import Encoder
from kyara.errors import DataError
from kyara.evaluate.baselines import BASELINES, baseline
from kyara.evaluate.dataset import Dataset
from kyara.evaluate.embed import embed_labelled
from kyara.files import replaced, writing
from kyara.plugins.discover import open_encoder
from kyara.train.config import DistilConfig
from kyara.types import FloatArray, normalised

__all__ = ["teacher_targets"]

TARGETS = "teacher.npz"


def teacher_targets(
    config: DistilConfig,
    dataset: Dataset,
    folder: Path,
    *,
    workers: int = 1,
    on_done: Callable[[int], None] = lambda _count: None,
) -> FloatArray:
    """Targets (n, t) of unit length, one for each picture of `dataset`.

    The mean over the data set, or over each source, is taken off first: it is the same for all
    and hides what differs. They are kept in `folder` and computed once.

    Raises:
        DataError: a picture cannot be read, or the targets kept are another teacher's.
    """
    encoders = [_open(name, config) for name in config.teachers]
    path = folder / TARGETS
    centred = " by source" if config.centre_sources else ""
    made_from = f"{' '.join(encoder.id for encoder in encoders)} {dataset.digest()}{centred}"
    if path.exists():
        with np.load(path) as kept:
            if str(kept["made_from"]) == made_from:
                return np.asarray(kept["targets"], dtype=np.float32)
        raise DataError("these targets are of another teacher or data set", where=path)
    groups = _sources(dataset) if config.centre_sources else np.zeros(len(dataset.pictures), int)
    said = [_compute(encoder, dataset, workers, on_done) for encoder in encoders]
    targets = normalised(np.concatenate([_centred(rows, groups) for rows in said], axis=1))
    with writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        with replaced(path) as part, part.open("wb") as stream:
            np.savez(stream, targets=targets.astype(np.float16), made_from=np.asarray(made_from))
    return targets


def _open(name: str, config: DistilConfig) -> Encoder:
    return baseline(name, size=config.size) if name in BASELINES else open_encoder(name)


def _sources(dataset: Dataset) -> NDArray[np.intp]:
    return np.unique([picture.source for picture in dataset.pictures], return_inverse=True)[1]


def _centred(embeddings: FloatArray, groups: NDArray[np.intp]) -> FloatArray:
    """Rows without their group's mean, of unit length; shape (n, d) in and out."""
    means = np.stack([embeddings[groups == group].mean(0) for group in range(groups.max() + 1)])
    return normalised(embeddings - means[groups])


def _compute(
    encoder: Encoder, dataset: Dataset, workers: int, on_done: Callable[[int], None]
) -> FloatArray:
    rows = np.zeros((len(dataset.pictures), encoder.dimension), dtype=np.float32)
    for n, (_, found) in enumerate(embed_labelled(encoder, dataset.pictures, workers)):
        if isinstance(found, str):
            raise DataError(f"a training picture cannot be used: {found}")
        rows[n] = found
        on_done(1)
    return rows
