"""No command puts its results in the place of a file that Kyara did not write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran, draw

Kyara = Callable[..., Ran]


@pytest.mark.parametrize(
    "words",
    [
        ["calibrate", "cast", "--out"],
        ["evaluate", "cast", "--protocol", "retrieval", "--json"],
        ["evaluate", "cast", "--protocol", "retrieval", "--markdown"],
        ["embed", "cast", "--out"],
        ["sort", "cast", "--refs", "cast", "--out", "out", "--plan"],
        ["sort", "cast", "--refs", "cast", "--out", "out", "--report"],
        ["compare", "cast/ruby/0.png", "cast/ruby/1.png", "--explain"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("content", [b"picture", b"{}"])
def test_another_file_is_kept(
    kyara: Kyara,
    cast: Path,
    tiny_plugin: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    content: bytes,
) -> None:
    monkeypatch.chdir(cast.parent)
    mine = Path("mine")
    if content == b"picture":
        content = draw(mine.with_suffix(".png"), "ruby").read_bytes()
    mine.write_bytes(content)
    ran = kyara(*words, mine, "--plugin", tiny_plugin)
    assert ran.code in (1, 2)
    assert "mine: " in ran.err
    assert mine.read_bytes() == content


@pytest.mark.parametrize(
    "words",
    [
        ["calibrate", "cast", "--out"],
        ["evaluate", "cast", "--protocol", "retrieval", "--bootstrap", "0", "--json"],
        ["evaluate", "cast", "--protocol", "retrieval", "--bootstrap", "0", "--markdown"],
    ],
    ids=" ".join,
)
def test_an_earlier_result_is_replaced(
    kyara: Kyara,
    cast: Path,
    tiny_plugin: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
) -> None:
    if words[0] == "evaluate":
        pytest.importorskip("sklearn")
    monkeypatch.chdir(cast.parent)
    for _ in range(2):
        assert kyara(*words, "result", "--plugin", tiny_plugin).code == 0
