"""Plugins with Python code of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kyara.errors import PluginError
from kyara.plugins.discover import open_encoder
from tests.conftest import PLUGIN_ENTRY, MakePlugin, Ran, draw

CROPS = np.full((2, 16, 16, 3), (250, 20, 90), dtype=np.uint8)


def returning(expression: str) -> dict[str, str]:
    """The code of a plugin whose encode gives that."""
    return {
        "model.py": f"""
import numpy as np


class Model:
    def encode(self, crops):
        return {expression}


def load(directory, device):
    return Model()
"""
    }


def failure(directory: Path) -> str:
    """What is said when the plugin is used."""
    with pytest.raises(PluginError) as raised:
        open_encoder(str(directory)).encode(CROPS)
    assert str(raised.value).isprintable()
    return str(raised.value)


def test_its_embeddings_come_out_at_unit_length(make_plugin: MakePlugin) -> None:
    embeddings = open_encoder(str(make_plugin())).encode(CROPS)
    assert embeddings.shape == (2, 3)
    assert embeddings.dtype == np.float32
    expected = np.array([149.5, -80.5, -10.5]) / np.linalg.norm([149.5, -80.5, -10.5])
    np.testing.assert_allclose(embeddings, [expected, expected], atol=1e-6)


def test_two_plugins_whose_files_share_names_do_not_collide(make_plugin: MakePlugin) -> None:
    code = """
from .helper import VALUE
from .parts.deep import DEEP


class Model:
    def encode(self, crops):
        from .late import LATE  # also when it is imported while running

        return [[VALUE, DEEP, LATE]] * len(crops)


def load(directory, device):
    return Model()
"""

    def plugin(name: str, numbers: tuple[int, int, int]) -> Path:
        value, deep, late = numbers
        files = {
            "model.py": code,
            "helper.py": f"VALUE = {value}",
            "parts/deep.py": f"from ..helper import VALUE\nDEEP = {deep} + 0 * VALUE",
            "late.py": f"LATE = {late}",
        }
        return make_plugin(name, files)

    one = open_encoder(str(plugin("one", (3, 4, 0))))
    two = open_encoder(str(plugin("two", (0, 3, 4))))
    before = list(sys.path)
    for _ in range(2):  # in turns, first and later
        np.testing.assert_allclose(one.encode(CROPS), [[0.6, 0.8, 0]] * 2, atol=1e-6)
        np.testing.assert_allclose(two.encode(CROPS), [[0, 0.6, 0.8]] * 2, atol=1e-6)
    assert sys.path == before
    assert not {"model", "helper", "late", "parts"} & set(sys.modules)


def test_equal_code_in_two_directories_finds_its_own_files(make_plugin: MakePlugin) -> None:
    files = {
        "model.py": "from pathlib import Path\n" + PLUGIN_ENTRY + "    HERE = Path(__file__)\n"
    }
    places = {
        Path(sys.modules[type(backend).__module__].__file__ or "").parent.name
        for name in ("one", "two")
        for backend in [_backend(make_plugin(name, files))]
    }
    assert places == {"one", "two"}


def _backend(directory: Path) -> object:
    encoder = open_encoder(str(directory))
    encoder.encode(CROPS)
    return encoder._backend


def test_changed_code_is_another_encoder_in_the_same_process(make_plugin: MakePlugin) -> None:
    first = open_encoder(str(make_plugin(files=returning("[[1, 0, 0]] * len(crops)"))))
    assert first.encode(CROPS)[0].tolist() == [1, 0, 0]
    second = open_encoder(str(make_plugin(files=returning("[[0, 0, 1.0]] * len(crops)"))))
    assert second.id != first.id
    assert second.encode(CROPS)[0].tolist() == [0, 0, 1]


def test_code_is_told_its_directory_and_device(make_plugin: MakePlugin) -> None:
    files = {
        "model.py": """
class Model:
    def __init__(self, text):
        self.row = [float(number) for number in text.split()]

    def encode(self, crops):
        return [self.row] * len(crops)


def load(directory, device):
    assert device == "cpu"
    return Model((directory / "numbers.txt").read_text())
