"""Many pictures to embeddings, with all cores busy and memory flat.

Each worker thread takes a chunk of pictures through everything: stat, cache, read, digest,
decode, find the figures, crop, encode. All the heavy steps release Python's global lock, so
while one thread waits for the disk or decodes, another runs the network; nothing is handed over
between them, and only a few chunks exist at a time.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kyara import detect
from kyara.encode.cache import CachedEmbeddings, EmbeddingCache
from kyara.encode.encoder import Encoder
from kyara.errors import PictureError
from kyara.pictures.source import Content, PictureLike, Source, as_sources
from kyara.pictures.state import FileState
from kyara.runtime.workers import mapped, worker_count
from kyara.types import Box, Detection, FloatArray, PixelArray, normalised

if TYPE_CHECKING:
    from kyara.pictures.read import Picture

__all__ = ["EmbeddedPicture", "embed_pictures"]

CHUNK = 16
"""Pictures per chunk at most: larger batches encode no faster, and the last chunk of a worker
is work that the others cannot share."""
_CROPS = 32
"""Crops that are encoded at once: a page may hold many figures."""
_PIXELS = 4_000_000
"""Decoded pixels that wait for a detector at once, but for those of one picture."""


@dataclass(frozen=True)
class EmbeddedPicture:
    """What became of one picture.

    Attributes:
        path: of a file; of another source, its name.
        digest: SHA-256 of the file's content (of a picture in memory, of its pixels); None if
            it could not be read.
        detections: the figures in it; the whole picture where none was found.
        embeddings: one row per detection, shape (k, d).
        error: why there are none, or None.
        detector: id of what found the figures.
        size: width and height of the upright picture, where it had to be decoded.
    """

    path: Path
    digest: bytes | None
    detections: tuple[Detection, ...]
    embeddings: FloatArray
    error: PictureError | None = None
    detector: str = detect.WHOLE
    size: tuple[int, int] | None = None


def embed_pictures(
    pictures: Sequence[PictureLike],
    encoder: Encoder,
    *,
    detector: detect.Detector | None = None,
    cache: EmbeddingCache | None = None,
    skip: Container[bytes] = (),
    workers: int | None = None,
) -> Iterator[EmbeddedPicture]:
    """Embed the figures in pictures, in that order; a bad picture comes with its error.

    Args:
        pictures: paths, pictures of Pillow's, arrays, or sources (`kyara.pictures.source`).
        detector: finds the figures; None: the one that is used everywhere.
        skip: digests of pictures that are not embedded: they come with their digest, and
            without figures.

    Raises:
        UsageError: what is no picture at all is among them.
        PluginError: the encoder or the detector itself fails.
    """
    sources = as_sources(pictures)
    run = _Run(encoder, detector or detect.default(), cache, skip)
    workers = workers or worker_count()
    size = max(1, min(CHUNK, -(-len(sources) // (4 * workers))))
    chunks = (sources[i : i + size] for i in range(0, len(sources), size))
    with closing(mapped(run.embed, chunks, workers, "kyara-embed")) as done:
        for embedded in done:
            yield from embedded


@dataclass
class _Item:
    """A picture on its way through a chunk.

    Attributes:
        found: its figures with embeddings, once they are known.
        was_read: it was not known by its state alone.
        fresh: the embeddings were computed, not remembered.
    """

    source: Source
    state: FileState | None = None
    digest: bytes | None = None
    detections: tuple[Detection, ...] = ()
    crops: list[PixelArray] = field(default_factory=list)
    found: CachedEmbeddings | None = None
    error: PictureError | None = None
    size: tuple[int, int] | None = None
    was_read: bool = False
    fresh: bool = False


@dataclass(frozen=True)
class _Run:
    """What all chunks share."""

    encoder: Encoder
    detector: detect.Detector
    cache: EmbeddingCache | None
    skip: Container[bytes]

    def embed(self, sources: Sequence[Source]) -> list[EmbeddedPicture]:
        """Take a chunk through everything."""
        items = [_Item(source) for source in sources]
        if self.cache is not None:
            self._look_up(items, self.cache)
        for group in self._decoded([item for item in items if item.found is None]):
            self._crop(group)
        self._encode([item for item in items if item.crops])
        if self.cache is not None:
            _keep(items, self.cache, self.detector.id, self.encoder.id)
        return [self._result(item) for item in items]

    def _decoded(self, items: Sequence[_Item]) -> Iterator[list[tuple[_Item, Content, Picture]]]:
        """Those that had to be decoded, as many together as may be in memory at once."""
        most = _PIXELS if self.detector.longest else 0  # what looks at none needs no batch
        group: list[tuple[_Item, Content, Picture]] = []
        pixels = 0
        for item in items:
            opened = self._open(item)
            if opened is None:
                continue
            content, picture = opened
            size = picture.image.width * picture.image.height
            if group and pixels + size > most:
                yield group
                group, pixels = [], 0
            group.append((item, content, picture))
            pixels += size
        if group:
            yield group

    def _open(self, item: _Item) -> tuple[Content, Picture] | None:
        """Read and decode; None if it failed, or is known by its content."""
        # Imported here: a run that the cache answers never needs the decoders.
        from kyara.encode.preprocess import decode_for

        try:
            content = item.source.read()
            item.digest, item.was_read = content.digest, True
            if item.digest in self.skip:
                item.found = _NOT_WANTED
            elif self.cache is not None:
                known = self.cache.lookup([item.digest], self.detector.id, self.encoder.id)
                item.found = known[0]
            if item.found is not None:
                return None
            spec = self.encoder.input
            picture = decode_for(content, spec, longest=self.detector.longest)
            item.size = (picture.width, picture.height)
            return content, picture
        except PictureError as error:
            item.error = error
            return None

    def _crop(self, group: Sequence[tuple[_Item, Content, Picture]]) -> None:
        from kyara.encode.preprocess import crops_of

        found = detect.figures_in(self.detector, [picture for _, _, picture in group])
        for (item, content, picture), detections in zip(group, found, strict=True):
            try:
                spec = self.encoder.input
                boxes = self._boxes(picture, detections)
                item.crops = crops_of(content, boxes, spec, decoded=picture)
                item.detections = detections
            except PictureError as error:
                item.error = error

    def _boxes(self, picture: Picture, detections: Sequence[Detection]) -> list[Box]:
        """What is cut out for the figures: for one that is alone perhaps also the whole."""
        size, margin = (picture.width, picture.height), self.detector.margin
        boxes = [detect.crop_box(detection, margin, *size) for detection in detections]
        alone = len(detections) == 1 and detections[0].kind != "whole"
        if alone and self.detector.context == "alone":
            boxes.append(detect.whole(picture).box)
        return boxes

    def _encode(self, items: Sequence[_Item]) -> None:
        if not items:
            return
        crops = [crop for item in items for crop in item.crops]
        batches = [np.stack(crops[i : i + _CROPS]) for i in range(0, len(crops), _CROPS)]
        embeddings = np.concatenate([self.encoder.encode(batch) for batch in batches])
        begin = 0
        for item in items:
            own = embeddings[begin : begin + len(item.crops)]
            if len(own) > len(item.detections):
                own = normalised(own.mean(axis=0, keepdims=True))
            item.found = CachedEmbeddings(item.detections, own)
            item.fresh = True
            begin += len(item.crops)

    def _result(self, item: _Item) -> EmbeddedPicture:
        path, detector = Path(item.source.name), self.detector.id
        if item.found is None or not item.found.detections:
            digest = None if item.error is not None else item.digest
            nothing = np.zeros((0, self.encoder.dimension), dtype=np.float32)
            return EmbeddedPicture(path, digest, (), nothing, item.error, detector)
        found = item.found
        return EmbeddedPicture(
            path, item.digest, found.detections, found.embeddings, None, detector, item.size
        )

    def _look_up(self, items: Sequence[_Item], cache: EmbeddingCache) -> None:
        """Find the pictures that are known without reading them."""
        files = []
        for item in items:
            try:
                # Before it is read: should it be replaced in between, the next run will see that.
                item.state = item.source.state()
            except OSError:
                continue  # reading it will say what is wrong
            if item.state is not None:
                files.append((item, item.state))
        digests = cache.digests([state for _, state in files])
        seen = [(item, d) for (item, _), d in zip(files, digests, strict=True) if d is not None]
        known = cache.lookup([digest for _, digest in seen], self.detector.id, self.encoder.id)
        for (item, digest), found in zip(seen, known, strict=True):
            if digest in self.skip:
                item.digest, item.found = digest, _NOT_WANTED
            elif found is not None:
                item.digest, item.found = digest, found


_NOT_WANTED = CachedEmbeddings((), np.zeros((0, 0), dtype=np.float32))
"""What is found in pictures that are skipped."""


def _keep(items: Sequence[_Item], cache: EmbeddingCache, detector: str, encoder: str) -> None:
    read = [item for item in items if item.was_read and item.error is None]
    cache.remember([(i.state, i.digest) for i in read if i.state and i.digest])
    fresh = [(i.digest, i.found) for i in read if i.fresh and i.digest and i.found]
    cache.store(fresh, detector, encoder)
