"""Which plugins there are, and opening one as an encoder.

A plugin is found by its name among the shipped ones and those of installed packages (entry
points in the group `kyara.plugins`, each naming a package that is a plugin directory), or
by its directory. Code is only ever run from a directory that the user named or from an
installed package.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from kyara.encode.device import CPU, Device
from kyara.encode.encoder import Backend, Encoder
from kyara.encode.onnx import OnnxBackend
from kyara.errors import KyaraError, PluginError
from kyara.plugins.manifest import MANIFEST, Manifest, identity_of, load_manifest

__all__ = ["DEFAULT_PLUGIN", "FoundPlugin", "find_plugins", "open_encoder", "plugin_directory"]

DEFAULT_PLUGIN = "res18_single"
_SHIPPED = Path(__file__).parent
_GROUP = "kyara.plugins"


@dataclass(frozen=True)
class FoundPlugin:
    """A plugin that can be named: where it is, and its manifest or what is wrong with it."""

    name: str
    directory: Path
    origin: str
    manifest: Manifest | None
    error: KyaraError | None = None


def find_plugins() -> list[FoundPlugin]:
    """The shipped plugins and those of installed packages, by name."""
    shipped = (path.parent for path in _SHIPPED.glob(f"*/{MANIFEST}"))
    places = [(directory.name, directory, "shipped") for directory in shipped]
    for entry in entry_points(group=_GROUP):
        spec = importlib.util.find_spec(entry.value)
        if spec is not None and spec.submodule_search_locations:
            places.append((entry.name, Path(spec.submodule_search_locations[0]), "installed"))
    return [_examine(*place) for place in sorted(places)]


def _examine(name: str, directory: Path, origin: str) -> FoundPlugin:
    try:
        return FoundPlugin(name, directory, origin, load_manifest(directory))
    except KyaraError as error:
        return FoundPlugin(name, directory, origin, None, error)


def plugin_directory(name_or_directory: str) -> Path:
    """The directory of the plugin of that name, or in that directory.

    Raises:
        PluginError: there is none.
    """
    found = find_plugins()
    for plugin in found:
        if plugin.name == name_or_directory:
            return plugin.directory
    if Path(name_or_directory).is_dir():
        return Path(name_or_directory)
    names = ", ".join(plugin.name for plugin in found) or "none"
    what = f"there is no plugin {name_or_directory!r}"
    raise PluginError(what, hint=f"by name there are: {names}")


def open_encoder(name_or_directory: str = DEFAULT_PLUGIN, device: Device = CPU) -> Encoder:
    """The encoder of a plugin, by name or directory; its network is loaded at first use.

    Raises:
        PluginError: there is no such plugin, or it is not as it should be.
    """
    directory = plugin_directory(name_or_directory).resolve()
    manifest = load_manifest(directory)
    make: Callable[[], Backend]
    if manifest.model.entry:
        entry = _load_entry(directory, manifest)
        make = lambda: _call_entry(entry, directory, device, manifest)  # noqa: E731
    else:
        make = lambda: OnnxBackend(directory, manifest, device)  # noqa: E731
    identity = identity_of(manifest, directory)
    # Code of others may not be safe to call from several threads; ONNX Runtime is.
    return Encoder(identity, manifest, make, concurrent=not manifest.model.entry)


def _load_entry(directory: Path, manifest: Manifest) -> Callable[[Path, str], Backend]:
    module_name, _, function_name = manifest.model.entry.partition(":")
    path = directory / f"{module_name}.py"
    if not path.is_file():
        raise PluginError(f"entry {manifest.model.entry!r}: no {module_name}.py", where=directory)
    module = _load_module(path, directory, manifest)
    function = getattr(module, function_name, None)
    if not callable(function):
        raise PluginError(f"entry {manifest.model.entry!r}: no such function", where=path)
    entry: Callable[[Path, str], Backend] = function
    return entry


def _load_module(path: Path, directory: Path, manifest: Manifest) -> ModuleType:
    # A package of its own for each plugin, so that two with a model.py do not collide; other
    # files of the plugin are imported relatively: `from .layers import Block`.
    package_name = f"kyara_plugin_{identity_of(manifest, directory).rpartition(':')[2]}"
    package = ModuleType(package_name)
    package.__path__ = [str(directory)]
    sys.modules[package_name] = package
    name = f"{package_name}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError("this is not a Python module", where=path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise PluginError(f"its code fails: {error!r}", where=path) from error
    return module


def _call_entry(
    entry: Callable[[Path, str], Backend], directory: Path, device: Device, manifest: Manifest
) -> Backend:
    try:
        backend = entry(directory, str(device))
    except Exception as error:
        raise PluginError(f"{manifest.model.entry} fails: {error!r}", where=directory) from error
    if not callable(getattr(backend, "encode", None)):
        raise PluginError(f"{manifest.model.entry} returned no encoder", where=directory)
    return backend
