"""Which decoder is the fastest on one core, and what it does with broken files.

    python benchmarks/decoders.py --out benchmarks/decoders.json --work /tmp/kyara-bench

The job is the same for all: from a file's bytes to RGB pixels, 112 on the longest side. Each
library does it in the way that its own documentation recommends; Pillow as Kyara uses it.
Libraries that are not installed are left out. See docs/decisions/0002-pillow-decodes.md.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

os.environ["VIPS_CONCURRENCY"] = "1"  # before libvips is loaded: it reads this once

import numpy as np
from made_pictures import Recipe, make_set
from measuring import machine, median, write
from PIL import Image, ImageDraw

from kyara.detect import whole
from kyara.encode.preprocess import crop, decode_for
from kyara.manifest import InputSpec
from kyara.pictures.source import Encoded

SIDE = 112
Decoder = Callable[[bytes], np.ndarray]
PACKAGES = {
    "pillow": ("PIL", ("pillow",)),
    "pyvips": ("pyvips", ("pyvips", "pyvips-binary")),
    "opencv": ("cv2", ("opencv-python-headless",)),
}


def main() -> None:
    options = parse()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    pictures = make_set(options.work, Recipe(options.pictures, 20, 5, scale=options.scale))
    by_kind = sorted_by_kind(sorted(pictures.inbox.iterdir()))
    decoders = {name: made for name in PACKAGES if (made := open_decoder(name)) is not None}
    raw = {name: {kind: [] for kind in by_kind} for name in decoders}
    for _ in range(options.repeats):
        for name, decode in decoders.items():
            for kind, files in by_kind.items():
                raw[name][kind].append(round(seconds_for(decode, files), 4))
        print(".", end="", file=sys.stderr, flush=True)
    report = {
        "what": (__doc__ or "").partition("\n")[0],
        "machine": {**machine(), "cores_used": 1},
        "pictures": pictures.about,
        **figures(raw, by_kind),
        "broken_and_unusual": {name: behaviour(decode) for name, decode in decoders.items()},
        "installed_mib": {name: installed_size(name) for name in decoders},
        "repeats_seconds": raw,
    }
    write(options.out, report)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--scale", type=float, default=1.0, help="of the megapixels")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True, help="the JSON file")
    parser.add_argument("--work", type=Path, default=Path("bench-work"), help="kept for reuse")
    return parser.parse_args()


def sorted_by_kind(files: Sequence[Path]) -> dict[str, list[bytes]]:
    """The contents of the files by format; progressive JPEG apart from ordinary JPEG."""
    kinds: dict[str, list[bytes]] = {}
    for path in files:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            progressive = " progressive" if image.info.get("progressive") else ""
            kinds.setdefault(f"{image.format}{progressive}", []).append(data)
    return dict(sorted(kinds.items()))


def seconds_for(decode: Decoder, files: Sequence[bytes]) -> float:
    begin = time.perf_counter()
    for data in files:
        decode(data)
    return time.perf_counter() - begin


def figures(
    raw: Mapping[str, Mapping[str, Sequence[float]]], by_kind: Mapping[str, Sequence[bytes]]
) -> dict[str, object]:
    """Pictures per second by library and kind, and over the whole mix."""
    rates: dict[str, dict[str, float]] = {}
    for name, kinds in raw.items():
        seconds = {kind: median(times) for kind, times in kinds.items()}
        rates[name] = {
            kind: round(len(by_kind[kind]) / max(taken, 1e-6), 1) for kind, taken in seconds.items()
        }
        count = sum(map(len, by_kind.values()))
        rates[name]["whole mix"] = round(count / max(sum(seconds.values()), 1e-6), 1)
    return {
        "files": {kind: len(files) for kind, files in by_kind.items()},
        "pictures_per_second": rates,
    }


def open_decoder(name: str) -> Decoder | None:
    """The decoder of that library, or None where it is not installed."""
    try:
        library = import_module(PACKAGES[name][0])
    except (ImportError, OSError):
        return None
    return {"pillow": lambda _: _pillow, "pyvips": _vips, "opencv": _opencv}[name](library)


def _pillow(data: bytes) -> np.ndarray:
    spec = InputSpec(size=SIDE)
    picture = decode_for(Encoded(data), spec)
    return crop(picture, whole(picture).box, spec)


def _vips(pyvips: Any) -> Decoder:
    def decode(data: bytes) -> np.ndarray:
        image = pyvips.Image.thumbnail_buffer(data, SIDE, height=SIDE, fail_on="truncated")
        if image.hasalpha():
            image = image.flatten(background=[255, 255, 255])
        return np.asarray(image.colourspace("srgb").cast("uchar").numpy())

    pyvips.cache_set_max(0)
    return decode


def _opencv(cv2: Any) -> Decoder:
    reduced = {
        8: cv2.IMREAD_REDUCED_COLOR_8,
        4: cv2.IMREAD_REDUCED_COLOR_4,
        2: cv2.IMREAD_REDUCED_COLOR_2,
        1: cv2.IMREAD_COLOR,
    }

    def decode(data: bytes) -> np.ndarray:
        # It cannot tell the size without decoding: Pillow's header reading does.
        with Image.open(io.BytesIO(data)) as image:
            longest = max(image.size) if image.format == "JPEG" else 0
        step = next((step for step in (8, 4, 2) if longest >= step * SIDE), 1)
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), reduced[step])
        if pixels is None:
            raise ValueError("cannot decode")
        size = _fitted(pixels.shape[1], pixels.shape[0])
        return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)[:, :, ::-1])

    cv2.setNumThreads(1)
    return decode


def _fitted(width: int, height: int) -> tuple[int, int]:
    scale = SIDE / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def behaviour(decode: Decoder) -> dict[str, str]:
    """What comes of files that are broken or unusual: an error, or what kind of pixels."""
    answers = {}
    for name, data in unusual_files().items():
        try:
            pixels = decode(data)
        except Exception as error:  # what it raises is the finding
            answers[name] = f"error: {type(error).__name__}"
        else:
            seen = pixels[pixels.shape[0] * 3 // 4, pixels.shape[1] // 2].tolist()
            answers[name] = f"pixels, in the lower half {seen}"
    return answers


def unusual_files() -> dict[str, bytes]:
    """A red picture with a blue bottom, in ways that decoders differ about."""
    image = Image.new("RGB", (320, 240), (200, 30, 30))
    ImageDraw.Draw(image).rectangle((0, 120, 320, 240), fill=(30, 30, 200))
    jpeg, png, webp = (_encoded(image, format_) for format_ in ("JPEG", "PNG", "WEBP"))
    clear = image.convert("RGBA")
    clear.putalpha(Image.new("L", image.size, 0))
    deep = Image.fromarray(np.full((240, 320), 40_000, dtype=np.uint16))
    return {
        "JPEG cut in half": jpeg[: len(jpeg) // 2],
        "PNG cut in half": png[: len(png) // 2],
        "WebP cut in half": webp[: len(webp) // 2],
        "not a picture": b"hello" * 100,
        "CMYK JPEG": _encoded(image.convert("CMYK"), "JPEG"),
        "16-bit grey PNG, 61 % bright": _encoded(deep, "PNG"),
        "wholly transparent PNG": _encoded(clear, "PNG"),
        "animated GIF": _encoded(image, "GIF", save_all=True, append_images=[image.rotate(180)]),
        "AVIF": _encoded(image, "AVIF"),
        "BMP": _encoded(image, "BMP"),
        "TGA": _encoded(image, "TGA"),
    }


def _encoded(image: Image.Image, format_: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    try:
        image.save(stream, format_, **options)
    except (KeyError, OSError):  # a Pillow without that encoder
        return b""
    return stream.getvalue()


def installed_size(name: str) -> float | None:
    """MiB on disk of the packages that bring this library."""
    total = 0
    for package in PACKAGES[name][1]:
        try:
            files = metadata.files(package) or []
        except metadata.PackageNotFoundError:
            return None
        total += sum(path.stat().st_size for f in files if (path := Path(f.locate())).is_file())
    return round(total / (1 << 20), 1)


if __name__ == "__main__":
    main()
