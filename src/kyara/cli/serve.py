"""`kyara serve`."""

from __future__ import annotations

from pathlib import Path

import click

from kyara.cli.serving import ServingOptions, library_argument, serving_options

EXAMPLE = """
\b
Examples:
    kyara serve cast.kyara
    curl -F pictures=@page.png http://127.0.0.1:8741/api/v1/identify
    kyara serve cast.kyara --host 0.0.0.0 --allow-host kyara.lan
"""


@click.command("serve", epilog=EXAMPLE)
@library_argument
@serving_options
def command(library: Path, serving: ServingOptions) -> None:
    """Let other programs ask LIBRARY, and tell it, over HTTP.

    /api/v1/openapi.json describes what can be asked: who is in a picture, whether two show the same
    character, characters, groups, pictures, decisions. The page of `kyara review` is there, too.
    Only pictures of the library are given out, and only to whom may ask: this machine, or whoever
    has the token.
    """
    serving.serve(library, lambda _address: None)
