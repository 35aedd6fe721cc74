"""docs/how-to/scale.md, done as it says, from the references on."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran, draw

pytest.importorskip("lance", reason="needs the extra `scale`")
pytestmark = pytest.mark.scale

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "scale.md"


def blocks(language: str) -> list[str]:
    """What the page shows in that language, in the sections about references."""
    text = PAGE.read_text(encoding="utf-8").partition("## References in a dataset")[2]
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_commands_do_what_the_page_says(
    kyara: Callable[..., Ran], cast: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(cast.parent)
    assert kyara("library", "create", "cast.kyara").code == 0
    assert kyara("library", "add", "cast.kyara", "cast", "--cast").code == 0
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("kyara ")]
    assert len(commands) >= 3
    for words in commands:
        ran = kyara(*words)
        assert ran.code == 0, (words, ran.err)


def test_what_was_embedded_becomes_references(
    kyara: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "pictures" / "ruby" / "0.png", "ruby")
    draw(tmp_path / "pictures" / "other" / "1.png", "jade")
    assert kyara("embed", "pictures", "--out", "pictures.lance").code == 0
    for block in blocks("python"):
        exec(block, {})
    ran = kyara("identify", "pictures/ruby/0.png", "--library", "pictures.lance", "--json")
    assert [row["character"] for row in ran.rows()] == ["ruby"], ran.err
