"""Who may ask, and what is refused before anything else sees it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyara.web.access import COOKIE, CSRF_HEADER, Access, is_loopback
from kyara.web.app import create_app
from tests.web.conftest import Api

if TYPE_CHECKING:
    from starlette.testclient import TestClient

UNDO = "/api/v1/decisions/undo"
Serving = Callable[[Access], "TestClient"]


@pytest.fixture
def serving(library: Path) -> Iterator[Serving]:
    from starlette.testclient import TestClient

    opened = []

    def serve(access: Access) -> TestClient:
        client = TestClient(create_app(library, access), base_url="http://192.168.0.7:8741")
        client.__enter__()
        opened.append(client)
        return client

    yield serve
    for client in opened:
        client.__exit__(None, None, None)


@pytest.mark.parametrize("host", ["127.0.0.1:8741", "localhost:8741", "[::1]:8741", "10.0.0.9"])
def test_own_names_are_known(api: Api, host: str) -> None:
    assert api.client.get("/api/v1/session", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example:8741", "localhost.evil.example", "", "[::1"])
@pytest.mark.parametrize("path", ["/", "/api/v1/session", "/assets/app.js"])
def test_other_names_are_not(api: Api, host: str, path: str) -> None:
    assert api.client.get(path, headers={"host": host}).status_code == 421


def test_a_name_can_be_allowed(serving: Serving) -> None:
    client = serving(Access(names=frozenset({"kyara.lan"})))
    headers = {"host": "kyara.lan:8741"}
    assert client.get("/api/v1/session", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:8741", "http://127.0.0.1:1"]
)
def test_other_sites_may_not_ask(api: Api, origin: str) -> None:
    headers = {"origin": origin, CSRF_HEADER: api.csrf}
    assert api.client.get("/api/v1/session", headers=headers).status_code == 403
    assert api.client.post(UNDO, json={}, headers=headers).status_code == 403
    sent = [("pictures", ("a.png", b""))]
    refused = api.client.post("/api/v1/identify", files=sent, headers={"origin": origin})
    assert refused.status_code == 403


@pytest.mark.parametrize("shown", [None, "", "wrong", "Ä"])
def test_a_change_needs_the_token_of_the_page(api: Api, shown: str | None) -> None:
    headers = {} if shown is None else {CSRF_HEADER: shown.encode()}
    for path in ("/decisions", "/decisions/undo", "/groups/search"):
        refused = api.client.post(f"/api/v1{path}", json={}, headers=headers)
        assert refused.status_code == 403
    assert api.get("/decisions")["total"] == 0


def test_nothing_is_changed_by_a_get(api: Api) -> None:
    changing = {"put", "patch", "delete"}
    for methods in api.get("/openapi.json")["paths"].values():
        assert not changing & set(methods)


def test_elsewhere_a_token_is_needed(serving: Serving) -> None:
    access = Access.for_host("0.0.0.0", None)
    assert access.token is not None
    client = serving(access)
    for path in ("/", "/api/v1/session", "/assets/app.js"):
        assert client.get(path).status_code == 401
    right = {"authorization": f"Bearer {access.token}"}
    assert client.get("/api/v1/session", headers=right).status_code == 200
    wrong = {"authorization": "Bearer wrong"}
    assert client.get("/api/v1/session", headers=wrong).status_code == 401
    assert client.post("/api/v1/identify", files=[("pictures", b"")]).status_code == 401


def test_the_first_link_sets_a_cookie_and_takes_the_token_out_of_the_address(
    serving: Serving,
) -> None:
    access = Access.for_host("0.0.0.0", "secret")
    client = serving(access)
    refused = client.get("/?token=wrong", follow_redirects=False)
    assert refused.status_code == 401
    leads_away = "http://192.168.0.7:8741//evil.example/?token=secret"
    first = client.get(leads_away, follow_redirects=False)
    assert first.headers["location"] == "/evil.example/"
    first = client.get("/doubts?token=secret&a=b", follow_redirects=False)
    assert (first.status_code, first.headers["location"]) == (303, "/doubts?a=b")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert client.get("/api/v1/session", headers={"cookie": f"{COOKIE}=secret"}).status_code == 200


def test_loopback_needs_none() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        assert is_loopback(host)
        assert Access.for_host(host, None).token is None
    for host in ("0.0.0.0", "::", "192.168.0.7", "kyara.lan"):
        assert not is_loopback(host)


def test_bodies_are_bounded_whether_they_say_how_long_they_are_or_not(serving: Serving) -> None:
    client = serving(Access(longest_body=1000))
    long = b"x" * 2000
    sent = [("pictures", ("a.png", long))]
    assert client.post("/api/v1/identify", files=sent).status_code == 413
    headers = {"content-type": "multipart/form-data; boundary=b"}
    chunks = (b'--b\r\ncontent-disposition: form-data; name="pictures"; filename="a"\r\n\r\n', long)
    answer = client.post("/api/v1/identify", content=iter(chunks), headers=headers)
    assert answer.status_code == 413
    assert "error" in answer.json()


def test_too_many_pictures_and_too_many_pixels_are_refused(api: Api) -> None:
    sent = [("pictures", (f"{n}.png", b"x")) for n in range(51)]
    assert api.client.post("/api/v1/identify", files=sent).status_code == 400
    header = struct.pack(">IIBBBBB", 9_000, 9_500, 1, 0, 0, 0, 0)
    huge = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"")
    answer = api.client.post("/api/v1/identify", files=[("pictures", ("huge.png", huge))])
    assert answer.json()["pictures"][0]["error"] == "more than 80 megapixels are not taken"


def png_chunk(kind: bytes, data: bytes) -> bytes:
    length, check = struct.pack(">I", len(data)), struct.pack(">I", zlib.crc32(kind + data))
    return length + kind + data + check


def test_every_answer_forbids_what_the_page_does_not_need(api: Api) -> None:
    for path in ("/", "/api/v1/session", "/nothing"):
        headers = api.client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


@given(host=st.text(max_size=40))
def test_a_host_is_known_or_not_and_never_an_error(host: str) -> None:
    assert Access().knows(host) in (True, False)
