"""What `kyara serve` and `kyara review` share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyara.cli.groups import option_group
from kyara.cli.options import LIBRARY, device_option
from kyara.errors import printable

if TYPE_CHECKING:
    from kyara.web.serving import Address

__all__ = ["ServingOptions", "library_argument", "serving_options"]

library_argument = click.argument(
    "library", metavar="LIBRARY", envvar="KYARA_LIBRARY", required=True, type=LIBRARY
)


@dataclass(frozen=True)
class ServingOptions:
    """What `--host`, `--port`, `--allow-host`, `--device` and `--json` say."""

    host: str
    port: int | None
    names: tuple[str, ...]
    device: str
    as_json: bool

    def serve(self, library: Path, on_ready: Callable[[Address], None]) -> None:
        """Serve it until Ctrl-C; see `kyara.web.serving.serve`.

        Args:
            on_ready: told the address, after that was printed.
        """
        from kyara.extras import require_extra

        require_extra("web")
        from kyara.web.serving import serve

        def said(address: Address) -> None:
            self._say(address)
            on_ready(address)

        serve(
            library,
            said,
            host=self.host,
            port=self.port,
            names=self.names,
            token=os.environ.get("KYARA_TOKEN") or None,
            device=self.device,
        )

    def _say(self, address: Address) -> None:
        if self.as_json:
            click.echo(json.dumps({"url": address.url, "token": address.token}))
        click.echo(f"kyara: {printable(address.link)} (Ctrl-C ends it)", err=True)


serving_options = option_group(
    "serving",
    ServingOptions,
    click.option(
        "--host",
        default="127.0.0.1",
        show_default=True,
        metavar="ADDRESS",
        help="Where to listen. Where others can connect, the link has a token, which is new each "
        "time; KYARA_TOKEN sets one.",
    ),
    click.option(
        "--port",
        type=click.IntRange(0, 65535),
        metavar="N",
        help="Default: 8741, or any if that is taken. 0: any.",
    ),
    click.option(
        "--allow-host",
        "names",
        multiple=True,
        metavar="NAME",
        help="A further name by which this server may be called, such as kyara.lan.",
    ),
    device_option,
    click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print one JSON object once requests are answered: url, token.",
    ),
)
"""Hands `ServingOptions` over as `serving`."""
