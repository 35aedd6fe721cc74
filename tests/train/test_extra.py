"""Commands that need the extra `train` say so where it is not installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran

CALLS = {
    "train": ("config.toml", "--data", "data", "--out", "run"),
    "export": ("run", "--out", "plugin"),
    "convert": ("a.mdl", "--out", "plugin"),
}


@pytest.mark.parametrize("name", CALLS)
def test_without_the_extra_it_says_how_to_get_it(
    name: str, kyara: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("kyara.extras.find_spec", lambda module: None)
    for file in ("config.toml", "a.mdl"):
        (tmp_path / file).touch()
    for folder in ("data", "run"):
        (tmp_path / folder).mkdir()
    ran = kyara(name, *CALLS[name])
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1
    assert "this command needs: pip install 'kyara[train]' (missing: torch" in ran.err
    assert not (tmp_path / "plugin").exists()
