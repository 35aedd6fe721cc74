"""The encoder gives unit vectors, or says that the plugin is at fault."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kyara.encode.encoder import Encoder
from kyara.errors import DeviceError, PluginError, UsageError
from kyara.manifest import load_manifest
from kyara.plugins.discover import open_encoder
from kyara.runtime.device import CPU, parse_device, require_onnx_device

CROPS = np.zeros((3, 16, 16, 3), dtype=np.uint8)


class Returns:
    """A backend that returns the same, whatever it is given."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def encode(self, crops: Any) -> Any:
        return self.value


def encoder_of(tiny_plugin: Path, backend: Any, *, concurrent: bool = True) -> Encoder:
    return Encoder("fake", load_manifest(tiny_plugin), lambda: backend, concurrent=concurrent)


def test_embeddings_are_float32_of_unit_length(tiny_plugin: Path) -> None:
    raw = np.random.default_rng(0).normal(size=(3, 48)) * [[1e-20], [1], [1e20]]
    embeddings = encoder_of(tiny_plugin, Returns(raw)).encode(CROPS)
    assert embeddings.dtype == np.float32
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(1, abs=1e-5)
    cosines = (embeddings * raw / np.linalg.norm(raw, axis=1, keepdims=True)).sum(axis=1)
    assert cosines == pytest.approx(1, abs=1e-5)


def test_lists_are_as_good_as_arrays(tiny_plugin: Path) -> None:
    assert encoder_of(tiny_plugin, Returns([[1] * 48] * 3)).encode(CROPS).shape == (3, 48)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (np.ones((3, 47)), "dimension 48, got 47"),
        (np.ones((2, 48)), "expected 3 embeddings, got 2"),
        (np.ones((4, 48)), "expected 3 embeddings, got 4"),
        (np.ones(48), r"shape \(n, d\)"),
        (np.ones((3, 48, 1)), r"shape \(n, d\)"),
        (np.full((3, 48), math.nan), "NaN"),
        (np.full((3, 48), math.inf), "infinity"),
        (None, "tiny failed"),
        ("text", "tiny failed"),
        ([[1, 2], [3]], "tiny failed"),
    ],
)
def test_what_a_backend_must_not_return(tiny_plugin: Path, raw: Any, message: str) -> None:
    with pytest.raises(PluginError, match=message) as raised:
        encoder_of(tiny_plugin, Returns(raw)).encode(CROPS)
    assert "tiny" in str(raised.value)
    assert str(raised.value).isprintable()


def test_nothing_in_nothing_out_and_nothing_loaded(tiny_plugin: Path) -> None:
    manifest = load_manifest(tiny_plugin)
    encoder = Encoder("fake", manifest, lambda: pytest.fail("loaded"), concurrent=True)
    assert encoder.encode(CROPS[:0]).shape == (0, 48)


def test_the_similarity_is_the_cosine(tiny_plugin: Path) -> None:
    encoder = encoder_of(tiny_plugin, Returns(None))
    a = np.eye(48, dtype=np.float32)[:2]
    b = np.stack([a[0], (a[0] + a[1]) / np.sqrt(2), -a[1]]).astype(np.float32)
    scores = encoder.similarity(a, b)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, [[1, 0.5**0.5, 0], [0, 0.5**0.5, -1]], atol=1e-6)


class OneAtATime:
    """Notices when it is called from two threads at once."""

    def __init__(self) -> None:
        self.inside = threading.Lock()
        self.collisions = 0
        self.pause = threading.Event()

    def encode(self, crops: Any) -> Any:
        if not self.inside.acquire(blocking=False):
            self.collisions += 1
            return np.ones((len(crops), 48))
        self.pause.wait(0.02)
        self.inside.release()
        return np.ones((len(crops), 48))


@pytest.mark.parametrize("concurrent", [True, False])
def test_code_that_is_not_made_for_threads_is_called_by_one_at_a_time(
    tiny_plugin: Path, concurrent: bool
) -> None:
    backend = OneAtATime()
    encoder = encoder_of(tiny_plugin, backend, concurrent=concurrent)
    threads = [threading.Thread(target=encoder.encode, args=(CROPS,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bool(backend.collisions) == concurrent


def test_the_backend_is_made_once(tiny_plugin: Path) -> None:
    made: list[Returns] = []

    def make() -> Returns:
        made.append(Returns(np.ones((3, 48))))
        return made[-1]

    encoder = Encoder("fake", load_manifest(tiny_plugin), make, concurrent=True)
    threads = [threading.Thread(target=encoder.encode, args=(CROPS,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_devices_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    assert parse_device("cpu") == CPU
    require_onnx_device(CPU)
    for text in ("gpu", "cuda:", "cuda:-1", "cuda:x", "CPU", ""):
        with pytest.raises(UsageError, match="is not known"):
            parse_device(text)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(DeviceError, match="no GPU 3 here"):
        require_onnx_device(parse_device("cuda:3"))
    providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
    require_onnx_device(parse_device("cuda:3"))
    assert [str(parse_device(text)) for text in ("cuda", "cuda:3")] == ["cuda:0", "cuda:3"]


def test_a_plugin_with_code_decides_for_itself_what_a_device_is(
    tiny_plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may stand on torch, whose devices ONNX Runtime knows nothing of."""
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    code = "def load(directory, device):\n    raise RuntimeError(f'asked for {device}')\n"
    (tiny_plugin / "tiny.py").write_text(code, encoding="utf-8")
    encoder = open_encoder(str(tiny_plugin), parse_device("cuda:3"))
    with pytest.raises(PluginError, match="asked for cuda:3"):
        encoder.encode(CROPS)
    with pytest.raises(DeviceError, match="no GPU 3 here"):
        open_encoder("res18_single", parse_device("cuda:3"))
