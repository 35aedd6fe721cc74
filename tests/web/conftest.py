"""A library of painted characters, served in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra `web`")

from kyara.web.access import CSRF_HEADER, Access
from kyara.web.app import create_app
from tests.conftest import Ran, draw

if TYPE_CHECKING:
    from starlette.testclient import TestClient

NAMES = ("ruby", "jade", "azure")


@pytest.fixture
def library(
    kyara: Callable[..., Ran], tiny_plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A library with a heap of five pictures of each of three characters, and one of a stranger;
    grouped, and nobody is named."""
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        for pose in range(5):
            draw(tmp_path / "heap" / f"{name}-{pose}.png", name, pose)
    draw(tmp_path / "heap" / "who.png", "stranger")
    grouped = kyara(
        *("group", "heap", "--library", "cast.kyara"),
        *("--similarity", "0.8", "--plugin", tiny_plugin),
    )
    assert grouped.code == 0, grouped.err
    return tmp_path / "cast.kyara"


@dataclass
class Api:
    """The API, as a client that knows the token for changes."""

    client: TestClient
    csrf: str

    def get(self, path: str, **query: Any) -> Any:
        answer = self.client.get(f"/api/v1{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, status: int = 201, **body: Any) -> Any:
        headers = {CSRF_HEADER: self.csrf}
        answer = self.client.post(f"/api/v1{path}", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def decide(self, kind: str, status: int = 201, **body: Any) -> Any:
        return self.post("/decisions", status, kind=kind, **body)

    def groups(self) -> dict[str, dict[str, Any]]:
        """The groups, by the name of the character that is painted."""
        found = {}
        for group in self.get("/groups")["groups"]:
            picture = self.get(f"/pictures/{group['sample'][0]['picture']}")
            found[picture["name"].split("-")[0]] = group
        return found


@pytest.fixture
def api(library: Path) -> Iterator[Api]:
    from starlette.testclient import TestClient

    access = Access()
    with TestClient(create_app(library, access), base_url="http://127.0.0.1:8741") as client:
        yield Api(client, access.csrf)
