"""Writing a dataset of references: whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kyara.errors import OutputError, UsageError, one_line
from kyara.extras import optional
from kyara.files import is_folder
from kyara.scale.dataset import INSTALL, Ids
from kyara.scale.figures import EDGES, Figures, references_schema
from kyara.scale.references import ReferenceDataset

__all__ = ["require_free", "table_of", "write_references"]


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
    table = pa.concat_tables([table_of(part, ids) for part in parts])
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


def table_of(figures: Figures, ids: Ids) -> Any:
    """The rows of a dataset of references."""
    pa = optional("pyarrow", INSTALL)
    schema, count = references_schema(ids.dimension), len(figures.digests)
    flat = pa.array(np.ascontiguousarray(figures.embeddings, dtype=np.float32).reshape(-1))
    columns: dict[str, Any] = {
        "digest": figures.digests,
        "uri": figures.uris,
        **dict(zip(EDGES, figures.boxes.T, strict=True)),
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
