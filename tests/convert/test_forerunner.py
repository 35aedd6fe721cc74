"""`kyara convert`: checkpoints as the forerunner wrote them, and files that only look so."""

from __future__ import annotations

import argparse
import os
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Ran, draw

torch = pytest.importorskip("torch", reason="needs the extra `train` (torch)")
pytest.importorskip("onnxscript", reason="needs the extra `train` (onnxscript)")

from PIL import Image  # noqa: E402
from torch import nn  # noqa: E402
from torchvision import models, transforms  # noqa: E402

from kyara.convert.forerunner import read_checkpoint  # noqa: E402
from kyara.manifest import load_manifest  # noqa: E402
from kyara.plugins.discover import open_encoder  # noqa: E402

pytestmark = pytest.mark.train

ARGS = {"lr": 0.001, "data": "faces", "layers": [1, 2], "gpu": None, "augment": True}


class Forerunner(nn.Module):
    """The forerunner's network, with the statistics of some training."""

    def __init__(self, dimension: int = 500) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.trunk = models.resnet18(weights=None)
        self.trunk.fc = nn.Identity()
        self.embedder = nn.Sequential(nn.Identity(), nn.Linear(512, dimension))
        for name, buffer in self.trunk.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0.0, 0.1)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
        self.eval()

    def forward(self, pixels: Any) -> Any:
        embeddings = self.embedder(self.trunk(pixels))
        return embeddings / torch.norm(embeddings, dim=1, keepdim=True)


def state_of(net: Forerunner, args: Any = None) -> dict[str, Any]:
    return {
        "trunk": net.trunk.state_dict(),
        "embedder": net.embedder.state_dict(),
        "args": dict(ARGS) if args is None else args,
    }


@pytest.fixture(scope="module")
def net() -> Forerunner:
    return Forerunner()


