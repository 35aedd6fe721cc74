"""`kyara undo`."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kyara.cli.console import print_table, progress
from kyara.cli.main import EXIT_INTERRUPTED
from kyara.cli.options import EXIT_SKIPPED, PATH
from kyara.errors import DataError, UsageError, printable
from kyara.files import is_folder

if TYPE_CHECKING:
    from kyara.organise.journal import JournalRecord
    from kyara.organise.undo import Undoing

EXAMPLE = """
\b
Examples:
    kyara undo sorted --dry-run
    kyara undo sorted
    kyara undo sorted --list
"""


@click.command("undo", epilog=EXAMPLE)
@click.argument("place", metavar="SORTED", type=PATH)
@click.option("--list", "as_list", is_flag=True, help="Show what was done in SORTED, and stop.")
@click.option("--dry-run", is_flag=True, help="List every path; touch nothing.")
@click.option(
    "--trust",
    is_flag=True,
    help="Also if another person, another machine or another path is in the journal.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def command(place: Path, as_list: bool, dry_run: bool, trust: bool, as_json: bool) -> int:
    """Put everything back as it was before the latest sort into SORTED.

    Copies and links are removed, moved pictures go back to where they came from. What was
    changed since, and what would be lost, is left and named. Undoing again undoes the sort
    before. SORTED is the folder, or one of its journals that --list names.

    Nothing outside SORTED and the inbox of that sort is touched. If SORTED came from elsewhere or
    was moved, look with --dry-run; --trust then does what its journal says.
    """
    if as_list:
        _list(place, as_json)
        return 0
    undoings, interrupted = _undo(_journals(place), dry_run, trust)
    return _report(undoings, interrupted, as_json, dry_run)


def _journals(place: Path) -> list[JournalRecord]:
    """What is to be undone, first things first."""
    from kyara.organise.journal import read_journal
    from kyara.organise.undo import plans_to_undo

    if os.path.lexists(place) and not is_folder(place):
        return [read_journal(place)]
    _all_journals(place)  # complains if there are none
    return plans_to_undo(place)


def _all_journals(folder: Path) -> list[Path]:
    from kyara.organise.journal import find_journals

    if not os.path.lexists(folder):
        raise UsageError("there is no such file or folder", where=folder)
    found = find_journals(folder)
    if not found:
        raise UsageError("nothing was sorted into this folder", where=folder)
    return found


def _undo(
    records: Sequence[JournalRecord], dry_run: bool, trust: bool
) -> tuple[list[Undoing], bool]:
    from kyara.organise.undo import undo_plan

    undoings: list[Undoing] = []
    try:
        with progress("files", sum(len(record.entries) for record in records)) as tick:
            for record in records:
                with closing(undo_plan(record, dry_run=dry_run, trust=trust)) as doing:
                    for undoing in doing:
                        undoings.append(undoing)
                        tick()
    except KeyboardInterrupt:
        return undoings, True
    return undoings, False


def _report(undoings: Sequence[Undoing], interrupted: bool, as_json: bool, dry_run: bool) -> int:
    from kyara.organise.undo import Outcome

    if as_json:
        for undoing in undoings:
            click.echo(json.dumps(_row(undoing)))
    elif dry_run:
        for undoing in undoings:
            if undoing.does:
                click.echo(printable(undoing.does))
    counts = Counter(undoing.outcome for undoing in undoings)
    done = counts[Outcome.UNDONE]
    verb = "would be undone" if dry_run else "undone"
    click.echo(f"{done} {verb}." if done else "Nothing to undo.", err=as_json)
    left = [undoing for undoing in undoings if undoing.outcome is Outcome.LEFT]
    for undoing in left:
        click.echo(printable(f"kyara: left {undoing.entry.target}: {undoing.why}"), err=True)
    if interrupted:
        click.echo("kyara: interrupted; run the same command again to go on", err=True)
        return EXIT_INTERRUPTED
    if left:
        click.echo(f"kyara: {len(left)} of {len(undoings)} were left", err=True)
        return EXIT_SKIPPED
    return 0


def _row(undoing: Undoing) -> dict[str, Any]:
    entry = undoing.entry
    return {
        "source": os.fspath(entry.source),
        "target": os.fspath(entry.target),
        "action": entry.action.value,
        "done": undoing.outcome.value,
        "error": undoing.why,
    }


def _list(folder: Path, as_json: bool) -> None:
    rows = [_listed(path) for path in _all_journals(folder)]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    columns = ["made", "state", "files", "inbox", "journal"]
    print_table(
        [(column, "right" if column == "files" else "left") for column in columns],
        ([printable(str(row[column] or "")) for column in columns] for row in rows),
    )


def _listed(path: Path) -> dict[str, Any]:
    from kyara.organise.journal import read_journal

    row: dict[str, Any] = {"made": None, "state": "unreadable", "files": 0, "inbox": None}
    with suppress(DataError):
        record = read_journal(path)
        row = {
            "made": record.made,
            "state": record.state,
            "files": sum(entry.done is not False for entry in record.entries),
            "inbox": None if record.inbox is None else os.fspath(record.inbox),
        }
    return {**row, "journal": os.fspath(path)}
