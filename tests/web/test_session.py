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

pytestmark = [pytest.mark.browser, pytest.mark.slow]

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


class Acknowledged:
    """The decisions that the browser was told are noted."""

    def __init__(self) -> None:
        self.ids: list[int] = []

    def heard(self, response: Response) -> None:
        if response.url.endswith("/decisions") and response.status == 201:
            self.ids.append(response.json()["id"])


def test_500_decisions_of_which_none_is_lost(library: Path, browser: Browser) -> None:
    server = Server(library)
    server.start()
    page = browser.new_page()
    visit, told = Visit(page, server), Acknowledged()
    page.on("response", told.heard)
    visit.go("/doubts")
    while len(told.ids) < DECISIONS:
        decide_one(visit, told)
        if len(told.ids) in KILLED_AT:
            page.keyboard.press("Enter")  # what comes of this one nobody knows
            server.kill()
            server.start()
            page.reload()
            page.wait_for_selector(".portrait")
            decide_one(visit, told)
    for _ in range(UNDONE):
        with page.expect_response(lambda answer: answer.url.endswith("/decisions/undo")):
            page.keyboard.press("u")
    server.kill()

    with Library.open(library) as opened:
        log: dict[int, Any] = {one.id: one for one in opened.decisions.log()}
        assert check(opened).problems == []
    assert len(told.ids) == len(set(told.ids)) >= DECISIONS
    assert set(told.ids) <= set(log)
    undone = [one for one in told.ids if not log[one].stands]
    assert undone == told.ids[-UNDONE:]


def decide_one(visit: Visit, told: Acknowledged) -> None:
    """Press the key, and wait until it is noted and the next figure is shown."""
    before = len(told.ids)
    shown = visit.page.locator(".portrait img").get_attribute("src")
    visit.page.keyboard.press("1")
    visit.page.locator(f".portrait img:not([src='{shown}'])").wait_for()
    assert len(told.ids) > before
