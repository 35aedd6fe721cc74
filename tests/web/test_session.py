"""A long session in a real browser: nothing that was said is lost, though the server is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kyara.library.check import check
from kyara.library.store import Library
from tests.conftest import Ran, draw
from tests.web.browser import Server, Visit, launched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Response

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.flaky(reruns=1)]

DECISIONS = 500
KILLED_AT = (170, 333)
UNDONE = 10


@pytest.fixture
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.fixture
def library(
    kyara: Callable[..., Ran], tiny_plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Two references each of three characters, and more pictures of them than will be named."""
    monkeypatch.chdir(tmp_path)
    for n in range(DECISIONS + 30):
        name = ("ruby", "jade", "azure")[n % 3]
        draw(tmp_path / "heap" / f"{name}-{n}.png", name, n, size=(60 + n % 7, 60 + n // 7 % 80))
    for name in ("ruby", "jade", "azure"):
        for pose in range(2):
            draw(tmp_path / "cast" / name / f"{pose}.png", name, 9000 + pose)
    path = tmp_path / "cast.kyara"
    for arguments in (
        ("library", "create", path, "--plugin", tiny_plugin),
        ("library", "add", path, "cast", "--cast"),
        ("library", "add", path, "heap"),
    ):
        assert kyara(*arguments).code == 0
    return path


@pytest.fixture
def server(library: Path) -> Iterator[Server]:
    made = Server(library)
    made.start()
    yield made
    made.kill()


def test_500_decisions_of_which_none_is_lost(
    library: Path, server: Server, browser: Browser
) -> None:
    page = browser.new_page()
    visit = Visit(page, server)
    visit.go("/doubts")
    told: list[int] = []
    while len(told) < DECISIONS:
        told.append(decide_one(visit))
        if len(told) in KILLED_AT:
            page.keyboard.press("Enter")  # what comes of this one nobody knows
            server.kill()
            server.start()
            page.reload()
    for _ in range(UNDONE):
        with page.expect_response(lambda answer: answer.url.endswith("/decisions/undo")):
            page.keyboard.press("u")
    server.kill()

    with Library.open(library) as opened:
        log: dict[int, Any] = {one.id: one for one in opened.decisions.log()}
        assert check(opened).problems == []
    assert len(set(told)) == DECISIONS
    assert set(told) <= set(log)
    assert [one for one in told if not log[one].stands] == told[-UNDONE:]


def decide_one(visit: Visit) -> int:
    """Press the key; the decision that the page was told of, once the next figure is shown."""
    shown = visit.page.locator(".portrait img").get_attribute("src")
    with visit.page.expect_response(is_decision) as answer:
        visit.page.keyboard.press("1")
    decision: int = answer.value.json()["id"]
    visit.page.locator(f".portrait img:not([src='{shown}'])").wait_for()
    return decision


def is_decision(answer: Response) -> bool:
    return answer.request.method == "POST" and answer.url.endswith("/decisions")
