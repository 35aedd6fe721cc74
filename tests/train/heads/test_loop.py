"""Training a detector: the same scenes, the same weights after an interruption."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra `train` (torch)")

from kyara.errors import UsageError  # noqa: E402
from kyara.evaluate.boxes import load_boxes  # noqa: E402
from kyara.manifest.detector import load_detector_manifest  # noqa: E402
from kyara.train.config import task_of  # noqa: E402
from kyara.train.heads.config import load_detect_config  # noqa: E402
from kyara.train.heads.loop import (  # noqa: E402
    SceneBatches,
    load_trained_detector,
    train_detector,
    trained_on,
)
from tests.boxed import write_boxed  # noqa: E402
from tests.conftest import Ran  # noqa: E402

pytestmark = pytest.mark.train

TINY = """
task = "detect"
seed = 3
steps = 4
checkpoint_every = 2
batches = [{ size = 64, pictures = 2 }, { size = 96, pictures = 1 }]

[data]
workers = 0
shares = { drawn = 2.0, crowd = 1.0, empty = 1.0 }

[targets]
static_steps = 2

[optimiser]
warmup_steps = 1
"""


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny-heads.toml"
    path.write_text(TINY, encoding="utf-8")
    return path


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_trained_detector(folder)[0].state_dict())


def test_batches_are_a_function_of_seed_and_step(config_file: Path) -> None:
    config = load_detect_config(config_file)
    whole = list(SceneBatches(config))
    assert len(whole) == config.steps
    assert list(SceneBatches(config, first=2)) == whole[2:]
    shapes = {shape.size: shape.pictures for shape in config.batches}
    for batch in whole:
        (size,) = {draw.size for draw in batch}
        assert len(batch) == shapes[size]


def test_the_record_names_what_is_drawn(tmp_path: Path, config_file: Path) -> None:
    text = TINY.replace("empty = 1.0 }", "empty = 1.0 }\nfigures = { cut = 1.0 }")
    config_file.write_text(text.replace("crowd = 1.0, ", ""), encoding="utf-8")
    pictures = load_boxes(write_boxed(tmp_path, unsure=True, figures=True))
    train_detector(load_detect_config(config_file), pictures, tmp_path / "run", until=1)
    # `crowd` and `unsure` are in the data, and the config does not name them.
    expected = "8 pictures with 10 heads: balloons 1, cut 2, drawn 4, empty 1"
    assert trained_on(tmp_path / "run") == expected


def test_an_interrupted_run_ends_with_the_same_weights(tmp_path: Path, config_file: Path) -> None:
    config, pictures = load_detect_config(config_file), load_boxes(write_boxed(tmp_path))
    train_detector(config, pictures, tmp_path / "straight")
    train_detector(config, pictures, tmp_path / "stopped", until=3)
    train_detector(config, pictures, tmp_path / "stopped")
    straight, stopped = weights_of(tmp_path / "straight"), weights_of(tmp_path / "stopped")
    assert all(torch.equal(straight[name], stopped[name]) for name in straight)


def test_another_config_is_refused_and_another_run_begun_from(
    tmp_path: Path, config_file: Path
) -> None:
    pictures = load_boxes(write_boxed(tmp_path))
    train_detector(load_detect_config(config_file), pictures, tmp_path / "run", until=1)
    config_file.write_text(TINY.replace("seed = 3", "seed = 4"))
    other = load_detect_config(config_file)
    with pytest.raises(UsageError, match="another config"):
        train_detector(other, pictures, tmp_path / "run")
    train_detector(other, pictures, tmp_path / "next", begin_from=tmp_path / "run", until=1)
    assert json.loads((tmp_path / "next/run.json").read_text())["begun_from"] == "run"


def test_the_command_knows_the_task(
    tmp_path: Path, config_file: Path, kyara: Callable[..., Ran]
) -> None:
    data, run = write_boxed(tmp_path), tmp_path / "run"
    assert task_of(config_file) == "detect"
    ran = kyara("train", str(config_file), "--data", str(data), "--out", str(run), "--json")
    assert ran.code == 0
    assert "7 pictures with 9 heads" in ran.err
    assert json.loads(ran.out.splitlines()[-1])["step"] == 4
    assert trained_on(run).startswith("7 pictures with 9 heads: balloons 1, crowd 1, drawn 4")


def test_a_run_becomes_a_plugin(
    tmp_path: Path, config_file: Path, kyara: Callable[..., Ran]
) -> None:
    data, run, out = write_boxed(tmp_path), tmp_path / "run", tmp_path / "heads"
    train_detector(load_detect_config(config_file), load_boxes(data), run, until=1)
    assert kyara("export", str(run), "--out", str(out), "--int8").code == 2
    made = kyara("export", str(run), "--out", str(out), "--size", "96", "--half")
    assert made.code == 0, made.err
    manifest = load_detector_manifest(out)
    assert manifest.input.size == 96
    assert manifest.training.data.startswith("7 pictures with 9 heads")
    ran = kyara("evaluate", str(data), "--detector", str(out), "--bootstrap", "0")
    assert ran.code == 0, ran.err
    assert "| drawn | 4 | 8 |" in ran.out


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("size = 64", "size = 65", "size"),
        ("steps = 4", "stepps = 4", "stepps"),
        ("drawn = 2.0", "drawn = 0.0", "drawn"),
        ("static_steps = 2", "static_steps = -1", "static_steps"),
    ],
)
def test_a_wrong_config_is_one_clear_error(
    config_file: Path, old: str, new: str, says: str
) -> None:
    config_file.write_text(TINY.replace(old, new))
    with pytest.raises(UsageError) as caught:
        load_detect_config(config_file)
    assert "tiny-heads.toml" in str(caught.value)
