"""`plugin.toml`: everything that a user, or a threshold, must know of a plugin.

The reference of every key is docs/reference/plugin-manifest.md.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import msgspec

from kyara.errors import PluginError, reason
from kyara.files import reading, replaced
from kyara.manifest.tables import (
    AdaptedSpec,
    CalibrationSpec,
    EmbeddingSpec,
    GroupingSpec,
    InputSpec,
    Logistic,
    Manifest,
    MetricSpec,
    ModelSpec,
    OpenSetSpec,
    PluginSpec,
    ReferencesSpec,
    Table,
    TrainingSpec,
)
from kyara.pictures.digest import digest_of_file

__all__ = [
    "AdaptedSpec",
    "CalibrationSpec",
    "EmbeddingSpec",
    "GroupingSpec",
    "InputSpec",
    "Logistic",
    "Manifest",
    "MetricSpec",
    "ModelSpec",
    "OpenSetSpec",
    "PluginSpec",
    "ReferencesSpec",
    "Table",
    "TrainingSpec",
    "checked_manifest",
    "identity",
    "identity_of",
    "is_parameters_name",
    "is_plugin_name",
    "kind_of",
    "load_manifest",
    "named_checks",
    "parameters_name",
    "read_tables",
    "save_manifest",
    "weights_checks",
]

MANIFEST = "plugin.toml"
_OPEN_SET_BEFORE = "backend"  # what [open_set] was called until 2026-11

# One word, so that `--plugin NAME` is never mistaken for a path.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_PARAMETERS = re.compile("backend-[0-9a-f]{8}[.]npz")
_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")
_ENTRY = re.compile(r"[A-Za-z_]\w*:[A-Za-z_]\w*")

M = TypeVar("M", bound=Table)


def load_manifest(directory: Path) -> Manifest:
    """Read and check the manifest of the plugin in `directory`.

    Raises:
        PluginError: no such directory or manifest, or one that is not as it should be.
    """
    tables = read_tables(directory)
    if kind_of(tables) == "detector":
        what = "this plugin finds figures and cannot tell characters apart"
        raise PluginError(what, where=directory, hint="give it to --detect")
    return checked_manifest(tables, Manifest, _checks, directory)


def checked_manifest(
    tables: dict[str, Any],
    kind: type[M],
    checks: Callable[[M], Iterable[tuple[bool, str]]],
    directory: Path,
) -> M:
    """`tables` as a manifest of that kind.

    Args:
        checks: of a manifest: whether something is wrong, and what.

    Raises:
        PluginError: they are not as they should be.
    """
    path = directory / MANIFEST
    try:
        manifest = _as_manifest(tables, kind)
    except ValueError as error:
        raise PluginError(str(error), where=path) from error
    for wrong, what in checks(manifest):
        if wrong:
            raise PluginError(what, where=path)
    return manifest


def read_tables(directory: Path) -> dict[str, Any]:
    """The manifest of the plugin in `directory` as its tables.

    Raises:
        PluginError: no such directory or manifest, or it is not TOML.
    """
    path = directory / MANIFEST
    if not directory.is_dir():
        raise PluginError("there is no such plugin directory", where=directory)
    try:
        tables: dict[str, Any] = msgspec.toml.decode(path.read_bytes())
    except FileNotFoundError:
        raise PluginError(f"no {MANIFEST} is in this directory", where=directory) from None
    except OSError as error:
        raise PluginError(f"cannot read it: {reason(error)}", where=path) from error
    except (msgspec.DecodeError, ValueError) as error:
        raise PluginError(str(error), where=path) from error
    return tables


def kind_of(tables: Mapping[str, Any]) -> str:
    """What kind of a plugin the tables are of: `encoder` unless they say so."""
    plugin = tables.get("plugin")
    return str(plugin.get("kind", "encoder")) if isinstance(plugin, dict) else "encoder"


def _as_manifest(tables: dict[str, Any], kind: type[M]) -> M:
    """Tables as the manifest of that kind of plugin.

    Raises:
        ValueError: a key or value that is not expected.
    """
    if _OPEN_SET_BEFORE in tables:
        if "open_set" in tables:
            raise ValueError(f"[{_OPEN_SET_BEFORE}] is the old name of [open_set]: keep one")
        tables["open_set"] = tables.pop(_OPEN_SET_BEFORE)
    dates = (datetime.datetime, datetime.date, datetime.time)
    return msgspec.convert(tables, kind, builtin_types=dates, str_keys=True)


def is_plugin_name(text: str) -> bool:
    """Whether a plugin can have this name."""
    return _NAME.fullmatch(text) is not None


def named_checks(plugin: PluginSpec) -> Iterator[tuple[bool, str]]:
    """Of name and version, whether it is wrong, and the line that says so."""
    for key, value in (("name", plugin.name), ("version", plugin.version)):
        words = f"[plugin] {key} = {value!r}: only letters, digits and . _ + - can be in it"
        yield not is_plugin_name(value), words


def weights_checks(table: str, named: ModelSpec | MetricSpec) -> Iterator[tuple[bool, str]]:
    """The same of what a table says of its weights."""
    weights = PurePosixPath(named.weights)
    outside = weights.is_absolute() or ".." in weights.parts
    yield outside, f"[{table}] weights must lie in the plugin's directory"
    malformed = bool(named.sha256) and not _DIGEST.fullmatch(named.sha256)
    yield malformed, f"[{table}] sha256: expected 64 hexadecimal digits"


def _checks(manifest: Manifest) -> Iterator[tuple[bool, str]]:
    """What types cannot say: whether it is wrong, and the line that says so."""
    model, calibration = manifest.model, manifest.calibration
    yield from named_checks(manifest.plugin)
    yield not model.weights and not model.entry, "[model] names neither weights nor an entry"
    yield from weights_checks("model", model)
    if manifest.metric is not None:
        yield from weights_checks("metric", manifest.metric)
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


def save_manifest(manifest: Table, directory: Path) -> None:
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
    tables: list[Table] = [manifest.model, manifest.input, manifest.embedding]
    if manifest.metric is not None:
        tables.append(manifest.metric)
    return identity(manifest.plugin, tables, _digested_files(manifest, directory), directory)


def identity(
    plugin: PluginSpec, tables: Sequence[Table], files: Iterable[Path], directory: Path
) -> str:
    """Name, version, and a digest of tables and of files in `directory`.

    Raises:
        PluginError: one of the files cannot be read.
    """
    sha = hashlib.sha256()
    sha.update(msgspec.json.encode(tables))
    for path in files:
        sha.update(path.relative_to(directory).as_posix().encode("utf-8", "surrogateescape"))
        sha.update(b"\0")
        with reading(path, PluginError):
            sha.update(digest_of_file(path))
    return f"{plugin.name}@{plugin.version}:{sha.hexdigest()[:16]}"


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


def _without_defaults(manifest: Table) -> dict[str, dict[str, object]]:
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