@pytest.fixture(scope="module")
def converted(net: Forerunner, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin directory of a checkpoint, made by the command in a process of its own."""
    from tests.support import command, run_process

    folder = tmp_path_factory.mktemp("convert")
    torch.save(state_of(net, argparse.Namespace(**ARGS)), folder / "res18_0222.mdl")
    ran = run_process(command("convert", "res18_0222.mdl", "--out", "made/plugin"), folder)
    assert ran.code == 0, ran.err
    assert ran.err == ""
    assert "made/plugin is the plugin res18_0222: 500 numbers from 224 px" in ran.out
    assert os.listdir(folder / "made") == ["plugin"]
    return folder / "made" / "plugin"


def expected(net: Forerunner, paths: list[Path]) -> np.ndarray:
    """Embeddings as the forerunner made them, straight from the files."""
    loader = transforms.Compose(
        [
            transforms.Resize((224, 224)),
            transforms.ToTensor(),
            transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        ]
    )
    with torch.no_grad():
        return net(torch.stack([loader(Image.open(p).convert("RGB")) for p in paths])).numpy()


def test_the_plugin_is_whole_and_honest(converted: Path) -> None:
    manifest = load_manifest(converted)
    assert manifest.plugin.name == "res18_0222"
    assert (manifest.input.size, manifest.input.fit) == (224, "squash")
    assert manifest.embedding.dimension == 500
    assert manifest.calibration is None
    card = (converted / manifest.plugin.card).read_text(encoding="utf-8")
    assert "res18_0222.mdl" in card
    assert "\nlr = 0.001\n" in card
    assert sorted(os.listdir(converted)) == ["CARD.md", "model.onnx", "plugin.toml"]


@pytest.mark.parametrize("size", [(224, 224), (90, 60), (500, 300)])
def test_onnx_gives_the_forerunners_embeddings(
    size: tuple[int, int],
    converted: Path,
    net: Forerunner,
    kyara: Callable[..., Ran],
    tmp_path: Path,
) -> None:
    names = ("ruby", "jade", "azure")
    paths = [draw(tmp_path / f"{n}.png", name, n, size) for n, name in enumerate(names)]
    rows = expected(net, paths)
    made = tmp_path / "e.npz"
    assert kyara("embed", *paths, "--out", made, "--plugin", converted).code == 0
    found = np.load(made)["embeddings"]
    # Kyara shrinks in two steps where the picture is much larger: other roundings of a colour.
    tolerance = 1e-3 if max(size) <= 224 else 5e-3
    np.testing.assert_allclose(found, rows, atol=tolerance)
    ran = kyara("compare", *paths, "--plugin", converted, "--json")
    assert ran.code == 0
    np.testing.assert_allclose(ran.json()["scores"], rows @ rows.T, atol=tolerance)
    assert ran.json()["probabilities"][0][1] is None


def test_onnx_and_torch_agree_on_the_same_crops(converted: Path, net: Forerunner) -> None:
    crops = np.random.default_rng(3).integers(0, 256, (5, 224, 224, 3), dtype=np.uint8)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    pixels = torch.tensor((crops / 255.0 - mean) / std).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        rows = net(pixels).numpy()
    np.testing.assert_allclose(open_encoder(str(converted)).encode(crops), rows, atol=1e-3)


def test_name_size_and_json(net: Forerunner, kyara: Callable[..., Ran], tmp_path: Path) -> None:
    small = Forerunner(dimension=32)
    torch.save(state_of(small), tmp_path / "weights of mine.mdl")
    out = tmp_path / "plugin"
    out.mkdir()  # an empty directory is no obstacle
    options = ("--out", out, "--name", "mine", "--size", 64, "--json")
    ran = kyara("convert", tmp_path / "weights of mine.mdl", *options)
    assert ran.code == 0, ran.err
    told = ran.json()
    assert (told["name"], told["size"], told["dimension"]) == ("mine", 64, 32)
    encoder = open_encoder(str(out))
    assert encoder.id == told["encoder"]
    assert encoder.encode(np.zeros((1, 64, 64, 3), dtype=np.uint8)).shape == (1, 32)


@pytest.mark.parametrize("legacy", [False, True])
def test_old_formats_and_other_places_of_the_linear_layer(
    legacy: bool, net: Forerunner, tmp_path: Path
) -> None:
    state = state_of(net)
    state["trunk"] = OrderedDict(
        (key, value)
        for key, value in state["trunk"].items()
        if not key.endswith("num_batches_tracked")
    )
    state["embedder"] = {"0.weight": net.embedder[1].weight.data}  # and without a bias
    state["optimiser"] = {"step": 3}  # what else is in it does not matter
    path = tmp_path / "old.mdl"
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    read = read_checkpoint(path)
    assert read.weight.shape == (500, 512)
    assert read.bias.abs().sum() == 0
    assert read.args == ARGS


class Trap:
    """A pickle that runs a command when it is loaded without care."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.target}'",)


@pytest.mark.parametrize("where", ["args", "trunk", "alone"])
def test_a_checkpoint_that_wants_code_is_refused(
    where: str, net: Forerunner, kyara: Callable[..., Ran], tmp_path: Path
) -> None:
    trap = Trap(tmp_path / "trapped")
    path = tmp_path / "evil.mdl"
    if where == "alone":
        path.write_bytes(pickle.dumps(trap, protocol=2))
    else:
        torch.save({**state_of(net), where: trap}, path)
    ran = kyara("convert", path, "--out", tmp_path / "plugin")
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1
    assert "refused: this file wants to call" in ran.err
    assert "system" in ran.err
    assert "weights_only" not in ran.err  # torch's advice is to do it nevertheless
    assert sorted(os.listdir(tmp_path)) == ["evil.mdl"]