""",
        "numbers.txt": "0 1 0",
    }
    assert open_encoder(str(make_plugin(files=files))).encode(CROPS)[1].tolist() == [0, 1, 0]


def test_opening_runs_no_code_and_using_runs_it_once(
    make_plugin: MakePlugin, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    files = {"model.py": f"open({str(trace)!r}, 'a').write('x')\n{PLUGIN_ENTRY}"}
    encoder = open_encoder(str(make_plugin(files=files)))
    assert not trace.exists()
    encoder.encode(CROPS[:0])
    assert not trace.exists()
    for _ in range(3):
        encoder.encode(CROPS)
    assert trace.read_text() == "x"


def test_the_entry_must_be_there_when_the_plugin_is_opened(make_plugin: MakePlugin) -> None:
    with pytest.raises(PluginError, match=r"entry 'model:load': no model\.py"):
        open_encoder(str(make_plugin(files={})))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("", "entry 'model:load': no such function"),
        ("load = 3", "entry 'model:load': no such function"),
        ("def load(:", "its code fails with SyntaxError: "),
        ("raise RuntimeError('first line\\nsecond line')", "RuntimeError: first line second line"),
        ("raise SystemExit(3)", "its code fails with SystemExit: 3"),
        ("assert False", "its code fails with AssertionError: no message"),
        ("import no_such_package", "its code needs the module 'no_such_package'"),
        ("def load(directory, device):\n    1 / 0", "load() fails with ZeroDivisionError: "),
        ("def load():\n    pass", "load() fails with TypeError: "),
        ("def load(directory, device):\n    import nsp.x", "load() needs the module 'nsp'"),
        ("def load(directory, device):\n    pass", "load() returned a NoneType without encode"),
        (
            "class M:\n    encode = 3\n\n\ndef load(directory, device):\n    return M()",
            "load() returned a M without encode",
        ),
    ],
)
def test_code_that_fails_is_blamed_in_one_line(
    code: str, said: str, make_plugin: MakePlugin
) -> None:
    directory = make_plugin(files={"model.py": code})
    message = failure(directory)
    assert said in message
    assert "model.py: " in message


def test_a_helper_imported_without_its_dot_gets_a_hint(make_plugin: MakePlugin) -> None:
    directory = make_plugin(files={"model.py": f"import helper\n{PLUGIN_ENTRY}", "helper.py": ""})
    assert "from .helper import" in failure(directory)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("np.zeros((len(crops), 4))", "expected embeddings of dimension 3, got 4"),
        ("np.zeros((1, 3))", "expected 2 embeddings, got 1"),
        ("np.zeros(3)", "expected embeddings of shape (n, d)"),
        ("np.full((len(crops), 3), np.nan)", "expected finite embeddings"),
        ("None", "expected embeddings of shape (n, d)"),
        ("'text'", "could not convert"),
        ("[[1, 2, 3], [1]]", "failed: "),
        ("{}['x']", "KeyError: 'x'"),
        ("np.zeros((10**9, 10**9))", "MemoryError"),
    ],
)
def test_what_encode_returns_is_checked(
    expression: str, said: str, make_plugin: MakePlugin
) -> None:
    message = failure(make_plugin(files=returning(expression)))
    assert message.startswith("the encoder grey failed: ")
    assert said in message


SIMILAR = """
import numpy as np


class Model:
    def encode(self, crops):
        return crops.mean(axis=(1, 2)) + 1

    def similarity(self, a, b):
        return {}


def load(directory, device):
    return Model()
"""
DISTANCE = "-np.linalg.norm(a[:, None] - b[None], axis=2)"


def similar(make_plugin: MakePlugin, expression: str) -> Path:
    files = {"model.py": SIMILAR.format(expression)}
    return make_plugin(files=files, embedding={"similarity": "plugin"})


def test_a_similarity_of_its_own_reaches_compare_and_sort(
    make_plugin: MakePlugin,
    kyara: Callable[..., Ran],
    cast: Path,
    inbox: Path,
    tmp_path: Path,
) -> None:
    plugin = similar(make_plugin, DISTANCE)
    a, b = draw(tmp_path / "a.png", "ruby"), draw(tmp_path / "b.png", "jade")
    near = kyara("compare", a, a, "--plugin", plugin, "--json").json()["score"]
    far = kyara("compare", a, b, "--plugin", plugin, "--json").json()["score"]
    assert near == pytest.approx(0, abs=1e-3)
    assert far < -0.5  # no cosine of two colours is negative
    out = tmp_path / "out"
    ran = kyara("sort", inbox, "--refs", cast, "--out", out, "--plugin", plugin, "--json")
    assert ran.code == 0
    answers = {Path(row["path"]).name: row["character"] for row in ran.rows()}
    assert (answers["r1.png"], answers["j2.jpg"], answers["a1.png"]) == ("ruby", "jade", "azure")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("np.zeros(3)", "expected scores (2, 2), got (3,)"),
        ("np.full((len(a), len(b)), np.inf)", "expected finite scores"),
        ("1 / 0", "ZeroDivisionError"),
        ("None", "expected scores (2, 2), got ()"),
    ],
)
def test_what_similarity_returns_is_checked(
    expression: str, said: str, make_plugin: MakePlugin
) -> None:
    encoder = open_encoder(str(similar(make_plugin, expression)))
    rows = encoder.encode(CROPS)
    with pytest.raises(PluginError, match="the encoder grey failed") as raised:
        encoder.similarity(rows, rows)
    assert said in str(raised.value)


def test_a_similarity_that_is_promised_must_be_there(make_plugin: MakePlugin) -> None:
    directory = make_plugin(embedding={"similarity": "plugin"})
    assert "load() returned a Model without similarity" in failure(directory)


def test_commands_say_it_in_one_line(
    make_plugin: MakePlugin, kyara: Callable[..., Ran], tmp_path: Path
) -> None:
    a, b = draw(tmp_path / "a.png", "ruby"), draw(tmp_path / "b.png", "jade")
    plugin = make_plugin(files={"model.py": "raise ValueError('a\\n\\nb')"})
    ran = kyara("compare", a, b, "--plugin", plugin)
    assert ran.code == 1
    assert ran.out == ""
    assert ran.err == f"kyara: {plugin}/model.py: its code fails with ValueError: a b\n"
