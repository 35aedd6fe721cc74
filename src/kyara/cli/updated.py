"""What came of bringing a library up to date, in JSON and in words."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from kyara.cli.options import report_skipped
from kyara.errors import printable

if TYPE_CHECKING:
    from kyara.library.update import Updated

__all__ = ["report_updated"]


def report_updated(result: Updated, as_json: bool) -> int:
    """Print it; returns the exit code."""
    counts = {name: getattr(result, name) for name in _WORDS}
    failed = [str(error) for error in result.failed]
    away = "it is not there, or empty; what is known of its pictures was kept"
    failed += [f"{printable(str(path))}: {away}" for path in result.missing]
    if as_json:
        chosen = [
            {
                "path": os.fspath(one.path),
                "character": one.character,
                "box": one.chosen and one.chosen.as_tuple(),
            }
            for one in result.chosen
        ]
        click.echo(json.dumps(counts | {"skipped": failed, "chosen": chosen}))
    else:
        said = [f"{count} {_WORDS[name]}" for name, count in counts.items() if count]
        click.echo(", ".join(said or ["no pictures were found"]) + ".")
        for line in map(str, result.chosen):
            click.echo(f"kyara: {line}", err=True)
        if result.kept:
            click.echo("What you decided before was kept: kyara decide log shows it.", err=True)
    return report_skipped(failed, sum(counts.values()) - counts["named"] + len(failed))


_WORDS = {
    "unchanged": "unchanged",
    "new": "new",
    "changed": "changed",
    "moved": "moved",
    "copied": "at a further place",
    "gone": "gone",
    "embedded": "embedded again",
    "named": "became references",
    "kept": "left as decided",
}
