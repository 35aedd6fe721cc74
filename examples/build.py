#!/usr/bin/env python3
"""Rebuild the example pictures (cast/, inbox/, answers.csv) from two packages.

The pictures are not drawn by hand: `recipe.csv` has one line a picture (which
drawing, pose, emotion, crop, background) and this script carries it out.  Kyara
itself never imports it; you need it only to change the examples.

The drawings come from
  comicgen  an npm package with SVG people, one file for the head and its emotion
            and one for the body and its pose, laid on top of each other;
  arcade    a PyPI package with Kenney's animated characters as small PNGs.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import resvg_py
from PIL import Image, ImageChops, ImageFilter

COMICGEN = "comicgen@1.9.9"
ARCADE = "arcade==3.3.3"
HERE = Path(__file__).resolve().parent

# comicgen draws every character we use on a sheet of 500 x 600 (the "width" and
# "height" of the characters' index.json).  Arms and umbrellas reach over its
# edges, so we look at a larger square around it.
SHEET = (500, 600)
WINDOW = (-150, -100, 800, 800)  # left, top, width, height, in sheet units
PIXELS_PER_UNIT = 3

KENNEY_FOLDER = "arcade/resources/assets/images/animated_characters"
KENNEY_ZOOM = 10  # the drawings are only 96 x 128 pixels
KENNEY_HEAD = 0.58  # part of the figure's height that is its (very large) head
KENNEY_UNIT = 0.20  # ... and that part of it which the crops are measured in

# The same backgrounds are shared by all characters, so that a background never
# tells who is in the picture.
BACKGROUNDS: dict[str, str | None] = {
    "none": None,  # transparent
    "white": "#ffffff",
    "sand": "#f6e7d2",
    "sky": "#dbe9f4",
    "mint": "#e0efd9",
    "rose": "#f6dadd",
    "lilac": "#e5def2",
    "butter": "#fdf0bd",
    "lagoon": "#b9ddd6",
    "stone": "#d5d6d2",
}


class Box(NamedTuple):
    """A rectangle in pixels of a figure's image; it may reach outside of it."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


@dataclass(frozen=True)
class Figure:
    """A whole figure on a transparent ground, and where its head is.

    `unit` is the length that crops are measured in: the height of a usual head.
    """

    image: Image.Image
    head: Box
    unit: float


@dataclass(frozen=True)
class Framing:
    """How a crop looks: the reach below the head and the shape of the picture."""

    below: float | None  # how many of the figure's units below the head; None: all
    narrowest: float  # least width / height, or tall figures become slivers
    widest: float  # most width / height; longer arms are cut by the frame
    longest_side: int  # of the picture, in pixels


FRAMINGS = {
    "full": Framing(None, 0.62, 1.6, 640),
    "half": Framing(1.7, 0.80, 1.25, 560),
    "bust": Framing(0.75, 0.90, 1.0, 480),
}


# --- comicgen -----------------------------------------------------------------


def layer_paths(characters: Path, name: str) -> Iterator[tuple[str, str]]:
    """Yield (layer, path pattern) of a character, the lowest layer first.

    The package states this in the character's index.svg, and it differs: Sophie's
    head lies over her body, Dee's under it.  Some only import another's index.svg.
    """
    index = characters / name / "index.svg"
    text = index.read_text(encoding="utf-8")
    imported = re.search(r"<\?import\s+[\"'](.+?)[\"']\s*\?>", text)
    if imported:
        text = (index.parent / imported.group(1)).read_text(encoding="utf-8")
    for pattern in re.findall(r"<comic name=\"(.+?)\"", text):
        yield ("emotion" if "{{emotion}}" in pattern else "pose"), pattern


def draw_layer(path: Path) -> Image.Image:
    """Rasterise one SVG part at its place on the sheet.

    Each part is drawn alone because the parts reuse the same ids for their masks.
    """
    part = path.read_text(encoding="utf-8")
    part = part[part.index("<svg") :]  # an XML declaration cannot be nested
    place = f'<svg width="{SHEET[0]}" height="{SHEET[1]}" overflow="visible"'
    left, top, width, height = WINDOW
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left} {top} {width} {height}"'
        f' width="{width * PIXELS_PER_UNIT}" height="{height * PIXELS_PER_UNIT}">'
        f"{part.replace('<svg', place, 1)}</svg>"
    )
    png = resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def draw_comicgen(package: Path, drawing: str, pose: str, emotion: str) -> Figure:
    """Lay the head and the body of a comicgen character together."""
    characters = package / "svg"
    name, _, angle = drawing.partition("/")
    image, head = None, None
    for layer, pattern in layer_paths(characters, name):
        path = pattern.replace("{{name}}", name).replace("{{angle}}", angle)
        path = path.replace("{{pose}}", pose).replace("{{emotion}}", emotion)
        part = draw_layer(characters / path)
        image = part if image is None else Image.alpha_composite(image, part)
        if layer == "emotion":
            head = visible_box(part)
    if image is None or head is None:
        raise ValueError(f"comicgen/{drawing}: its index.svg names no head")
    return Figure(without_specks(image), head, head.height)


