"""Nothing but reading and decoding, in a thread per core: the contender (b) of `sort.py`.

python benchmarks/decoding.py full|reduced FOLDER FOLDER
"""

from __future__ import annotations

import io
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from measuring import cores
from PIL import Image

NEEDED = 112
"""Pixels on the longest side that the shipped model wants."""


def main(how: str, folders: list[str]) -> None:
    files = [path for folder in folders for path in sorted(Path(folder).rglob("*.*"))]
    decode = {"full": decode_fully, "reduced": decode_reduced}[how]
    Image.preinit()
    begin = time.perf_counter()
    with ThreadPoolExecutor(cores()) as pool:
        for _ in pool.map(decode, files):
            pass
    print(json.dumps({"seconds": time.perf_counter() - begin, "pictures": len(files)}))


def decode_fully(path: Path) -> None:
    """All pixels of the picture."""
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        image.load()


def decode_reduced(path: Path) -> None:
    """As few pixels as the format's decoder can give and the model needs: JPEG only."""
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        scale = NEEDED / max(image.size)
        image.draft(None, (max(1, round(image.width * scale)), max(1, round(image.height * scale))))
        image.load()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
