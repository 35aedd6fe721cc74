"""docs/python.md, done as it says."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import kyara

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "python.md"


@pytest.mark.as_shipped
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_examples_do_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("examples", "README.md"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(
        str(PAGE), module_relative=False, optionflags=doctest.ELLIPSIS, encoding="utf-8"
    )
    assert tried > 20
    assert failed == 0


def test_the_page_names_every_public_name() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("## Names")[2]
    missing = [name for name in kyara.__all__ if f"`{name}" not in text]
    assert missing == []
