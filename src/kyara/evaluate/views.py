"""Whole pictures as users have them: each as a whole, by the figure that a detector finds in it,
and by both together.

A labelled picture shows its character, whoever else is in it; so of several figures the most
prominent one stands for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kyara.detect import Detector, WholePicture
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import EmbeddedPicture, embed_pictures
from kyara.evaluate.dataset import Dataset, LabelledPicture
from kyara.evaluate.embed import EmbeddedDataset, OnDone, embedded_of
from kyara.pictures.read import Picture
from kyara.types import Detection, FloatArray

__all__ = ["View", "embed_view", "prominent", "views_of"]


@dataclass(frozen=True)
class View:
    """A way to look at pictures: a detector, perhaps with another policy than its own.

    Attributes:
        name: what reports call it.
        margin, context: see `Detector`.
    """

    name: str
    finder: Detector
    margin: float
    context: Literal["none", "alone"]

    @property
    def id(self) -> str:
        """See `Detector`; nothing that a cache keeps."""
        return f"{self.finder.id}, {self.name}"

    @property
    def longest(self) -> int:
        """See `Detector`."""
        return self.finder.longest

    def detect(self, pictures: Sequence[Picture], /) -> list[tuple[Detection, ...]]:
        """See `Detector`."""
        return self.finder.detect(pictures)


def views_of(detector: Detector, margins: Sequence[float] = ()) -> list[View]:
    """The whole, and for each margin (by default the detector's own) the figure by itself, and
    together with the whole."""
    whole = WholePicture()
    views = [View("whole", whole, whole.margin, whole.context)]
    for margin in dict.fromkeys(margins or [detector.margin]):
        views.append(View(f"figure, margin {margin:g}", detector, margin, "none"))
        views.append(View(f"figure and whole, margin {margin:g}", detector, margin, "alone"))
    return views


def embed_view(
    encoder: Encoder, dataset: Dataset, view: View, *, on_done: OnDone = lambda _count: None
) -> EmbeddedDataset:
    """The embeddings of all pictures in that view; those that cannot be read are left out.

    Raises:
        DataError: nothing can be measured on what is left.
        PluginError: the encoder or the detector fails.
    """
    found = embed_pictures([p.file for p in dataset.pictures], encoder, detector=view)
    rows: list[tuple[LabelledPicture, FloatArray | str]] = []
    for labelled, embedded in zip(dataset.pictures, found, strict=True):
        rows.append((labelled, _row_of(labelled, embedded)))
        on_done(1)
    return embedded_of(rows, dataset.sources, encoder.dimension)


def _row_of(labelled: LabelledPicture, embedded: EmbeddedPicture) -> FloatArray | str:
    if embedded.error is not None:
        return f"{labelled.source}/{labelled.name}: {embedded.error.what}"
    row: FloatArray = embedded.embeddings[prominent(embedded.detections)]
    return row


def prominent(detections: Sequence[Detection]) -> int:
    """Which of the figures in a picture stands out: large, and surely one."""
    return int(np.argmax([d.score * d.box.area**0.25 for d in detections]))
