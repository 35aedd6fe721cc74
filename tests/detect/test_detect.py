"""The contract of a detector, and the pipeline with one that finds two figures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kyara import detect
from kyara.encode.cache import EmbeddingCache
from kyara.encode.encoder import Encoder
from kyara.encode.pipeline import embed_pictures
from kyara.encode.preprocess import crops_of
from kyara.errors import PluginError, UsageError
from kyara.manifest import InputSpec
from kyara.pictures.read import Picture
from kyara.pictures.source import Data
from kyara.plugins.discover import open_encoder
from kyara.types import Box, Detection
from tests.conftest import draw
from tests.detectors import Halves, pair
from tests.support import encoded


@pytest.fixture
def encoder(tiny_plugin: Path) -> Encoder:
    return open_encoder(str(tiny_plugin))


def test_every_figure_has_its_row(tmp_path: Path, encoder: Encoder) -> None:
    both = pair(tmp_path / "both.png", "ruby", "jade")
    alone = [draw(tmp_path / f"{name}.png", name) for name in ("ruby", "jade")]
    two, ruby, jade = embed_pictures([both, *alone], encoder, detector=Halves(), workers=1)
    assert [(d.kind, d.score) for d in two.detections] == [("figure", 0.875), ("head", 0.625)]
    assert two.embeddings.shape == (2, 48)
    assert two.detector == "halves@1"
    likeness = two.embeddings @ np.concatenate([ruby.embeddings, jade.embeddings]).T
    assert likeness.argmax(axis=1).tolist() == [0, 1]


def test_a_picture_in_which_nothing_is_found_is_taken_whole(
    tmp_path: Path, encoder: Encoder
) -> None:
    path = draw(tmp_path / "high.png", "ruby", size=(60, 90))
    (picture,) = embed_pictures([path], encoder, detector=Halves())
    assert picture.detections == (Detection(Box(0, 0, 60, 90), "whole"),)
    assert picture.embeddings.shape == (1, 48)


def test_pictures_in_memory_are_as_good_as_files(tmp_path: Path, encoder: Encoder) -> None:
    path = draw(tmp_path / "a.png", "ruby")
    with Image.open(path) as image:
        image.load()
    asked = [str(path), path, image, np.asarray(image), Data(path.read_bytes())]
    found = list(embed_pictures(asked, encoder))
    for picture in found:
        np.testing.assert_allclose(picture.embeddings, found[0].embeddings, atol=1e-6)
    assert [p.path for p in found[2:4]] == [Path("picture 3"), Path("picture 4")]
    assert found[4].digest == found[0].digest != found[2].digest == found[3].digest


def test_pictures_in_memory_are_remembered_too(own_cache: Path, encoder: Encoder) -> None:
    cache, detector = EmbeddingCache(own_cache), Halves()
    array = np.full((30, 60, 3), 9, np.uint8)
    (first,) = embed_pictures([array], encoder, cache=cache, detector=detector)
    (again,) = embed_pictures([array], encoder, cache=cache, detector=detector)
    np.testing.assert_array_equal(first.embeddings, again.embeddings)
    assert first.detections == again.detections
    assert detector.asked == [1]


def test_what_another_detector_found_is_kept_apart(
    tmp_path: Path, own_cache: Path, encoder: Encoder
) -> None:
    cache = EmbeddingCache(own_cache)
    path = pair(tmp_path / "both.png", "ruby", "jade")
    os.utime(path, (1_600_000_000, 1_600_000_000))
    for _ in range(2):
        for detector, figures in ((None, 1), (Halves(), 2)):
            (found,) = embed_pictures([path], encoder, cache=cache, detector=detector)
            assert len(found.detections) == len(found.embeddings) == figures


def test_a_small_box_is_decoded_with_pixels_enough() -> None:
    """A JPEG is decoded at a reduced size for the whole of it, which would blur a small box."""
    image = Image.new("RGB", (1600, 800), "white")
    stripes = (np.indices((64, 64)).sum(axis=0) % 8 < 4).astype(np.uint8) * 255
    image.paste(Image.fromarray(stripes), (800, 400))
    content = Data(encoded(image, "JPEG", quality=95)).read()
    boxes = [Box(0, 0, 1600, 800), Box(800, 400, 864, 464)]
    whole, small = crops_of(content, boxes, InputSpec(size=64, fit="pad"))
    assert whole.shape == small.shape == (64, 64, 3)
    assert small.std() > 110  # black and white stripes, not grey
    (alone,) = crops_of(content, boxes[:1], InputSpec(size=64, fit="pad"))
    assert np.abs(alone.astype(int) - whole).mean() < 3


class Wrong:
    """A detector that gives what it is told to."""

    id, longest, margin = "wrong", 0, 0.0

    def __init__(self, answer: list[tuple[Detection, ...]] | None) -> None:
        self.answer = answer

    def detect(self, pictures: Sequence[Picture]) -> list[tuple[Detection, ...]]:
        if self.answer is None:
            raise RuntimeError("out of order")
        return self.answer


@pytest.mark.parametrize(
    ("answer", "message"), [(None, "wrong failed: out of order"), ([(), ()], "got 2")]
)
def test_a_detector_that_fails_stops_everything(
    answer: list[tuple[Detection, ...]] | None, message: str, tmp_path: Path, encoder: Encoder
) -> None:
    with pytest.raises(PluginError, match=message):
        list(embed_pictures([draw(tmp_path / "a.png", "ruby")], encoder, detector=Wrong(answer)))


def test_large_pictures_do_not_wait_for_a_detector_together(
    tmp_path: Path, encoder: Encoder
) -> None:
    detector = Halves()
    arrays = [np.zeros((1500, 1500, 3), np.uint8)] * 8
    assert len(list(embed_pictures(arrays, encoder, detector=detector, workers=1))) == 8
    assert max(detector.asked) == 1
    detector.asked.clear()
    small = [array[:300, :300] for array in arrays]
    list(embed_pictures(small, encoder, detector=detector, workers=1))
    assert max(detector.asked) == 2  # a chunk of eight pictures on one worker


def test_detectors_by_id(monkeypatch: pytest.MonkeyPatch) -> None:
    assert detect.default().id == "whole"
    monkeypatch.setattr(detect, "DEFAULT", Halves())
    assert detect.default().id == detect.named("halves@1").id == "halves@1"
    assert detect.named("whole").id == "whole"
    with pytest.raises(UsageError, match="no detector 'heads'"):
        detect.named("heads")
