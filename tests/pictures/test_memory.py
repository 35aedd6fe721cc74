"""What decoding takes is counted before it is taken, over all threads."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kyara.errors import PictureError
from kyara.pictures import read
from kyara.pictures.memory import Budget, cost_of, webp_size
from tests.conftest import Ran, draw
from tests.support import encoded


@pytest.fixture
def budget(monkeypatch: pytest.MonkeyPatch) -> Budget:
    made = Budget(1_000_000_000)
    monkeypatch.setattr(read, "BUDGET", made)
    return made


def vp8x(width: int, height: int) -> bytes:
    """A WebP of 34 bytes that claims such a canvas."""
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + (10).to_bytes(4, "little") + bytes(4) + canvas + bytes(4)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


@pytest.mark.parametrize("size", [(16383, 16383), (12000, 12000)])
def test_a_webp_that_claims_much_is_never_opened(
    budget: Budget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setattr(Image, "open", lambda *_: pytest.fail("it was opened"))
    path = tmp_path / "bomb.webp"
    path.write_bytes(vp8x(*size))
    for call in (read.decode, read.count_frames):
        with pytest.raises(PictureError, match=r"too large|takes 2304 MB"):
            call(path.read_bytes())
    with pytest.raises(PictureError, match=r"too large|takes 2304 MB"):
        read.measure(path)


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0"}])
def test_the_size_of_a_webp(options: dict[str, object]) -> None:
    data = encoded(Image.new("RGB", (70, 30)), "WEBP", **options)
    assert webp_size(data[:30]) == (70, 30)
    assert webp_size(encoded(Image.new("RGB", (70, 30)), "PNG")[:30]) is None


@pytest.mark.parametrize(
    ("mode", "kind", "each"),
    [("RGB", "PNG", 4), ("L", "PNG", 5), ("F", "TIFF", 8), ("RGB", "WEBP", 16)],
)
def test_the_cost_is_that_of_the_pixels_as_decoded(mode: str, kind: str, each: int) -> None:
    data = encoded(Image.new(mode, (20, 10)), kind)
    with Image.open(io.BytesIO(data)) as opened:
        assert cost_of(opened) == 200 * each
        assert cost_of(opened, turned=True) == 200 * (each + 4)


def test_what_costs_more_than_there_is_says_what_it_takes(budget: Budget) -> None:
    data = encoded(Image.new("RGB", (3000, 1000)), "PNG")
    budget.limit = 10_000_000
    with pytest.raises(PictureError, match=r"takes 12 MB .* 10 MB .*--memory 12"):
        read.decode(data, where="a.png")
    budget.limit = 12_000_000
    assert read.decode(data).width == 3000


def test_a_reduced_jpeg_costs_what_is_left(budget: Budget) -> None:
    budget.limit = 1_000_000
    data = encoded(Image.new("RGB", (3000, 1000)), "JPEG")
    assert read.decode(data, longest=300).width == 3000
    with pytest.raises(PictureError, match="memory"):
        read.decode(data)


def test_threads_wait_for_each_other() -> None:
    budget, lock, used, most = Budget(100), threading.Lock(), 0, 0

    def work(amount: int) -> None:
        nonlocal used, most
        with budget.spending(amount):
            with lock:
                used += amount
                most = max(most, used)
            time.sleep(0.002)
            with lock:
                used -= amount

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [60, 30, 50, 100, 10] * 8))
    assert (used, most) == (0, 100)


def test_wide_grey_is_converted_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.linspace(-3, 7, 64 * 32, dtype=np.float32).reshape(32, 64)
    data = encoded(Image.fromarray(values), "TIFF")
    whole = np.asarray(read.decode(data).image)
    monkeypatch.setattr(read, "_BAND", 100)
    assert (np.asarray(read.decode(data).image) == whole).all()
    assert (int(whole.min()), int(whole.max())) == (0, 255)


def test_the_option(
    kyara: Callable[..., Ran], tiny_plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read.BUDGET, "limit", read.BUDGET.limit)
    big = tmp_path / "big.png"
    Image.new("RGB", (3000, 2000)).save(big)
    small = draw(tmp_path / "a.png", "ruby")
    ran = kyara("compare", small, big, "--plugin", tiny_plugin, "--memory", "16")
    assert "--memory 24" in ran.err
    assert kyara("compare", small, big, "--plugin", tiny_plugin, "--memory", "30").code == 0
