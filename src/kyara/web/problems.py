"""What goes wrong, as JSON: one clear line, and nothing of the code that it came from."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from kyara.errors import KyaraError, OutputError, PictureError, PluginError, UsageError
from kyara.library.decisions import NearlyNamedError

__all__ = ["NotFoundError", "answer_problems"]

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())

_STATUS: tuple[tuple[type[KyaraError], int], ...] = (
    (PictureError, 422),
    (UsageError, 400),
    (OutputError, 503),
    (PluginError, 503),
)


class NotFoundError(UsageError):
    """What was asked for is not in the library."""


def answer_problems(app: FastAPI) -> None:
    """Let the app answer each error with its status and `{"error": …}`."""
    app.add_exception_handler(KyaraError, _of_kyara)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_request)
    app.add_exception_handler(Exception, _unexpected)


async def _of_kyara(_request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, NotFoundError):
        return _line(404, error.what)
    if isinstance(error, NearlyNamedError):
        return JSONResponse({"error": error.what, "meant": error.meant}, 409)
    assert isinstance(error, KyaraError)  # what this handler was added for
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    return _line(status, error.what)  # not where: paths are nobody's business here


async def _of_http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _line(error.status_code, str(error.detail))


async def _of_request(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return _line(400, f"{place}: {first['msg']}")


async def _unexpected(_request: Request, error: Exception) -> JSONResponse:
    _log.error("a request failed", exc_info=error)
    return _line(500, f"this failed: {type(error).__name__}")


def _line(status: int, what: str) -> JSONResponse:
    return JSONResponse({"error": what}, status)
