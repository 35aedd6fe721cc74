"""Pictures for the benchmarks, made from numbers: the same seed gives the same pictures.

They look like drawings as far as a decoder can tell: flat areas, gradients, smooth lines,
screentone, sometimes the grain of a scan. Without all of these the files would be several
times smaller than those that people have, and decoding them would look too cheap. The sizes
are spread evenly on a logarithmic scale.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

__all__ = ["Recipe", "Set", "make_set", "multiply"]

RECIPE_VERSION = 1
TILE = 512
FORMATS = (("jpg", 0.70, 12.0), ("png", 0.25, 2.0), ("webp", 0.05, 2.0))
"""Suffix, share, and the largest picture in megapixels."""
SMALLEST = 0.05


@dataclass(frozen=True)
class Recipe:
    """What a set holds.

    Attributes:
        pictures: in the inbox; formats are dealt out by their exact shares.
        characters, references: how many there are, and pictures of each.
        scale: of the megapixels; below 1 for tests of the scripts themselves.
    """

    pictures: int
    characters: int = 20
    references: int = 5
    seed: int = 2026
    scale: float = 1.0
    version: int = RECIPE_VERSION


@dataclass(frozen=True)
class Set:
    """A set on disk: `inbox` and `cast` as `kyara sort` wants them, and what it holds."""

    inbox: Path
    cast: Path
    about: dict[str, object]

    def files(self) -> list[Path]:
        """The references, then the pictures."""
        folders = (self.cast, self.inbox)
        return [path for folder in folders for path in sorted(folder.rglob("*.*"))]


@dataclass(frozen=True)
class _Job:
    path: Path
    suffix: str
    megapixels: float
    character: int
    seed: tuple[int, int]


def make_set(work: Path, recipe: Recipe) -> Set:
    """The set in `work`; made first if it is not there, or was made by another recipe."""
    root = work / f"pictures-{recipe.pictures}x{recipe.characters}x{recipe.references}"
    note = root / "about.json"
    wanted = asdict(recipe)
    if not (note.exists() and json.loads(note.read_text(encoding="utf-8"))["recipe"] == wanted):
        jobs = _jobs(root, recipe)
        for folder in {job.path.parent for job in jobs}:
            folder.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor() as pool:
            made = list(pool.map(_make, jobs, chunksize=8))
        about = {"recipe": wanted, **_about(jobs, made)}
        note.write_text(json.dumps(about, indent=1), encoding="utf-8")
    return Set(root / "inbox", root / "cast", json.loads(note.read_text(encoding="utf-8")))


def multiply(sources: Sequence[Path], folder: Path, count: int) -> list[Path]:
    """`count` files in `folder`: the pictures of `sources` again and again, in their order.

    Each has four bytes of its own after the picture's end, where no decoder looks, so that
    its content digest differs and nothing is known from another.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number in range(count):
        source = sources[number % len(sources)]
        path = folder / f"{number:06d}{source.suffix}"
        if not path.exists():
            path.write_bytes(source.read_bytes() + number.to_bytes(4, "big"))
        made.append(path)
    return made


def _about(jobs: Sequence[_Job], made: Sequence[tuple[int, int]]) -> dict[str, object]:
    pixels = np.asarray([count for count, _ in made])
    sizes = np.asarray([size for _, size in made])
    suffixes = np.asarray([job.suffix for job in jobs])
    return {
        "pictures_with_references": len(jobs),
        "bytes": int(sizes.sum()),
        "megapixels": round(float(pixels.sum()) / 1e6, 1),
        "median_megapixels": round(float(np.median(pixels)) / 1e6, 3),
        "formats": {
            suffix: {
                "pictures": int((suffixes == suffix).sum()),
                "megapixels": round(float(pixels[suffixes == suffix].sum()) / 1e6, 1),
                "bytes": int(sizes[suffixes == suffix].sum()),
            }
            for suffix, _, _ in FORMATS
        },
    }


