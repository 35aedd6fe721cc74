"""`kyara plugins`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kyara.cli.options import PATH

if TYPE_CHECKING:
    from kyara.plugins.discover import FoundPlugin

EXAMPLE = """
\b
Examples:
    kyara plugins
    kyara plugins --json
    kyara plugins trust plugins/mine
"""


@click.group("plugins", epilog=EXAMPLE, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per plugin and line.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> int:
    """List the models that --plugin, and the detectors that --detect, takes by name.

    The shipped ones, and those of installed Python packages. A plugin directory of your own
    needs no list: give its path.
    """
    from kyara.cli.console import print_table
    from kyara.plugins.discover import find_plugins

    if context.invoked_subcommand is not None:
        return 0
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


TRUST_EXAMPLE = """
\b
Examples:
    kyara plugins trust plugins/mine
    kyara plugins trust plugins/mine --revoke
"""


@command.command("trust", epilog=TRUST_EXAMPLE)
@click.argument("directory", metavar="DIR", type=PATH)
@click.option("--revoke", is_flag=True, help="Trust it no more.")
def trust_command(directory: Path, revoke: bool) -> None:
    """Let libraries run the code of the plugin in DIR, as its files are now.

    A library names the plugin that it was made with. Its Python code can do whatever you can, so
    it runs only if you name it with --plugin, in KYARA_TRUSTED_PLUGINS, or trust it here. Look at
    the code first. Changed files have to be trusted again. Plugins of ONNX alone need no trust.
    """
    from kyara.errors import printable
    from kyara.plugins.trust import distrust, trust

    if revoke:
        count = distrust(directory)
        click.echo("It is trusted no more." if count else "It was not trusted.")
        return
    click.echo(printable(f"{directory} is trusted as it is now: {trust(directory)}"))


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
