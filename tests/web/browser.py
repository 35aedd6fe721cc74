"""A served library, and the system's Chromium that looks at it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import command

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PATIENCE_MS = 90_000
"""A busy machine is no failure."""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def chromium() -> str:
    """Where Chromium is; skips the test where there is none."""
    named = [os.environ.get("KYARA_CHROMIUM"), *map(shutil.which, CHROMIUM)]
    found = next(filter(None, named), None)
    if found is None:
        pytest.skip(f"no Chromium: none of {', '.join(CHROMIUM)} is installed")
    return found


@contextmanager
def launched() -> Iterator[Browser]:
    """Chromium, without a window."""
    reason = "needs playwright, of the extra `test`"
    api = pytest.importorskip("playwright.sync_api", reason=reason)
    path = chromium()
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Server:
    """`kyara serve` in a process of its own; it can be killed and started again."""

    library: Path
    port: int = 0
    url: str = ""
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self) -> None:
        self._process = subprocess.Popen(
            command("serve", self.library, "--port", self.port, "--json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = json.loads(self._process.stdout.readline())["url"].rstrip("/")
        self.port = int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@dataclass
class Visit:
    """A page of a browser at the server, and what it complained of."""

    page: Page
    server: Server
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._heard)

    def _heard(self, message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def go(self, path: str) -> None:
        self.page.goto(self.server.url + path)
        self.page.wait_for_selector("main h1")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def sees(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds. The page's policy lets no test evaluate text in it."""
        for _ in range(PATIENCE_MS // 50):
            if holds():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"it never held: {holds}")

    def api(self, path: str) -> Any:
        return self.page.request.get(f"{self.server.url}/api/v1{path}").json()
