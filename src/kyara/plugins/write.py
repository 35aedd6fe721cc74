"""Changing a plugin: what belongs together changes together or not at all."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from kyara.files import replaced, writing
from kyara.manifest import (
    CalibrationSpec,
    OpenSetSpec,
    is_parameters_name,
    load_manifest,
    save_manifest,
)

__all__ = ["write_calibration", "write_open_set"]


def write_calibration(directory: Path, spec: CalibrationSpec) -> None:
    """Give the plugin in `directory` the calibration `spec`, in place of an earlier one.

    Raises:
        PluginError: there is no such plugin.
        OutputError: it cannot be written; the plugin is as it was.
    """
    manifest = load_manifest(directory)
    with writing(directory):
        save_manifest(msgspec.structs.replace(manifest, calibration=spec), directory)


def write_open_set(directory: Path, spec: OpenSetSpec, parameters: bytes) -> None:
    """Give the plugin in `directory` the open-set judge `spec`, in place of an earlier one.

    The parameters have a name of their own for each content. So until the manifest is
    replaced the plugin has its earlier one, and from then on the new one; killed at any
    instant it has one of them.

    Raises:
        PluginError: there is no such plugin.
        OutputError: it cannot be written; the plugin is as it was.
    """
    manifest = load_manifest(directory)
    with writing(directory):
        with replaced(directory / spec.parameters, durable=True) as part:
            part.write_bytes(parameters)
        save_manifest(msgspec.structs.replace(manifest, open_set=spec), directory)
    stale = {path for path in directory.glob("backend-*.npz") if is_parameters_name(path.name)}
    if manifest.open_set is not None:
        stale.add(directory / manifest.open_set.parameters)
    for path in stale - {directory / spec.parameters}:
        with contextlib.suppress(OSError):  # nobody reads it any more
            path.unlink()
