"""Whose code may run.

A plugin that brings Python code can do whatever its user can. So code runs from a directory that
a person named, and from what is installed. A library names the plugin that it was made with, too,
but a library may have come from elsewhere: what it names is run only if the person has trusted
just these files before, or names the directory in KYARA_TRUSTED_PLUGINS.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from kyara.errors import DataError, PluginError, printable
from kyara.files import reading, replaced, user_folder, writing
from kyara.manifest import load_manifest
from kyara.pictures.digest import digest_of_file
from kyara.plugins.discover import is_known_by_name, plugin_directory

__all__ = ["digest_of_plugin", "distrust", "require_trusted", "trust"]

VARIABLE = "KYARA_TRUSTED_PLUGINS"


def require_trusted(plugin: str, named_by: Path) -> None:
    """Nothing, if opening a plugin that the file `named_by` names runs no code, or code that the
    person has trusted.

    Raises:
        PluginError: it would run other code, or there is no such plugin.
        DataError: the list of trusted plugins cannot be read.
    """
    if is_known_by_name(plugin):
        return
    try:
        directory = plugin_directory(plugin).resolve()
    except PluginError as error:
        hint = "kyara library update FILE --re-embed --plugin NAME changes over to another model"
        where_else = f"; {error.hint}" if error.hint else ""
        raise PluginError(
            f"its model, {printable(plugin)}, is not here", where=named_by, hint=hint + where_else
        ) from error
    if not load_manifest(directory).model.entry or directory in _in_environment():
        return
    if digest_of_plugin(directory) not in _trusted():
        raise PluginError(
            f"it names the plugin {directory}, whose code you have not trusted, so it is not run",
            where=named_by,
            hint=f"if you know it: --plugin {directory}, or once: kyara plugins trust {directory}",
        )


def trust(directory: Path) -> str:
    """Let libraries run the plugin in `directory`, as its files are now; returns their digest.

    Raises:
        PluginError: there is no plugin, or it cannot be read.
        DataError, OutputError: the list of trusted plugins cannot be read or written.
    """
    load_manifest(directory)
    digest = digest_of_plugin(directory)
    _write(_trusted() | {digest: str(directory.resolve())})
    return digest


def distrust(directory: Path) -> int:
    """Take back all trust in plugins that were in `directory`; returns how often there was any.

    Raises:
        DataError, OutputError: the list of trusted plugins cannot be read or written.
    """
    before, place = _trusted(), str(directory.resolve())
    kept = {digest: where for digest, where in before.items() if where != place}
    if kept != before:
        _write(kept)
    return len(before) - len(kept)


def digest_of_plugin(directory: Path) -> str:
    """SHA-256 over names and contents of all files of a plugin, hexadecimal.

    Raises:
        PluginError: one cannot be read; or a folder is a link, of which nothing can be said.
    """
    sha = hashlib.sha256()
    for path in _files(directory):
        name = path.relative_to(directory).as_posix().encode("utf-8", "surrogateescape")
        with reading(path, PluginError):
            sha.update(hashlib.sha256(name).digest() + digest_of_file(path))
    return sha.hexdigest()


def _files(directory: Path) -> list[Path]:
    found: list[Path] = []
    for place, folders, names in os.walk(directory):
        folders[:] = [name for name in folders if name != "__pycache__"]  # Python's own
        for name in folders:
            if Path(place, name).is_symlink():
                what = "a folder of a plugin that is trusted cannot be a link"
                raise PluginError(what, where=Path(place, name))
        found += [Path(place, name) for name in names]
    return sorted(found)


def _in_environment() -> list[Path]:
    named = os.environ.get(VARIABLE, "").split(os.pathsep)
    return [Path(directory).resolve() for directory in named if directory]


def _list() -> Path:
    return user_folder() / "trusted-plugins.json"


def _trusted() -> dict[str, str]:
    """Digests, and where the plugin was."""
    try:
        with reading(_list()):
            found = json.loads(_list().read_bytes()) if _list().exists() else {}
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise DataError(
            "not a list of trusted plugins", where=_list(), hint="delete it, and trust them again"
        )
    return found


def _write(trusted: dict[str, str]) -> None:
    path = _list()
    with writing(path, what="cannot note what is trusted"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path, durable=True) as part:
            part.write_text(json.dumps(trusted, indent=1) + "\n", encoding="ascii")
