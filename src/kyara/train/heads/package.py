"""From a trained detector to a plugin directory: ONNX, checked against torch."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from kyara.errors import KyaraError
from kyara.manifest import ModelSpec, PluginSpec, TrainingSpec, save_manifest
from kyara.manifest.detector import DetectionSpec, DetectorInputSpec, DetectorManifest
from kyara.runtime.device import CPU
from kyara.runtime.session import open_session
from kyara.train.anonymous import without_traces
from kyara.train.heads.network import HeadNet

__all__ = ["export_detector", "write_detector"]

WEIGHTS = "model.onnx"
MULTIPLE = 32
TOLERANCE = {"scores": 1e-3, "boxes": 0.05}
"""How far scores, and edges in pixels, from ONNX may be from torch's."""
_SIZES = ((128, 192), (320, 256), (96, 160))


class _Deployed(nn.Module):
    """The network as a plugin has it: pictures as they come, uint8 (n, h, w, 3)."""

    def __init__(self, net: HeadNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        logits, boxes = self.net(pictures.permute(0, 3, 1, 2).float())
        return torch.sigmoid(logits), boxes


def export_detector(net: HeadNet, path: Path) -> None:
    """Write `net` as ONNX, for pictures whose sides are multiples of 32, as in training.

    Raises:
        KyaraError: the written graph does not give torch's scores and boxes.
    """
    deployed = _Deployed(net).eval()
    examples = [torch.randint(0, 256, (2, *size, 3), dtype=torch.uint8) for size in _SIZES]
    dims = {n: torch.export.Dim(name, min=2) for n, name in enumerate(("n", "rows", "columns"))}
    torch.onnx.export(
        deployed,
        (examples[0],),
        str(path),
        input_names=["pictures"],
        output_names=["scores", "boxes"],
        dynamic_shapes={"pictures": {0: dims[0], 1: MULTIPLE * dims[1], 2: MULTIPLE * dims[2]}},
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    session = open_session(path.read_bytes(), path, CPU)
    for example in examples:
        with torch.no_grad():
            expected = deployed(example)
        found = session.run(["scores", "boxes"], {"pictures": example.numpy()})
        for (name, most), one, other in zip(TOLERANCE.items(), found, expected, strict=True):
            difference = float(np.abs(one - other.numpy()).max())
            if difference > most:
                raise KyaraError(f"{name}: ONNX and torch differ by {difference:.2g}", where=path)


def write_detector(
    model: Path, directory: Path, *, plugin: PluginSpec, size: int, training: TrainingSpec
) -> DetectorManifest:
    """Lay `model` and its manifest into `directory`, which is made; see `new_plugin`.

    Args:
        size: pixels of the longer side that it looks at.
    """
    directory.mkdir(parents=True, exist_ok=True)
    data = without_traces(model)
    (directory / WEIGHTS).write_bytes(data)
    manifest = DetectorManifest(
        plugin=plugin,
        model=ModelSpec(weights=WEIGHTS, sha256=hashlib.sha256(data).hexdigest()),
        input=DetectorInputSpec(size=size, multiple=MULTIPLE),
        detection=DetectionSpec(scores="scores", boxes="boxes"),
        training=training,
    )
    save_manifest(manifest, directory)
    return manifest
