"""Pictures with boxes: what is read of a CSV, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from kyara.errors import DataError
from kyara.evaluate.boxes import by_source, digest_of, load_boxes
from tests.boxed import write_boxed


@pytest.mark.parametrize("together", [True, False])
def test_a_picture_has_all_its_boxes(tmp_path: Path, together: bool) -> None:
    pictures = load_boxes(write_boxed(tmp_path, together=together))
    assert by_source(pictures) == {"balloons": 1, "crowd": 1, "drawn": 4, "empty": 1}
    first = pictures[0]
    assert first.boxes.tolist() == [[10, 10, 40, 40], [60, 20, 90, 60]]
    assert first.file.read().decode().width == first.width == 100


def test_what_a_picture_is_stands_in_its_row(tmp_path: Path) -> None:
    pictures = {p.source: p for p in load_boxes(write_boxed(tmp_path))}
    assert [p.complete for p in pictures.values()] == [True, False, True, True]
    assert [source for source, p in pictures.items() if p.decoy] == ["balloons"]
    assert pictures["empty"].boxes.shape == (0, 4)


def test_the_digest_is_of_the_boxes(tmp_path: Path) -> None:
    path = write_boxed(tmp_path)
    before = digest_of(load_boxes(path))
    assert digest_of(load_boxes(path)) == before
    path.write_text(path.read_text().replace("60,20,90,60", "60,20,90,61"))
    assert digest_of(load_boxes(path)) != before


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("complete", "completed", "no column complete"),
        ("60,20,90,60", "60,20,50,60", "ends before it begins"),
        ("60,20,90,60", "60,x,90,60", "drawn/drawn/0.png"),
        ("drawn/0.png", "drawn/9.png", "no file drawn/9.png"),
    ],
)
def test_a_wrong_row_is_one_clear_error(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = write_boxed(tmp_path)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=says) as caught:
        load_boxes(path)
    assert "boxes.csv" in str(caught.value)


def test_no_rows_are_no_data(tmp_path: Path) -> None:
    path = write_boxed(tmp_path)
    path.write_text(path.read_text().splitlines()[0])
    with pytest.raises(DataError, match="no picture"):
        load_boxes(path)


def test_a_broken_tar_is_one_clear_error(tmp_path: Path) -> None:
    path = write_boxed(tmp_path)
    whole = (tmp_path / "boxes.tar").read_bytes()
    (tmp_path / "boxes.tar").write_bytes(whole[:700])
    with pytest.raises(DataError, match="no whole tar"):
        load_boxes(path)
