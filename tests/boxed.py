"""A small set of pictures with boxes: coloured heads on paper."""

from __future__ import annotations

import csv
import tarfile
from pathlib import Path

from PIL import Image, ImageDraw

from kyara.evaluate.boxes import DECOY
from kyara.results.boxes import DOUBTFUL

HEADER = ["source", "file", "width", "height", "complete", "x0", "y0", "x1", "y1", "kind"]


def write_boxed(
    folder: Path, *, together: bool = True, unsure: bool = False, figures: bool = False
) -> Path:
    """`boxes.csv`: `drawn` has four pictures of two heads, `crowd` one with an unnamed third,
    `empty` one without any, `balloons` a decoy; if asked for, `unsure` one with a doubtful second,
    `cut` two figures with alpha and green bodies. The files lie in one tar, or in one of each
    source."""
    files = folder / "files"
    rows: list[list[object]] = []
    for number in range(4):
        rows += _picture(files, "drawn", number, [(10, 10, 40, 40), (60, 20, 90, 60)])
    rows += _picture(files, "crowd", 0, [(5, 5, 35, 35)], complete=0)
    rows += _picture(files, "empty", 0, [])
    if unsure:
        rows += _picture(files, "unsure", 0, [(10, 10, 40, 40), (60, 20, 90, 60)])
        rows[-1][-1] = DOUBTFUL
    for number in range(2 if figures else 0):
        rows.append(_figure(files, number))
    (files / "balloons").mkdir()
    Image.new("RGBA", (30, 20), (255, 255, 255, 200)).save(files / "balloons/0.png")
    rows.append(["balloons", "balloons/0.png", 30, 20, 1, "", "", "", "", DECOY])
    path = folder / "boxes.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([HEADER, *rows])
    if together:
        _pack(folder / "boxes.tar", files, sorted(files.rglob("*.png")))
    else:
        (folder / "boxes").mkdir()
        for source in sorted(files.iterdir()):
            _pack(folder / f"boxes/{source.name}.tar", files, sorted(source.glob("*.png")))
    return path


def _picture(
    files: Path, source: str, number: int, boxes: list[tuple[int, int, int, int]], complete: int = 1
) -> list[list[object]]:
    (files / source).mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (100, 80), (235, 235 - 20 * number, 240))
    for box in boxes:
        ImageDraw.Draw(image).ellipse(box, fill=(200, 40 * number, 60))
    name = f"{source}/{number}.png"
    image.save(files / name)
    edges: list[tuple[object, ...]] = list(boxes) or [("",) * 4]
    return [[source, name, 100, 80, complete, *box, "head" if boxes else ""] for box in edges]


def _figure(files: Path, number: int) -> list[object]:
    (files / "cut").mkdir(parents=True, exist_ok=True)
    image = Image.new("RGBA", (60, 120))
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 35, 40, 115), fill=(20, 200, 20, 255))
    draw.ellipse((10, 5, 50, 45), fill=(200, 40 * number, 60, 255))
    name = f"cut/{number}.png"
    image.save(files / name)
    return ["cut", name, 60, 120, 1, 10, 5, 50, 45, "head"]


def _pack(archive: Path, root: Path, paths: list[Path]) -> None:
    with tarfile.open(archive, "w") as tar:
        for path in paths:
            tar.add(path, path.relative_to(root).as_posix())
