"""`kyara apply`."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kyara.cli.console import print_table, progress
from kyara.cli.main import EXIT_INTERRUPTED
from kyara.cli.options import PATH, open_cache, report_skipped
from kyara.cli.sort import ROWS_SHOWN, summary
from kyara.errors import printable

if TYPE_CHECKING:
    from kyara.organise.plan import Operation

EXAMPLE = """
\b
Examples:
    kyara sort inbox --refs cast --out sorted --plan plan.json
    kyara apply plan.json --dry-run
    kyara apply plan.json
"""


@click.command("apply", epilog=EXAMPLE)
@click.argument("plan", type=PATH)
@click.option("--dry-run", is_flag=True, help="Show what would be done; touch nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per operation and line.")
def command(plan: Path, dry_run: bool, as_json: bool) -> int:
    """Show PLAN, a file that `kyara sort --plan` wrote, and carry it out.

    Pictures that were changed since the plan was made are left alone and named. Nothing is
    ever overwritten, a second run only does what is new, and `kyara undo` puts everything back.
    """
    from kyara.encode.cache import digest_with
    from kyara.organise.planfile import checked_plan, load_plan
    from kyara.organise.undo import recover
    from kyara.sorting import carry_out

    loaded = load_plan(plan)
    if not dry_run:
        recover(loaded.root)
    with open_cache(no_cache=False) as cache:
        checked = checked_plan(loaded, lambda path: digest_with(cache, path))
        operations, interrupted = list(checked.operations), False
        if not dry_run:
            operations, interrupted = carry_out(checked, cache=cache, progress=progress)
    if as_json:
        for operation in operations:
            click.echo(json.dumps(_row(operation)))
    else:
        _print_tables(operations)
    click.echo(summary(operations, dry_run), err=as_json)
    if interrupted:
        click.echo("kyara: interrupted; run the same command again to go on", err=True)
        return EXIT_INTERRUPTED
    failed = [str(operation.error) for operation in operations if operation.error is not None]
    return report_skipped(failed, len(operations))


def _row(operation: Operation) -> dict[str, Any]:
    return {
        "source": os.fspath(operation.source),
        "target": os.fspath(operation.target),
        "action": operation.action.value,
        "done": operation.status.word,
        "error": None if operation.error is None else operation.error.what,
    }


def _print_tables(operations: Sequence[Operation]) -> None:
    if len(operations) <= ROWS_SHOWN:
        print_table(
            [("picture", "left"), ("", "left"), ("target", "left"), ("done", "left")],
            (
                (
                    printable(str(o.source)),
                    o.action.value,
                    printable(str(o.target)),
                    o.status.word,
                )
                for o in operations
            ),
        )
    else:
        count = len(operations)
        click.echo(f"kyara: {count} operations are not listed; --json has them", err=True)
    folders = Counter(str(operation.target.parent) for operation in operations)
    print_table(
        [("folder", "left"), ("pictures", "right")],
        ((printable(name), str(count)) for name, count in sorted(folders.items())),
    )
