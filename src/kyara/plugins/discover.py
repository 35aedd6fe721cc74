"""Which plugins there are, and opening one as an encoder or a detector.

A plugin is found by its name among the shipped ones and those of installed packages (entry
points in the group `kyara.plugins`, each naming a package that is a plugin directory), or
by its directory. Code is only ever run from a directory that the user named or from an
installed package, and only when it is needed: listing and opening run none.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

from kyara import detect
from kyara.detect.onnx import OnnxDetector
from kyara.encode.encoder import Backend, Encoder
from kyara.encode.onnx import OnnxBackend
from kyara.errors import KyaraError, PluginError, printable
from kyara.manifest import (
    MANIFEST,
    Manifest,
    identity_of,
    is_plugin_name,
    kind_of,
    load_manifest,
    read_tables,
)
from kyara.manifest.detector import DetectorManifest, load_detector_manifest
from kyara.plugins.code import entry_file, run_entry
from kyara.runtime.device import CPU, Device, require_onnx_device

__all__ = [
    "DEFAULT_PLUGIN",
    "FoundPlugin",
    "detector_with",
    "find_plugins",
    "is_known_by_name",
    "open_detector",
    "open_encoder",
    "plugin_directory",
]

DEFAULT_PLUGIN = "kyara-2"
_SHIPPED = Path(__file__).parent
_GROUP = "kyara.plugins"


@dataclass(frozen=True)
class FoundPlugin:
    """A plugin that can be named: where it is, and its manifest or what is wrong with it.

    Attributes:
        directory: None if its package cannot be found.
    """

    name: str
    directory: Path | None
    origin: str
    manifest: Manifest | DetectorManifest | None
    error: KyaraError | None = None


def find_plugins() -> list[FoundPlugin]:
    """The shipped plugins and those of installed packages, by name.

    The first to have a name keeps it, the shipped ones before all others.
    """
    found: list[FoundPlugin] = []
    for place in (*_shipped(), *_installed()):
        plugin = place if place.error else _examined(place)
        if any(other.name == plugin.name for other in found):
            taken = PluginError("another plugin has this name", where=plugin.directory)
            plugin = FoundPlugin(plugin.name, plugin.directory, plugin.origin, None, taken)
        found.append(plugin)
    return sorted(found, key=lambda plugin: plugin.name)


def plugin_directory(name_or_directory: str) -> Path:
    """The directory of the plugin of that name, or in that directory.

    Raises:
        PluginError: there is none.
    """
    for places in (_shipped, _installed):  # the second has to look at all installed packages
        for place in places() if is_plugin_name(name_or_directory) else ():
            if place.name == name_or_directory:
                return _directory_of(place)
    if name_or_directory and Path(name_or_directory).is_dir():
        return Path(name_or_directory)
    if len(Path(name_or_directory).parts) > 1:
        raise PluginError("there is no such plugin directory", where=name_or_directory)
    names = ", ".join(printable(plugin.name) for plugin in find_plugins()) or "none"
    what = f"there is no plugin {name_or_directory!r}"
    raise PluginError(what, hint=f"by name there are: {names}")


def is_known_by_name(plugin: str) -> bool:
    """Whether a shipped or an installed plugin has that name."""
    places = (_shipped, _installed)
    return is_plugin_name(plugin) and any(p.name == plugin for found in places for p in found())


def open_encoder(name_or_directory: str = DEFAULT_PLUGIN, device: Device = CPU) -> Encoder:
    """The encoder of a plugin, by name or directory.

    Its network is loaded, or its code run, at first use: a run whose embeddings are all
    known needs neither.

    Raises:
        PluginError: there is no such plugin, or it is not as it should be.
        DeviceError: it is an ONNX plugin, and ONNX Runtime cannot use the device.
    """
    directory = plugin_directory(name_or_directory).resolve()
    manifest = load_manifest(directory)
    identity = identity_of(manifest, directory)
    make: Callable[[], Backend]
    if manifest.model.entry:
        entry_file(directory, manifest)
        make = partial(run_entry, directory, manifest, identity, device)
    else:
        require_onnx_device(device)
        make = partial(OnnxBackend, directory, manifest, device)
    # Code of others may not be safe to call from several threads; ONNX Runtime is.
    concurrent = not manifest.model.entry
    return Encoder(identity, manifest, make, concurrent=concurrent, directory=directory)


def open_detector(name: str, device: Device = CPU) -> detect.Detector:
    """The detector that a user names: `auto` is the one that is used where nobody chose, `none`
    takes every picture as one figure; otherwise a plugin, by name or directory.

    Its network is loaded at first use.

    Raises:
        PluginError: there is no such plugin, or it is no detector as it should be.
        DeviceError: ONNX Runtime cannot use the device.
    """
    if name == "auto":
        detector = detect.default(device)
        if isinstance(detector, OnnxDetector):
            require_onnx_device(device)
        return detector
    if name == "none":
        return detect.WholePicture()
    directory = plugin_directory(name).resolve()
    manifest = load_detector_manifest(directory)
    require_onnx_device(device)
    return OnnxDetector(directory, manifest, device)


def detector_with(identity: str) -> detect.Detector:
    """The detector of that id: the one that takes pictures whole, or a plugin that is found by
    its name.

    Raises:
        UsageError: there is none.
    """
    for plugin in find_plugins() if identity != detect.WHOLE else ():
        if isinstance(plugin.manifest, DetectorManifest) and plugin.directory is not None:
            detector = OnnxDetector(plugin.directory, plugin.manifest)
            if detector.id == identity:
                return detector
    return detect.named(identity)


def _shipped() -> Iterator[FoundPlugin]:
    for path in sorted(_SHIPPED.glob(f"*/{MANIFEST}")):
        yield FoundPlugin(path.parent.name, path.parent, "shipped", None)


def _installed() -> Iterator[FoundPlugin]:
    for entry in sorted(entry_points(group=_GROUP), key=lambda entry: entry.name):
        directory = _package_directory(entry.value)
        problem = None
        if not is_plugin_name(entry.name):
            problem = PluginError(f"a plugin cannot be named {entry.name!r}", where=directory)
        elif directory is None:
            problem = PluginError(f"there is no package {entry.value} with a {MANIFEST}")
        yield FoundPlugin(entry.name, directory, "installed", None, problem)


def _package_directory(package: str) -> Path | None:
    # Only the topmost package is looked up, which imports nothing: a plugin's code, and that
    # of the packages above it, is not run to find out that it is there.
    top, *below = package.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    places = spec.submodule_search_locations if spec else None
    directories = [Path(place, *below) for place in places or ()]
    return next((d for d in directories if (d / MANIFEST).is_file()), None)


def _directory_of(place: FoundPlugin) -> Path:
    if place.directory is None or place.error is not None:
        raise place.error or PluginError(f"the plugin {place.name} has no directory")
    return place.directory


def _manifest_in(directory: Path) -> Manifest | DetectorManifest:
    if kind_of(read_tables(directory)) == "detector":
        return load_detector_manifest(directory)
    return load_manifest(directory)


def _examined(place: FoundPlugin) -> FoundPlugin:
    try:
        manifest = _manifest_in(_directory_of(place))
    except KyaraError as error:
        return FoundPlugin(place.name, place.directory, place.origin, None, error)
    return FoundPlugin(place.name, place.directory, place.origin, manifest)
