"""Who is unknown: the open-set decision of a model that brings a back-end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from kyara.encode.encoder import Encoder
from kyara.errors import PluginError
from kyara.files import reading
from kyara.identify.plda import Plda
from kyara.manifest import BackendSpec
from kyara.pictures.digest import digest_of_bytes
from kyara.types import Aggregation, FloatArray

__all__ = ["RATES", "Judge", "OpenSet", "between", "load_open_set"]

RATES = (0.01, 0.05, 0.1)
"""Shares of the strangers that get a name at which thresholds are measured."""


@dataclass(frozen=True)
class OpenSet:
    """A back-end with what its scores mean.

    Its score for a character is the log-odds (natural logarithm) that the picture shows that
    character, where known and unknown pictures are equally frequent.
    """

    plda: Plda
    spec: BackendSpec

    def log_odds(self, ratios: FloatArray) -> FloatArray:
        """The scores of log-likelihood ratios, same shape."""
        return np.asarray(self.spec.slope * ratios + self.spec.intercept, dtype=np.float32)

    def threshold(self, fpir: float) -> float:
        """The score at which a share `fpir` of the strangers gets a name; see `between`."""
        return between((self.spec.at_1, self.spec.at_5, self.spec.at_10), fpir)


def between(thresholds: tuple[float, float, float], fpir: float) -> float:
    """A threshold from those at `RATES`: interpolated along the logarithm of the rate; outside
    of them the nearest one holds."""
    return float(np.interp(math.log(fpir), np.log(RATES), thresholds))


Judge: TypeAlias = Aggregation | OpenSet
"""How probes are scored against characters: by their references' scores, or by a back-end."""


def load_open_set(encoder: Encoder) -> OpenSet | None:
    """The back-end of an encoder's plugin, or None if it has none.

    Raises:
        PluginError: its file is missing, damaged, or not the one that the manifest names.
    """
    spec = encoder.manifest.backend
    if spec is None or encoder.directory is None:
        return None
    path = encoder.directory / spec.parameters
    with reading(path, PluginError):
        data = path.read_bytes()
    if digest_of_bytes(data).hex() != spec.sha256.lower():
        what = "these are not the parameters that the manifest names"
        raise PluginError(what, where=path, hint="fit them again: kyara fit")
    plda = Plda.from_bytes(data)
    if plda.dimension != encoder.dimension:
        what = f"expected parameters for {encoder.dimension} numbers, got {plda.dimension}"
        raise PluginError(what, where=path)
    return OpenSet(plda, spec)
