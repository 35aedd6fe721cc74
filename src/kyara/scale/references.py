"""A Lance dataset of references: the columns of `kyara.scale.dataset`, and `character`.

Rows without a character are figures of whom it is not known whom they show.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kyara.errors import DataError, KyaraError, OutputError, UsageError, one_line
from kyara.extras import optional
from kyara.files import is_folder
from kyara.scale.dataset import INSTALL, Ids, schema_of
from kyara.types import Box, Detection, FloatArray, as_embeddings

__all__ = ["Figures", "ReferenceDataset", "require_free", "write_references"]

_FIGURES = "error IS NULL"
_NAMED = f"{_FIGURES} AND character IS NOT NULL"
_EDGES = ("left", "top", "right", "bottom")
_MADE_BY = ("encoder", "detector")
_EXPORT = "kyara library export FILE --lance DATASET writes one"


@dataclass(frozen=True, eq=False)
class Figures:
    """Rows of a dataset.

    Attributes:
        characters: whom each shows, or None where that is not known; length n.
        digests: of the pictures, length n.
        uris: where the pictures were, length n.
        boxes: shape (n, 4): left, top, right, bottom, in pixels of the upright picture.
        kinds: `head`, `figure` or `whole`, length n.
        scores: of the detector, length n.
        embeddings: shape (n, d).
    """

    characters: tuple[str | None, ...]
    digests: tuple[bytes, ...]
    uris: tuple[str, ...]
    boxes: NDArray[np.float64]
    kinds: tuple[str, ...]
    scores: tuple[float, ...]
    embeddings: FloatArray

    def detection(self, n: int) -> Detection:
        """The `n`-th figure."""
        return Detection(Box(*self.boxes[n].tolist()), self.kinds[n], self.scores[n])

    def rows(self, wanted: Sequence[int]) -> Figures:
        """Some of them, in this order."""
        return Figures(
            tuple(self.characters[n] for n in wanted),
            tuple(self.digests[n] for n in wanted),
            tuple(self.uris[n] for n in wanted),
            self.boxes[wanted],
            tuple(self.kinds[n] for n in wanted),
            tuple(self.scores[n] for n in wanted),
            self.embeddings[wanted],
        )


class ReferenceDataset:
    """A dataset that is read.

    Attributes:
        path: where it is.
        ids: what made the embeddings, and how many numbers they have.
    """

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            UsageError: there is none, or it holds something else.
        """
        self.path = path
        self._dataset = self._opened()
        self._columns = self._examined()
        dimension = self._columns.field("embedding").type.list_size
        self.ids = Ids(self._only("encoder"), self._only("detector"), dimension)

    def named(self) -> Figures:
        """The references, in the order of the dataset.

        Raises:
            DataError: a row is not as it should be.
        """
        with self._saying():
            scanner = self._dataset.scanner(columns=self._columns.names, filter=_NAMED)
            return self._figures(scanner.to_table())

    def figures(self) -> Iterator[Figures]:
        """All figures, in parts.

        Raises:
            DataError: a row is not as it should be.
        """
        with self._saying():
            scanner = self._dataset.scanner(columns=self._columns.names, filter=_FIGURES)
            for batch in scanner.to_batches():
                yield self._figures(batch)

    def take(self, rows: NDArray[np.intp]) -> Figures:
        """The figures in some rows of the dataset.

        Raises:
            DataError: one is not as it should be.
        """
        with self._saying():
            return self._figures(self._dataset.take(rows, columns=self._columns.names))

    @cached_property
    def unnamed(self) -> NDArray[np.intp]:
        """The rows of figures of whom it is not known whom they show, ascending (r,)."""
        with self._saying():
            scanner = self._dataset.scanner(columns=["character", "error"])
            open_ones = [
                batch.column("character").is_null().to_numpy(zero_copy_only=False)
                & batch.column("error").is_null().to_numpy(zero_copy_only=False)
                for batch in scanner.to_batches()
            ]
        return np.flatnonzero(np.concatenate([np.zeros(0, dtype=bool), *open_ones]))

    def _figures(self, rows: Any) -> Figures:
        """Of a table or a batch."""
        listed = {
            name: rows.column(name).to_pylist()
            for name in ("character", "digest", "uri", "kind", "score")
        }
        boxes = np.stack([rows.column(edge).to_numpy() for edge in _EDGES], axis=1)
        if any(None in values for name, values in listed.items() if name != "character"):
            raise ValueError("a figure without its digest, uri, kind or score")
        found = Figures(
            tuple(listed["character"]),
            tuple(listed["digest"]),
            tuple(listed["uri"]),
            boxes,
            tuple(listed["kind"]),
            tuple(listed["score"]),
            self._embeddings(rows.column("embedding")),
        )
        for n in range(len(found.kinds)):
            found.detection(n)
        return found

    def _embeddings(self, column: Any) -> FloatArray:
        if column.null_count:
            raise ValueError("a figure without its embedding")
        parts = column.chunks if hasattr(column, "chunks") else [column]
        numbers = [part.flatten().to_numpy() for part in parts]
        flat = np.concatenate([np.zeros(0, dtype=np.float32), *numbers])
        return as_embeddings(flat.reshape(-1, self.ids.dimension))

    def _opened(self) -> Any:
        lance = optional("lance", INSTALL)
        if not os.path.lexists(self.path):
            raise UsageError("there is no such dataset", where=self.path, hint=_EXPORT)
        try:
            return lance.dataset(self.path)
        except Exception as error:  # of lance, ValueError and OSError with no base of their own
            what = f"this is no Lance dataset: {one_line(error)}"
            raise UsageError(what, where=self.path, hint=_EXPORT) from error

    def _examined(self) -> Any:
        """The columns that are read: all that there must be, but for `error`."""
        pa, found = optional("pyarrow", INSTALL), self._dataset.schema
        for wanted in references_schema(1):
            there = found.field(wanted.name).type if wanted.name in found.names else pa.null()
            kind, right = wanted.type, there == wanted.type
            if wanted.name == "embedding":
                kind = "equally many numbers of 32 bits"
                right = pa.types.is_fixed_size_list(there) and there.value_type == pa.float32()
            if not right:
                what = f"this dataset has no column {wanted.name!r} of {kind}"
                raise UsageError(what, where=self.path, hint=_EXPORT)
        names = [name for name in references_schema(1).names if name not in ("error", *_MADE_BY)]
        return pa.schema([found.field(name) for name in names])

    def _only(self, column: str) -> str:
        """The value that all figures have in a column."""
        with self._saying():
            scanner = self._dataset.scanner(columns=[column], filter=_FIGURES, limit=1)
            (value,) = scanner.to_table().column(column).to_pylist() or [None]
            same = str(value).replace("'", "''")
            others = f"{_FIGURES} AND ({column} IS NULL OR {column} <> '{same}')"
            mixed = self._dataset.count_rows(filter=others)
        if value is None or mixed:
            what = f"its figures are not all of one {column}" if mixed else "it has no figures"
            raise UsageError(what, where=self.path, hint=_EXPORT)
        return str(value)

    @contextmanager
    def _saying(self) -> Iterator[None]:
        try:
            yield
        except KyaraError:
            raise
        except Exception as error:  # of lance, OSError and RuntimeError alike
            what = f"this dataset cannot be read: {one_line(error)}"
            raise DataError(what, where=self.path) from error