def _jobs(root: Path, recipe: Recipe) -> list[_Job]:
    rng = np.random.default_rng([recipe.seed, 0])
    paths = [
        root / "cast" / f"character-{character:02d}" / f"reference-{number:04d}"
        for character in range(recipe.characters)
        for number in range(recipe.references)
    ]
    owners = [character for character in range(recipe.characters) for _ in range(recipe.references)]
    paths += [root / "inbox" / f"picture-{number:05d}" for number in range(recipe.pictures)]
    owners += rng.integers(0, recipe.characters, recipe.pictures).tolist()
    references = len(paths) - recipe.pictures
    dealt = [*_deal(references, rng), *_deal(recipe.pictures, rng)]
    return [
        _Job(path.with_suffix(f".{suffix}"), suffix, size * recipe.scale, owner, (recipe.seed, i))
        for i, (path, owner, (suffix, size)) in enumerate(zip(paths, owners, dealt, strict=True), 1)
    ]


def _deal(count: int, rng: np.random.Generator) -> list[tuple[str, float]]:
    """Formats by their shares; each one's sizes evenly on a logarithmic scale, shuffled."""
    dealt: list[tuple[str, float]] = []
    for position, (suffix, share, largest) in enumerate(FORMATS):
        last = position == len(FORMATS) - 1
        number = count - len(dealt) if last else round(count * share)
        steps = (np.arange(number) + 0.5) / max(1, number)
        sizes = SMALLEST * (largest / SMALLEST) ** steps
        dealt += [(suffix, float(size)) for size in sizes]
    return [dealt[index] for index in rng.permutation(len(dealt))]


def _make(job: _Job) -> tuple[int, int]:
    rng = np.random.default_rng(job.seed)
    image = _draw(job, rng)
    data = _encoded(image, job.suffix, rng)
    job.path.write_bytes(data)
    return image.width * image.height, len(data)


def _draw(job: _Job, rng: np.random.Generator) -> Image.Image:
    aspect = math.exp(rng.uniform(math.log(0.6), math.log(1.6)))
    height = max(8, round(math.sqrt(job.megapixels * 1e6 / aspect)))
    width = max(8, round(job.megapixels * 1e6 / height))
    image = _background(width, height, rng)
    _scribble(image, rng, strokes=int(rng.integers(10, 60)))
    _character(image, job.character, rng)
    if rng.random() < 0.5:
        _screentone(image, rng)
    image = image.filter(ImageFilter.SMOOTH)
    return _grain(image, rng)


