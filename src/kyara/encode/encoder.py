"""The encoder: crops in, embeddings out, with all that its manifest says of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from kyara.errors import PluginError
from kyara.plugins.manifest import CalibrationSpec, InputSpec, Manifest
from kyara.types import FloatArray, PixelArray, as_embeddings, normalised

__all__ = ["Backend", "Encoder", "SimilarityBackend"]


class Backend(Protocol):
    """What does the work: an ONNX session, or the object that a plugin's entry returns."""

    def encode(self, crops: PixelArray, /) -> ArrayLike:
        """Crops (n, size, size, 3), uint8 RGB, to embeddings (n, d), of any length."""
        ...


class SimilarityBackend(Backend, Protocol):
    """A backend with a similarity of its own instead of the cosine."""

    def similarity(self, a: FloatArray, b: FloatArray, /) -> ArrayLike:
        """Embeddings (n, d) and (m, d) to scores (n, m); higher is more alike."""
        ...


class Encoder:
    """Maps crops to embeddings and compares embeddings.

    The backend is made when it is first needed: a run whose embeddings are all known never
    loads the network.

    Attributes:
        id: changes whenever the embeddings could; embeddings of two ids are never mixed.
        manifest: what the plugin says of itself.
        concurrent: whether several threads may encode at once.
    """

    def __init__(
        self,
        identity: str,
        manifest: Manifest,
        make_backend: Callable[[], Backend],
        *,
        concurrent: bool,
    ) -> None:
        self.id = identity
        self.manifest = manifest
        self.concurrent = concurrent
        self._make_backend = make_backend
        self._backend: Backend | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self.manifest.plugin.name

    @property
    def dimension(self) -> int:
        """d, the length of an embedding."""
        return self.manifest.embedding.dimension

    @property
    def input(self) -> InputSpec:
        """How a crop must be made."""
        return self.manifest.input

    @property
    def calibration(self) -> CalibrationSpec | None:
        """What its scores mean, if that was measured."""
        return self.manifest.calibration

    def encode(self, crops: PixelArray) -> FloatArray:
        """Crops (n, size, size, 3), uint8 RGB, to embeddings (n, d), float32, of unit length.

        Raises:
            PluginError: the backend fails, or returns what it should not.
        """
        if len(crops) == 0:
            return np.zeros((0, self.dimension), dtype=np.float32)
        backend = self._ready()
        try:
            if self.concurrent:
                raw = backend.encode(crops)
            else:
                with self._lock:
                    raw = backend.encode(crops)
            embeddings = as_embeddings(raw, dimension=self.dimension)
            if len(embeddings) != len(crops):
                raise ValueError(f"expected {len(crops)} embeddings, got {len(embeddings)}")
        except Exception as error:
            raise PluginError(f"the encoder {self.name} failed: {error}") from error
        return normalised(embeddings)

    def similarity(self, a: FloatArray, b: FloatArray) -> FloatArray:
        """Scores (n, m) of embeddings (n, d) against (m, d); higher is more alike.

        The cosine, unless the plugin brings its own.
        """
        if self.manifest.embedding.similarity == "cosine":
            return np.asarray(a @ b.T, dtype=np.float32)
        compare = getattr(self._ready(), "similarity", None)
        if compare is None:
            raise PluginError(f"the encoder {self.name} has no similarity(a, b)")
        scores = np.asarray(compare(a, b), dtype=np.float32)
        if scores.shape != (len(a), len(b)):
            raise PluginError(
                f"the encoder {self.name}: expected scores {(len(a), len(b))}, got {scores.shape}"
            )
        return scores

    def _ready(self) -> Backend:
        with self._lock:
            if self._backend is None:
                self._backend = self._make_backend()
            return self._backend
