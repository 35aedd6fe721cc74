"""No module imports from a floor above its own: the contract in pyproject.toml."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from importlinter.api import read_configuration
from importlinter.cli import lint_imports

PYPROJECT = str(Path(__file__).parents[1] / "pyproject.toml")


def test_no_arrow_points_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])  # the linter adds to it
    status = lint_imports(PYPROJECT, no_cache=True)
    assert status == 0, capsys.readouterr().out


def test_every_import_counts() -> None:
    read = read_configuration(PYPROJECT)
    assert read["session_options"]["exclude_type_checking_imports"] == "False"
    (contract,) = read["contracts_options"]
    assert contract["exhaustive"] == "True"
    assert "ignore_imports" not in contract
