"""What a person does on the page, with the keyboard alone, in a real browser."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import draw
from tests.web.browser import Server, Visit, launched
from tests.web.conftest import NAMES

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# A browser on a busy machine misses a key now and then; what is broken fails three times.
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.flaky(reruns=2)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.fixture
def visit(library: Path, browser: Browser) -> Iterator[Visit]:
    server = Server(library)
    server.start()
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    found = Visit(page, server)
    yield found
    page.close()
    server.kill()
    assert found.complaints == []


def name_groups(visit: Visit) -> dict[str, str]:
    """Call each group by what is painted; returns the names by the painted ones."""
    painted = {}
    for group in visit.api("/groups")["groups"]:
        picture = visit.api(f"/pictures/{group['sample'][0]['picture']}")
        painted[str(group["number"])] = picture["name"].split("-")[0].title()
    visit.go("/")
    visit.press("ArrowRight", "Enter")
    for _ in painted:
        visit.page.locator("[data-first]:focus").wait_for()
        here = visit.page.url.rpartition("/")[2]
        visit.type(painted[here])
        visit.press("Enter")
        visit.page.wait_for_url(lambda url, here=here: not url.endswith(f"/groups/{here}"))
    return painted


def test_groups_are_named_one_after_the_other(visit: Visit) -> None:
    name_groups(visit)
    visit.sees("Every group has a name.")
    visit.press("Shift+C")
    visit.sees("3 characters, 15 references.")
    names = [one["name"] for one in visit.api("/characters")["characters"]]
    assert names == sorted(name.title() for name in NAMES)


def test_a_wrong_answer_is_corrected_and_the_next_answers_change(visit: Visit) -> None:
    groups = visit.api("/groups")["groups"]
    figures = {}
    for group in groups:
        for figure in visit.api(f"/groups/{group['number']}")["figures"]:
            name = visit.api(f"/pictures/{figure['picture']}")["name"].split("-")[0]
            figures.setdefault(name, []).append(figure["picture"])
    # Two are known, so the third is taken for one of them.
    for name in ("ruby", "jade"):
        visit.go(f"/pictures/{figures[name][0]}")
        visit.press("n")
        visit.type(name.title())
        visit.press("Enter")
        visit.sees("you said so")
    visit.go("/doubts")
    shown = visit.page.locator(".portrait .path")
    for _ in range(20):
        if shown.inner_text().startswith("azure"):
            break
        before = shown.inner_text()
        visit.press("ArrowRight")
        visit.until(lambda before=before: shown.inner_text() != before)
    first = shown.inner_text()
    candidates = visit.page.locator(".candidate bdi").all_inner_texts()
    assert "Azure" not in candidates
    visit.press("n")
    visit.type("Azure")
    visit.press("Enter")
    visit.sees("1 picture: Azure")
    others = [p for p in figures["azure"] if visit.api(f"/pictures/{p}")["name"] != first]
    for picture in others:
        (found,) = visit.api(f"/pictures/{picture}")["figures"]
        assert found["candidates"][0]["character"] == "Azure"
    visit.until(lambda: "Azure" in visit.page.locator(".candidate bdi").all_inner_texts())


def test_characters_are_merged_and_that_is_undone(visit: Visit) -> None:
    name_groups(visit)
    visit.go("/characters")
    visit.press("ArrowRight", " ", "ArrowRight", " ")
    visit.sees("2 characters selected")
    visit.press("m")
    visit.sees("Whose name stays?")
    visit.press("Enter")
    visit.sees("2 characters, 15 references.")
    visit.press("u")
    visit.sees("3 characters, 15 references.")


def test_a_picture_is_dropped_on_any_page(visit: Visit, tmp_path: Path) -> None:
    name_groups(visit)
    picture = draw(tmp_path / "new.png", "ruby", 77)
    visit.go("/history")
    visit.page.evaluate(
        """data => {
            const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes], "new.png", { type: "image/png" }));
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
        }""",
        base64.b64encode(picture.read_bytes()).decode(),
    )
    visit.page.wait_for_selector(".answer .candidate")
    assert visit.page.locator(".answer .candidate bdi").first.inner_text() == "Ruby"
    assert visit.api("/pictures")["total"] == 16


def test_a_box_is_drawn_with_keys_and_taken_back(visit: Visit) -> None:
    picture = visit.api("/pictures")["pictures"][0]["picture"]
    visit.go(f"/pictures/{picture}")
    visit.press("b", "ArrowRight", "Shift+ArrowDown", "Enter")
    visit.sees("A new box")
    visit.type("Ann")
    visit.press("Enter")
    visit.sees("you said so")
    (found,) = visit.api(f"/pictures/{picture}")["figures"]
    assert (found["kind"], found["said"]["character"]) == ("head", "Ann")
    for words in ("Taken back: 1 figure: Ann", "Taken back: 1 figure: drawn by hand"):
        visit.press("u")
        visit.sees(words)
    (found,) = visit.api(f"/pictures/{picture}")["figures"]
    assert (found["kind"], found["said"]["character"]) == ("whole", None)


def test_references_are_selected_and_moved(visit: Visit) -> None:
    name_groups(visit)
    (ruby,) = [c for c in visit.api("/characters")["characters"] if c["name"] == "Ruby"]
    visit.go(f"/characters/{ruby['id']}")
    visit.page.wait_for_selector(".tile")
    visit.page.locator(".tile").first.focus()
    visit.press(" ", "Shift+ArrowRight")
    visit.sees("2 references selected")
    visit.press("n")
    visit.type("Rose")
    visit.press("Enter")
    visit.sees("3 references.")
    names = {c["name"]: c["references"] for c in visit.api("/characters")["characters"]}
    assert (names["Ruby"], names["Rose"]) == (3, 2)


def test_what_was_ignored_is_found_again_and_taken_back(visit: Visit) -> None:
    group = visit.api("/groups")["groups"][0]
    picture = visit.api(f"/groups/{group['number']}")["figures"][0]["picture"]
    visit.go(f"/pictures/{picture}")
    visit.press("i")
    visit.sees("1 picture: ignored")
    visit.go("/pictures")
    visit.sees("16 pictures, by name.")
    visit.page.get_by_role("button", name="Ignored").press("Enter")
    visit.sees("1 picture, by name.")
    visit.page.locator(".tile").first.focus()
    visit.press("Enter")
    visit.page.wait_for_url(f"**/pictures/{picture}")
    visit.page.locator(".panel h2").wait_for()
    visit.press("u")
    visit.sees("Taken back: 1 picture: ignored")
    assert visit.api("/pictures?state=ignored")["total"] == 0


def test_the_sheet_tells_the_keys_of_the_page(visit: Visit) -> None:
    visit.go("/doubts")
    visit.press("?")
    visit.sees("it is not the first candidate")
    visit.press("Escape")
    assert visit.page.locator("dialog[open]").count() == 0


def test_nothing_sticks_out_and_all_has_a_name(visit: Visit) -> None:
    group = visit.api("/groups")["groups"][0]
    picture = visit.api(f"/groups/{group['number']}")["figures"][0]["picture"]
    visit.go(f"/pictures/{picture}")
    visit.press("n")
    visit.type("Somebody with a name that is longer than any column of a telephone")
    visit.press("Enter")
    visit.sees("you said so")
    (named,) = visit.api("/characters")["characters"]
    paths = (
        "/",
        "/doubts",
        "/characters",
        "/ask",
        "/history",
        "/pictures",
        f"/groups/{group['number']}",
    )
    paths += (f"/characters/{named['id']}", f"/pictures/{picture}")
    for path, width in itertools.product(paths, (360, 1280, 2560)):
        visit.page.set_viewport_size({"width": width, "height": 800})
        visit.go(path)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, path
        nameless = visit.page.evaluate(
            """() => [...document.querySelectorAll('button, a, input, [role=option]')].filter((e) =>
            e.offsetParent && !(e.innerText || e.getAttribute('aria-label') || e.labels?.length ||
            e.title)).map((e) => e.outerHTML)"""
        )
        assert nameless == [], path
        assert visit.page.evaluate("document.querySelectorAll('img:not([alt])').length") == 0
