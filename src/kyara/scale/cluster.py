"""Ray, started here or joined, and as quiet as the rest of Kyara."""

from __future__ import annotations

import io
import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import Any

from kyara.errors import KyaraError, one_line
from kyara.extras import optional
from kyara.scale.dataset import INSTALL

__all__ = ["cluster"]

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # or it tells its makers of every run
    "RAY_DATA_LOG_LEVEL": "CRITICAL",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
_HINT = "start one: ray start --head; if it wants a token: RAY_AUTH_MODE=token"
_LONG = 16
_PATIENCE = 10.0
"""Seconds that a cluster may take to answer."""
_STORE_BYTES = 200 << 20
"""Of Ray's shared memory where it is started here, beside what is known. What goes through it is
small: names one way and embeddings the other."""


@contextmanager
def cluster(address: str | None, workers: int, shared: int) -> Iterator[Any]:
    """The module `ray`, connected.

    Args:
        address: of a cluster, as `ray.init` takes it; None: one is started here for `workers`,
            and nothing is left of it at the end.
        shared: bytes that all workers share.

    Raises:
        UsageError: Ray is not installed.
        KyaraError: it cannot be started, or not be reached.
    """
    for name, value in {**_QUIET, **({} if address else _alone())}.items():
        os.environ.setdefault(name, value)  # read when it is imported
    ray = optional("ray", INSTALL)
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(_Dropped()))
        stack.enter_context(warnings.catch_warnings(action="ignore"))  # for who writes programs
        where: dict[str, Any] = {"address": address}
        if address is None:
            where = {"address": "local", "num_cpus": workers + 1, "include_dashboard": False}
            where |= {"object_store_memory": _STORE_BYTES + 2 * shared}
            where |= {"_temp_dir": stack.enter_context(_own_folder())}
        else:
            _require_listener(address)
        stack.callback(ray.shutdown)
        try:
            with _silenced():
                ray.init(**where, log_to_driver=False, logging_level=logging.CRITICAL)
        except Exception as error:  # ConnectionError, and others of grpc's and Ray's own
            raise _unreachable(address, error) from error
        yield ray


class _Dropped(io.TextIOBase):
    """What Ray prints of what became of workers, at length: what cannot be made good is raised.

    Its bars are drawn on stderr, but only where stdout is a terminal.
    """

    def isatty(self) -> bool:
        return sys.stderr.isatty()

    def write(self, text: str, /) -> int:
        return len(text)


def _alone() -> dict[str, str]:
    """What a Ray that is started here is told. Others are kept out: it listens on loopback (on
    Linux too, whatever the name says), to those who know a word that nobody else is told."""
    return {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_worker_niceness": "0",  # it is what the user waits for
        "RAY_raylet_start_wait_time_s": "60",  # a busy machine takes longer than its 30
    }


@contextmanager
def _own_folder() -> Iterator[str]:
    """Where a Ray that is started here keeps its sockets and logs. What a socket is called may be
    a hundred bytes long, of which Ray wants most."""
    usual = tempfile.gettempdir()
    long = len(os.fsencode(usual)) > _LONG and os.path.isdir("/tmp")  # noqa: PTH112
    folder = tempfile.mkdtemp(prefix="kyara-ray-", dir="/tmp" if long else usual)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _silenced() -> Iterator[None]:
    """Ray says past Python's stderr that it was told to say little."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _require_listener(address: str) -> None:
    """Nothing, if somebody listens there: Ray would try for minutes.

    Raises:
        KyaraError: nobody does.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not (host and port.isdecimal()):
        return  # `auto`, or what Ray has to say something about
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str | None, error: Exception) -> KyaraError:
    if address is None:
        what = f"Ray cannot be started here: {one_line(error)}"
        return KyaraError(what, hint="on a busy machine it may be too slow; try again")
    what = f"no Ray can be reached there: {one_line(error)}"
    return KyaraError(what, where=address, hint=_HINT)
