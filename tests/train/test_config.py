"""Training configs: what is refused, and how."""

from __future__ import annotations

from pathlib import Path

import pytest

from kyara.errors import UsageError
from kyara.train.config import load_config, task_of
from kyara.train.heads.config import load_detect_config


def test_sizes_change_at_their_fraction(config_file: Path) -> None:
    config = load_config(config_file)
    assert [config.size_at(step) for step in range(6)] == [32, 32, 32, 48, 48, 48]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("seed = 7", "sead = 7", "sead"),
        ("steps = 6", "steps = 0", "steps"),
        ("begin = 0.0", "begin = 0.1", "begin at 0.0"),
        ("dimension = 20", 'dimension = "many"', "dimension"),
        ("seed = 7", "seed = ", "tiny.toml"),
    ],
)
def test_a_wrong_config_is_one_clear_error(
    config_file: Path, old: str, new: str, says: str
) -> None:
    config_file.write_text(config_file.read_text().replace(old, new))
    with pytest.raises(UsageError, match=says) as caught:
        load_config(config_file)
    assert "tiny.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_shipped_configs_are_valid() -> None:
    configs = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
    assert configs
    for path in configs:
        load = load_detect_config if task_of(path) == "detect" else load_config
        assert load(path).steps > 0
