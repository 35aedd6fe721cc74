"""`plugin.toml`: everything that a user, or a threshold, must know of a plugin.

The reference of every key is docs/reference/plugin-manifest.md.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import msgspec

from kyara.errors import PluginError, reason
from kyara.files import reading, replaced
from kyara.pictures.digest import digest_of_file
from kyara.types import Thresholds

__all__ = [
    "CalibrationSpec",
    "EmbeddingSpec",
    "InputSpec",
    "Logistic",
    "Manifest",
    "MetricSpec",
    "ModelSpec",
    "OpenSetSpec",
    "PluginSpec",
    "ReferencesSpec",
    "TrainingSpec",
    "identity_of",
    "is_parameters_name",
    "is_plugin_name",
    "load_manifest",
    "parameters_name",
    "save_manifest",
]

MANIFEST = "plugin.toml"
_OPEN_SET_BEFORE = "backend"  # what [open_set] was called until 2026-11

# One word, so that `--plugin NAME` is never mistaken for a path.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_PARAMETERS = re.compile("backend-[0-9a-f]{8}[.]npz")
_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")
_ENTRY = re.compile(r"[A-Za-z_]\w*:[A-Za-z_]\w*")

Channel = Annotated[int, msgspec.Meta(ge=0, le=255)]
Spread = Annotated[float, msgspec.Meta(gt=0)]


class _Table(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    pass


class PluginSpec(_Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[plugin]`: what it is called and under which licence it comes.

    Attributes:
        card: the model card, a file in the plugin's directory.
    """

    name: str
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
    std: tuple[Spread, Spread, Spread] = (1.0, 1.0, 1.0)


