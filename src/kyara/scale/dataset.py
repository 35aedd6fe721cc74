"""A Lance dataset of embeddings: a row for each figure of each picture, and for each picture that
could not be read.

Every append is a version of its own, so a dataset is whole whenever the process ends. A picture
is known by its digest and stands in it once, wherever its copies lie.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from kyara.detect import Detector
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture
from kyara.errors import OutputError, UsageError, one_line
from kyara.extras import optional

__all__ = ["Digests", "EmbeddingDataset", "Ids", "table_of"]

INSTALL = "'kyara[scale]'"
_BYTES = 32
_AS_BYTES = f"S{_BYTES}"
# Appended batches are small; searching many small files is slow.
_ROWS_OF_A_FILE = 1_000_000


@dataclass(frozen=True)
class Ids:
    """What made the embeddings: those of two encoders, or detectors, are never mixed.

    Attributes:
        encoder, detector: their ids.
        dimension: numbers of an embedding.
    """

    encoder: str
    detector: str
    dimension: int

    @classmethod
    def of(cls, encoder: Encoder, detector: Detector) -> Ids:
        """Of these two."""
        return cls(encoder.id, detector.id, encoder.dimension)


class Digests:
    """Digests, held as one array of 32 bytes each: millions of them fit into memory, which the
    processes of a machine can share."""

    def __init__(self, digests: Iterable[bytes] = ()) -> None:
        self.sorted: NDArray[np.bytes_] = np.unique(np.asarray(list(digests), dtype=_AS_BYTES))

    @classmethod
    def of_sorted(cls, digests: NDArray[np.bytes_]) -> Digests:
        """Of the array that another one has; it is not copied."""
        made = cls()
        made.sorted = digests
        return made

    def with_others(self, digests: Iterable[bytes]) -> Digests:
        """These and `digests`."""
        others = np.asarray(list(digests), dtype=_AS_BYTES)
        return Digests.of_sorted(np.union1d(self.sorted, others))

    def __contains__(self, digest: object) -> bool:
        if not isinstance(digest, bytes) or not len(self.sorted):
            return False
        one = np.asarray([digest], dtype=_AS_BYTES)
        place = int(np.searchsorted(self.sorted, one)[0])
        return place < len(self.sorted) and bool(self.sorted[place] == one[0])

    def __len__(self) -> int:
        return len(self.sorted)


class EmbeddingDataset:
    """A dataset that is written to."""

    def __init__(self, path: Path, ids: Ids) -> None:
        """Open it, or make it when the first rows come.

        Raises:
            UsageError: it was made by another encoder or detector, or is no such dataset.
        """
        self._lance = optional("lance", INSTALL)
        self._path, self._ids = path, ids
        self._schema = schema_of(ids.dimension)
        self._there = os.path.lexists(path)
        if self._there:
            self._check(self._opened())

    @contextmanager
    def writing(self) -> Iterator[None]:
        """While nobody else writes to it.

        Raises:
            UsageError: somebody does.
            OutputError: there cannot be written.
        """
        lock = FileLock(f"{self._path}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            what = "another kyara writes to this dataset"
            raise UsageError(what, where=self._path, hint="wait until it has ended") from None
        except OSError as error:
            raise OutputError(one_line(error), where=self._path) from error
        try:
            yield
        finally:
            lock.release()

    def digests(self) -> Digests:
        """Of the pictures that are in it."""
        if not self._there:
            return Digests()
        scanner = self._opened().scanner(columns=["digest"], filter="error IS NULL")
        return Digests(
            digest
            for batch in scanner.to_batches()
            for digest in batch.column("digest").to_pylist()
            if digest is not None
        )

    def forget_errors(self) -> None:
        """Take out the rows of pictures that could not be read: they are tried again."""
        if self._there:
            with self._saying():
                self._opened().delete("error IS NOT NULL")

    def append(self, table: Any) -> None:
        """Add rows (`table_of`), as one version.

        Raises:
            OutputError: they cannot be written; the dataset is as it was.
        """
        if table.num_rows:
            with self._saying():
                mode = "append" if self._there else "create"
                self._lance.write_dataset(table.cast(self._schema), self._path, mode=mode)
            self._there = True

    def finish(self) -> int:
        """Put small files together, and forget the versions between; returns how many rows there
        are.

        Raises:
            OutputError: it cannot be written.
        """
        if not self._there:
            return 0
        with self._saying():
            dataset = self._opened()
            dataset.optimize.compact_files(target_rows_per_fragment=_ROWS_OF_A_FILE)
            dataset.cleanup_old_versions(retain_versions=1)
        return int(dataset.count_rows())

    def _opened(self) -> Any:
        try:
            return self._lance.dataset(self._path)
        except Exception as error:  # of lance, ValueError and OSError with no base of their own
            what = f"no Lance dataset: {one_line(error)}"
            raise UsageError(what, where=self._path, hint="choose another name") from error

    def _check(self, dataset: Any) -> None:
        if not dataset.schema.equals(self._schema):
            what = "this Lance dataset holds something else, or embeddings of another size"
            raise UsageError(what, where=self._path, hint="choose another name")
        for name, wanted in (("encoder", self._ids.encoder), ("detector", self._ids.detector)):
            row = dataset.scanner(columns=[name], filter="error IS NULL", limit=1).to_table()
            there = row.column(name).to_pylist()
            if there and there[0] != wanted:
                what = f"it was made with the {name} {there[0]}, not {wanted}"
                raise UsageError(what, where=self._path, hint="choose another name")

    @contextmanager
    def _saying(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # of lance, OSError and RuntimeError alike
            raise OutputError(f"cannot write: {one_line(error)}", where=self._path) from error


def schema_of(dimension: int) -> Any:
    """The columns of a dataset."""
    pa = optional("pyarrow", INSTALL)
    # A box is what a figure is known by, so it is kept as exactly as a library keeps it.
    edges = [(edge, pa.float64()) for edge in ("left", "top", "right", "bottom")]
    return pa.schema(
        [
            *(("digest", pa.binary(_BYTES)), ("uri", pa.string())),
            *edges,
            *(("kind", pa.string()), ("score", pa.float32())),
            ("embedding", pa.list_(pa.float32(), dimension)),
            *(("encoder", pa.string()), ("detector", pa.string()), ("error", pa.string())),
        ]
    )


def table_of(pictures: Iterable[tuple[str, EmbeddedPicture]], ids: Ids) -> Any:
    """The rows of these pictures, each with its path or URL; none of those that were skipped."""
    rows = []
    for name, picture in pictures:
        shared: dict[str, Any] = {
            "digest": picture.digest,
            "uri": os.fsencode(name).decode("utf-8", "replace"),
            "encoder": ids.encoder,
            "detector": ids.detector,
            "error": None if picture.error is None else picture.error.what,
        }
        if picture.error is not None:
            rows.append(shared)
        for detection, embedding in zip(picture.detections, picture.embeddings, strict=True):
            box = detection.box
            edges = {"left": box.left, "top": box.top, "right": box.right, "bottom": box.bottom}
            told = {"kind": detection.kind, "score": detection.score, "embedding": embedding}
            rows.append({**shared, **edges, **told})
    return optional("pyarrow", INSTALL).Table.from_pylist(rows, schema=schema_of(ids.dimension))
