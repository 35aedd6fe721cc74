"""Embedding files and archives into tables of rows."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from kyara.detect import Detector
from kyara.encode.cache import EmbeddingCache
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import embed_pictures
from kyara.errors import PictureError
from kyara.pictures.source import File, Source, is_archive, members_of
from kyara.scale.dataset import Digests, Ids, failed, table_of
from kyara.types import Progress, silent

__all__ = ["embed_tables"]

_APPENDED = 1024
"""Pictures that are embedded until their rows are handed over."""


def embed_tables(
    paths: Sequence[Path],
    encoder: Encoder,
    detector: Detector,
    known: Digests,
    *,
    cache: EmbeddingCache | None = None,
    progress: Progress = silent,
) -> Generator[Any, None, None]:
    """Tables of rows (`table_of`), in order, of pictures that are not known.

    Args:
        paths: files and archives.

    Raises:
        PluginError: the encoder or the detector fails.
    """
    ids = Ids(encoder.id, detector.id, encoder.dimension)
    sources: list[Source] = []
    waiting = []
    for path in paths:
        try:
            sources += members_of(path) if is_archive(path) else [File(path)]
        except PictureError as error:
            waiting.append(failed(path, error))
    with progress("pictures", len(sources)) as tick:
        for picture in embed_pictures(sources, encoder, detector=detector, cache=cache, skip=known):
            waiting.append(picture)
            tick()
            if len(waiting) >= _APPENDED:
                yield table_of(waiting, ids)
                waiting = []
    yield table_of(waiting, ids)
