"""The encoder: crops in, embeddings out, with all that its manifest says of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import ArrayLike

from kyara.errors import KyaraError, PluginError, one_line
from kyara.manifest import CalibrationSpec, InputSpec, Manifest
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
        directory: of its plugin; None for an encoder that is made in code.
    """

    def __init__(
        self,
        identity: str,
        manifest: Manifest,
        make_backend: Callable[[], Backend],
        *,
        concurrent: bool,
        directory: Path | None = None,
    ) -> None:
        self.id = identity
        self.manifest = manifest
        self.concurrent = concurrent
        self.directory = directory
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

    @property
    def published_threshold(self) -> float | None:
        """The score from which on the makers of its network say "same", if they said."""
        metric = self.manifest.metric
        return None if metric is None or metric.threshold is None else -metric.threshold

    def encode(self, crops: PixelArray) -> FloatArray:
        """Crops (n, size, size, 3), uint8 RGB, to embeddings (n, d), float32, of unit length.

        Where a network compares them, they keep their length.

        Raises:
            PluginError: the backend fails, or returns what it should not.
        """
        if len(crops) == 0:
            return np.zeros((0, self.dimension), dtype=np.float32)
        encode = self._ready().encode
        with self._blamed():
            embeddings = as_embeddings(self._ask(encode, crops), dimension=self.dimension)
            if len(embeddings) != len(crops):
                raise ValueError(f"expected {len(crops)} embeddings, got {len(embeddings)}")
        if self.manifest.embedding.similarity == "network":
            return embeddings
        return normalised(embeddings)

    def similarity(self, a: FloatArray, b: FloatArray) -> FloatArray:
        """Scores (n, m) of embeddings (n, d) against (m, d); higher is more alike.

        The cosine, unless the plugin brings its own, or a network for it.

        Raises:
            PluginError: the plugin's own fails, or returns what it should not.
        """
        if self.manifest.embedding.similarity == "cosine":
            return np.asarray(a @ b.T, dtype=np.float32)
        backend = cast(SimilarityBackend, self._ready())
        with self._blamed():
            scores = np.asarray(self._ask(backend.similarity, a, b), dtype=np.float32)
            if scores.shape != (len(a), len(b)):
                raise ValueError(f"expected scores {(len(a), len(b))}, got {scores.shape}")
            if not np.isfinite(scores).all():
                raise ValueError("expected finite scores, got NaN or infinity")
        return scores

    def _ask(self, method: Callable[..., ArrayLike], *arrays: FloatArray | PixelArray) -> ArrayLike:
        if self.concurrent:
            return method(*arrays)
        with self._lock:
            return method(*arrays)

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        try:
            yield
        except KyaraError:
            raise
        except Exception as error:
            kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            what = f"the encoder {self.name} failed: {kind}{one_line(error)}"
            raise PluginError(what) from error

    def _ready(self) -> Backend:
        with self._lock:
            if self._backend is None:
                self._backend = self._make_backend()
            return self._backend
