"""docs/how-to/scale.md, done as it says, until the references come (tests/docs/test_scale.py)."""

from __future__ import annotations

import re
import sys
import tarfile
from pathlib import Path

import pytest

from tests.conftest import draw
from tests.scale.conftest import rows
from tests.support import run_process

pytestmark = [pytest.mark.scale, pytest.mark.slow]

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "scale.md"


def commands() -> list[str]:
    """What the page has one type into a shell, but for what installs."""
    text = PAGE.read_text(encoding="utf-8").partition("## References in a dataset")[0]
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line for line in lines if "kyara embed" in line]


def test_the_commands_do_what_the_page_says(
    tmp_path: Path, ray_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", ray_address)  # what `auto` finds
    for number in range(3):
        draw(tmp_path / "pictures" / f"{number}.png", "ruby", number)
        (tmp_path / "shards").mkdir(exist_ok=True)
        with tarfile.open(tmp_path / "shards" / f"{number}.tar", "w") as tar:
            tar.add(draw(tmp_path / f"{number}.png", "jade", number), f"{number}.png")
    found = commands()
    assert sum("--engine ray" in line for line in found) == 2
    assert len(found) == 5
    for line in found:
        typed = line.replace("kyara ", f"'{sys.executable}' -m kyara ", 1)
        ran = run_process(["bash", "-c", typed], tmp_path)
        assert (ran.code, ran.err) == (0, ""), line
    assert len(rows(tmp_path / "pictures.lance")) == 6
