"""CCIP's ONNX directories as plugins.

CCIP (deepghs, 2023: "Contrastive Anime Character Image Pre-Training") is published as a folder
with `model_feat.onnx`, from pictures (n, 3, 384, 384) to features (n, d); `model_metrics.onnx`,
from features (n, d) to differences (n, n); and `metrics.json`, with the difference up to which
two pictures show the same character. Pictures are squashed to a square, with the mean and
standard deviation of CLIP.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from kyara.convert.directory import CARD, plugin_name
from kyara.errors import DataError, UsageError, one_line, printable
from kyara.manifest import (
    EmbeddingSpec,
    InputSpec,
    Manifest,
    MetricSpec,
    ModelSpec,
    PluginSpec,
    TrainingSpec,
    save_manifest,
)
from kyara.pictures.digest import digest_of_file
from kyara.plugins.discover import open_encoder
from kyara.plugins.new import new_plugin
from kyara.runtime.device import CPU
from kyara.runtime.session import open_session

__all__ = ["FILES", "convert_ccip"]

FEATURES, METRIC, NUMBERS = FILES = ("model_feat.onnx", "model_metrics.onnx", "metrics.json")

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_SIZE = 384  # where the graph leaves it open


def convert_ccip(source: Path, directory: Path, *, name: str | None = None) -> Manifest:
    """Make the plugin `directory` from the folder `source`; nothing in it is run but the graphs.

    Raises:
        UsageError: `source` is no folder, `directory` has content, or `name` cannot be a
            plugin's.
        DataError: `source` is not such a folder.
        OutputError: `directory` cannot be written.
    """
    name = plugin_name(name, source.resolve().name)
    threshold = _threshold(source)
    size, dimension = _shapes(source / FEATURES)
    with new_plugin(directory) as made:
        for file in (FEATURES, METRIC):
            shutil.copyfile(source / file, made / file)
        manifest = Manifest(
            plugin=PluginSpec(
                name=name,
                version="1",
                description="Converted from CCIP's ONNX files",
                licence="not known",
                card=CARD,
            ),
            model=ModelSpec(weights=FEATURES, sha256=digest_of_file(made / FEATURES).hex()),
            input=InputSpec(size=size, fit="squash", mean=CLIP_MEAN, std=CLIP_STD),
            embedding=EmbeddingSpec(dimension=dimension, similarity="network"),
            metric=MetricSpec(
                weights=METRIC,
                sha256=digest_of_file(made / METRIC).hex(),
                threshold=threshold,
            ),
            training=TrainingSpec(data=f"not known: converted from {printable(source.name)}"),
        )
        save_manifest(manifest, made)
        (made / CARD).write_text(_card(manifest, source, threshold), encoding="utf-8")
        _try_out(made, manifest, source)
    return manifest


def _threshold(source: Path) -> float:
    if not source.is_dir():
        raise UsageError("there is no such folder", where=source)
    missing = [file for file in FILES if not (source / file).is_file()]
    if missing:
        inside = sorted(path.parent.name for path in source.glob(f"*/{FEATURES}"))
        hint = f"name one of its folders: {', '.join(inside)}" if inside else None
        raise DataError(f"no {', '.join(missing)} is in this folder", where=source, hint=hint)
    path = source / NUMBERS
    try:
        threshold = json.loads(path.read_text(encoding="utf-8"))["threshold"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"cannot find a threshold in it: {one_line(error)}", where=path) from error
    if not isinstance(threshold, float) or not np.isfinite(threshold):
        raise DataError(f"the threshold is {threshold!r}, expected a number", where=path)
    return threshold


def _shapes(path: Path) -> tuple[int, int]:
    """Side of the pictures and length of the features."""
    session = open_session(path.read_bytes(), path, CPU)
    shape = session.get_inputs()[0].shape
    if len(shape) != 4:
        raise DataError(f"its input has the shape {shape}, expected (n, 3, 384, 384)", where=path)
    size = shape[2] if isinstance(shape[2], int) else _SIZE
    features = session.get_outputs()[0].shape
    if len(features) != 2 or not isinstance(features[1], int):
        raise DataError(f"its output has the shape {features}, expected (n, 768)", where=path)
    return size, features[1]


def _try_out(made: Path, manifest: Manifest, source: Path) -> None:
    """Both networks together, on noise: their shapes, and that a distance has no direction."""
    encoder = open_encoder(str(made))
    size = manifest.input.size
    crops = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
    rows = encoder.encode(crops)
    scores = encoder.similarity(rows, rows)
    if not np.allclose(scores, scores.T, rtol=1e-3, atol=1e-3):
        raise DataError("its second network does not give distances", where=source / METRIC)


def _card(manifest: Manifest, source: Path, threshold: float) -> str:
    side = manifest.input.size
    return f"""# {manifest.plugin.name}

Made by `kyara convert` from the CCIP folder `{printable(source.name)}`, without changes to its
networks.

- **Input:** the whole picture, squashed to {side} x {side} pixels, CLIP's mean and standard
  deviation. CCIP was made for pictures of one character.
- **Score:** minus the difference that the second network gives: at most 0, higher is more alike.
- **Threshold:** a difference of {threshold:.6g} (`{NUMBERS}`): up to it, the same character.
- **Data and licence:** those of where the folder came from; Kyara does not know them.
- **Calibration:** none, so there are scores and verdicts but no probabilities.
  `kyara evaluate PICTURES --calibrate DIR` adds them.
- **Checked:** both networks run, and the second gives distances. Not checked: how good they are.
"""
