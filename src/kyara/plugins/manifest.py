"""`plugin.toml`: everything that a user, or a threshold, must know of a plugin.

The reference of every key is docs/reference/plugin-manifest.md.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from kyara.errors import PluginError

__all__ = [
    "CalibrationSpec",
    "EmbeddingSpec",
    "InputSpec",
    "Logistic",
    "Manifest",
    "ModelSpec",
    "PluginSpec",
    "TrainingSpec",
    "load_manifest",
    "save_manifest",
]

MANIFEST = "plugin.toml"

Channel = Annotated[int, msgspec.Meta(ge=0, le=255)]


class _Table(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    pass


class PluginSpec(_Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[plugin]`: what it is called and under which licence it comes."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    version: str
    kind: Literal["encoder"] = "encoder"
    description: str = ""
    licence: str = ""
    card: str = ""


class ModelSpec(_Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[model]`: an ONNX file, or Python code, or code with the files that it wants.

    Attributes:
        weights: the ONNX file, relative to the manifest.
        sha256: its digest; weights that do not match are refused.
        entry: `module:function` in the plugin's directory; called with the directory and the
            device, it returns an object with `encode(crops)`.
        input, output: names of the ONNX graph's tensors; the first ones if empty.
    """

    weights: str = ""
    sha256: str = ""
    entry: str = ""
    input: str = ""
    output: str = ""


class InputSpec(_Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[input]`: how a crop becomes what the network wants.

    Attributes:
        size: side of the square crop in pixels.
        fit: `pad` keeps the proportions and fills up with `fill`; `squash` does not.
        dtype, layout: of the ONNX input. `uint8` takes colour values as they are;
            `float32` takes `(value / 255 - mean) / std`.
    """

    size: Annotated[int, msgspec.Meta(ge=8, le=2048)]
    fit: Literal["pad", "squash"] = "pad"
    fill: tuple[Channel, Channel, Channel] = (255, 255, 255)
    dtype: Literal["uint8", "float32"] = "float32"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)


class EmbeddingSpec(_Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[embedding]`: its dimension, and how two of them are compared.

    `plugin` means that the object returned by the entry has `similarity(a, b)`.
    """

    dimension: Annotated[int, msgspec.Meta(ge=1)]
    similarity: Literal["cosine", "plugin"] = "cosine"


class TrainingSpec(_Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[training]`: on what, when and how the weights were made."""

    data: str = ""
    date: str = ""
    config: str = ""


class Logistic(_Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """probability = 1 / (1 + exp(-(slope * score + intercept))), after Platt (1999).

    `threshold` is the score from which on Kyara says yes.
    """

    slope: float
    intercept: float
    threshold: float


class CalibrationSpec(_Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[calibration]`: probabilities and thresholds, with what they were measured on.

    `pair` is for two pictures; `any` and `avg` are for a picture against a character's
    references, aggregated in that way.
    """

    data: str
    date: str
    pair: Logistic
    any: Logistic
    avg: Logistic


class Manifest(_Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The whole of `plugin.toml`."""

    plugin: PluginSpec
    model: ModelSpec
    input: InputSpec
    embedding: EmbeddingSpec
    training: TrainingSpec = TrainingSpec()
    calibration: CalibrationSpec | None = None


def load_manifest(directory: Path) -> Manifest:
    """Read and check the manifest of the plugin in `directory`.

    Raises:
        PluginError: no such directory or manifest, or one that is not as it should be.
    """
    path = directory / MANIFEST
    if not directory.is_dir():
        raise PluginError("there is no such plugin directory", where=directory)
    try:
        manifest = msgspec.toml.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise PluginError(f"no {MANIFEST} is in this directory", where=directory) from None
    except OSError as error:
        raise PluginError(f"cannot read it: {error.strerror}", where=path) from error
    except (msgspec.DecodeError, ValueError) as error:
        raise PluginError(str(error), where=path) from error
    if not manifest.model.weights and not manifest.model.entry:
        raise PluginError("[model] names neither weights nor an entry", where=path)
    if manifest.embedding.similarity == "plugin" and not manifest.model.entry:
        raise PluginError('similarity = "plugin" needs an entry', where=path)
    return manifest


def save_manifest(manifest: Manifest, directory: Path) -> None:
    """Write `plugin.toml`; values that are the defaults are left out."""
    import tomli_w

    tables = _without_defaults(manifest)
    (directory / MANIFEST).write_text(tomli_w.dumps(tables), encoding="utf-8")


def identity_of(manifest: Manifest, directory: Path) -> str:
    """The encoder's id: it changes whenever its embeddings could.

    Digested are the weights (by their digest in the manifest), all code of a plugin that
    brings code, and the tables `[model]`, `[input]` and `[embedding]`.
    """
    sha = hashlib.sha256()
    sha.update(msgspec.json.encode([manifest.model, manifest.input, manifest.embedding]))
    if manifest.model.entry or not manifest.model.sha256:
        for path in sorted(directory.rglob("*")):
            if path.is_file() and path.name != MANIFEST and "__pycache__" not in path.parts:
                sha.update(path.relative_to(directory).as_posix().encode() + b"\0")
                sha.update(hashlib.sha256(path.read_bytes()).digest())
    return f"{manifest.plugin.name}@{manifest.plugin.version}:{sha.hexdigest()[:16]}"


def _without_defaults(manifest: Manifest) -> dict[str, dict[str, object]]:
    tables: dict[str, dict[str, object]] = {}
    for name, table in msgspec.structs.asdict(manifest).items():
        if table is None:
            continue
        defaults = {f.name: f.default for f in msgspec.structs.fields(type(table))}
        kept = {
            key: value
            for key, value in msgspec.structs.asdict(table).items()
            if value != defaults[key]
        }
        if kept:
            tables[name] = msgspec.to_builtins(kept)
    return tables
