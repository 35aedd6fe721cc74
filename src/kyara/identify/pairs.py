"""Do two figures show the same character, judged as pictures of one user's are?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from kyara.identify.adapted import Adapted
from kyara.identify.gallery import Gallery
from kyara.types import FloatArray

__all__ = ["log_odds_of_pairs"]


def log_odds_of_pairs(judge: Adapted, embeddings: FloatArray) -> FloatArray:
    """The log-odds (n, n) that two of the figures (n, d) show the same character, where same
    and different are equally frequent.

    Each is the only reference of a character with which no other competes; which of the two is
    asked for is nothing to it.
    """
    count = len(embeddings)
    names = tuple(f"{number:09}" for number in range(count))
    alone = Gallery(judge.plda.encoder.id, names, embeddings, np.arange(count), (Path(),) * count)
    single = replace(judge, domain=replace(judge.domain, competing=1.0))
    scores = single.scores(embeddings, alone)
    return np.asarray((scores + scores.T) / 2, dtype=np.float32)
