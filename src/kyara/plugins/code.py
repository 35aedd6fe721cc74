"""Plugins that bring Python code: running it, and saying clearly what is wrong with it.

The code is a package of its own, named after the plugin's directory and id, so that two
plugins with a `model.py` each do not collide. Its files import each other relatively.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Callable
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
)
from pathlib import Path
from types import CodeType, ModuleType
from typing import TypeVar

from kyara.encode.encoder import Backend
from kyara.errors import KyaraError, PluginError, one_line
from kyara.manifest import Manifest
from kyara.runtime.device import Device

__all__ = ["entry_file", "run_entry"]

T = TypeVar("T")


def entry_file(directory: Path, manifest: Manifest) -> Path:
    """The file that holds the entry; nothing of it is run.

    Raises:
        PluginError: it is not there.
    """
    path = directory / f"{_entry(manifest)[0]}.py"
    if not path.is_file():
        raise PluginError(f"entry {manifest.model.entry!r}: no {path.name}", where=directory)
    return path


def run_entry(directory: Path, manifest: Manifest, identity: str, device: Device) -> Backend:
    """What the entry returns, called with the directory and the device's name.

    Raises:
        PluginError: the code fails, or returns what it should not.
    """
    path = entry_file(directory, manifest)
    module_name, function_name = _entry(manifest)
    package = _package(directory, identity)
    module: ModuleType = _guarded(
        lambda: importlib.import_module(f"{package}.{module_name}"), "its code", path
    )
    function = getattr(module, function_name, None)
    if not callable(function):
        raise PluginError(f"entry {manifest.model.entry!r}: no such function", where=path)
    backend: Backend = _guarded(
        lambda: function(directory, str(device)), f"{function_name}()", path
    )
    needed = ["encode"] + ["similarity"] * (manifest.embedding.similarity == "plugin")
    for method in needed:
        if not callable(getattr(backend, method, None)):
            kind = type(backend).__name__
            raise PluginError(
                f"{function_name}() returned a {kind} without {method}(…)", where=path
            )
    return backend


def _entry(manifest: Manifest) -> tuple[str, str]:
    module_name, _, function_name = manifest.model.entry.partition(":")
    return module_name, function_name


def _package(directory: Path, identity: str) -> str:
    digest = hashlib.sha256(f"{directory}\0{identity}".encode("utf-8", "surrogateescape"))
    name = f"kyara_plugin_{digest.hexdigest()[:16]}"
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(directory)]
        sys.modules[name] = package
        sys.path_hooks.insert(0, _finder_below(directory))
        for place in [place for place in sys.path_importer_cache if _is_below(place, directory)]:
            del sys.path_importer_cache[place]
        importlib.invalidate_caches()  # the files may be younger than the last look
    return name


class _FromSource(SourceFileLoader):
    """Compiles what stands in the source. Compiled code beside it is neither read nor written:
    the digest by which a plugin is known and trusted does not cover it."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def _finder_below(directory: Path) -> Callable[[str], FileFinder]:
    """A hook by which Python finds modules in the directory, and in folders in it."""

    def finder(place: str) -> FileFinder:
        if not _is_below(place, directory) or not Path(place).is_dir():
            raise ImportError(place)
        extensions = (ExtensionFileLoader, EXTENSION_SUFFIXES)
        return FileFinder(place, extensions, (_FromSource, SOURCE_SUFFIXES))

    return finder


def _is_below(place: str, directory: Path) -> bool:
    return Path(place).is_relative_to(directory)


def _guarded(call: Callable[[], T], what: str, path: Path) -> T:
    try:
        return call()
    except KyaraError:
        raise
    except ModuleNotFoundError as error:
        raise PluginError(
            f"{what} needs the module {error.name!r}, which is not installed",
            where=path,
            hint=_hint(error, path.parent),
        ) from error
    except (Exception, SystemExit) as error:
        problem = f"{type(error).__name__}: {one_line(error)}"
        raise PluginError(f"{what} fails with {problem}", where=path) from error


def _hint(error: ModuleNotFoundError, directory: Path) -> str | None:
    name = (error.name or "").partition(".")[0]
    if (directory / f"{name}.py").is_file() or (directory / name / "__init__.py").is_file():
        return f"a plugin imports its own files with a dot: from .{name} import …"
    return None
