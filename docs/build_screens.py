"""Takes pictures of each page of `kyara review` with the example pictures.

    python docs/build_screens.py            # docs/figures/review-*.png, which README and docs show
    python docs/build_screens.py --all DIR  # each page at 360, 1280 and 2560 pixels, light and dark

Needs the extra `test` and Chromium (KYARA_CHROMIUM names one).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
FIGURES = Path(__file__).parent / "figures"
SHOWN = (("groups", "light"), ("doubts", "light"), ("picture", "dark"))
"""What stands in the README and in docs/how-to/review.md, at 1280 pixels."""
WIDTHS = {360: 740, 1280: 800, 2560: 1300}
COLOURS = 256


def kyara(*arguments: object) -> None:
    """Run a command line."""
    command = [sys.executable, "-m", "kyara", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def served(library: Path) -> Iterator[str]:
    """The address of a server for the library."""
    command = [sys.executable, "-m", "kyara", "serve", str(library), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"].rstrip("/")
        finally:
            process.terminate()


def pages(ask: Callable[[str], Any]) -> dict[str, str]:
    """The address of each page, by the name of its picture."""
    named = {one["name"]: one["picture"] for one in ask("/pictures?limit=200")["pictures"]}
    character = ask("/characters")["characters"][-1]["id"]
    return {
        "questions": "/questions",
        "doubts": "/doubts",
        "characters": "/characters",
        "character": f"/characters/{character}",
        "picture": f"/pictures/{named['panel-03.png']}",
        "ask": "/ask",
        "history": "/history",
    }


def take(page: Page, address: str, upload: Path | None = None) -> bytes:
    """A picture of a page, once all of it is there."""
    page.goto(address)
    page.wait_for_selector("main h1")
    if upload is not None:
        page.set_input_files("#files", str(upload))
        page.wait_for_selector(".answer")
    page.wait_for_load_state("networkidle")
    return page.screenshot()


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", metavar="DIR", type=Path, help="every page, size and scheme")
    out = parser.parse_args().all
    wanted = [(1280, scheme) for scheme in ("light", "dark")]
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        wanted = [(width, scheme) for width in WIDTHS for scheme in ("light", "dark")]
    with tempfile.TemporaryDirectory() as work, sync_playwright() as playwright:
        path = os.environ.get("KYARA_CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        library = Path(work) / "examples.kyara"
        kyara("group", EXAMPLES / "inbox", "--library", library)
        with served(library) as url:
            shoot(browser, url, {"groups": "/", "group": "/groups/1"}, wanted, out)
        kyara("library", "add", library, EXAMPLES / "cast", "--cast")
        with served(library) as url:
            page = browser.new_page()
            found = pages(lambda path: page.request.get(f"{url}/api/v1{path}").json())
            shoot(browser, url, found, wanted, out)
        browser.close()


def shoot(
    browser: Browser,
    url: str,
    found: dict[str, str],
    wanted: list[tuple[int, str]],
    out: Path | None,
) -> None:
    """Take the pictures of these pages; without `out` only those that are shown."""
    for width, scheme in wanted:
        viewport = {"width": width, "height": WIDTHS[width]}
        page = browser.new_page(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
        for name, path in found.items():
            upload = EXAMPLES / "inbox" / "panel-01.png" if name == "ask" else None
            if out is not None:
                taken = take(page, url + path, upload)
                (out / f"{name}-{width}-{scheme}.png").write_bytes(taken)
            elif (name, scheme) in SHOWN:
                image = Image.open(io.BytesIO(take(page, url + path, upload))).convert("RGB")
                image.quantize(COLOURS).save(FIGURES / f"review-{name}.png", optimize=True)
        page.close()


if __name__ == "__main__":
    main()