class EmbeddingSpec(_Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[embedding]`: its dimension, and how two of them are compared.

    `plugin` means that the object returned by the entry has `similarity(a, b)`; `network`
    that `[metric]` names a network of its own for it. With that one, embeddings keep the
    length that the first network gives them.
    """

    dimension: Annotated[int, msgspec.Meta(ge=1)]
    similarity: Literal["cosine", "plugin", "network"] = "cosine"


class MetricSpec(_Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[metric]`: a network from embeddings (n, d) to their distances (n, n).

    The score of two pictures is minus their distance.

    Attributes:
        weights, sha256, input, output: see `ModelSpec`.
        threshold: the distance up to which two pictures show the same character, as those
            measured who made the network; for verdicts where there is no calibration.
    """

    weights: str
    sha256: str = ""
    input: str = ""
    output: str = ""
    threshold: float | None = None


class TrainingSpec(_Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[training]`: on what, when and how the weights were made."""

    data: str = ""
    date: str = ""
    config: str = ""


class Logistic(_Table, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """probability = 1 / (1 + exp(-(slope * score + intercept))), after Platt (1999).

    Attributes:
        threshold: the score from which on Kyara says yes.
        fpr_1, fpr_0_1: the scores that 1 % and 0.1 % of the trials with different characters
            reach, where that was measured.
    """

    slope: float
    intercept: float
    threshold: float
    fpr_1: float | None = None
    fpr_0_1: float | None = None

    @property
    def thresholds(self) -> Thresholds | None:
        """By the share of the trials with different characters that pass, if measured."""
        if self.fpr_1 is None or self.fpr_0_1 is None:
            return None
        return Thresholds((0.001, 0.01), (self.fpr_0_1, self.fpr_1))


class ReferencesSpec(_Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[[calibration.by_references]]`: the curves for a character with so many references."""

    references: Annotated[int, msgspec.Meta(ge=1)]
    any: Logistic
    avg: Logistic


class CalibrationSpec(
    _Table, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True
):
    """`[calibration]`: probabilities and thresholds, with what they were measured on.

    `pair` is for two pictures; `any` and `avg` are for a picture against a character's
    references, aggregated in that way, however many there are.

    Attributes:
        by_references: `any` and `avg` by the number of references, rising; between two
            numbers, what is in between on a logarithmic scale.
    """

    data: str
    date: str
    pair: Logistic
    any: Logistic
    avg: Logistic
    by_references: tuple[ReferencesSpec, ...] = ()


class AdaptedSpec(_Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[open_set.adapted]`: what scores mean on embeddings that are centred on the user's
    pictures. The log-odds are the intercept and the sum of all coefficients times what they are
    for; see `kyara.identify.adapted`.

    Attributes:
        intercept: added to them.
        score: for the log-likelihood ratio,.
        score_references: for the ratio times the logarithm of the number of references.
        score_weight: for the ratio times the weight of the user's pictures in the centre.
        distance: for the distance of the embedding from the centre.
        characters: for the logarithm of the number of characters.
        references, references_squared: for the logarithm of the number of references.
        weight: for the weight of the user's pictures in the centre.
        at_1, at_5, at_10: the log-odds at which 1, 5 or 10 % of the strangers get a name.
    """

    intercept: float
    score: float
    score_references: float
    score_weight: float
    distance: float
    characters: float
    references: float
    references_squared: float
    weight: float
    at_1: float
    at_5: float
    at_10: float

    @property
    def thresholds(self) -> Thresholds:
        """By the share of the strangers that get a name."""
        return Thresholds((0.01, 0.05, 0.1), (self.at_1, self.at_5, self.at_10))


class OpenSetSpec(_Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[open_set]`: the judge `plda`, as `kyara fit` writes it.

    Attributes:
        parameters: a file in the plugin's directory.
        sha256: its digest; a file that does not match is refused.
        fitted_on, calibrated_on, date: on what and when.
        slope, intercept: from log-likelihood ratios to log-odds.
        at_1, at_5, at_10: the log-odds at which 1, 5 or 10 % of the strangers get a name.
        adapted: the same for embeddings that are centred on the user's pictures; None: the
            parameters were fitted without centring, and nothing is adapted.
    """

    parameters: str
    sha256: str
    fitted_on: str
    calibrated_on: str
    date: str
    slope: float
    intercept: float
    at_1: float
    at_5: float
    at_10: float
    adapted: AdaptedSpec | None = None

    @property
    def thresholds(self) -> Thresholds:
        """By the share of the strangers that get a name."""
        return Thresholds((0.01, 0.05, 0.1), (self.at_1, self.at_5, self.at_10))


class Manifest(_Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The whole of `plugin.toml`."""

    plugin: PluginSpec
    model: ModelSpec
    input: InputSpec
    embedding: EmbeddingSpec
    metric: MetricSpec | None = None
    training: TrainingSpec = TrainingSpec()
    calibration: CalibrationSpec | None = None
    open_set: OpenSetSpec | None = None


def load_manifest(directory: Path) -> Manifest:
    """Read and check the manifest of the plugin in `directory`.

    Raises:
        PluginError: no such directory or manifest, or one that is not as it should be.
    """
    path = directory / MANIFEST
    if not directory.is_dir():
        raise PluginError("there is no such plugin directory", where=directory)
    try:
        manifest = _from_toml(path.read_bytes())
    except FileNotFoundError:
        raise PluginError(f"no {MANIFEST} is in this directory", where=directory) from None
    except OSError as error:
        raise PluginError(f"cannot read it: {reason(error)}", where=path) from error
    except (msgspec.DecodeError, ValueError) as error:
        raise PluginError(str(error), where=path) from error
    for wrong, what in _checks(manifest):
        if wrong:
            raise PluginError(what, where=path)
    return manifest


def _from_toml(data: bytes) -> Manifest:
    tables: dict[str, Any] = msgspec.toml.decode(data)
    if _OPEN_SET_BEFORE in tables:
        if "open_set" in tables:
            raise ValueError(f"[{_OPEN_SET_BEFORE}] is the old name of [open_set]: keep one")
        tables["open_set"] = tables.pop(_OPEN_SET_BEFORE)
    dates = (datetime.datetime, datetime.date, datetime.time)
    return msgspec.convert(tables, Manifest, builtin_types=dates, str_keys=True)


def is_plugin_name(text: str) -> bool:
    """Whether a plugin can have this name."""
    return _NAME.fullmatch(text) is not None


def _checks(manifest: Manifest) -> Iterator[tuple[bool, str]]:
    """What types cannot say: whether it is wrong, and the line that says so."""
    plugin, model, calibration = manifest.plugin, manifest.model, manifest.calibration
    for key, value in (("name", plugin.name), ("version", plugin.version)):
        words = f"[plugin] {key} = {value!r}: only letters, digits and . _ + - can be in it"
        yield not is_plugin_name(value), words
    yield not model.weights and not model.entry, "[model] names neither weights nor an entry"
    for table, named in (("model", model), ("metric", manifest.metric)):
        weights = PurePosixPath(named.weights if named else "")
        outside = weights.is_absolute() or ".." in weights.parts
        yield outside, f"[{table}] weights must lie in the plugin's directory"
        digest = named.sha256 if named else ""
        yield (
            bool(digest) and not _DIGEST.fullmatch(digest),
            f"[{table}] sha256: expected 64 hexadecimal digits",
        )
    malformed = bool(model.entry) and not _ENTRY.fullmatch(model.entry)
    yield malformed, f'[model] entry = {model.entry!r}: expected "module:function"'
    if manifest.open_set is not None:
        parameters = PurePosixPath(manifest.open_set.parameters)
        outside = parameters.is_absolute() or ".." in parameters.parts
        yield outside, "[open_set] parameters must lie in the plugin's directory"
        malformed = not _DIGEST.fullmatch(manifest.open_set.sha256)
        yield malformed, "[open_set] sha256: expected 64 hexadecimal digits"
        own = manifest.embedding.similarity != "cosine"
        yield own, '[open_set] is for similarity = "cosine"'
    counts = [n.references for n in calibration.by_references] if calibration else []
    yield counts != sorted(set(counts)), "[calibration] by_references: the numbers must rise"
    lonely = manifest.embedding.similarity == "plugin" and not model.entry
    yield lonely, 'similarity = "plugin" needs an entry'
    networked = manifest.embedding.similarity == "network"
    yield networked and not manifest.metric, 'similarity = "network" needs [metric]'
    yield bool(manifest.metric) and not networked, '[metric] is for similarity = "network"'
    yield networked and bool(model.entry), 'an entry has similarity = "cosine" or "plugin"'


def save_manifest(manifest: Manifest, directory: Path) -> None:
    """Write `plugin.toml`, whole or not at all; values that are the defaults are left out.

    Raises:
        OSError: it cannot be written; an earlier one is as it was.
    """
    import tomli_w

    text = tomli_w.dumps(_without_defaults(manifest))
    with replaced(directory / MANIFEST, durable=True) as part:
        part.write_text(text, encoding="utf-8")


def parameters_name(digest: str) -> str:
    """What a file of back-end parameters is called, by its digest: those of two fits can lie
    side by side, and the manifest says which holds."""
    return f"backend-{digest[:8]}.npz"


def is_parameters_name(name: str) -> bool:
    """Whether it is one that `parameters_name` gives."""
    return _PARAMETERS.fullmatch(name) is not None


def identity_of(manifest: Manifest, directory: Path) -> str:
    """The encoder's id: it changes whenever its embeddings could.

    Digested are the tables `[model]`, `[input]`, `[embedding]` and `[metric]`; the weights, by
    their digest in the manifest if it has one; and for a plugin that brings code all its
    files but the manifest, the card, back-end parameters and hidden ones.

    Raises:
        PluginError: one of these files cannot be read.
    """
    sha = hashlib.sha256()
    tables: list[_Table] = [manifest.model, manifest.input, manifest.embedding]
    if manifest.metric is not None:
        tables.append(manifest.metric)
    sha.update(msgspec.json.encode(tables))
    for path in _digested_files(manifest, directory):
        sha.update(path.relative_to(directory).as_posix().encode("utf-8", "surrogateescape"))
        sha.update(b"\0")
        with reading(path, PluginError):
            sha.update(digest_of_file(path))
    return f"{manifest.plugin.name}@{manifest.plugin.version}:{sha.hexdigest()[:16]}"


def _digested_files(manifest: Manifest, directory: Path) -> Iterator[Path]:
    if not manifest.model.entry:
        for named in (manifest.model, manifest.metric):
            if named is not None and not named.sha256:
                yield directory / named.weights
        return
    others = {MANIFEST, manifest.plugin.card}
    if manifest.open_set is not None:  # judges embeddings, makes none
        others |= {manifest.open_set.parameters, "backend.npz"}
    for path in sorted(directory.rglob("*")):
        inside = path.relative_to(directory)
        # A .git beside the code must not make it another encoder at every commit.
        hidden = any(part.startswith(".") or part == "__pycache__" for part in inside.parts)
        # Parameters that the manifest does not name are left where `kyara fit` was killed.
        other = inside.as_posix() in others or is_parameters_name(inside.as_posix())
        if not hidden and not other and path.is_file():
            yield path


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
