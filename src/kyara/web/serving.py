"""Running the application on a port, until Ctrl-C."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import uvicorn

from kyara.errors import UsageError, reason
from kyara.web.access import Access
from kyara.web.app import create_app

__all__ = ["DEFAULT_PORT", "Address", "serve"]

DEFAULT_PORT = 8741


@dataclass(frozen=True)
class Address:
    """Where the application can be reached.

    Attributes:
        token: what has to be shown there, if anything.
    """

    host: str
    port: int
    token: str | None = None

    @property
    def url(self) -> str:
        """Of the page."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{name}:{self.port}/"

    @property
    def link(self) -> str:
        """The same, with the token."""
        return self.url if self.token is None else f"{self.url}?{urlencode({'token': self.token})}"


def serve(
    library: Path,
    on_ready: Callable[[Address], None],
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    names: Sequence[str] = (),
    token: str | None = None,
    device: str = "cpu",
) -> None:
    """Serve a library until the process is interrupted.

    Args:
        on_ready: told the address, once requests are answered there.
        port: None: the usual one, or if that is taken, any; 0: any.
        names: further names of this server that a request may use.
        token: what has to be shown; None: nothing, but where others can connect, a new one.

    Raises:
        UsageError: there is no such library, nothing can listen at that address, or the token
            cannot be in a header.
        DataError: it is no library.
    """
    if token is not None and re.fullmatch(r"[A-Za-z0-9_-]+", token) is None:
        raise UsageError("a token has letters, digits, - and _ only", where="KYARA_TOKEN")
    access = Access.for_host(host, token, names)
    app = create_app(library, access, device=device)
    listening = _listen(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=5,
    )
    # What fails is answered, and logged by us; of the rest nobody wants a traceback at Ctrl-C.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    address = Address(host, listening.getsockname()[1], access.token)
    with listening, suppress(KeyboardInterrupt):
        _Server(config, lambda: on_ready(address)).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def _listen(host: str, port: int | None) -> socket.socket:
    try:
        return _bound(host, DEFAULT_PORT if port is None else port)
    except OSError as error:
        if port is None:
            with suppress(OSError):
                return _bound(host, 0)
        what = f"nothing can listen there: {reason(error)}"
        where = host if port is None else f"{host}:{port}"
        raise UsageError(what, where=where, hint="choose another --port or --host") from error


def _bound(host: str, port: int) -> socket.socket:
    (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except BaseException:
        made.close()
        raise
    return made
