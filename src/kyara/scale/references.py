"""A Lance dataset of references, read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kyara.errors import DataError, KyaraError, UsageError, one_line
from kyara.extras import optional
from kyara.scale.dataset import INSTALL, Ids
from kyara.scale.figures import (
    EDGES,
    FAILED,
    UNNAMED,
    Figures,
    Shown,
    prefixes_in,
    references_schema,
)
from kyara.types import FloatArray, as_embeddings

__all__ = ["ReferenceDataset"]

_FIGURES = "error IS NULL"
NAMED = f"{_FIGURES} AND character IS NOT NULL"
_MADE_BY = ("encoder", "detector")
_EXPORT = "kyara library export FILE --lance DATASET writes one"


class ReferenceDataset:
    """A dataset that is read.

    Attributes:
        path: where it is.
        opened: Lance's own.
        ids: what made the embeddings, and how many numbers they have.
    """

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            UsageError: there is none, or it holds something else.
        """
        self.path = path
        self.opened = self._opened()
        self._columns = self._examined()
        dimension = self._columns.field("embedding").type.list_size
        self.ids = Ids(self._only("encoder"), self._only("detector"), dimension)

    @property
    def version(self) -> str:
        """Which of its versions is read, and when that was written: another may have other rows."""
        number = self.opened.version
        with self._saying():
            times = {one["version"]: one["timestamp"] for one in self.opened.versions()}
            return f"{number} of {times[number].timestamp():.6f}"

    def figures(self) -> Iterator[Figures]:
        """All figures, in parts.

        Raises:
            DataError: a row is not as it should be.
        """
        with self._saying():
            scanner = self.opened.scanner(columns=self._columns.names, filter=_FIGURES)
            for batch in scanner.to_batches():
                yield self._figures(batch)

    def take(self, rows: NDArray[np.intp]) -> Figures:
        """The figures in some rows of the dataset.

        Raises:
            DataError: one is not as it should be.
        """
        with self._saying():
            return self._figures(self.opened.take(rows, columns=self._columns.names))

    def references(self, rows: NDArray[np.intp]) -> tuple[tuple[str, ...], FloatArray]:
        """The uris and the embeddings (r, d) in some rows of the dataset.

        Raises:
            DataError: one is not as it should be.
        """
        order = np.argsort(rows, kind="stable")
        with self._saying():
            found = self.opened.take(rows[order], columns=["uri", "embedding"])
            uris, embeddings = found.column("uri").to_pylist(), found.column("embedding")
            if None in uris:
                raise ValueError("a figure without its uri")
            if (order[1:] > order[:-1]).all():  # as they mostly are: a copy less
                return tuple(uris), self._embeddings(embeddings)
            back = np.argsort(order)
            return tuple(uris[n] for n in back), self._embeddings(embeddings)[back]

    @cached_property
    def shown(self) -> Shown:
        """Whom the figures show.

        Raises:
            DataError: it cannot be read.
        """
        compute = optional("pyarrow.compute", INSTALL)
        places: dict[str, int] = {}
        owners = [np.zeros(0, dtype=np.int32)]
        with self._saying():
            for batch in self.opened.scanner(columns=["character", "error"]).to_batches():
                whole = batch.column("error").is_null()
                codes = compute.if_else(whole, batch.column("character"), None).dictionary_encode()
                names = codes.dictionary.to_pylist()
                numbers = [*(places.setdefault(name, len(places)) for name in names), UNNAMED]
                own = np.asarray(numbers, np.int32)[codes.indices.fill_null(-1).to_numpy()]
                figures = whole.to_numpy(zero_copy_only=False)
                owners.append(np.where(figures, own, np.int32(FAILED)))
        return Shown.of(list(places), np.concatenate(owners))

    def embeddings(self) -> Iterator[tuple[NDArray[np.intp], FloatArray]]:
        """Those of the references, in parts: their rows in the dataset (r,), and (r, d).

        Raises:
            DataError: one is not as it should be.
        """
        owners, begin = self.shown.owners, 0
        with self._saying():
            for batch in self.opened.scanner(columns=["embedding"]).to_batches():
                kept = np.flatnonzero(owners[begin : begin + batch.num_rows] >= 0)
                if len(kept):
                    rows = batch if len(kept) == batch.num_rows else batch.take(kept)
                    yield begin + kept, self._embeddings(rows.column("embedding"))
                begin += batch.num_rows

    def nearest(
        self, probe: FloatArray, k: int, partitions: int, compared: int
    ) -> tuple[NDArray[np.intp], FloatArray]:
        """By the dataset's own index: the rows of at most `k` references, and their distances (1
        minus the cosine), the nearest first.

        Args:
            probe: shape (d,).
            partitions: of the index that are looked into.
            compared: times `k` references are compared by their embeddings.

        Raises:
            DataError: there is no index that can be read.
        """
        query = {"column": "embedding", "q": probe, "k": k, "metric": "cosine"}
        query |= {"nprobes": partitions, "refine_factor": compared}
        shown = self.shown
        all_named = shown.references == len(shown.owners)
        only = {} if all_named else {"filter": NAMED, "prefilter": True}
        with self._saying():
            found = self.opened.scanner(
                columns=["_distance"], nearest=query, with_row_id=True, **only
            ).to_table()
            ids = found.column("_rowid").to_numpy()
            rows = np.searchsorted(self._row_ids, ids)
        return rows, found.column("_distance").to_numpy()

    @cached_property
    def _row_ids(self) -> NDArray[np.uint64]:
        """What Lance calls each row, ascending (n,)."""
        parts = [np.zeros(0, dtype=np.uint64)]
        for batch in self.opened.scanner(columns=[], with_row_id=True).to_batches():
            parts.append(batch.column("_rowid").to_numpy())
        return np.concatenate(parts)

    def prefixes(self) -> NDArray[np.uint64]:
        """The first eight bytes of the digest in each row of the dataset, as a number (n,);
        anything where there is none."""
        parts = [np.zeros(0, dtype=np.uint64)]
        with self._saying():
            for batch in self.opened.scanner(columns=["digest"]).to_batches():
                parts.append(prefixes_in(batch.column("digest")))
        return np.concatenate(parts)

    def _figures(self, rows: Any) -> Figures:
        """Of a table or a batch."""
        listed = {
            name: rows.column(name).to_pylist()
            for name in ("character", "digest", "uri", "kind", "score")
        }
        boxes = np.stack([rows.column(edge).to_numpy() for edge in EDGES], axis=1)
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
        pa, found = optional("pyarrow", INSTALL), self.opened.schema
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
            scanner = self.opened.scanner(columns=[column], filter=_FIGURES, limit=1)
            (value,) = scanner.to_table().column(column).to_pylist() or [None]
            same = str(value).replace("'", "''")
            others = f"{_FIGURES} AND ({column} IS NULL OR {column} <> '{same}')"
            mixed = self.opened.count_rows(filter=others)
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
