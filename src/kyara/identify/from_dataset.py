"""References that a Lance dataset holds, in the place of a library; for reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from kyara.detect import Detector
from kyara.encode.cache import EmbeddingCache
from kyara.encode.encoder import Encoder
from kyara.errors import UsageError
from kyara.identify.gallery import Gallery, Searchable
from kyara.identify.indexed import IndexedGallery
from kyara.identify.indexes import open_index, wants_index
from kyara.identify.references import EmbeddedReferences
from kyara.library.decisions import check_character_name
from kyara.library.figures import nearest_figure
from kyara.library.said import NOTHING, Said
from kyara.plugins.discover import detector_with
from kyara.scale.figures import UNNAMED, prefixes_of
from kyara.scale.references import ReferenceDataset
from kyara.types import Detection, FloatArray, Progress, silent

__all__ = ["DatasetReferences"]

_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")
_OTHERS = 65_536
"""Figures of nobody known that the look of a user's pictures is told by: more say nothing new."""


@dataclass(frozen=True)
class DatasetReferences:
    """A dataset of references. Nothing was said of pictures but whom its own show."""

    dataset: ReferenceDataset
    chosen: Detector | None = None

    @property
    def folders(self) -> list[Path]:
        """None: it does not know which they were."""
        return []

    @cached_property
    def detector(self) -> Detector:
        """The dataset's; it must be the chosen one, if one was chosen.

        Raises:
            UsageError: it is another, or there is none of its id.
        """
        own, where = self.dataset.ids.detector, self.dataset.path
        hint = "use the detector that the figures of the references were found by"
        if self.chosen is not None and self.chosen.id != own:
            what = f"the figures in this dataset were found by {own}, not {self.chosen.id}"
            raise UsageError(what, where=where, hint=hint)
        try:
            return self.chosen or detector_with(own)
        except UsageError as error:
            raise UsageError(error.what, where=where, hint=hint) from None

    def said(self, digest: bytes, detections: Sequence[Detection]) -> list[Said]:
        """Whom the figures of its own pictures show."""
        return self._known.said(digest, detections)

    def embedded(
        self,
        encoder: Encoder,
        _cache: EmbeddingCache | None = None,
        _progress: Progress = silent,
        /,
    ) -> EmbeddedReferences:
        """Its own; neither the pictures nor a model are needed. See `References`."""
        self.require(encoder)
        where = self.dataset.path
        if not self.dataset.shown.characters:
            raise UsageError("none of the figures in this dataset has a character", where=where)
        for name in self.dataset.shown.characters:
            check_character_name(name, where)
        gallery, note = self._gallery(encoder)
        return EmbeddedReferences(
            gallery,
            said=self.said,
            others=self._others(),
            detector=self.detector,
            notes=() if note is None else (note,),
        )

    def require(self, encoder: Encoder) -> None:
        """Nothing, if `encoder` made the embeddings.

        Raises:
            UsageError: it is another.
        """
        own = self.dataset.ids.encoder
        if own != encoder.id:
            what = f"this dataset holds embeddings of {own}, not of {encoder.id}"
            raise UsageError(what, where=self.dataset.path, hint="name its model: --plugin NAME")

    def _gallery(self, encoder: Encoder) -> tuple[Searchable, str | None]:
        """In memory and exact, or behind an index where that would be too much; and what a person
        should know of it. What a network compares has no index."""
        cosine = encoder.manifest.embedding.similarity == "cosine"
        if cosine and wants_index(self.dataset):
            index, note = open_index(self.dataset)
            return IndexedGallery(self.dataset, index), note
        shown = self.dataset.shown
        rows = np.flatnonzero(shown.owners >= 0)
        rows = rows[np.argsort(shown.owners[rows], kind="stable")]
        uris, embeddings = self.dataset.references(rows)
        starts = np.searchsorted(shown.owners[rows], np.arange(len(shown.characters)))
        paths = tuple(map(Path, uris))
        gallery = Gallery(encoder.id, shown.characters, embeddings, starts, paths)
        return gallery.without_copies(), None

    @cached_property
    def _known(self) -> _Known:
        return _Known(self.dataset)

    def _others(self) -> FloatArray:
        rows = np.flatnonzero(self.dataset.shown.owners == UNNAMED)
        if len(rows) > _OTHERS:
            rows = rows[np.linspace(0, len(rows) - 1, _OTHERS).astype(np.intp)]
        return self.dataset.references(rows)[1]


class _Known:
    """Whom the figures of pictures in the dataset show. Their digests are held by eight bytes of
    each, and read as a whole where these agree."""

    def __init__(self, dataset: ReferenceDataset) -> None:
        self._dataset = dataset
        prefixes = dataset.prefixes()
        self._rows = np.flatnonzero(dataset.shown.owners >= 0)
        self._rows = self._rows[np.argsort(prefixes[self._rows], kind="stable")]
        self._prefixes = prefixes[self._rows]

    def said(self, digest: bytes, detections: Sequence[Detection]) -> list[Said]:
        """A `SaidOf`: what is the whole picture is every figure of it of which nothing else is
        known."""
        one = prefixes_of([digest])[0]
        first, last = (int(np.searchsorted(self._prefixes, one, side)) for side in _SIDES)
        said, whole = [NOTHING] * len(detections), NOTHING
        if first == last:
            return said
        figures = self._dataset.take(self._rows[first:last])
        for n in range(len(figures.digests)):
            if figures.digests[n] != digest:
                continue
            shown, word = figures.detection(n), Said(figures.characters[n])
            place = nearest_figure(shown.box, detections)
            if shown.kind == "whole":
                whole = word
            elif place is not None:
                said[place] = word
        return [whole if word is NOTHING else word for word in said]
