"""Manifests as people's programs write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyara.errors import DataError
from kyara.evaluate.tables import read_table

CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=4), st.sampled_from(["utf-8", "utf-16"]))
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_any_encoding_and_delimiter(
    tmp_path_factory: pytest.TempPathFactory,
    mark: str,
    delimiter: str,
    rows: list[tuple[str, str]],
    encoding: str,
) -> None:
    def line(cells: tuple[str, str]) -> str:
        return delimiter.join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\r\n"

    path = tmp_path_factory.mktemp("tables") / "table.csv"
    text = "".join([f"character{delimiter}file\r\n", *map(line, rows)])
    path.write_bytes(((mark if encoding == "utf-8" else "") + text).encode(encoding))
    assert read_table(path) == [{"character": a, "file": b} for a, b in rows]


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0\0", b"a\0b", b"a\xff", b"\xff\xfea"])
def test_what_is_no_table_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a manifest in CSV"):
        read_table(path)


def test_short_and_long_rows(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("character,file\na\nb,c,d\n")
    assert read_table(path) == [{"character": "a", "file": ""}, {"character": "b", "file": "c"}]
