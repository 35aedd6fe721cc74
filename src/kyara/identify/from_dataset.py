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
from kyara.identify.gallery import Gallery
from kyara.identify.references import EmbeddedReferences
from kyara.library.decisions import check_character_name
from kyara.library.figures import nearest_figure
from kyara.library.said import NOTHING, Said
from kyara.plugins.discover import detector_with
from kyara.scale.references import Figures, ReferenceDataset
from kyara.types import Detection, FloatArray, Progress, silent

__all__ = ["DatasetReferences"]

_DIGEST = "S32"
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
        return self._said.said(digest, detections)

    def embedded(
        self,
        encoder: Encoder,
        _cache: EmbeddingCache | None = None,
        _progress: Progress = silent,
        /,
    ) -> EmbeddedReferences:
        """Its own; neither the pictures nor a model are needed. See `References`."""
        self.require(encoder)
        return EmbeddedReferences(
            _gallery_of(self._figures, encoder.id).without_copies(),
            said=self.said,
            others=self._others(),
            detector=self.detector,
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

    @cached_property
    def _figures(self) -> Figures:
        """The references, by character."""
        found = self.dataset.named()
        if not found.characters:
            what = "none of the figures in this dataset has a character"
            raise UsageError(what, where=self.dataset.path)
        for name in dict.fromkeys(found.characters):
            check_character_name(str(name), self.dataset.path)
        names = [str(name) for name in found.characters]
        return found.rows(sorted(range(len(names)), key=names.__getitem__))

    @cached_property
    def _said(self) -> _Shown:
        return _Shown(self._figures)

    def _others(self) -> FloatArray:
        rows = self.dataset.unnamed
        if len(rows) > _OTHERS:
            rows = rows[np.linspace(0, len(rows) - 1, _OTHERS).astype(np.intp)]
        return self.dataset.take(rows).embeddings


class _Shown:
    """Whom the figures of known pictures show."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        digests = np.asarray(figures.digests, dtype=_DIGEST)
        self._order = np.argsort(digests, kind="stable")
        self._digests = digests[self._order]

    def said(self, digest: bytes, detections: Sequence[Detection]) -> list[Said]:
        """A `SaidOf`: what is the whole picture is every figure of it of which nothing else is
        known."""
        one = np.asarray(digest, dtype=_DIGEST)
        first, last = (int(np.searchsorted(self._digests, one, side)) for side in _SIDES)
        said, whole = [NOTHING] * len(detections), NOTHING
        for n in self._order[first:last].tolist():
            shown, word = self._figures.detection(n), Said(self._figures.characters[n])
            place = nearest_figure(shown.box, detections)
            if shown.kind == "whole":
                whole = word
            elif place is not None:
                said[place] = word
        return [whole if word is NOTHING else word for word in said]


def _gallery_of(figures: Figures, encoder: str) -> Gallery:
    names = [str(name) for name in figures.characters]
    characters = tuple(dict.fromkeys(names))
    return Gallery(
        encoder,
        characters,
        figures.embeddings,
        np.searchsorted(names, characters),
        tuple(map(Path, figures.uris)),
    )
