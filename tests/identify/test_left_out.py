"""A reference is asked for against a gallery without itself, and without its scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kyara.identify import left_out
from kyara.identify.default import judge_named
from kyara.identify.left_out import scores_left_out
from kyara.plugins.discover import open_encoder
from tests.identify.test_blocks import made


@pytest.mark.parametrize("how", ["any", "avg"])
@pytest.mark.parametrize("block", [3, 512])
def test_it_is_what_one_gallery_for_each_gives(
    tiny_plugin: Path, monkeypatch: pytest.MonkeyPatch, how: str, block: int
) -> None:
    monkeypatch.setattr(left_out, "_BLOCK", block)
    encoder = open_encoder(str(tiny_plugin))
    judge = judge_named(encoder, how)
    gallery, _ = made([3, 1, 5, 2], encoder.id)
    groups = np.array([0, 1, 1, 0, 2, 2, 3, 4, 5, 6, 6])  # over characters, too
    found = np.concatenate([s for _, (s,) in scores_left_out(gallery, [judge], groups)])
    for row, group in enumerate(groups.tolist()):
        left = gallery.only(np.flatnonzero(groups != group))
        (expected,) = judge.scores(gallery.embeddings[[row]], left)
        for place, character in enumerate(gallery.characters):
            index = left.index(character)
            wanted = -np.inf if index is None else expected[index]
            assert found[row, place] == pytest.approx(wanted, abs=1e-6)
    assert np.isinf(found).any()
