"""Every page can be found from the index, and no link leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted(DOCS.rglob("*.md")),
]


def linked(page: Path) -> set[Path]:
    """The files and folders of this repository that the page has links to."""
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    return {(page.parent / target).resolve() for target in targets if "://" not in target}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert [path for path in linked(page) if not path.exists()] == []


def test_every_page_is_in_the_index() -> None:
    index = DOCS / "README.md"
    pages = {path for path in DOCS.rglob("*.md") if path.parent.name != "decisions"}
    assert pages - {index} <= linked(index)
