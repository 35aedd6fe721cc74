"""Training: the same batches, the same weights after an interruption, an honest export."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra `train` (torch)")

from PIL import Image  # noqa: E402

from kyara.errors import DataError, UsageError  # noqa: E402
from kyara.evaluate.dataset import Dataset, load_dataset  # noqa: E402
from kyara.plugins.discover import open_encoder  # noqa: E402
from kyara.train.augment import Augmentation  # noqa: E402
from kyara.train.config import AugmentConfig, ModelConfig, TrainConfig, load_config  # noqa: E402
from kyara.train.look import Look  # noqa: E402
from kyara.train.loop import load_trained, train  # noqa: E402
from kyara.train.model import EmbeddingNet, MixStyle  # noqa: E402
from kyara.train.sampler import BalancedBatches  # noqa: E402
from tests.conftest import Ran  # noqa: E402

pytestmark = pytest.mark.train


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    net, _ = load_trained(folder)
    return dict(net.state_dict())


def test_batches_are_balanced_and_a_function_of_the_step(labelled: Path, config_file: Path) -> None:
    dataset, config = load_dataset(labelled), load_config(config_file)
    sampler = BalancedBatches(dataset, config)
    whole = list(sampler)
    assert list(BalancedBatches(dataset, config, first=3)) == whole[3:]
    for batch in whole:
        characters = Counter(dataset.pictures[draw.index].character for draw in batch)
        assert set(characters.values()) == {2}
    assert len({draw.seed for batch in whole for draw in batch}) == sum(map(len, whole))


def test_views_depend_on_their_seed_alone() -> None:
    picture = Image.effect_noise((90, 60), 80).convert("RGBA")
    augment = Augmentation(AugmentConfig())

    def view(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return augment(picture, 48)

    assert view(1).shape == (3, 48, 48)
    assert view(1).dtype == torch.uint8
    assert torch.equal(view(1), view(1))
    assert not torch.equal(view(1), view(2))


def test_an_interrupted_run_ends_with_the_same_weights(
    labelled: Path, config_file: Path, tmp_path: Path
) -> None:
    # Styles are mixed by chance in a step itself, beside the chance of views and batches. With the
    # views made elsewhere nothing but the step sets that chance.
    text = config_file.read_text().replace("[model]", "[model]\nmix_style = 0.5")
    config_file.write_text(text.replace("workers = 0", "workers = 1"))
    dataset, config = load_dataset(labelled), load_config(config_file)
    train(config, dataset, tmp_path / "straight")
    train(config, dataset, tmp_path / "stopped", until=3)
    train(config, dataset, tmp_path / "stopped")
    straight, stopped = weights_of(tmp_path / "straight"), weights_of(tmp_path / "stopped")
    assert straight.keys() == stopped.keys()
    assert all(torch.equal(straight[name], stopped[name]) for name in straight)


def test_a_run_learns(labelled: Path, config_file: Path, tmp_path: Path) -> None:
    text = config_file.read_text().replace("steps = 6", "steps = 40")
    config_file.write_text(text.replace("size = 48", "size = 32"))
    losses: list[float] = []
    train(
        load_config(config_file),
        load_dataset(labelled),
        tmp_path / "run",
        on_record=lambda record: losses.append(record.loss),
        record_every=5,
    )
    assert np.mean(losses[-2:]) < 0.8 * losses[0]
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["config"]["seed"] == 7
    assert record["data"]["by_source"] == {"data": 20}
    assert len((tmp_path / "run" / "curve.jsonl").read_text().splitlines()) == len(losses)


def test_a_folder_of_another_run_is_refused(
    labelled: Path, config_file: Path, tmp_path: Path
) -> None:
    dataset = load_dataset(labelled)
    train(load_config(config_file), dataset, tmp_path / "run", until=2)
    config_file.write_text(config_file.read_text().replace("seed = 7", "seed = 8"))
    with pytest.raises(UsageError, match="another config"):
        train(load_config(config_file), dataset, tmp_path / "run")


def test_a_run_begins_from_another(labelled: Path, config_file: Path, tmp_path: Path) -> None:
    dataset, config = load_dataset(labelled), load_config(config_file)
    train(config, dataset, tmp_path / "first")
    train(config, dataset, tmp_path / "second", begin_from=[tmp_path / "first"], until=1)
    train(config, dataset, tmp_path / "fresh", until=1)
    first, second, fresh = (weights_of(tmp_path / n) for n in ("first", "second", "fresh"))
    name = "trunk.conv1.weight"
    near = (second[name] - first[name]).abs().max()
    assert near < 0.5 * (fresh[name] - first[name]).abs().max()
    record = json.loads((tmp_path / "second" / "run.json").read_text())
    assert record["begun_from"] == "first"


def test_a_run_begins_from_the_mean_of_others(
    labelled: Path, config_file: Path, tmp_path: Path
) -> None:
    dataset, config = load_dataset(labelled), load_config(config_file)
    text = config_file.read_text()
    config_file.write_text(text.replace("seed = 7", "seed = 8"))
    train(config, dataset, tmp_path / "one", until=2)
    train(load_config(config_file), dataset, tmp_path / "other", until=2)
    both = [tmp_path / "one", tmp_path / "other"]
    # Steps at no rate: what the run begins with is what it ends with.
    config_file.write_text(text.replace("[optimiser]", "[optimiser]\nlearning_rate = 1e-30"))
    train(load_config(config_file), dataset, tmp_path / "mean", begin_from=both, until=1)
    one, other, mean = (weights_of(tmp_path / n) for n in ("one", "other", "mean"))
    name = "trunk.conv1.weight"
    assert not torch.equal(one[name], other[name])
    assert torch.allclose(mean[name], (one[name] + other[name]) / 2, atol=1e-6)
    record = json.loads((tmp_path / "mean" / "run.json").read_text())
    assert record["begun_from"] == "one + other"
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin" / "plugin.toml").touch()
    with pytest.raises(UsageError, match="no mean"):
        train(config, dataset, tmp_path / "bad", begin_from=[*both, tmp_path / "plugin"])


def test_an_export_takes_the_mean_of_runs(
    labelled: Path, config_file: Path, tmp_path: Path
) -> None:
    dataset, text = load_dataset(labelled), config_file.read_text()
    configs = {
        "one": text,
        "other": text.replace("seed = 7", "seed = 8"),
        "larger": text.replace("[model]", '[model]\ntrunk = "resnet34"'),
    }
    for run, config in configs.items():
        config_file.write_text(config)
        train(load_config(config_file), dataset, tmp_path / run, until=1)
    one, other = (weights_of(tmp_path / n)["trunk.conv1.weight"] for n in ("one", "other"))
    mean, _ = load_trained(tmp_path / "one", tmp_path / "other")
    assert not torch.equal(one, other)
    assert torch.equal(mean.trunk.conv1.weight, (one + other) / 2)
    with pytest.raises(UsageError, match="another network"):
        load_trained(tmp_path / "one", tmp_path / "larger")


def test_branches_are_left_out_in_training_only() -> None:
    net = EmbeddingNet(ModelConfig(trunk="efficientnet_lite0", dimension=8, drop_path=0.9))
    pixels = torch.rand(4, 3, 64, 64) * 255
    net.eval()
    with torch.no_grad():
        assert torch.equal(net(pixels), net(pixels))
        net.train()
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
        assert not torch.equal(net(pixels), net(pixels))
    with pytest.raises(UsageError, match="drop_path"):
        EmbeddingNet(ModelConfig(trunk="resnet18", drop_path=0.1))


@pytest.mark.parametrize("trunk", ["resnet18", "efficientnet_lite0"])
def test_style_is_mixed_in_training_only(
    trunk: Literal["resnet18", "efficientnet_lite0"],
) -> None:
    torch.manual_seed(0)
    net = EmbeddingNet(ModelConfig(trunk=trunk, dimension=8, mix_style=1.0)).eval()
    pixels = torch.rand(4, 3, 64, 64) * 255 * torch.rand(4, 3, 1, 1)
    with torch.no_grad():
        alone = torch.cat([net(one[None]) for one in pixels])
        assert torch.allclose(net(pixels), alone, atol=1e-5)
        net.mix_style.train()
        assert not torch.allclose(net(pixels), alone, atol=1e-3)
        # A copy is told for itself: the average beside a run does not mix.
        assert torch.allclose(deepcopy(net).eval()(pixels), alone, atol=1e-5)
        assert not torch.allclose(net(pixels), alone, atol=1e-3)


def test_mixed_styles_are_those_of_the_batch() -> None:
    torch.manual_seed(0)
    maps = torch.randn(6, 5, 8, 8) * torch.rand(6, 5, 1, 1) + torch.randn(6, 5, 1, 1)
    mixed = MixStyle(1.0)(maps)
    means, before = mixed.mean((2, 3)), maps.mean((2, 3))
    assert not torch.allclose(means, before, atol=1e-3)
    assert (means <= before.amax(0) + 1e-5).all()
    assert (means >= before.amin(0) - 1e-5).all()

    def shape(x: torch.Tensor) -> torch.Tensor:
        return (x - x.mean((2, 3), keepdim=True)) / x.std((2, 3), keepdim=True)

    assert torch.allclose(shape(mixed), shape(maps), atol=1e-3), "what is drawn stays"
    assert torch.equal(MixStyle(0.0)(maps), maps)


def test_a_student_learns_what_its_teacher_says(
    labelled: Path, config_file: Path, tmp_path: Path
) -> None:
    dataset = load_dataset(labelled)
    text = config_file.read_text().replace("steps = 6", "steps = 30")
    text = text.replace("weight = 1.0", "weight = 0.0").replace("weight = 0.5", "weight = 0.0")
    config_file.write_text(text + '\n[distil]\nteacher = "histogram"\nsize = 32\nweight = 5.0\n')
    losses: list[float] = []
    config = load_config(config_file)
    train(
        config,
        dataset,
        tmp_path / "run",
        on_record=lambda record: losses.append(record.loss),
        record_every=5,
    )
    # 5 x (1 - cosine): about 5 for a student that knows nothing.
    assert losses[0] > 3.0
    assert losses[-1] < 0.7 * losses[0]
    kept = np.load(tmp_path / "run" / "teacher.npz")
    np.testing.assert_allclose(np.linalg.norm(kept["targets"], axis=1), 1.0, atol=1e-2)
    with pytest.raises(DataError, match="another teacher"):
        train(config, Dataset(dataset.pictures[:10]), tmp_path / "run")


def test_processes_share_a_batch(labelled: Path, config_file: Path) -> None:
    dataset, config = load_dataset(labelled), load_config(config_file)
    halves = [list(BalancedBatches(dataset, config, part=(rank, 2))) for rank in range(2)]
    whole = list(BalancedBatches(dataset, config))
    assert [left + right for left, right in zip(*halves, strict=True)] == whole
    with pytest.raises(UsageError, match="3 processes"):
        BalancedBatches(dataset, config, part=(0, 3))


def test_two_processes_train_as_one(labelled: Path, config_file: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--standalone", "-m", "kyara", "train", str(config_file), "--data"]
    command += [str(labelled), "--out", str(tmp_path / "run"), "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    records = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [record["step"] for record in records] == [6]
    assert ran.stderr.count("kyara: next: ") == 1  # the first process speaks for all
    assert weights_of(tmp_path / "run")


def test_an_unknown_loss_is_named(labelled: Path, config_file: Path, tmp_path: Path) -> None:
    config_file.write_text(config_file.read_text().replace("SupConLoss", "NoSuchLoss"))
    with pytest.raises(UsageError, match="NoSuchLoss"):
        train(load_config(config_file), load_dataset(labelled), tmp_path / "run")


def test_pretrained_names_of_the_forerunner_are_kept(config_file: Path) -> None:
    from kyara.train.model import EmbeddingNet

    config: TrainConfig = load_config(config_file)
    names = {name.split(".")[0] for name in EmbeddingNet(config.model).state_dict()}
    assert names == {"trunk", "embedder"}


@pytest.mark.parametrize("int8", [False, True])
def test_commands_train_export_and_use_a_model(
    labelled: Path,
    config_file: Path,
    tmp_path: Path,
    kyara: Callable[..., Ran],
    int8: bool,
) -> None:
    run, plugin = tmp_path / "run", tmp_path / "plugin"
    assert kyara("train", config_file, "--data", labelled, "--out", run).code == 0
    extra = ["--int8", "--data", labelled] if int8 else []
    exported = kyara("export", run, "--out", plugin, "--json", *extra)
    assert exported.code == 0, exported.err
    again = kyara("export", run, "--out", plugin)
    assert again.code == 2
    assert "exists" in again.err

    encoder = open_encoder(str(plugin))
    crops = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 3), dtype=np.uint8)
    with torch.no_grad():
        net, _ = load_trained(run)
        expected = net(torch.from_numpy(crops).permute(0, 3, 1, 2)).numpy()
    if int8:
        assert exported.json()["int8_mean_cosine"] > 0.97
    else:
        np.testing.assert_allclose(encoder.encode(crops), expected, atol=1e-3)
    pictures = sorted((labelled / "ruby").iterdir())[:2]
    compared = kyara("compare", *pictures, "--plugin", plugin, "--json")
    assert -1.0 <= compared.json()["score"] <= 1.0
    assert compared.json()["encoder"].startswith("plugin@1:")


def test_half_weights_answer_as_the_exact_ones(
    labelled: Path, config_file: Path, tmp_path: Path, kyara: Callable[..., Ran]
) -> None:
    run = tmp_path / "run"
    train(load_config(config_file), load_dataset(labelled), run, until=1)
    extra = ("--whiten", "--palette", "--data", labelled)
    assert kyara("export", run, "--out", tmp_path / "exact", *extra).code == 0
    assert kyara("export", run, "--out", tmp_path / "half", "--half", *extra).code == 0
    sizes = [(tmp_path / name / "model.onnx").stat().st_size for name in ("exact", "half")]
    assert sizes[1] < 0.6 * sizes[0]
    crops = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 3), dtype=np.uint8)
    exact, half = (open_encoder(str(tmp_path / name)).encode(crops) for name in ("exact", "half"))
    np.testing.assert_allclose(half, exact, atol=5e-3)


@pytest.mark.parametrize(
    "options", [["--int8", "--half"], ["--palette"], ["--dimension", "8"], ["--whiten"]]
)
def test_export_options_that_do_not_fit(
    labelled: Path, tmp_path: Path, kyara: Callable[..., Ran], options: list[str]
) -> None:
    data = [] if options == ["--whiten"] else ["--data", labelled]
    assert kyara("export", tmp_path, "--out", tmp_path / "out", *options, *data).code == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("trunk", ["resnet18", "efficientnet_lite0"])
def test_frozen_stages_stay_as_they_were(
    trunk: str, labelled: Path, config_file: Path, tmp_path: Path
) -> None:
    config = load_config(config_file)
    model = msgspec.structs.replace(config.model, trunk=trunk, frozen_stages=2)
    config = msgspec.structs.replace(config, model=model)
    train(config, load_dataset(labelled), tmp_path / "run", until=1)
    before = weights_of(tmp_path / "run")
    train(config, load_dataset(labelled), tmp_path / "run")
    after = weights_of(tmp_path / "run")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    early = ("conv_stem", "conv1", "bn1", "blocks.0.", "blocks.1.", "layer1.", "layer2.")
    assert not [name for name in changed if name.removeprefix("trunk.").startswith(early)]
    late = ("trunk.blocks.2.0", "trunk.layer3.0")
    assert [name for name in changed if name.startswith(late) and "running_mean" in name]


def test_more_stages_than_there_are_cannot_be_frozen() -> None:
    with pytest.raises(UsageError, match="has 4 stages; 5 cannot be frozen"):
        EmbeddingNet(ModelConfig(frozen_stages=5))


def test_a_mirrored_export_says_the_same_of_a_mirror_image(
    labelled: Path, config_file: Path, tmp_path: Path, kyara: Callable[..., Ran]
) -> None:
    config = load_config(config_file)
    train(config, load_dataset(labelled), tmp_path / "run", until=2)
    plugin = tmp_path / "plugin"
    looks = ("--look", "48", "--look", "48:mirrored")
    ways = (*looks, "--whiten", "--dimension", "12", "--data", labelled)
    exported = kyara("export", tmp_path / "run", "--out", plugin, *ways)
    assert exported.code == 0, exported.err
    encoder = open_encoder(str(plugin))
    crops = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 3), dtype=np.uint8)
    mirrored = np.ascontiguousarray(crops[:, :, ::-1])
    rows = encoder.encode(crops)
    assert rows.shape == (5, encoder.dimension) == (5, 12)
    np.testing.assert_allclose(rows, encoder.encode(mirrored), atol=1e-4)
    assert not np.allclose(rows[0], rows[1], atol=1e-2)


def test_an_export_that_looks_twice_gives_the_mean_of_both(
    labelled: Path, config_file: Path, tmp_path: Path, kyara: Callable[..., Ran]
) -> None:
    net = train(load_config(config_file), load_dataset(labelled), tmp_path / "run", until=2)
    plugin = tmp_path / "plugin"
    ways = ("--look", "64", "--look", "48:mirrored")
    exported = kyara("export", tmp_path / "run", "--out", plugin, *ways)
    assert exported.code == 0, exported.err
    encoder = open_encoder(str(plugin))
    assert encoder.input.size == 64
    crops = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    pixels = torch.from_numpy(crops).permute(0, 3, 1, 2).float()
    small = torch.nn.functional.interpolate(pixels, (48, 48), mode="bilinear").flip(3)
    with torch.no_grad():
        expected = net.project((net.describe(pixels) + net.describe(small)) / 2)
    np.testing.assert_allclose(encoder.encode(crops), expected, atol=1e-4)


@pytest.mark.parametrize("text", ["", "x", "16", "112:turned", "-112"])
def test_what_is_no_look(text: str) -> None:
    with pytest.raises(UsageError, match="is no look"):
        Look.parse(text)
