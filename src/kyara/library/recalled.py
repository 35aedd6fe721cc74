"""Pictures of a library as the pipeline has them, without opening their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kyara.encode.pipeline import EmbeddedPicture
from kyara.library.figures import figures_of
from kyara.library.referred import vectors_of
from kyara.library.store import Library
from kyara.types import Detection

__all__ = ["recalled"]


def recalled(library: Library, digest: bytes) -> EmbeddedPicture:
    """The figures of a picture, with the embeddings that the library has of them.

    Raises:
        DataError: an embedding is not as it should be.
    """
    detections: list[Detection] = []
    vectors: list[bytes] = []
    for row, detection in figures_of(library.database, digest):
        stored = library.database.row(
            "SELECT vector FROM embeddings WHERE detection = ?"
            " AND encoder = (SELECT encoder FROM library)",
            (row,),
        )
        if stored is not None:
            detections.append(detection)
            vectors.append(stored[0])
    embeddings = vectors_of(library.database, vectors, library.encoder.dimension)
    paths = library.paths_of(digest)
    path = paths[0] if paths else Path(digest.hex())
    return EmbeddedPicture(path, digest, tuple(detections), np.array(embeddings))