def _background(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    if rng.random() < 0.35:
        return Image.new("RGB", (width, height), _colour(rng, 200, 256))
    corners = np.asarray([_colour(rng, 90, 256) for _ in range(4)], dtype=np.uint8)
    small = Image.fromarray(corners.reshape(2, 2, 3))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def _character(image: Image.Image, character: int, rng: np.random.Generator) -> None:
    own = np.random.default_rng([77, character])  # what does not change from pose to pose
    hair, skin, eyes, cloth = (_colour(own, *span) for span in _SPANS)
    pen = ImageDraw.Draw(image)
    unit = min(image.size) * float(rng.uniform(0.2, 0.4))
    x = image.width * float(rng.uniform(0.35, 0.65))
    y = image.height * float(rng.uniform(0.3, 0.5))
    line = max(1, round(unit / 40))
    body = [(x - 1.2 * unit, y + 3 * unit), (x - 0.5 * unit, y + unit)]
    body += [(x + 0.5 * unit, y + unit), (x + 1.2 * unit, y + 3 * unit)]
    pen.polygon(body, fill=cloth, outline=(20, 20, 30), width=line)
    for angle in np.linspace(0, 2 * math.pi, int(own.integers(7, 16)), endpoint=False).tolist():
        tip = unit * float(own.uniform(1.1, 1.7))
        side = unit * 0.3
        strand = [(x + tip * math.cos(angle), y + tip * math.sin(angle))]
        strand += [(x - side * math.sin(angle), y + side * math.cos(angle))]
        strand += [(x + side * math.sin(angle), y - side * math.cos(angle))]
        pen.polygon(strand, fill=hair, outline=(20, 20, 30), width=line)
    pen.ellipse(_around(x, y, unit, unit), fill=hair, outline=(20, 20, 30), width=line)
    pen.ellipse(_around(x, y + 0.2 * unit, 0.75 * unit, 0.8 * unit), fill=skin)
    for side in (-0.35, 0.35):
        pen.ellipse(_around(x + side * unit, y + 0.2 * unit, 0.17 * unit, 0.25 * unit), fill=eyes)
        pen.ellipse(
            _around(x + side * unit, y + 0.1 * unit, 0.06 * unit, 0.08 * unit), fill="white"
        )


_SPANS = ((20, 256), (190, 256), (10, 200), (20, 256))


def _scribble(image: Image.Image, rng: np.random.Generator, strokes: int) -> None:
    pen = ImageDraw.Draw(image)
    for _ in range(strokes):
        start = rng.uniform(0, 1, 2) * image.size
        walk = rng.normal(0, 0.06, (8, 2)).cumsum(axis=0) * image.size
        points = [tuple(point) for point in (start + walk).tolist()]
        shade = _colour(rng, 0, 160)
        pen.line(points, fill=shade, width=max(1, min(image.size) // 250), joint="curve")


def _screentone(image: Image.Image, rng: np.random.Generator) -> None:
    pitch = int(rng.integers(4, 9))
    y, x = np.mgrid[0:TILE, 0:TILE] * (2 * math.pi / pitch)
    dots = (np.sin(x + y) + np.sin(x - y) > rng.uniform(-0.5, 1.0)).astype(np.uint8) * 255
    box = [int(edge) for edge in (rng.uniform(0, 0.5, 2) * image.size)]
    width, height = image.width // 2, image.height // 2
    mask = _tiled(dots, width, height)
    ink = Image.new("RGB", (width, height), _colour(rng, 20, 120))
    image.paste(ink, (box[0], box[1]), mask)


def _grain(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A third is clean, a third has a little noise (brushes), a third that of a scan."""
    strength = float(rng.choice([0.0, 1.2, 3.0]))
    if not strength:
        return image
    noise = np.rint(rng.normal(0, strength, (TILE, TILE, 3)))
    lighter = _tiled(np.clip(noise, 0, 255).astype(np.uint8), *image.size)
    darker = _tiled(np.clip(-noise, 0, 255).astype(np.uint8), *image.size)
    return ImageChops.subtract(ImageChops.add(image, lighter), darker)


def _tiled(tile: np.ndarray, width: int, height: int) -> Image.Image:
    times = (-(-height // TILE), -(-width // TILE), *(1,) * (tile.ndim - 2))
    return Image.fromarray(np.ascontiguousarray(np.tile(tile, times)[:height, :width]))


def _encoded(image: Image.Image, suffix: str, rng: np.random.Generator) -> bytes:
    chance = float(rng.random())
    stream = io.BytesIO()
    if suffix == "jpg":
        kept = image.convert("L") if chance < 0.08 else image
        quality, colours = int(rng.integers(75, 96)), "4:4:4" if chance > 0.75 else "4:2:0"
        progressive = bool(rng.random() < 0.15)
        kept.save(stream, "JPEG", quality=quality, subsampling=colours, progressive=progressive)
    elif suffix == "png":
        _as_png_mode(image, chance).save(stream, "PNG")
    elif chance < 0.2:
        image.save(stream, "WEBP", lossless=True, method=1)
    else:
        image.save(stream, "WEBP", quality=int(rng.integers(75, 96)), method=2)
    return stream.getvalue()


def _as_png_mode(image: Image.Image, chance: float) -> Image.Image:
    """Mostly RGB; some with transparency, some grey, some with a palette."""
    if chance < 0.6:
        return image
    if chance < 0.8:
        cut = Image.new("L", image.size, 0)
        ImageDraw.Draw(cut).ellipse((0, 0, *image.size), fill=255)
        image.putalpha(cut)
        return image
    return image.convert("L") if chance < 0.9 else image.quantize(256, Image.Quantize.FASTOCTREE)


def _around(x: float, y: float, across: float, down: float) -> tuple[float, float, float, float]:
    return (x - across, y - down, x + across, y + down)


def _colour(rng: np.random.Generator, low: int, high: int) -> tuple[int, int, int]:
    red, green, blue = rng.integers(low, high, 3).tolist()
    return (red, green, blue)
