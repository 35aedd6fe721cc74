"""From a trained network to a plugin directory: ONNX, checked against torch; int8 if wanted."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kyara.encode.preprocess import whole_crop
from kyara.errors import KyaraError, PictureError
from kyara.evaluate.dataset import Dataset
from kyara.manifest import (
    EmbeddingSpec,
    InputSpec,
    Manifest,
    ModelSpec,
    PluginSpec,
    TrainingSpec,
    save_manifest,
)
from kyara.train.anonymous import without_traces
from kyara.types import FloatArray, PixelArray, normalised

__all__ = ["export_onnx", "halve", "load_crops", "quantise", "write_plugin"]

WEIGHTS = "model.onnx"
TOLERANCE = 1e-3
"""How far an embedding from ONNX may be from torch's, per number."""


class _Deployed(nn.Module):
    """The network as a plugin has it: crops as they come, uint8 (n, size, size, 3)."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, crops: Tensor) -> Tensor:
        embeddings: Tensor = self.net(crops.permute(0, 3, 1, 2).float())
        return embeddings


def export_onnx(net: nn.Module, size: int, path: Path) -> None:
    """Write `net` (pixels 0 to 255 to embeddings) as ONNX for crops of `size` pixels.

    Raises:
        KyaraError: the written graph does not give torch's embeddings.
    """
    deployed = _Deployed(net).eval()
    example = torch.randint(0, 256, (3, size, size, 3), dtype=torch.uint8)
    torch.onnx.export(
        deployed,
        (example,),
        str(path),
        input_names=["crops"],
        output_names=["embeddings"],
        dynamic_shapes={"crops": {0: torch.export.Dim("n")}},
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    with torch.no_grad():
        expected = deployed(example).numpy()
    difference = float(np.abs(_run(path, example.numpy()) - expected).max())
    if difference > TOLERANCE:
        raise KyaraError(f"ONNX and torch differ by {difference:.2g}", where=path)


def quantise(path: Path, crops: PixelArray, out: Path) -> float:
    """Write the graph at `path` with 8-bit weights and activations.

    Activation ranges come from `crops` (n, size, size, 3). Static quantisation, one scale per
    output channel of a weight (Jacob et al. 2018; Krishnamoorthi 2018).

    Returns:
        The mean cosine between embeddings before and after, on `crops`.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(out),
            _Batches(crops),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            # The first layers see raw colours and the last is the answer: both stay exact.
            op_types_to_quantize=["Conv", "Add", "MaxPool", "Relu"],
        )
    before, after = normalised(_run(path, crops)), normalised(_run(out, crops))
    return float((before * after).sum(axis=1).mean())


def halve(path: Path, out: Path) -> None:
    """Write the graph at `path` with its weights stored as 16-bit floats.

    They become 32-bit floats again when the model is loaded, so it computes as before; only the
    rounding of the weights (11 significant bits) remains.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(path))
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2:
            continue
        name, stored = tensor.name, f"{tensor.name}_half"
        half = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(half, stored))
        casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, str(out))


def load_crops(
    dataset: Dataset, count: int, spec: InputSpec, seed: int = 0
) -> tuple[PixelArray, NDArray[np.intp]]:
    """Crops (n, size, size, 3) of up to `count` pictures drawn from `dataset`, and a number for
    the character of each (n,). No character gives more than eight."""
    rng = np.random.default_rng(seed)
    groups = [rng.permutation(indices)[:8] for indices in dataset.by_identity.values()]
    owner = {int(index): label for label, group in enumerate(groups) for index in group}
    crops, labels = [], []
    for index in rng.permutation(list(owner)).tolist():
        try:
            crops.append(whole_crop(dataset.pictures[index].file.read(), spec))
        except PictureError:
            continue
        labels.append(owner[index])
        if len(crops) == count:
            break
    return np.stack(crops), np.asarray(labels)


def write_plugin(
    model: Path,
    directory: Path,
    *,
    plugin: PluginSpec,
    input_spec: InputSpec,
    dimension: int,
    training: TrainingSpec,
) -> Manifest:
    """Lay `model` and its manifest into `directory`, which is made; see `new_plugin`."""
    directory.mkdir(parents=True, exist_ok=True)
    data = without_traces(model)
    (directory / WEIGHTS).write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    manifest = Manifest(
        plugin=plugin,
        model=ModelSpec(weights=WEIGHTS, sha256=digest),
        input=input_spec,
        embedding=EmbeddingSpec(dimension=dimension),
        training=training,
    )
    save_manifest(manifest, directory)
    return manifest


def today() -> str:
    """The date as manifests have it: ISO 8601."""
    return date.today().isoformat()


class _Batches:
    """What the quantiser asks for: one batch after the other, then None."""

    def __init__(self, crops: PixelArray, size: int = 32) -> None:
        self._batches: Iterator[PixelArray] = iter(
            [crops[i : i + size] for i in range(0, len(crops), size)]
        )

    def get_next(self) -> dict[str, PixelArray] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"crops": batch}


def _run(path: Path, crops: PixelArray) -> FloatArray:
    from kyara.runtime.device import CPU
    from kyara.runtime.session import open_session

    session = open_session(path.read_bytes(), path, CPU)
    batches: Sequence[PixelArray] = [crops[i : i + 32] for i in range(0, len(crops), 32)]
    rows: list[Any] = [session.run(None, {"crops": batch})[0] for batch in batches]
    return np.asarray(np.concatenate(rows), dtype=np.float32)
