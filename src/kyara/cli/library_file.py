"""The commands of `kyara library` that change nothing in it: what is in it, whole or not, given
away."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kyara.cli.console import print_table
from kyara.cli.options import LIBRARY, PATH
from kyara.errors import printable

__all__ = ["check", "export", "info", "json_option", "library_file"]

F = TypeVar("F", bound=Callable[..., Any])


def library_file(function: F) -> F:
    """The argument FILE."""
    return click.argument("library", metavar="FILE", type=LIBRARY)(function)


def json_option(function: F) -> F:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(function)


INFO_EXAMPLE = """
\b
Examples:
    kyara library info cast.kyara
    kyara library info cast.kyara --json
"""


@click.command("info", epilog=INFO_EXAMPLE)
@library_file
@json_option
def info(library: Path, as_json: bool) -> None:
    """What is in the library: its model, its characters, how many pictures."""
    from dataclasses import asdict

    from kyara.library.store import Library

    with Library.open(library) as opened:
        encoder, counts = opened.encoder, opened.counts()
        characters, roots = opened.decisions.characters(), opened.roots()
    if as_json:
        summary = {
            "file": os.fspath(library),
            "encoder": encoder.identity,
            "plugin": encoder.plugin,
            **asdict(counts),
            "by_character": {one.name: one.references for one in characters},
            "roots": [os.fspath(root.path) for root in roots],
        }
        click.echo(json.dumps(summary))
        return
    click.echo(f"model       {printable(encoder.plugin)} ({encoder.identity})")
    click.echo(f"pictures    {counts.pictures}, {counts.gone} of them gone")
    click.echo(f"references  {counts.references}")
    click.echo(f"decisions   {counts.decisions}")
    print_table(
        [("character", "left"), ("references", "right")],
        ((printable(one.name), str(one.references)) for one in characters),
    )


CHECK_EXAMPLE = """
\b
Example:
    kyara library check cast.kyara
"""


@click.command("check", epilog=CHECK_EXAMPLE)
@library_file
@json_option
def check(library: Path, as_json: bool) -> int:
    """Is the file whole? Which pictures are gone, which characters have few references?

    Exit code 1 means that the file is damaged; the rest is for you to judge.
    """
    from kyara.library.check import FEW
    from kyara.library.check import check as look
    from kyara.library.store import Library

    with Library.open(library) as opened, opened.database.snapshot():
        found = look(opened)
    if as_json:
        summary = {
            "problems": found.problems,
            "gone": [os.fspath(path) for path in found.gone],
            "missing": [os.fspath(path) for path in found.missing],
            "weak": found.weak,
            "contradicted": [
                {name: os.fspath(path) for name, path in places.items()}
                for places in found.contradicted
            ],
        }
        click.echo(json.dumps(summary))
    else:
        for problem in found.problems:
            click.echo(f"problem: {printable(problem)}")
        for path in found.gone:
            click.echo(f"gone: {printable(str(path))}")
        for path in found.missing:
            click.echo(f"not embedded (kyara library update): {printable(str(path))}")
        for name, count in found.weak.items():
            click.echo(f"fewer than {FEW} references: {printable(name)} ({count})")
        for places in found.contradicted:
            where = ", ".join(f"{path} ({name})" for name, path in places.items())
            click.echo(f"one picture in the folders of several characters: {printable(where)}")
        click.echo("The file is damaged." if found.problems else "The file is whole.")
    return 1 if found.problems else 0


EXPORT_EXAMPLE = """
\b
Examples:
    kyara library export cast.kyara cast.zip
    kyara library export cast.kyara --lance cast.lance
"""


@click.command("export", epilog=EXPORT_EXAMPLE)
@library_file
@click.argument("out", metavar="OUT", type=PATH, required=False)
@click.option(
    "--lance",
    "dataset",
    metavar="DATASET.lance",
    type=LIBRARY,
    help="Instead: a Lance dataset, with the figures that have no name, too.",
)
@click.option("--overwrite", is_flag=True, help="Replace OUT or DATASET if it exists.")
@json_option
def export(
    library: Path, out: Path | None, dataset: Path | None, overwrite: bool, as_json: bool
) -> None:
    """Write the references to OUT, a file that others can import and use without the pictures.

    It holds embeddings, names of characters and files, and small thumbnails; no paths. A dataset
    (needs 'kyara[scale]') holds paths and no thumbnails; `kyara sort` and `kyara identify` take it
    as --library.
    """
    from kyara.library.dataset import export_dataset
    from kyara.library.portable import export_references
    from kyara.library.store import Library

    with Library.open(library) as opened, opened.database.snapshot():
        match out, dataset:
            case Path(), None:
                count = export_references(opened, out, overwrite=overwrite)
                summary = {"file": os.fspath(out), "references": count}
                said = f"{count} references in {printable(str(out))}"
            case None, Path():
                count, unnamed = export_dataset(opened, dataset, overwrite=overwrite)
                summary = {"dataset": os.fspath(dataset), "references": count, "unnamed": unnamed}
                said = f"{count} references and {unnamed} unnamed in {printable(str(dataset))}"
            case _:
                raise click.UsageError("give OUT or --lance DATASET")
    click.echo(json.dumps(summary) if as_json else said)