def broken_states(net: Forerunner) -> dict[str, Any]:
    state = state_of(net)
    trunk, embedder = state["trunk"], state["embedder"]
    resnet34 = models.resnet34(weights=None)
    resnet34.fc = nn.Identity()
    nan = {**embedder, "1.bias": torch.full((500,), float("nan"))}
    return {
        "no state dictionary `trunk`": {"embedder": embedder, "args": {}},
        "no state dictionary `embedder`": {"trunk": trunk, "embedder": [1, 2]},
        "`embedder` has 0 linear layers, expected 1": {**state, "embedder": {}},
        "`embedder` has 2 linear layers, expected 1": {
            **state,
            "embedder": {**embedder, "3.weight": torch.zeros(3, 500)},
        },
        "`embedder` has more than a linear layer: 2.running_mean": {
            **state,
            "embedder": {**embedder, "2.running_mean": torch.zeros(500)},
        },
        "`embedder`: weight has the shape (500, 256), expected (500, 512)": {
            **state,
            "embedder": {"1.weight": torch.zeros(500, 256), "1.bias": torch.zeros(500)},
        },
        "`embedder`: bias has NaN": {**state, "embedder": nan},
        "`trunk` is not that of a ResNet18: missing": {
            **state,
            "trunk": {key: v for key, v in trunk.items() if not key.startswith("layer4")},
        },
        "`trunk` is not that of a ResNet18: not known": {
            **state,
            "trunk": resnet34.state_dict(),
        },
        "`trunk`: conv1.weight has the shape (64, 1, 7, 7)": {
            **state,
            "trunk": {**trunk, "conv1.weight": torch.zeros(64, 1, 7, 7)},
        },
        "no state dictionary `trunk` ": torch.zeros(3),
        "no state dictionary `trunk`  ": {**state, "trunk": {0: torch.zeros(3)}},
        "no state dictionary `embedder` ": {
            **state,
            "embedder": {"1.weight": torch.eye(512).to_sparse()},
        },
        "the linear layer of `embedder` is empty": {
            **state,
            "embedder": {"1.weight": torch.zeros(0, 512)},
        },
    }


@pytest.mark.parametrize("case", range(14))
def test_what_is_not_such_a_checkpoint(
    case: int, net: Forerunner, kyara: Callable[..., Ran], tmp_path: Path
) -> None:
    said, state = list(broken_states(net).items())[case]
    path = tmp_path / "broken.mdl"
    torch.save(state, path)
    ran = kyara("convert", path, "--out", tmp_path / "plugin")
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1
    assert f"not a checkpoint of the forerunner: {said.strip()}" in ran.err
    assert os.listdir(tmp_path) == ["broken.mdl"]


@pytest.mark.parametrize(
    "content", [b"", b"text", b"PK\x03\x04broken", b"\x80\x02}q\x00.", pickle.dumps({}), None]
)
def test_files_that_torch_cannot_read(
    content: bytes | None, net: Forerunner, kyara: Callable[..., Ran], tmp_path: Path
) -> None:
    path = tmp_path / "broken.mdl"
    if content is None:  # cut off
        torch.save(state_of(net), path)
        path.write_bytes(path.read_bytes()[:1_000_000])
    else:
        path.write_bytes(content)
    ran = kyara("convert", path, "--out", tmp_path / "plugin")
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1
    assert "broken.mdl: not a checkpoint of the forerunner: " in ran.err
    assert "weights_only" not in ran.err


def test_nothing_is_overwritten(net: Forerunner, kyara: Callable[..., Ran], tmp_path: Path) -> None:
    path = tmp_path / "a.mdl"
    torch.save(state_of(net), path)
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin" / "mine").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for out in ("plugin", "a.mdl", "link"):
        ran = kyara("convert", path, "--out", tmp_path / out)
        assert ran.code == 2
        assert "something is there already" in ran.err
    assert (tmp_path / "plugin" / "mine").read_text() == "mine"
    assert not os.listdir(tmp_path / "empty")


def test_wrong_calls(kyara: Callable[..., Ran], tmp_path: Path) -> None:
    ran = kyara("convert", tmp_path / "none.mdl", "--out", tmp_path / "plugin")
    assert ran.code == 2
    assert "there is no such checkpoint" in ran.err
    ran = kyara("convert", tmp_path, "--out", tmp_path / "plugin")
    assert (ran.code, len(ran.err.splitlines())) == (1, 1)
    ran = kyara("convert", tmp_path / "none.mdl", "--out", tmp_path / "x", "--name", "a/b")
    assert ran.code == 2
    assert "'a/b' cannot be the name of a plugin" in ran.err