def without_specks(image: Image.Image) -> Image.Image:
    """Erase stray dots: some parts have a few far away, and they widen the frame.

    A dot has hardly anything drawn around it, a line or a limb has.
    """
    around = image.getchannel("A").filter(ImageFilter.BoxBlur(20))
    keep = around.point(lambda density: 255 if density > 9 else 0)
    alpha = ImageChops.multiply(image.getchannel("A"), keep)
    clean = image.copy()
    clean.putalpha(alpha)
    return clean


# --- Kenney's characters in arcade --------------------------------------------


def crisp(channel: Image.Image, reach: int) -> Image.Image:
    """Make soft edges hard: every pixel takes the nearer of its area's extremes.

    Unlike ordinary sharpening this leaves no bright rims along the edges.
    """
    pixels = np.asarray(channel).astype(int)
    high = np.asarray(channel.filter(ImageFilter.MaxFilter(reach))).astype(int)
    low = np.asarray(channel.filter(ImageFilter.MinFilter(reach))).astype(int)
    nearer = np.where(pixels - low < high - pixels, low, high)
    return Image.fromarray(nearer.astype(np.uint8))


def enlarge(image: Image.Image) -> Image.Image:
    """Enlarge a small flat drawing so that it looks drawn, not blurred.

    Works on premultiplied colours ("RGBa"), or dark rims appear at the outline.
    """
    size = (image.width * KENNEY_ZOOM, image.height * KENNEY_ZOOM)
    large = image.convert("RGBa").resize(size, Image.Resampling.BICUBIC)
    soft = [c.filter(ImageFilter.GaussianBlur(KENNEY_ZOOM * 0.4)) for c in large.split()]
    *colours, alpha = [crisp(channel, KENNEY_ZOOM + 1) for channel in soft]
    return Image.merge("RGBa", [*colours, alpha]).convert("RGBA")


def draw_kenney(package: Path, drawing: str, pose: str) -> Figure:
    """Load one frame of a Kenney character, enlarged."""
    (path,) = (package / KENNEY_FOLDER / drawing).glob(f"*_{pose}.png")
    small = Image.open(path).convert("RGBA")
    # A border, or the feet at the lower edge would be blurred against nothing.
    border = Image.new("RGBA", (small.width + 16, small.height + 16))
    border.paste(small, (8, 8))
    image = enlarge(border)
    figure = visible_box(image)
    chin = figure.top + KENNEY_HEAD * figure.height
    return Figure(image, figure._replace(bottom=chin), KENNEY_UNIT * figure.height)


# --- from a figure to a picture -----------------------------------------------


def visible_box(image: Image.Image) -> Box:
    """Return where something is drawn; a nearly transparent rim does not count."""
    box = image.getchannel("A").point(lambda a: 255 if a > 24 else 0).getbbox()
    if box is None:
        raise ValueError("nothing is drawn here")
    return Box(*box)


def turn(figure: Figure) -> Figure:
    """Mirror a figure, left to right."""
    width, head = figure.image.width, figure.head
    image = figure.image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    head = head._replace(left=width - head.right, right=width - head.left)
    return replace(figure, image=image, head=head)


def frame(figure: Figure, framing: Framing) -> Box:
    """Choose the part of the figure that the picture shows.

    Always keeps the whole head, with air above it; below a bust or a half figure
    there is none, because the frame cuts the body there.
    """
    whole = visible_box(figure.image)
    if framing.below is None:
        bottom, shown = whole.bottom, whole
    else:
        bottom = figure.head.bottom + framing.below * figure.unit
        bottom = min(bottom, whole.bottom)
        above = figure.image.crop((0, 0, figure.image.width, round(bottom)))
        shown = visible_box(above)
    margin = 0.06 * (bottom - shown.top)
    top = shown.top - margin
    bottom += margin if framing.below is None else 0
    height = bottom - top
    width = shown.width + 2 * margin
    if width > framing.widest * height and framing.below is None:
        extra = width / framing.widest - height  # a lying or wide figure: more air
        top, bottom, height = top - extra / 2, bottom + extra / 2, height + extra
    wanted = min(max(width, framing.narrowest * height), framing.widest * height)
    # When arms are cut, the head stays in the middle; else the figure is centred.
    about = figure.head if wanted < width else shown
    centre = (about.left + about.right) / 2
    return Box(centre - wanted / 2, top, centre + wanted / 2, bottom)


