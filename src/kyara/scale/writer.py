"""Rows on their way from an engine into a dataset."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kyara.extras import optional
from kyara.scale.dataset import INSTALL, Digests, EmbeddingDataset

__all__ = ["Writer"]

_ROWS = 50_000
_SECONDS = 20.0
"""Rows wait for others until there are so many, or so long: each append is a version and a file,
of which a hundred thousand are slow to open."""
_RECENT = 1_000_000
"""Pictures whose names are remembered: a dictionary takes ten times as much as `Digests`."""


class Writer:
    """Appends rows; of several copies of a picture those of the one that came first.

    Attributes:
        added: rows that were appended, or wait for it.
        failed: pictures that could not be read among them.
    """

    def __init__(self, dataset: EmbeddingDataset, skipped: Callable[[str, str], None]) -> None:
        """Write into `dataset`.

        Args:
            skipped: told of each picture that could not be read, by its name and why.
        """
        self.added = self.failed = 0
        self._dataset, self._skipped = dataset, skipped
        self._recent: dict[bytes, str] = {}
        self._earlier = Digests()
        self._waiting: list[Any] = []
        self._flushed = time.monotonic()

    def add(self, table: Any) -> None:
        """Take rows (`table_of`).

        Raises:
            OutputError: those that waited cannot be written; the dataset is as it was.
        """
        if not table.num_rows:  # pictures that were all known
            return
        keep = []
        columns = (table.column(name).to_pylist() for name in ("digest", "uri", "error"))
        for digest, uri, error in zip(*columns, strict=True):
            keep.append(digest is None or self._is_first(digest, uri))
            if error is not None:
                self.failed += 1
                self._skipped(uri, error)
        self.added += sum(keep)
        self._waiting.append(table.filter(keep))
        self._remember()
        rows = sum(waiting.num_rows for waiting in self._waiting)
        if rows >= _ROWS or time.monotonic() - self._flushed >= _SECONDS:
            self.flush()

    def flush(self) -> None:
        """Append what waits, as one version.

        Raises:
            OutputError: it cannot be written; the dataset is as it was.
        """
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._dataset.append(optional("pyarrow", INSTALL).concat_tables(waiting))
        self._flushed = time.monotonic()

    def _is_first(self, digest: bytes, uri: str) -> bool:
        # A picture has a row for each figure: the same name is no copy.
        if digest in self._earlier:
            return False
        return self._recent.setdefault(digest, uri) == uri

    def _remember(self) -> None:
        if len(self._recent) > _RECENT:
            self._earlier = self._earlier.with_others(self._recent)
            self._recent = {}
