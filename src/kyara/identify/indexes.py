"""The index of a dataset of references: built once, its recall measured, opened by whoever asks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec
import numpy as np

from kyara.errors import DataError
from kyara.files import reading, replaced, writing
from kyara.identify.gallery import Indices
from kyara.identify.index import EXACT, Index, MatrixIndex, Nearest, recall
from kyara.identify.lance_index import LanceIndex
from kyara.identify.usearch_index import UsearchIndex
from kyara.scale.references import ReferenceDataset

__all__ = ["Kind", "Record", "build_index", "open_index", "wants_index"]

Kind: TypeAlias = Literal["lance", "usearch"]

_WANTED = 0.98
"""Recall at `_K` that is to be reached."""
_K = 10
_PROBES = 200


class Record(msgspec.Struct, frozen=True):
    """What is known of the index of a dataset: a file beside it, DATASET.index.json.

    Attributes:
        version: of the dataset, for which the index is, and when that was written.
        effort: of a search.
        recall_at_10: the share of the ten nearest references that a search with this effort
            finds; measured on references of the dataset, each without itself.
        probes: how many it was measured on.
    """

    kind: Kind
    version: str
    references: int
    effort: int
    recall_at_10: float
    probes: int


def wants_index(dataset: ReferenceDataset) -> bool:
    """Whether there are too many references to compare every one."""
    return dataset.shown.references > EXACT


def build_index(dataset: ReferenceDataset, kind: Kind) -> Record:
    """Build the index of a dataset in the place of an earlier one, and find out with which effort
    it is good enough.

    Raises:
        UsageError: its extra is not installed.
        OutputError: it cannot be written.
    """
    if kind == "lance":
        LanceIndex.build(dataset)
        dataset = ReferenceDataset(dataset.path)  # it is a new version
    else:
        UsearchIndex.build(dataset.embeddings, dataset.ids.dimension, _file_of(dataset.path))
    record = _measured(dataset, kind)
    place = _record_of(dataset.path)
    with writing(place), replaced(place) as part:
        part.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
    return record


def open_index(dataset: ReferenceDataset) -> tuple[Index, str | None]:
    """The index of a dataset, or the exact search if it has none; and what a person should know
    of that, in a sentence.

    Raises:
        DataError: it is damaged.
        UsageError: its extra is not installed.
    """
    exact, place = MatrixIndex(dataset.embeddings), _record_of(dataset.path)
    hint = f"kyara library index {dataset.path} makes that fast"
    if not os.path.lexists(place):
        return exact, f"{dataset.shown.references} references are searched one by one: {hint}"
    try:
        with reading(place):
            record = msgspec.json.decode(place.read_bytes(), type=Record)
    except msgspec.DecodeError as error:
        what = f"this is no record of an index: {error}"
        raise DataError(what, where=place, hint="kyara library index builds it anew") from error
    if record.version != dataset.version:
        return exact, f"the index is of an older version, and not used: {hint}"
    return _opened(dataset, record.kind, record.effort), None


def _opened(dataset: ReferenceDataset, kind: Kind, effort: int) -> LanceIndex | UsearchIndex:
    if kind == "lance":
        return LanceIndex(dataset, effort)
    return UsearchIndex.open(_file_of(dataset.path), effort)


def _measured(dataset: ReferenceDataset, kind: Kind) -> Record:
    references = np.flatnonzero(dataset.shown.owners >= 0)
    count = min(_PROBES, len(references))
    rows = references[np.linspace(0, len(references) - 1, count).astype(np.intp)]
    _, probes = dataset.references(rows)
    k = min(_K, len(references) - 1)
    exact = _others(MatrixIndex(dataset.embeddings).search(probes, k + 1), rows)
    index = _opened(dataset, kind, 1)
    for effort in index.efforts:
        found = _others(index.with_effort(effort).search(probes, k + 1), rows)
        reached = recall(found, exact)
        if reached >= _WANTED:
            break
    return Record(kind, dataset.version, len(references), effort, round(reached, 4), count)


def _others(nearest: Nearest, own: Indices) -> Indices:
    """The rows found for each probe (m, k), without its own or else the last: (m, k - 1)."""
    places = np.argsort(nearest.rows == own[:, None], axis=1, kind="stable")[:, :-1]
    return np.take_along_axis(nearest.rows, places, axis=1)


def _record_of(dataset: Path) -> Path:
    return dataset.with_name(f"{dataset.name}.index.json")


def _file_of(dataset: Path) -> Path:
    return dataset.with_name(f"{dataset.name}.usearch")
