"""A small fake encoder for speed, plugins that tests write, characters that they draw, and the
command line in process.

The real model and real pictures have their own tests (tests/test_real_model.py).
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from hypothesis import settings
from PIL import Image, ImageDraw

from kyara import detect
from kyara.identify import gallery

settings.register_profile("whole", deadline=None)
"""What must hold. A busy machine is no failure: times are for benchmarks."""
settings.register_profile("quick", deadline=None, max_examples=15)
"""For the quick loop."""
settings.load_profile("whole")

TINY_TOML = """
[plugin]
name = "tiny"
version = "1"

[model]
entry = "tiny:load"

[input]
size = 16

[embedding]
dimension = 48

[calibration]
data = "none: made up for tests"
date = "2026-01-01"
pair = { slope = 20.0, intercept = -16.0, threshold = 0.8 }
any = { slope = 20.0, intercept = -16.0, threshold = 0.8 }
avg = { slope = 20.0, intercept = -16.0, threshold = 0.8 }
"""

TINY_PY = """
class Tiny:
    '''Mean colours of a 4 x 4 grid, around grey.'''

    def encode(self, crops):
        n = len(crops)
        cells = crops.reshape(n, 4, 4, 4, 4, 3).mean(axis=(2, 4))
        return cells.reshape(n, 48) / 255.0 - 0.5 + 1e-3


def load(directory, device):
    return Tiny()
"""


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture(autouse=True, scope="session")
def heeded_interrupts() -> None:
    """A shell that runs the tests in the background has them ignore Ctrl-C, and with them
    every process that they start; some tests are about just that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def pictures_are_whole(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where a test says nothing else, a picture is one figure, whatever detector is shipped."""
    shipped = request.node.get_closest_marker("as_shipped")
    with pytest.MonkeyPatch.context() as patch:  # not the test's own, which it may undo
        patch.setattr(detect, "DEFAULT", None if shipped else detect.WholePicture())
        yield


@pytest.fixture(autouse=True)
def poses_are_no_copies(request: pytest.FixtureRequest) -> Iterator[None]:
    """What tests draw of a character differs less, to the fake encoder, than copies do to a real
    one; it is to count all the same."""
    if request.node.get_closest_marker("as_shipped"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery, "COPY", 0.999)
        yield


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the user's cache, nor another test's."""
    path = tmp_path_factory.mktemp("cache") / "embeddings.sqlite"
    monkeypatch.setenv("KYARA_CACHE", str(path))
    monkeypatch.setenv("KYARA_CONFIG", str(path.parent / "config"))
    return path


@pytest.fixture
def tiny_plugin(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Directory of a plugin with a fake encoder; its characters are colours. Libraries may name
    it, code and all."""
    directory = tmp_path_factory.mktemp("plugins") / "tiny"
    monkeypatch.setenv("KYARA_TRUSTED_PLUGINS", str(directory))
    directory.mkdir()
    (directory / "plugin.toml").write_text(TINY_TOML, encoding="utf-8")
    (directory / "tiny.py").write_text(TINY_PY, encoding="utf-8")
    return directory


@pytest.fixture
def kyara(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs a `kyara` command in this process: `kyara("compare", a, b)`."""
    from kyara.cli.main import cli, run

    def call(*arguments: object) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            run(cli, [str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ran(int(stopped.value.code or 0), captured.out, captured.err)

    return call


COLOURS = {
    "ruby": (200, 30, 40),
    "jade": (20, 150, 70),
    "azure": (30, 60, 210),
    "stranger": (240, 200, 20),
}


def draw(path: Path, name: str, pose: int = 0, size: tuple[int, int] = (60, 60)) -> Path:
    """A picture of the character `name`: its colour, a face, and a pose that differs."""
    rng = np.random.default_rng([pose, len(name)])
    image = Image.new("RGB", size, COLOURS[name])
    pen = ImageDraw.Draw(image)
    x, y = rng.integers(5, 40, 2).tolist()
    pen.ellipse((x, y, x + 8, y + 8), fill=(255, 255, 255))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


@pytest.fixture
def cast(tmp_path: Path) -> Path:
    """A cast of three with three references each, none of them a copy of another."""
    for name in ("ruby", "jade", "azure"):
        for number in range(3):
            draw(tmp_path / "cast" / name / f"{number}.png", name, 50 + number)
    return tmp_path / "cast"


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Two pictures of each of the cast and one of a stranger, some below a folder."""
    folder = tmp_path / "inbox"
    for name in ("ruby", "jade", "azure"):
        draw(folder / f"{name[0]}1.png", name, 11)
        draw(folder / "more" / f"{name[0]}2.jpg", name, 12)
    draw(folder / "who.png", "stranger", 13)
    return folder


@pytest.fixture
def obey_permissions(tmp_path: Path) -> Callable[[], None]:
    """To be called in a new process: root, too, is stopped by permissions from then on."""
    if os.name != "posix":
        pytest.skip("permissions are tested on POSIX systems")

    def give_up_powers() -> None:
        if os.geteuid() != 0:
            return
        for power in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            if ctypes.CDLL(None).prctl(24, power, 0, 0, 0):  # PR_CAPBSET_DROP
                raise PermissionError

    locked = tmp_path / "locked"
    locked.write_bytes(b"")
    locked.chmod(0)
    try:
        opened = subprocess.run(
            [sys.executable, "-c", "open('locked')"],
            cwd=tmp_path,
            preexec_fn=give_up_powers,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.SubprocessError:
        pytest.skip("root cannot give up its powers over files here")
    finally:
        locked.unlink()
    if opened.returncode == 0:
        pytest.skip("permissions stop nobody on this file system")
    return give_up_powers


PLUGIN_BASE: dict[str, dict[str, Any]] = {
    "plugin": {"name": "grey", "version": "1"},
    "model": {"entry": "model:load"},
    "input": {"size": 16},
    "embedding": {"dimension": 3},
}

PLUGIN_ENTRY = """
class Model:
    def encode(self, crops):
        return crops.mean(axis=(1, 2)) - 100.5


def load(directory, device):
    return Model()
"""

MakePlugin = Callable[..., Path]


@pytest.fixture
def make_plugin(tmp_path: Path) -> MakePlugin:
    """`make_plugin("name", {"model.py": text}, input={"size": 32})`: the plugin's directory.

    Tables are merged into `PLUGIN_BASE`; a value of None removes a key. Without files it has
    `model.py`, which gives a picture's mean colour.
    """

    def make(
        name: str = "grey", files: dict[str, str] | None = None, **tables: dict[str, Any]
    ) -> Path:
        directory = tmp_path / name
        directory.mkdir(parents=True, exist_ok=True)
        merged = {
            table: {
                key: value
                for key, value in {**PLUGIN_BASE.get(table, {}), **tables.get(table, {})}.items()
                if value is not None
            }
            for table in {**PLUGIN_BASE, **tables}
        }
        (directory / "plugin.toml").write_text(tomli_w.dumps(merged), encoding="utf-8")
        for path, text in ({"model.py": PLUGIN_ENTRY} if files is None else files).items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_text(text, encoding="utf-8")
        return directory

    return make
