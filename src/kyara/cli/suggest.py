"""`kyara suggest`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.console import print_table, progress
from kyara.cli.options import LIBRARY, ModelOptions, model_options, report_skipped
from kyara.cli.suggested import as_row, question

if TYPE_CHECKING:
    from kyara.suggest.kinds import Suggestion

KINDS = ("merge", "named", "misplaced", "alike", "copies")
SHOWN = 20
"""In a table."""
EXAMPLE = """
\b
Examples:
    kyara suggest cast.kyara
    kyara suggest cast.kyara --kind misplaced --kind copies
    kyara suggest cast.kyara --json
    kyara decide apart --group 3 --group 5 --library cast.kyara
"""


@click.command("suggest", epilog=EXAMPLE)
@click.argument("library", type=LIBRARY, envvar="KYARA_LIBRARY")
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(KINDS),
    multiple=True,
    help="Only these. Without copies no picture is opened.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per suggestion and line.")
@model_options
def command(library: Path, kinds: tuple[str, ...], as_json: bool, model: ModelOptions) -> int:
    """What is best asked next about a LIBRARY; what settles most pictures comes first.

    \b
    merge      two groups, or two characters, that are probably one
    named      a group of `kyara group` that is probably a character with a name
    misplaced  a reference that is like another character rather than its own
    alike      characters that may be taken for each other: a warning
    copies     pictures that are probably copies of one

    Nothing is changed. `kyara decide` gives the answers; --json has the command for yes and for
    no with each. What was answered is not asked again.
    """
    from kyara.identify.default import choose_judge
    from kyara.library.store import Library
    from kyara.suggest.ask import suggest
    from kyara.suggest.kinds import Kind

    wanted = [Kind(kind) for kind in kinds or KINDS]
    with Library.open(library, write=os.access(library, os.W_OK)) as opened:
        encoder = model.encoder_of(opened)
        found = suggest(opened, encoder, choose_judge(encoder), wanted, progress)
    if as_json:
        for one in found.suggestions:
            click.echo(json.dumps(as_row(one, library)))
    else:
        _print_table(found.suggestions)
    return report_skipped([str(error) for error in found.failed], len(found.suggestions) or 1)


def _print_table(suggestions: tuple[Suggestion, ...]) -> None:
    if not suggestions:
        click.echo("There is nothing to ask. `kyara group --library FILE` groups new pictures.")
        return
    columns = [
        ("pictures", "right"),
        ("probability", "right"),
        ("kind", "left"),
        ("question", "left"),
    ]
    print_table(
        columns,
        (
            (
                str(one.settles),
                "" if one.probability is None else f"{one.probability:.2f}",
                one.kind.value,
                question(one),
            )
            for one in suggestions[:SHOWN]
        ),
    )
    more = len(suggestions) - SHOWN
    if more > 0:
        click.echo(f"And {more} more: --json tells all.")
    click.echo("Answer with `kyara decide`; --json has the command for yes and for no.")
