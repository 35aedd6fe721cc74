"""How long the page of `kyara review` waits for its answers, with a large library.

    python benchmarks/review.py --out benchmarks/review.json --work /tmp/kyara-bench

The library is made up: embeddings are random directions around a centre for each character, by the
default model's id; a tenth of the figures are references. Each answer is asked for over HTTP, from
a server in a process of its own. `first_page` is the shell, the session and the first groups, as
the browser asks for them, in a server that has just started.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from measuring import machine, median, write
from PIL import Image

from kyara.encode.encoder import Encoder
from kyara.library.decisions import record
from kyara.library.log import Confirm, Source
from kyara.library.said import Subject
from kyara.library.store import Library
from kyara.library.unnamed import keep_groups
from kyara.pictures.digest import digest_of_file
from kyara.plugins.discover import DEFAULT_PLUGIN, open_encoder
from kyara.types import Box, Detection, normalised

TARGETS = {"first_page at most": 1.0}
KNOWN = 0.1
"""Share of the figures that are references."""
NOISE = 0.9
"""Of a figure beside its character's centre, by length."""


def main() -> None:
    options = parse()
    about = machine()
    library = options.work / f"review-{options.pictures}.kyara"
    options.work.mkdir(parents=True, exist_ok=True)
    if not library.exists():
        make(library, options.pictures, options.characters)
    seconds: dict[str, list[float]] = {}
    for _ in range(options.repeats):
        with served(library) as ask:
            for name, task in tasks(ask).items():
                begin = time.perf_counter()
                task()
                seconds.setdefault(name, []).append(round(time.perf_counter() - begin, 4))
    report = {
        "what": " ".join((__doc__ or "").split("\n\n")[0].split()),
        "machine": about,
        "library": {"pictures": options.pictures, "characters": options.characters},
        "median_seconds": {name: median(values) for name, values in seconds.items()},
        "targets": TARGETS,
        "repeats": seconds,
    }
    write(options.out, report)


Ask = Callable[..., Any]


def tasks(ask: Ask) -> dict[str, Callable[[], Any]]:
    """What is measured, in this order."""
    csrf, first = "", 0

    def first_page() -> None:
        nonlocal csrf
        ask("/", text=True)
        csrf = ask("/api/v1/session")["csrf"]
        ask("/api/v1/groups?limit=48")

    def queue() -> Any:
        return ask("/api/v1/queue?limit=24")

    def decide() -> Any:
        figure = queue()["items"][0]["figure"]
        body = {"kind": "confirm", "character": "somebody", "figures": [figure], "new": True}
        return ask("/api/v1/decisions", body, csrf)

    def characters() -> None:
        nonlocal first
        first = ask("/api/v1/characters")["characters"][0]["id"]

    def thumbnails() -> None:
        for group in ask("/api/v1/groups?limit=48")["groups"]:
            ask(f"/api/v1/pictures/{group['sample'][0]['picture']}/image?side=256", text=True)

    return {
        "first_page": first_page,
        "queue_once_the_model_is_there": queue,
        "queue_again": queue,
        "queue_and_decision": decide,
        "queue_after_a_decision": queue,
        "groups": lambda: ask("/api/v1/groups?limit=48"),
        "characters": characters,
        "character": lambda: ask(f"/api/v1/characters/{first}"),
        "pictures_last_page": lambda: ask("/api/v1/pictures?offset=9900&limit=100"),
        "history": lambda: ask("/api/v1/decisions?limit=100"),
        "thumbnails_48": thumbnails,
        "thumbnails_48_again": thumbnails,
        "suggestions": lambda: ask("/api/v1/suggestions"),
    }


@contextmanager
def served(library: Path) -> Iterator[Ask]:
    """Asks a server that has just started."""
    command = [sys.executable, "-m", "kyara", "serve", str(library), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"].rstrip("/")

        def ask(path: str, body: object = None, csrf: str = "", *, text: bool = False) -> Any:
            headers = {"content-type": "application/json", "x-kyara-csrf": csrf}
            data = None if body is None else json.dumps(body).encode()
            request = urllib.request.Request(url + path, data, headers)
            with urllib.request.urlopen(request) as answer:
                found = answer.read()
            return found if text else json.loads(found)

        try:
            yield ask
        finally:
            process.terminate()


def make(path: Path, pictures: int, characters: int) -> None:
    """A library of that many pictures of one figure each, and groups of those without a name."""
    encoder = open_encoder(DEFAULT_PLUGIN)
    folder = path.with_suffix(".pictures")
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(7)
    whom = rng.integers(0, characters, pictures)
    embeddings = made_embeddings(rng, whom, characters, encoder)
    known = rng.random(pictures) < KNOWN
    figure = Detection(Box(8.0, 8.0, 56.0, 56.0), "head", 0.9)
    with Library.create(path, encoder, DEFAULT_PLUGIN) as library:
        database = library.database
        digests = []
        with database.writing():
            for n in range(pictures):
                file = folder / f"{n:06}.jpg"
                noise = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(noise).resize((64, 64)).save(file)
                digests.append(keep(library, file))
                library.store_embeddings(
                    digests[-1], [figure], embeddings[n : n + 1], library.detector
                )
            for character in range(characters):
                own = [digests[n].hex() for n in np.flatnonzero(known & (whom == character))]
                if own:
                    name = f"character {character + 1}"
                    payload = Confirm(tuple(own), 1 + character, name)
                    record(database, payload, Source.IMPORT)
        of_character = [np.flatnonzero(~known & (whom == c)) for c in range(characters)]
        groups = [[Subject(digests[n], figure.box) for n in rows] for rows in of_character]
        keep_groups(database, [group for group in groups if group])


def made_embeddings(
    rng: np.random.Generator, whom: np.ndarray, characters: int, encoder: Encoder
) -> np.ndarray:
    """Around the centre of each figure's character, shape (n, d)."""
    centres = normalised(rng.standard_normal((characters, encoder.dimension), dtype=np.float32))
    noise = normalised(rng.standard_normal((len(whom), encoder.dimension), dtype=np.float32))
    return normalised(centres[whom] + NOISE * noise)


def keep(library: Library, file: Path) -> bytes:
    """Put a picture and its place into the library; returns its digest."""
    digest, status = digest_of_file(file), file.stat()
    library.database.run(
        "INSERT INTO pictures (digest, name, width, height) VALUES (?, ?, 64, 64)",
        (digest, file.name.encode()),
    )
    library.database.run(
        "INSERT INTO places (path, picture, size, mtime_ns, inode, checked_ns)"
        " VALUES (?, (SELECT id FROM pictures WHERE digest = ?), ?, ?, ?, ?)",
        (
            bytes(file.absolute()),
            digest,
            status.st_size,
            status.st_mtime_ns,
            status.st_ino,
            time.time_ns(),
        ),
    )
    return digest


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--characters", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
