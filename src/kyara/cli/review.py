"""`kyara review`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.serving import ServingOptions, library_argument, serving_options

if TYPE_CHECKING:
    from kyara.web.serving import Address

EXAMPLE = """
\b
Examples:
    kyara group inbox --library cast.kyara
    kyara review cast.kyara
    kyara review cast.kyara --no-browser --port 9000
"""


@click.command("review", epilog=EXAMPLE)
@library_argument
@click.option("--no-browser", is_flag=True, help="Only say the address.")
@serving_options
def command(library: Path, no_browser: bool, serving: ServingOptions) -> None:
    """Name, confirm and correct in the browser, with the pictures of LIBRARY in front of you.

    A page on this machine: groups without a name, the doubtful answers, characters and their
    references, and a place to drop pictures. All that you say is kept at once, and can be undone.
    No picture file is moved or changed.
    """
    serving.serve(library, _nothing if no_browser else _open)


def _open(address: Address) -> None:
    import threading
    import webbrowser

    # Some browsers are started in the foreground: the server must not wait for them.
    threading.Thread(target=webbrowser.open, args=(address.link,), daemon=True).start()


def _nothing(_address: Address) -> None:
    return
