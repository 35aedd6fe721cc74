"""Do two figures show the same character, judged as pictures of one user's are?"""

from __future__ import annotations

from dataclasses import replace

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
    alone = Gallery.of_singles(judge.plda.encoder.id, embeddings)
    single = replace(judge, domain=replace(judge.domain, competing=1.0), rejected=None)
    scores = single.scores(embeddings, alone)
    return np.asarray((scores + scores.T) / 2, dtype=np.float32)