def picture(figure: Figure, crop: str, background: str) -> Image.Image:
    """Cut the figure out at its final size and put the background behind it."""
    framing = FRAMINGS[crop]
    box = frame(figure, framing)
    scale = framing.longest_side / max(box.width, box.height)
    size = (round(box.width * scale), round(box.height * scale))
    cut = figure.image.convert("RGBa").crop(box)
    cut = cut.resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    colour = BACKGROUNDS[background]
    if colour is None:
        return cut
    ground = Image.new("RGBA", cut.size, colour)
    return Image.alpha_composite(ground, cut).convert("RGB")


def save(image: Image.Image, path: Path) -> None:
    """Write a picture small: a flat drawing needs no more than a palette.

    Transparent ones keep their full colours: Pillow's only palette for them is
    too coarse for skin and shadows.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix != ".png":
        image.convert("RGB").save(path, quality=85)
        return
    if image.mode == "RGB":
        image = image.quantize(96, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    image.save(path, optimize=True)


def draw(row: dict[str, str], comicgen: Path, arcade: Path) -> Image.Image:
    """Carry out one line of the recipe."""
    package, _, drawing = row["drawing"].partition("/")
    if package == "comicgen":
        figure = draw_comicgen(comicgen, drawing, row["pose"], row["emotion"])
    else:
        figure = draw_kenney(arcade, drawing, row["pose"])
    if row["mirror"] == "yes":
        figure = turn(figure)
    return picture(figure, row["crop"], row["background"])


# --- packages and files -------------------------------------------------------


def fetch(kind: str, folder: Path) -> Path:
    """Download a package by its name and pinned version; return its archive."""
    print(f"fetching {kind} ...", flush=True)
    folder.mkdir()
    if kind == COMICGEN:
        command = ["npm", "pack", "--silent", kind]
    else:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", kind]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (archive,) = folder.iterdir()
    return archive


def unpacked(source: Path, folder: Path) -> Path:
    """Return the package's folder, unpacking an npm .tgz or a Python .whl first."""
    if source.is_dir():
        return source
    if source.suffix == ".whl":
        shutil.unpack_archive(source, folder, "zip")
        return folder
    shutil.unpack_archive(source, folder, "gztar", filter="data")
    return folder / "package"  # npm puts everything in this folder


def write_answers(rows: list[dict[str, str]], path: Path) -> None:
    """Write who is in each picture of the inbox."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "character"])
        for row in sorted(rows, key=lambda row: row["picture"]):
            if row["picture"].startswith("inbox/"):
                writer.writerow([row["picture"].removeprefix("inbox/"), row["character"]])


def strays(rows: list[dict[str, str]], out: Path) -> list[str]:
    """Find pictures the recipe no longer has; they are named, never deleted."""
    known = {row["picture"] for row in rows}
    found = (p for part in ("cast", "inbox") for p in (out / part).rglob("*") if p.is_file())
    return sorted(n for p in found if (n := p.relative_to(out).as_posix()) not in known)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Rebuild the example pictures from the packages comicgen and arcade.",
        epilog="example:\n  pip install resvg-py pillow numpy\n"
        "  python examples/build.py --out pictures",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--out", type=Path, default=HERE, help="folder to write to (default: this script's)")
    add("--recipe", type=Path, default=HERE / "recipe.csv", help="what to draw")
    add("--comicgen", type=Path, help=f"{COMICGEN} as a folder or .tgz (default: npm fetches it)")
    add("--arcade", type=Path, help=f"{ARCADE} as a folder or .whl (default: pip fetches it)")
    return parser.parse_args()


def main() -> int:
    args = parse_arguments()
    with args.recipe.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        comicgen = unpacked(args.comicgen or fetch(COMICGEN, work / "npm"), work / "comicgen")
        arcade = unpacked(args.arcade or fetch(ARCADE, work / "pip"), work / "arcade")
        for row in rows:
            save(draw(row, comicgen, arcade), args.out / row["picture"])
    write_answers(rows, args.out / "answers.csv")
    print(f"wrote {len(rows)} pictures and answers.csv to {args.out}")
    for stray in strays(rows, args.out):
        print(f"not in the recipe, left alone: {stray}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
