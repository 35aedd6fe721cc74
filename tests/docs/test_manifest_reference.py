"""docs/reference/plugin-manifest.md against the code."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from kyara import manifest
from kyara.manifest import Manifest, load_manifest
from kyara.manifest.detector import DetectorManifest

PAGE = (Path(__file__).parents[2] / "docs/reference/plugin-manifest.md").read_text("utf-8")
TABLES = {
    "plugin": manifest.PluginSpec,
    "model": manifest.ModelSpec,
    "input": manifest.InputSpec,
    "embedding": manifest.EmbeddingSpec,
    "metric": manifest.MetricSpec,
    "training": manifest.TrainingSpec,
    "calibration": manifest.CalibrationSpec,
    "grouping": manifest.GroupingSpec,
    "open_set": manifest.OpenSetSpec,
}
OF_A_DETECTOR = {
    "input": "`[input]` of a detector",
    "detection": "`[detection]`",
}


def rows(table: str, heading: str | None = None) -> dict[str, str]:
    """Key and line of each row below the heading of `table`."""
    section = re.split(r"^##+ ", PAGE, flags=re.MULTILINE)
    text, *_ = [part for part in section if part.startswith(heading or f"`[{table}]`")]
    return {m[1]: m[0] for m in re.finditer(r"^\| `(\w+)` \|.*$", text, re.MULTILINE)}


@pytest.mark.parametrize("table", TABLES)
def test_every_key_has_a_row_and_every_row_a_key(table: str) -> None:
    fields = {field.name for field in msgspec.structs.fields(TABLES[table])}
    if table == "calibration":
        for inner in (manifest.Logistic, manifest.ReferencesSpec):
            fields |= {field.name for field in msgspec.structs.fields(inner)}
    if table == "open_set":
        fields |= {field.name for field in msgspec.structs.fields(manifest.AdaptedSpec)}
    assert rows(table).keys() == fields


@pytest.mark.parametrize("table", TABLES)
def test_what_is_required_is_said(table: str) -> None:
    for field in msgspec.structs.fields(TABLES[table]):
        assert ("| required |" in rows(table)[field.name]) == field.required


@pytest.mark.parametrize("table", OF_A_DETECTOR)
def test_every_key_of_a_detector_has_a_row(table: str) -> None:
    (spec,) = [f.type for f in msgspec.structs.fields(DetectorManifest) if f.name == table]
    keys = rows(table, OF_A_DETECTOR[table])
    fields = msgspec.structs.fields(spec)
    assert keys.keys() == {field.name for field in fields}
    for field in fields:
        assert ("| required |" in keys[field.name]) == field.required


def test_no_table_is_missing() -> None:
    assert set(TABLES) == {field.name for field in msgspec.structs.fields(Manifest)}


def test_the_example_is_a_manifest_that_is_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "plugin.toml").write_text(example, encoding="utf-8")
    read = load_manifest(tmp_path)
    assert read.calibration is not None
    assert [entry.references for entry in read.calibration.by_references] == [1, 20]
    assert read.training.data
