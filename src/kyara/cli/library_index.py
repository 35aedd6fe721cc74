"""`kyara library index`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.library_file import json_option
from kyara.cli.options import LIBRARY
from kyara.errors import printable

if TYPE_CHECKING:
    from kyara.identify.indexes import Kind

__all__ = ["index"]

EXAMPLE = """
\b
Examples:
    kyara library index cast.lance
    kyara library index cast.lance --kind usearch
"""


@click.command("index", epilog=EXAMPLE)
@click.argument("dataset", metavar="DATASET", type=LIBRARY)
@click.option(
    "--kind",
    type=click.Choice(["lance", "usearch"]),
    default="lance",
    show_default=True,
    help="lance: in the dataset, small, on the disk; usearch: a file beside it, faster and larger "
    "(needs 'kyara[index]').",
)
@json_option
def index(dataset: Path, kind: Kind, as_json: bool) -> None:
    """Build the index of a Lance DATASET of references, by which more than a million are searched.

    Up to a million, every reference is compared and no index is looked at. Beyond, the
    nearest references by the index say which characters are judged. How many of the ten nearest it
    finds (recall) is measured on the dataset itself, and the effort of a search is chosen
    so that it is at least 0.98, if it can. When the dataset has changed, build it again.
    """
    from msgspec.structs import asdict

    from kyara.identify.indexes import build_index, wants_index
    from kyara.scale.references import ReferenceDataset

    opened = ReferenceDataset(dataset)
    count = opened.shown.references
    record = build_index(opened, kind) if wants_index(opened) else None
    if as_json:
        told = {"references": count, "kind": None} if record is None else asdict(record)
        click.echo(json.dumps({"dataset": os.fspath(dataset), **told}))
    elif record is None:
        click.echo(f"{count} references: every one is compared, so no index is needed")
    else:
        click.echo(
            f"{count} references in the index of {printable(str(dataset))}; it finds "
            f"{record.recall_at_10:.1%} of the ten nearest"
        )
