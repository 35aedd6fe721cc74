"""Draws what the README shows of the examples: docs/figures/sorted.png, what its first command
makes of them, and heads.png, what `kyara identify --draw` draws on some.

    python docs/build_figures.py

Nothing is posed: the pictures stand under the names that `kyara sort` gave them, and a red
frame marks those that examples/answers.csv says are wrong.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
FIGURES = Path(__file__).parent / "figures"
SORTED, DRAWN = FIGURES / "sorted.png", FIGURES / "heads.png"

ON_SHOW = (
    "panel-01",
    "panel-05",
    "sketchbook/page-09",
    "sketchbook/page-08",
    "panel-10",
    "panel-03",
)
"""What is drawn on, mistakes included."""
SIDE = 280

CELL, GAP, LABEL = 104, 8, 150
INK, QUIET, WRONG = (40, 40, 48), (130, 130, 140), (214, 48, 49)


def sorted_rows() -> list[dict[str, str]]:
    """What `kyara sort` says of the example inbox."""
    command = [sys.executable, "-m", "kyara", "sort", str(EXAMPLES / "inbox"), "--refs"]
    command += [str(EXAMPLES / "cast"), "--out", str(ROOT / "sorted"), "--dry-run", "--json"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in printed.splitlines()]


def truth() -> dict[str, str]:
    """Who really is in each picture, by path below the inbox."""
    with (EXAMPLES / "answers.csv").open(encoding="utf-8", newline="") as stream:
        return {row["path"]: row["character"] for row in csv.DictReader(stream)}


def thumbnail(path: Path) -> Image.Image:
    """The picture on white, fitted into a cell."""
    with Image.open(path) as image:
        rgba = image.convert("RGBA")
    paper = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    paper.alpha_composite(rgba)
    return ImageOps.pad(paper.convert("RGB"), (CELL, CELL), color=(255, 255, 255))


def draw_heads() -> None:
    """Lay out what `kyara identify --draw` writes, with the whole inbox asked about."""
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "drawn"
        command = [sys.executable, "-m", "kyara", "identify", str(EXAMPLES / "inbox"), "--refs"]
        command += [str(EXAMPLES / "cast"), "--draw", str(drawn), "--json"]
        subprocess.run(command, capture_output=True, check=True)
        sheet = Image.new("RGB", (3 * (SIDE + GAP) + GAP, 2 * (SIDE + GAP) + GAP), (246, 246, 248))
        for number, name in enumerate(ON_SHOW):
            with Image.open(drawn / f"{Path(name).name}.png") as image:
                fitted = ImageOps.pad(image.convert("RGB"), (SIDE, SIDE), color=(255, 255, 255))
            row, column = divmod(number, 3)
            sheet.paste(fitted, (GAP + column * (SIDE + GAP), GAP + row * (SIDE + GAP)))
    sheet.quantize(128).save(DRAWN, optimize=True)


def draw_sorted() -> None:
    """Lay the pictures out, a line per character."""
    groups: dict[str, list[dict[str, str]]] = {}
    for row in sorted_rows():
        groups.setdefault(row["character"], []).append(row)
    names = sorted(groups, key=lambda name: (name == "unknown", name))
    answers = truth()
    columns = max(map(len, groups.values()))
    size = (LABEL + columns * (CELL + GAP) + GAP, len(names) * (CELL + GAP + 16) + GAP)
    sheet = Image.new("RGB", size, (246, 246, 248))
    pen = ImageDraw.Draw(sheet)
    large, small = ImageFont.load_default(20), ImageFont.load_default(12)
    for line, name in enumerate(names):
        top = GAP + line * (CELL + GAP + 16)
        pen.text((GAP, top + CELL // 2 - 12), name, fill=INK, font=large)
        for column, row in enumerate(groups[name]):
            left = LABEL + column * (CELL + GAP)
            path = Path(row["path"])
            sheet.paste(thumbnail(path), (left, top))
            if answers[path.relative_to(EXAMPLES / "inbox").as_posix()] != name:
                edge = (left - 3, top - 3, left + CELL + 2, top + CELL + 2)
                pen.rectangle(edge, outline=WRONG, width=3)
            caption = f"{row['score']:.2f}"
            pen.text((left + 2, top + CELL + 1), caption, fill=QUIET, font=small)
    sheet.quantize(128).save(SORTED, optimize=True)


def main() -> None:
    """Draw both."""
    FIGURES.mkdir(exist_ok=True)
    draw_sorted()
    draw_heads()


if __name__ == "__main__":
    main()
