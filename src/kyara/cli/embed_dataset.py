"""`kyara embed --out DATASET.lance`: more than one run can do."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from kyara.cli.console import progress
from kyara.cli.main import EXIT_INTERRUPTED
from kyara.cli.options import EXIT_SKIPPED, ModelOptions
from kyara.errors import UsageError, printable
from kyara.extras import require_extra
from kyara.files import is_folder


def embed_into_dataset(
    pictures: Sequence[Path], out: Path, model: ModelOptions, as_json: bool
) -> int:
    """Embed what the dataset `out` does not hold yet; returns the exit code.

    Raises:
        UsageError: the extra is missing, or the dataset is another's.
        OutputError: it cannot be written; what was appended before stays.
    """
    require_extra("scale")
    from kyara.pictures.find import find_pictures
    from kyara.scale.dataset import EmbeddingDataset, Ids
    from kyara.scale.engine import embed_tables

    if not is_folder(out.parent):
        raise UsageError("there is no such folder", where=out.parent)
    encoder, finder = model.encoder(), model.detector()
    ids = Ids(encoder.id, finder.id, encoder.dimension)
    dataset = EmbeddingDataset(out, ids)
    # A dataset outlives the folder that somebody is in today.
    paths = find_pictures([os.path.abspath(path) for path in pictures])
    counts = _Counts()
    with dataset.writing():
        dataset.forget_errors()
        known = dataset.digests()
        try:
            with model.cache() as cache:
                tables = embed_tables(paths, encoder, finder, known, cache=cache, progress=progress)
                with closing(tables):
                    for table in tables:
                        dataset.append(counts.new(table))
        except KeyboardInterrupt:
            click.echo("kyara: interrupted; run it again to go on", err=True)
            return EXIT_INTERRUPTED
        rows = dataset.finish()
    if as_json:
        summary = {"dataset": os.fspath(out), "rows": rows, "added": counts.added}
        summary |= {"failed": counts.failed, "known": len(known), "dimension": ids.dimension}
        click.echo(json.dumps({**summary, "encoder": ids.encoder, "detector": ids.detector}))
    else:
        click.echo(f"{counts.added} rows added to {printable(str(out))}, which has {rows}")
    return EXIT_SKIPPED if counts.failed else 0


class _Counts:
    """What was appended; of one content only the first copy is."""

    def __init__(self) -> None:
        self.added = self.failed = 0
        self._seen: dict[bytes, str] = {}

    def new(self, table: Any) -> Any:
        """The rows of `table` whose picture has not come before, from elsewhere."""
        keep = []
        columns = (table.column(name).to_pylist() for name in ("digest", "uri", "error"))
        for digest, uri, error in zip(*columns, strict=True):
            keep.append(digest is None or self._seen.setdefault(digest, uri) == uri)
            if error is not None:
                self.failed += 1
                click.echo(f"kyara: skipped {printable(uri)}: {printable(error)}", err=True)
        self.added += sum(keep)
        return table.filter(keep)
