"""References as a Lance dataset: for reading by many machines, or to be searched by an index.

It holds what a library knows of figures, but nothing that was decided of them beside whom they
show: what was rejected or ignored stays in the library.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kyara.errors import UsageError
from kyara.library.brought import Brought, Imported, take_over
from kyara.library.store import Library
from kyara.library.unnamed import read_unnamed
from kyara.scale.dataset import Ids
from kyara.scale.export import require_free, write_references
from kyara.scale.figures import Figures
from kyara.scale.references import ReferenceDataset

__all__ = ["export_dataset", "import_dataset"]


def export_dataset(library: Library, path: Path, *, overwrite: bool = False) -> tuple[int, int]:
    """Write all references, and the figures of whom nobody has said whom they show, to a new
    dataset at `path`; returns how many there are of each.

    Raises:
        UsageError: something is there, or there are no references.
        OutputError: it cannot be written; then nothing is left of it.
    """
    require_free(path, overwrite=overwrite)
    named, own = library.references(), library.encoder
    if not named.characters:
        raise UsageError("this library has no references", where=library.path)
    unnamed = read_unnamed(library.database, own.dimension)
    others = unnamed.detections
    write_references(
        path,
        Ids(own.identity, library.detector, own.dimension),
        [
            Figures(
                named.characters,
                named.digests,
                tuple(map(_as_text, named.paths)),
                named.boxes,
                named.kinds,
                named.scores,
                named.embeddings,
            ),
            Figures(
                (None,) * len(others),
                unnamed.digests,
                tuple(map(_as_text, unnamed.paths)),
                np.asarray([d.box.as_tuple() for d in others], np.float64).reshape(-1, 4),
                tuple(detection.kind for detection in others),
                tuple(detection.score for detection in others),
                unnamed.embeddings,
            ),
        ],
    )
    return len(named.characters), len(others)


def import_dataset(library: Library, path: Path) -> Imported:
    """Take over the references and the other figures in the dataset at `path`. What a person has
    said stands.

    Raises:
        UsageError: there is no such dataset, it is of another encoder, or a name in it cannot be
            a character's.
        DataError: it is damaged.
    """
    dataset = ReferenceDataset(path)
    return take_over(library, dataset.ids.encoder, dataset.ids.detector, _brought(dataset), path)


def _brought(dataset: ReferenceDataset) -> Iterator[Brought]:
    for part in dataset.figures():
        for n, character in enumerate(part.characters):
            name = Path(part.uris[n].replace("\0", "")).name
            yield Brought(
                character, part.digests[n], name, part.detection(n), part.embeddings[n : n + 1]
            )


def _as_text(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "replace")
