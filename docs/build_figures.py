"""Draws docs/figures/sorted.png: what the README's first command makes of the examples.

    python docs/build_figures.py

Nothing is posed: the pictures stand under the names that `kyara sort` gave them, and a red
frame marks those that examples/answers.csv says are wrong.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
TARGET = Path(__file__).parent / "figures" / "sorted.png"

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


def main() -> None:
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
    TARGET.parent.mkdir(exist_ok=True)
    sheet.quantize(128).save(TARGET, optimize=True)


if __name__ == "__main__":
    main()