def references_schema(dimension: int) -> Any:
    """The columns of a dataset of references."""
    pa = optional("pyarrow", INSTALL)
    return schema_of(dimension).append(pa.field("character", pa.string()))


def require_free(path: Path, *, overwrite: bool) -> None:
    """Nothing, if a dataset can be written there.

    Raises:
        UsageError: something is there, and is not to be overwritten or is no dataset of
            references; or there is no such folder.
    """
    if not is_folder(path.absolute().parent):
        raise UsageError("there is no such folder", where=path.parent)
    if os.path.lexists(path):
        if not overwrite:
            raise UsageError("this exists", where=path, hint="choose another, or --overwrite")
        ReferenceDataset(path)


def write_references(path: Path, ids: Ids, parts: Sequence[Figures]) -> None:
    """Write a dataset at `path`, or a new version of the one that is there: whole, or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    lance, pa = optional("lance", INSTALL), optional("pyarrow", INSTALL)
    table = pa.concat_tables([_table_of(part, ids) for part in parts])
    try:
        if os.path.lexists(path):
            lance.write_dataset(table, path, mode="overwrite")
            lance.dataset(path).cleanup_old_versions(retain_versions=1)
            return
        with tempfile.TemporaryDirectory(prefix=".kyara-", dir=path.absolute().parent) as folder:
            made = Path(folder) / "made.lance"
            lance.write_dataset(table, made, mode="create")
            made.rename(path)
    except Exception as error:  # of lance, OSError and RuntimeError alike
        raise OutputError(f"cannot write: {one_line(error)}", where=path) from error


def _table_of(figures: Figures, ids: Ids) -> Any:
    pa = optional("pyarrow", INSTALL)
    schema, count = references_schema(ids.dimension), len(figures.digests)
    flat = pa.array(np.ascontiguousarray(figures.embeddings, dtype=np.float32).reshape(-1))
    columns: dict[str, Any] = {
        "digest": figures.digests,
        "uri": figures.uris,
        **dict(zip(_EDGES, figures.boxes.T, strict=True)),
        "kind": figures.kinds,
        "score": figures.scores,
        "embedding": pa.FixedSizeListArray.from_arrays(flat, ids.dimension),
        "encoder": [ids.encoder] * count,
        "detector": [ids.detector] * count,
        "error": [None] * count,
        "character": figures.characters,
    }
    arrays = [
        values if isinstance(values, pa.Array) else pa.array(values, type=schema.field(name).type)
        for name, values in columns.items()
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
