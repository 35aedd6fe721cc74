"""Where a similarity comes from: an encoder that looks at one place gives that place away."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyara.encode.encoder import Encoder
from kyara.errors import PluginError
from kyara.identify.explain import Explanation, Occlusion, explain_similarity
from kyara.manifest import EmbeddingSpec, InputSpec, Manifest, ModelSpec, PluginSpec
from kyara.types import FloatArray, PixelArray

SIZE, REGION = 32, 6


class Looking:
    """Sees nothing but a square of `REGION` pixels."""

    def __init__(self, top: int, left: int) -> None:
        self.place = (slice(None), slice(top, top + REGION), slice(left, left + REGION))

    def encode(self, crops: PixelArray) -> FloatArray:
        seen = crops[self.place].astype(np.float32).reshape(len(crops), -1)
        return seen - 128 + 1e-3


class Blind:
    """Sees nothing."""

    def encode(self, crops: PixelArray) -> FloatArray:
        return np.ones((len(crops), 3 * REGION**2), dtype=np.float32)


class Broken(Blind):
    """Fails at the second batch."""

    calls = 0

    def encode(self, crops: PixelArray) -> FloatArray:
        self.calls += 1
        if self.calls > 1:
            raise RuntimeError("no more")
        return super().encode(crops)


def encoder(backend: object) -> Encoder:
    manifest = Manifest(
        plugin=PluginSpec(name="looking", version="1"),
        model=ModelSpec(entry="looking:load"),
        input=InputSpec(size=SIZE),
        embedding=EmbeddingSpec(dimension=3 * REGION**2),
    )
    return Encoder("looking@1", manifest, lambda: backend, concurrent=True)  # type: ignore[arg-type, return-value]


def noise(seed: int) -> PixelArray:
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def explained(top: int, left: int, *, same: bool) -> Explanation:
    """Of two crops of noise that agree (or are opposite) in one place."""
    a, b = noise(1), noise(2)
    rows, columns = slice(top, top + REGION), slice(left, left + REGION)
    b[rows, columns] = a[rows, columns] if same else 255 - a[rows, columns]
    return explain_similarity(a, b, encoder(Looking(top, left)))


@given(st.integers(0, SIZE - REGION), st.integers(0, SIZE - REGION))
def test_the_maximum_lies_where_the_encoder_looks(top: int, left: int) -> None:
    explanation = explained(top, left, same=True)
    assert explanation.score == pytest.approx(1, abs=1e-5)
    for heat in explanation.maps:
        row, column = np.unravel_index(np.argmax(heat), heat.shape)
        assert top <= row < top + REGION
        assert left <= column < left + REGION
        assert heat.max() > 0.1


@given(st.integers(0, SIZE - REGION), st.integers(0, SIZE - REGION))
def test_far_from_there_it_is_zero(top: int, left: int) -> None:
    explanation = explained(top, left, same=True)
    reach = explanation.occlusion.patch
    rows, columns = np.indices((SIZE, SIZE))
    far = (rows < top - reach) | (rows >= top + REGION + reach)
    far |= (columns < left - reach) | (columns >= left + REGION + reach)
    for heat in explanation.maps:
        assert np.abs(heat[far]).max(initial=0) < 1e-5


def test_what_speaks_against_is_below_zero() -> None:
    explanation = explained(12, 4, same=False)
    assert explanation.score == pytest.approx(-1, abs=1e-2)
    for heat in explanation.maps:
        row, column = np.unravel_index(np.argmin(heat), heat.shape)
        assert 12 <= row < 18
        assert 4 <= column < 10
        assert heat.min() < -0.1
        assert heat.max() < 1e-5


def test_the_two_sides_are_the_two_crops() -> None:
    """Only A's content is in the place that is looked at when A is hidden there."""
    a, b = noise(1), noise(2)
    there = explain_similarity(a, b, encoder(Looking(5, 20)))
    back = explain_similarity(b, a, encoder(Looking(5, 20)))
    assert there.score == pytest.approx(back.score)
    for one, other in zip(there.maps, reversed(back.maps), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_an_encoder_that_sees_nothing_rests_on_nothing() -> None:
    explanation = explain_similarity(noise(1), noise(2), encoder(Blind()))
    for heat in explanation.maps:
        np.testing.assert_allclose(heat, 0, atol=1e-6)


@given(st.integers(8, 400))
def test_every_pixel_is_hidden_about_equally_often(size: int) -> None:
    occlusion = Occlusion.for_size(size)
    count = np.zeros((size, size), dtype=int)
    for window in occlusion.windows:
        count[window] += 1
    assert count.min() >= 1
    assert count.max() <= 4 * count.min()
    assert len(occlusion.windows) < 1000


def test_progress_counts_every_patch() -> None:
    tried: list[int] = []
    explanation = explain_similarity(
        noise(1), noise(2), encoder(Looking(0, 0)), on_patches=tried.append
    )
    assert sum(tried) == 2 * len(explanation.occlusion.windows)


def test_a_plugin_that_fails_is_named() -> None:
    with pytest.raises(PluginError, match="the encoder looking failed"):
        explain_similarity(noise(1), noise(2), encoder(Broken()))
