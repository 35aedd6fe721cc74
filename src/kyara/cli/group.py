"""`kyara group`."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kyara.cli.console import print_table, progress
from kyara.cli.main import EXIT_INTERRUPTED
from kyara.cli.options import LIBRARY, PATH, ModelOptions, model_options, report_skipped
from kyara.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kyara.cluster.heap import Figure, Grouped, Perhaps
    from kyara.errors import PictureError

EXAMPLE = """
\b
Examples:
    kyara group inbox
    kyara group inbox --out groups
    kyara group inbox --library cast.kyara
    kyara decide confirm --group 3 --character "Yang Wenli" --library cast.kyara
"""
GROUPS_SHOWN = 40


@click.command("group", epilog=EXAMPLE)
@click.argument("pictures", nargs=-1, type=PATH)
@click.option(
    "--library",
    metavar="FILE",
    envvar="KYARA_LIBRARY",
    type=LIBRARY,
    help="Add PICTURES to this library, which is made if there is none, and group all in it that "
    "has no name yet. Or set KYARA_LIBRARY.",
)
@click.option(
    "--out",
    metavar="DIR",
    type=PATH,
    help="Copy the pictures there, into a folder for each group.",
)
@click.option(
    "--similarity",
    type=click.FloatRange(-1, 1, min_open=True, max_open=True),
    metavar="COSINE",
    help="How alike neighbours in a group are; less gives larger, less pure groups. Default: as "
    "measured for the model.",
)
@click.option("--json", "form", flag_value="json", help="One JSON object per figure and line.")
@click.option("--csv", "form", flag_value="csv", help="CSV, one row per figure.")
@model_options
def command(
    pictures: tuple[Path, ...],
    library: Path | None,
    out: Path | None,
    similarity: float | None,
    form: str | None,
    model: ModelOptions,
) -> int:
    """Group PICTURES (files or folders) by character, without being told who there is.

    A figure that is like none of the others stays alone. Groups are small rather than mixed: one
    character may have several, which get the same name. In a library the groups have numbers, by
    which `kyara decide` names them, and that stay when more is added; and for a group that is
    probably a character with a name, it is said which.
    """
    if library is None and not pictures:
        raise click.UsageError("name PICTURES, or a --library")
    try:
        if library is None:
            grouped, failed, looked_at = _of_pictures(pictures, similarity, model)
        else:
            grouped, failed, looked_at = _of_library(library, pictures, similarity, model)
    except KeyboardInterrupt:
        click.echo("kyara: interrupted; the same command goes on from here", err=True)
        return EXIT_INTERRUPTED
    _show(grouped, form)
    skipped = [str(error) for error in failed]
    try:
        skipped += [] if out is None else _file(grouped, out, model)
    except KeyboardInterrupt:
        click.echo("kyara: interrupted; the same command goes on from here", err=True)
        return EXIT_INTERRUPTED
    return report_skipped(skipped, looked_at)


def _of_pictures(
    pictures: tuple[Path, ...], similarity: float | None, model: ModelOptions
) -> tuple[Grouped, list[PictureError], int]:
    from kyara.cluster.heap import group_pictures, similarity_of
    from kyara.encode.pipeline import embed_pictures
    from kyara.errors import UsageError
    from kyara.pictures.find import find_pictures

    paths = find_pictures(pictures)
    if not paths:
        raise UsageError("no pictures are here", where=pictures[0])
    encoder, finder = model.encoder(), model.detector()
    if similarity is None:
        similarity = similarity_of(encoder)
    embedded = []
    with model.cache() as cache, progress("pictures", len(paths)) as tick:
        for picture in embed_pictures(paths, encoder, detector=finder, cache=cache):
            embedded.append(picture)
            tick()
    failed = [picture.error for picture in embedded if picture.error is not None]
    if len(failed) == len(paths):
        report_skipped([str(error) for error in failed], len(paths))
        raise UsageError("there is no usable picture", hint="nothing was grouped")
    return group_pictures(embedded, similarity), failed, len(paths)


def _of_library(
    path: Path, pictures: tuple[Path, ...], similarity: float | None, model: ModelOptions
) -> tuple[Grouped, list[PictureError], int]:
    from kyara.cluster.heap import group_library, similarity_of
    from kyara.identify.default import choose_judge
    from kyara.library.intake import detector_of
    from kyara.library.roots import roots_at
    from kyara.library.store import Library
    from kyara.library.update import add
    from kyara.plugins.discover import DEFAULT_PLUGIN

    roots = [root for picture in pictures for root in roots_at(picture)]
    if not os.path.lexists(path):
        plugin = model.plugin or DEFAULT_PLUGIN
        Library.create(path, model.encoder(), plugin, model.detector()).close()
        click.echo(f"kyara: {printable(str(path))} is new", err=True)
    with Library.open(path, write=True) as library, model.cache() as cache:
        encoder, chosen = model.encoder_of(library), model.chosen_detector()
        detector_of(library, chosen)
        if similarity is None:
            similarity = similarity_of(encoder)
        failed: list[PictureError] = []
        if roots:
            added = add(library, roots, encoder, detector=chosen, cache=cache, progress=progress)
            failed = list(added.failed)
        grouped = group_library(library, encoder, choose_judge(encoder), similarity)
    return grouped, failed, sum(group.pictures for group in grouped.groups) + len(failed)


def _show(grouped: Grouped, form: str | None) -> None:
    if form == "json":
        for row in _rows(grouped):
            click.echo(json.dumps(row))
    elif form == "csv":
        _write_csv(grouped)
    else:
        _print_table(grouped)


def _print_table(grouped: Grouped) -> None:
    shown = grouped.groups[:GROUPS_SHOWN]
    if shown:
        columns = [
            ("group", "right"),
            ("pictures", "right"),
            ("perhaps", "left"),
            ("most typical", "left"),
        ]
        print_table(
            columns,
            (
                (
                    str(group.number),
                    str(group.pictures),
                    _perhaps(group.perhaps),
                    printable(str(group.figures[0].path)),
                )
                for group in shown
            ),
        )
    more = len(grouped.groups) - len(shown)
    if more:
        click.echo(f"And {more} more: --json or --csv tells all.")
    figures = sum(len(group.figures) for group in grouped.groups)
    alone = len(grouped.alone)
    click.echo(f"{len(grouped.groups)} groups of {figures} figures; {alone} are like no other.")


def _perhaps(perhaps: Perhaps | None) -> str:
    return "" if perhaps is None else printable(f"{perhaps.character} {perhaps.probability:.2f}")


_EDGES = ("left", "top", "right", "bottom")


def _rows(grouped: Grouped) -> Iterator[dict[str, Any]]:
    """What is said of each figure, by group; those that are alone come last."""
    for group in grouped.groups:
        perhaps = group.perhaps
        for figure in group.figures:
            yield {
                **_figure(figure),
                "group": group.number,
                "typical": round(figure.typical, 4),
                "perhaps": None if perhaps is None else perhaps.character,
                "probability": None if perhaps is None else round(perhaps.probability, 4),
            }
    for figure in grouped.alone:
        nothing = dict.fromkeys(("group", "typical", "perhaps", "probability"))
        yield {**_figure(figure), **nothing}


def _figure(figure: Figure) -> dict[str, Any]:
    found = figure.detection
    return {"path": os.fspath(figure.path), "kind": found.kind, "box": found.box.as_tuple()}


def _write_csv(grouped: Grouped) -> None:
    from kyara.results.rows import safe_cell

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["path", "kind", *_EDGES, "group", "typical", "perhaps", "probability"])
    for row in _rows(grouped):
        box = dict(zip(_EDGES, row.pop("box"), strict=True))
        path, kind = row.pop("path"), row.pop("kind")
        cells = {"path": path, "kind": kind, **box, **row}
        writer.writerow([safe_cell(value) for value in cells.values()])


def _file(grouped: Grouped, out: Path, model: ModelOptions) -> list[str]:
    """Copy the pictures of the groups into folders; returns what could not be copied."""
    from kyara.encode.cache import digest_with
    from kyara.organise.plan import Action, Filing, Status, make_plan
    from kyara.organise.undo import recover
    from kyara.sorting import carry_out

    filings = dict.fromkeys(
        Filing(figure.path, figure.digest, f"group {group.number}")
        for group in grouped.groups
        for figure in group.figures
    )
    recover(out)
    with model.cache() as cache:
        plan = make_plan(filings, out, Action.COPY, lambda path: digest_with(cache, path))
        done, interrupted = carry_out(plan, cache=cache, progress=progress)
    if interrupted:
        raise KeyboardInterrupt
    new = sum(operation.status is Status.DONE for operation in done)
    where = printable(str(out))
    click.echo(f"kyara: {new} copied to {where}; kyara undo {where} takes them back", err=True)
    return [str(operation.error) for operation in done if operation.error is not None]
