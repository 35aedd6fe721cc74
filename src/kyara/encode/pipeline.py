"""Many pictures to embeddings, with all cores busy and memory flat.

Each worker thread takes a chunk of pictures through everything: stat, cache, read, digest,
decode, crop, encode. All the heavy steps release Python's global lock, so while one thread
waits for the disk or decodes, another runs the network; nothing is handed over between
them, and only a few chunks exist at a time.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from kyara import detect
from kyara.encode.cache import CachedEmbeddings, EmbeddingCache
from kyara.encode.encoder import Encoder
from kyara.errors import PictureError
from kyara.pictures.state import FileState
from kyara.types import Detection, FloatArray, PixelArray

__all__ = ["EmbeddedPicture", "embed_pictures", "worker_count"]

CHUNK = 16
"""Pictures per chunk at most: larger batches encode no faster, and the last chunk of a worker
is work that the others cannot share."""


@dataclass(frozen=True)
class EmbeddedPicture:
    """What became of one picture.

    Attributes:
        digest: SHA-256 of the file's content; None if it could not be read.
        detections: the figures in it.
        embeddings: one row per detection, shape (k, d).
        error: why there are none, or None.
    """

    path: Path
    digest: bytes | None
    detections: tuple[Detection, ...]
    embeddings: FloatArray
    error: PictureError | None = None


def worker_count() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def embed_pictures(
    paths: Sequence[Path],
    encoder: Encoder,
    *,
    cache: EmbeddingCache | None = None,
    workers: int | None = None,
) -> Iterator[EmbeddedPicture]:
    """Embed the pictures at `paths`, in that order; a bad picture comes with its error.

    Raises:
        PluginError: the encoder itself fails.
    """
    workers = workers or worker_count()
    size = max(1, min(CHUNK, -(-len(paths) // (4 * workers))))
    chunks = (paths[i : i + size] for i in range(0, len(paths), size))
    pool = ThreadPoolExecutor(workers, thread_name_prefix="kyara-embed")
    running: deque[Future[list[EmbeddedPicture]]] = deque()
    try:
        for chunk in chunks:
            running.append(pool.submit(_embed_chunk, chunk, encoder, cache))
            if len(running) >= 2 * workers:
                yield from running.popleft().result()
        while running:
            yield from running.popleft().result()
    finally:  # also when the caller stops early, or Ctrl-C comes
        pool.shutdown(wait=True, cancel_futures=True)


def _embed_chunk(
    paths: Sequence[Path], encoder: Encoder, cache: EmbeddingCache | None
) -> list[EmbeddedPicture]:
    known = {} if cache is None else _from_cache(paths, encoder, cache)
    new = [_Loaded.of(path, encoder, cache) for path in paths if path not in known]
    crops = [loaded.crop for loaded in new if loaded.crop is not None]
    embeddings = iter(encoder.encode(np.stack(crops)) if crops else ())
    fresh = {loaded.path: loaded.embedded(embeddings, encoder) for loaded in new}
    if cache is not None:
        _keep(new, fresh, encoder, cache)
    return [known.get(path) or fresh[path] for path in paths]


@dataclass(frozen=True)
class _Loaded:
    """A picture that was read because its embedding was not known by its path."""

    path: Path
    state: FileState | None = None
    digest: bytes | None = None
    detection: Detection | None = None
    crop: PixelArray | None = None
    known: CachedEmbeddings | None = None
    error: PictureError | None = None

    @classmethod
    def of(cls, path: Path, encoder: Encoder, cache: EmbeddingCache | None) -> _Loaded:
        # Imported here: a run that the cache answers never needs the decoders.
        from kyara.encode.preprocess import crop, decode_for
        from kyara.pictures.digest import digest_of_bytes
        from kyara.pictures.read import read_bytes

        state = None
        with contextlib.suppress(OSError):  # reading it will say what is wrong
            # Before it is read: should it be replaced in between, the next run will see that.
            state = FileState.of(path)
        try:
            data = read_bytes(path)
            digest = digest_of_bytes(data)
            if cache is not None and (known := cache.lookup([digest], encoder.id)[0]):
                return cls(path, state, digest, known=known)
            picture = decode_for(data, encoder.input, where=path)
            detection = detect.whole(picture)
            pixels = crop(picture, detection.box, encoder.input)
            return cls(path, state, digest, detection, pixels)
        except PictureError as error:
            return cls(path, error=error)

    def embedded(self, rows: Iterator[FloatArray], encoder: Encoder) -> EmbeddedPicture:
        """The result; takes the next of `rows` if this picture was encoded."""
        if self.known is not None:
            return EmbeddedPicture(
                self.path, self.digest, self.known.detections, self.known.embeddings
            )
        if self.detection is None:
            nothing = np.zeros((0, encoder.dimension), dtype=np.float32)
            return EmbeddedPicture(self.path, self.digest, (), nothing, self.error)
        row = np.stack(list(islice(rows, 1)))
        return EmbeddedPicture(self.path, self.digest, (self.detection,), row)


def _from_cache(
    paths: Sequence[Path], encoder: Encoder, cache: EmbeddingCache
) -> dict[Path, EmbeddedPicture]:
    """The pictures that are known without reading them."""
    states = []
    for path in paths:
        try:
            states.append((path, FileState.of(path)))
        except OSError:
            continue  # reading it will say what is wrong
    digests = cache.digests([state for _, state in states])
    seen = [(path, d) for (path, _), d in zip(states, digests, strict=True) if d is not None]
    found = cache.lookup([digest for _, digest in seen], encoder.id)
    return {
        path: EmbeddedPicture(path, digest, hit.detections, hit.embeddings)
        for (path, digest), hit in zip(seen, found, strict=True)
        if hit is not None
    }


def _keep(
    new: Sequence[_Loaded],
    fresh: dict[Path, EmbeddedPicture],
    encoder: Encoder,
    cache: EmbeddingCache,
) -> None:
    readable = [(p.state, p.digest) for p in new if p.state is not None and p.digest is not None]
    if readable:
        cache.remember(readable)
    encoded = [
        (p.digest, CachedEmbeddings(fresh[p.path].detections, fresh[p.path].embeddings))
        for p in new
        if p.digest is not None and p.crop is not None
    ]
    if encoded:
        cache.store(encoded, encoder.id)
