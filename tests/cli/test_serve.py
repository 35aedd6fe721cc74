"""`kyara serve` and `kyara review`, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kyara import extras
from tests.conftest import Ran
from tests.support import command

pytest.importorskip("fastapi", reason="needs the extra `web`")


@pytest.fixture
def library(kyara: Callable[..., Ran], tiny_plugin: Path, cast: Path, tmp_path: Path) -> Path:
    path = tmp_path / "cast.kyara"
    assert kyara("library", "create", path, "--plugin", tiny_plugin).code == 0
    assert kyara("library", "add", path, cast, "--cast").code == 0
    return path


@contextmanager
def served(*arguments: object, **environment: str) -> Iterator[dict[str, str]]:
    """What a server said of itself; it is interrupted at the end, and ends well."""
    process = subprocess.Popen(
        command(*arguments, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
        text=True,
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        assert said, process.stderr and process.stderr.read()
        yield json.loads(said)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
    finally:
        process.kill()
        process.communicate()


def status_of(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.slow
def test_it_serves_until_it_is_interrupted(library: Path) -> None:
    with served("serve", library, "--port", "0") as said:
        assert said["url"].startswith("http://127.0.0.1:")
        assert said["token"] is None
        assert status_of(f"{said['url']}api/v1/session") == 200


@pytest.mark.slow
def test_elsewhere_it_wants_the_token(library: Path) -> None:
    arguments = ("review", library, "--no-browser", "--host", "0.0.0.0", "--port", "0")
    with served(*arguments, KYARA_TOKEN="secret") as said:
        url = said["url"].replace("0.0.0.0", "127.0.0.1") + "api/v1/session"
        assert said["token"] == "secret"
        assert status_of(url) == 401
        assert status_of(url, authorization="Bearer secret") == 200


def test_a_port_that_is_taken_is_said(library: Path, kyara: Callable[..., Ran]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = kyara("serve", library, "--port", port)
    assert ran.code == 2
    assert "choose another --port" in ran.err


def test_a_token_that_no_header_can_hold_is_said(
    library: Path, kyara: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KYARA_TOKEN", "two words; and more")
    ran = kyara("serve", library, "--port", "0")
    assert (ran.code, "letters, digits" in ran.err) == (2, True)


def test_what_is_no_library_is_said(tmp_path: Path, kyara: Callable[..., Ran]) -> None:
    ran = kyara("review", tmp_path / "none.kyara", "--no-browser")
    assert (ran.code, "there is no such library" in ran.err) == (2, True)


def test_without_the_extra_it_says_how_to_install_it(
    library: Path, kyara: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda _module: None)
    ran = kyara("serve", library)
    assert ran.code == 2
    assert "pip install 'kyara[web]'" in ran.err
