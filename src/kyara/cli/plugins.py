"""`kyara plugins`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from kyara.plugins.discover import FoundPlugin

EXAMPLE = """
\b
Examples:
    kyara plugins
    kyara plugins --json
"""


@click.command("plugins", epilog=EXAMPLE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per plugin and line.")
def command(as_json: bool) -> int:
    """List the models that --plugin, and the detectors that --detect, takes by name.

    The shipped ones, and those of installed Python packages. A plugin directory of your own
    needs no list: give its path.
    """
    from kyara.cli.console import print_table
    from kyara.plugins.discover import find_plugins

    found = find_plugins()
    if as_json:
        for plugin in found:
            click.echo(json.dumps(_as_json(plugin)))
    else:
        columns = [
            ("name", "left"),
            ("version", "left"),
            ("kind", "left"),
            ("from", "left"),
            ("input", "right"),
            ("numbers", "right"),
            ("about", "left"),
        ]
        print_table(columns, (_cells(plugin) for plugin in found))
    return 1 if any(plugin.error for plugin in found) else 0


def _cells(plugin: FoundPlugin) -> tuple[str, ...]:
    from kyara.errors import printable
    from kyara.manifest import Manifest

    if plugin.manifest is None:
        return (printable(plugin.name), "", "", plugin.origin, "", "", f"unusable: {plugin.error}")
    manifest = plugin.manifest
    return (
        plugin.name,
        manifest.plugin.version,
        manifest.plugin.kind,
        plugin.origin,
        f"{manifest.input.size} px",
        str(manifest.embedding.dimension) if isinstance(manifest, Manifest) else "",
        printable(manifest.plugin.description),
    )


def _as_json(plugin: FoundPlugin) -> dict[str, Any]:
    import msgspec

    return {
        "name": plugin.name,
        "origin": plugin.origin,
        "directory": None if plugin.directory is None else os.fspath(plugin.directory),
        "manifest": msgspec.to_builtins(plugin.manifest),
        "error": None if plugin.error is None else str(plugin.error),
    }
