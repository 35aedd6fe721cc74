"""Who may ask: the checks that each request passes before anything else sees it.

A page of another site, open in the same browser, can send requests to this machine, and with a
name of its own that leads here (DNS rebinding) even read the answers. So the name in `Host` must be
one of ours, `Origin` must be the page's own, and what changes something needs a token that
only our page can know.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.exceptions import HTTPException

__all__ = ["COOKIE", "CSRF_HEADER", "Access", "Guard", "is_loopback"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "kyara-token"
CSRF_HEADER = "x-kyara-csrf"
_SAFE = ("GET", "HEAD")
_CHANGES_NOTHING = ("/api/v1/identify", "/api/v1/compare")
"""POSTs because they bring pictures: other programs need no CSRF token for them, and `Origin` keeps
other sites out."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to a server that is bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes:
        token: what is to be shown, as `Authorization: Bearer`, or in a cookie that the first link
            sets; None: whoever can connect may ask.
        names: names of this server in `Host`, beside addresses in figures and `localhost`.
        csrf: what the page sends with each change; made anew for each process.
        longest_body: bytes that a request may bring.
    """

    token: str | None = None
    names: frozenset[str] = frozenset()
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    longest_body: int = 64_000_000

    @classmethod
    def for_host(cls, host: str, token: str | None, names: Iterable[str] = ()) -> Access:
        """For a server that is bound to `host`: one that others can connect to gets a token."""
        if token is None and not is_loopback(host):
            token = secrets.token_urlsafe(24)
        return cls(token, frozenset(name.lower() for name in (host, *names)))

    def knows(self, host: str) -> bool:
        """Whether a `Host` header names this server. An address in figures cannot be rebound, so
        each of them is good."""
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        if name is None:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name == "localhost" or name in self.names
        return True

    def shows_token(self, shown: str | None) -> bool:
        """Whether this is the token, or none is needed."""
        if self.token is None:
            return True
        return shown is not None and hmac.compare_digest(shown.encode(), self.token.encode())

    def shows_csrf(self, shown: str | None) -> bool:
        """Whether this is what the page sends with each change."""
        return shown is not None and hmac.compare_digest(shown.encode(), self.csrf.encode())


class Guard:
    """ASGI middleware that asks `Access`, bounds bodies, and sets the headers of all answers."""

    def __init__(self, app: App, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":  # the lifespan of the server; there are no web sockets
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        headers = {name.decode("latin-1"): v.decode("latin-1") for name, v in scope["headers"]}
        linked = self._from_link(scope)
        if linked is not None and self._access.knows(headers.get("host", "")):
            await _redirect(send, *linked)
            return
        refused = self._refusal(scope, headers)
        if refused is not None:
            await _refuse(send, *refused)
            return
        await self._app(scope, _bounded(receive, self._access.longest_body), send)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """Status and reason, if the request is not answered."""
        stranger = self._stranger(scope, headers)
        if stranger is not None:
            return stranger
        bearer = headers.get("authorization", "")
        shown = bearer[7:] if bearer.startswith("Bearer ") else _cookie(headers.get("cookie"))
        if not self._access.shows_token(shown):
            return 401, "this needs the token: open the link that kyara printed"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._access.longest_body:
            return 413, _too_long(self._access.longest_body)
        if scope["method"] in _SAFE or scope["path"] in _CHANGES_NOTHING:
            return None
        if not self._access.shows_csrf(headers.get(CSRF_HEADER)):
            return 403, f"a change needs the header {CSRF_HEADER}: GET /api/v1/session has it"
        return None

    def _stranger(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._access.knows(host):
            return 421, "this server is not known by that name; --allow-host NAME allows it"
        if origin is not None and origin != f"{scope.get('scheme', 'http')}://{host}":
            return 403, "another site may not ask"
        return None

    def _from_link(self, scope: Scope) -> tuple[str, str] | None:
        """Where to go on, and the cookie to set, if this is the first link with the right token."""
        if self._access.token is None or scope["method"] != "GET":
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        shown = dict(query).get("token")
        if shown is None or not self._access.shows_token(shown):
            return None
        rest = urlencode([pair for pair in query if pair[0] != "token"])
        path = "/" + scope["path"].lstrip("/")  # //other.site would lead away
        cookie = f"{COOKIE}={shown}; HttpOnly; SameSite=Strict; Path=/"
        return (f"{path}?{rest}" if rest else path), cookie


def _bounded(receive: Receive, longest: int) -> Receive:
    """Lets no more of a body pass than it may have: nobody has to say beforehand how long it is."""
    left = longest

    async def receiving() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, _too_long(longest))
        return message

    return receiving


def _cookie(header: str | None) -> str | None:
    try:
        found = SimpleCookie(header or "").get(COOKIE)
    except CookieError:
        return None
    return None if found is None else found.value


def _too_long(longest: int) -> str:
    return f"more than {longest // 1_000_000} MB at once are not taken"


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message.get("headers", ())}
            message["headers"] = [*message.get("headers", ()), *_HEADERS]
            if b"cache-control" not in given:
                message["headers"].append((b"cache-control", b"no-store"))
        await send(message)

    return sending


async def _refuse(send: Send, status: int, why: str) -> None:
    body = json.dumps({"error": why}).encode()
    await _answer(send, status, [(b"content-type", b"application/json")], body)


async def _redirect(send: Send, target: str, cookie: str) -> None:
    headers = [(b"location", target.encode("latin-1")), (b"set-cookie", cookie.encode())]
    await _answer(send, 303, headers, b"")


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
