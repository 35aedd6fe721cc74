"""A Lance dataset of references: written by a library, read in its place, and taken back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kyara.identify import indexes
from tests.cli.libraries import Kyara, by_character
from tests.conftest import Ran, draw
from tests.support import run_process

pytest.importorskip("lance", reason="needs the extra `scale`")
pytestmark = pytest.mark.scale


@pytest.fixture
def dataset(kyara: Kyara, library: Path) -> Path:
    """The library as a dataset: nine references, and a picture that nobody named."""
    draw(library.parent / "loose" / "who.png", "stranger", 60)
    assert kyara("library", "add", "cast.kyara", "loose").code == 0
    ran = kyara("library", "export", "cast.kyara", "--lance", "cast.lance", "--json")
    assert ran.json() == {"dataset": "cast.lance", "references": 9, "unnamed": 1}
    return library.parent / "cast.lance"


@pytest.fixture
def ask(kyara: Kyara, tiny_plugin: Path) -> Callable[..., Ran]:
    """Identify the inbox against the references of a library."""

    def identify(library: object, *options: object) -> Ran:
        words = ("--library", library, "--plugin", tiny_plugin, "--json", *options)
        return kyara("identify", "inbox", *words)

    return identify


def rows(path: Path) -> list[dict[str, Any]]:
    import lance

    found = lance.dataset(path).to_table().to_pylist()
    return sorted(found, key=lambda row: (row["digest"], row["left"], row["top"]))


def test_it_answers_as_the_library_does(
    ask: Callable[..., Ran], kyara: Kyara, dataset: Path, inbox: Path, tiny_plugin: Path
) -> None:
    by_library = ask("cast.kyara", "--nearest", 2)
    assert by_library.code == 0, by_library.err
    for name in ("cast.lance", "lance://cast.lance", f"lance://{dataset}"):
        by_dataset = ask(name, "--nearest", 2)
        assert by_dataset.rows() == by_library.rows()
    sorted_ones = [
        kyara("sort", "inbox", "--library", name, "--plugin", tiny_plugin, "--out", out, "--json")
        for name, out in (("cast.kyara", "a"), ("cast.lance", "b"))
    ]
    names = [[row["character"] for row in ran.rows()] for ran in sorted_ones]
    assert names[0] == names[1]


def test_its_own_pictures_show_whom_it_says(
    kyara: Kyara, dataset: Path, library: Path, tiny_plugin: Path
) -> None:
    kyara("decide", "confirm", "cast/ruby/0.png", "--character", "jade")
    kyara("library", "export", "cast.kyara", "--lance", "cast.lance", "--overwrite")
    words = ("--library", "cast.lance", "--plugin", tiny_plugin, "--json")
    (row,) = kyara("identify", "cast/ruby/0.png", *words).rows()
    assert row["character"] == "jade"


def test_there_and_back(kyara: Kyara, dataset: Path, tiny_plugin: Path) -> None:
    before = rows(dataset)
    kyara("library", "create", "mine.kyara", "--plugin", tiny_plugin)
    for named in (9, 0):
        ran = kyara("library", "import", "mine.kyara", "cast.lance", "--json")
        assert ran.json() == {"references": 9, "named": named}
    kyara("library", "export", "mine.kyara", "--lance", "again.lance")
    names = {row["digest"]: Path(row.pop("uri")).name for row in before}
    after = rows(dataset.with_name("again.lance"))
    assert {row["digest"]: row.pop("uri") for row in after} == names
    assert after == before


def test_what_was_said_before_stands(kyara: Kyara, dataset: Path, tiny_plugin: Path) -> None:
    kyara("library", "create", "mine.kyara", "--plugin", tiny_plugin)
    kyara("library", "add", "mine.kyara", "cast/ruby/0.png", "--character", "Somebody")
    assert kyara("library", "import", "mine.kyara", "cast.lance", "--json").json()["named"] == 8
    counts = kyara("library", "info", "mine.kyara", "--json").json()["by_character"]
    assert counts == {"Somebody": 1, "azure": 3, "jade": 3, "ruby": 2}


def test_a_dataset_of_another_model_is_refused(
    ask: Callable[..., Ran], kyara: Kyara, dataset: Path, inbox: Path
) -> None:
    words = ("identify", "inbox", "--library", "cast.lance", "--json")
    for ran in (kyara(*words), kyara(*words, "--plugin", "kyara-2")):
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
        assert "cast.lance: this dataset holds embeddings of tiny@1:" in ran.err
    kyara("library", "create", "other.kyara")
    ran = kyara("library", "import", "other.kyara", "cast.lance")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert by_character(kyara)["ruby"] == 3


def test_a_dataset_of_another_detector_is_refused(
    ask: Callable[..., Ran], dataset: Path, inbox: Path
) -> None:
    ran = ask("cast.lance", "--detect", "heads-1")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "were found by whole, not heads-1@" in ran.err


def test_what_is_no_dataset_of_references_is_one_line(
    ask: Callable[..., Ran], kyara: Kyara, dataset: Path, inbox: Path, tiny_plugin: Path
) -> None:
    import lance

    here = dataset.parent
    (here / "empty.lance").mkdir()
    (here / "file.lance").write_bytes(b"nothing")
    kyara("embed", "inbox", "--out", "embedded.lance", "--plugin", tiny_plugin)
    table = lance.dataset(dataset).to_table()
    lance.write_dataset(table.slice(0, 0), here / "none.lance")
    lance.write_dataset(table.drop_columns(["digest"]), here / "short.lance")
    nobody = table.filter(table.column("character").is_null())
    lance.write_dataset(nobody, here / "nobody.lance")
    told = {
        "missing.lance": "there is no such dataset",
        "empty.lance": "this is no Lance dataset",
        "file.lance": "this is no Lance dataset",
        "embedded.lance": "this dataset has no column 'character' of string",
        "none.lance": "it has no figures",
        "short.lance": "no column 'digest'",
        "nobody.lance": "none of the figures in this dataset has a character",
    }
    for name, what in told.items():
        ran = ask(name)
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1), ran.err
        assert f"{name}: " in ran.err
        assert what in ran.err


def test_a_damaged_row_is_one_line(
    ask: Callable[..., Ran], kyara: Kyara, dataset: Path, inbox: Path
) -> None:
    import lance

    opened = lance.dataset(dataset)
    opened.update({"kind": "'elephant'", "uri": "NULL"}, where="character = 'ruby'")
    for ran in (ask("cast.lance"), kyara("library", "import", "cast.kyara", "cast.lance")):
        assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
        assert "cast.lance: this dataset cannot be read: " in ran.err
    opened.update({"kind": "'whole'", "encoder": "'another'"}, where="character = 'ruby'")
    ran = ask("cast.lance")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "not all of one encoder" in ran.err


@pytest.mark.parametrize("kind", ["lance", "usearch"])
def test_too_many_for_memory_answer_as_the_library_does(
    ask: Callable[..., Ran],
    kyara: Kyara,
    dataset: Path,
    inbox: Path,
    tiny_plugin: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    pytest.importorskip("usearch", reason="needs the extra `index`")
    by_library = ask("cast.kyara", "--top", 3)
    monkeypatch.setattr(indexes, "EXACT", 8)
    one_by_one = ask("cast.lance", "--top", 3)
    assert "9 references are searched one by one: kyara library index" in one_by_one.err
    for number in range(40):  # codes are learnt from at least 16
        draw(dataset.parent / "more" / f"{number}.png", "stranger", 1000 + number)
    kyara("library", "add", "cast.kyara", "more")
    kyara("library", "export", "cast.kyara", "--lance", "cast.lance", "--overwrite")
    told = kyara("library", "index", "cast.lance", "--kind", kind, "--json").json()
    assert (told["kind"], told["references"]) == (kind, 9)
    assert told["recall_at_10"] >= 0.98
    by_index = ask("cast.lance", "--top", 3)
    assert by_index.err == ""
    for ran in (one_by_one, by_index):
        for row, exact in zip(ran.rows(), by_library.rows(), strict=True):
            assert row["character"] == exact["character"]
            assert row["score"] == pytest.approx(exact["score"], abs=1e-5)
    ran = kyara("calibrate", "--library", "cast.lance", "--plugin", tiny_plugin)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "9 references are too many for this" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("library", "add", "cast.lance", "cast", "--cast"),
        ("library", "info", "cast.lance"),
        ("library", "update", "lance://cast.lance"),
        ("decide", "confirm", "cast/ruby/0.png", "--character", "jade", "--library", "cast.lance"),
        ("group", "cast", "--library", "cast.lance"),
        ("suggest", "cast.lance"),
    ],
    ids=" ".join,
)
def test_it_is_for_reading(kyara: Kyara, dataset: Path, words: tuple[str, ...]) -> None:
    before = rows(dataset)
    ran = kyara(*words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "a Lance dataset is for reading" in ran.err
    assert rows(dataset) == before


def test_no_library_is_called_as_a_dataset_is(kyara: Kyara, tmp_path: Path) -> None:
    ran = kyara("library", "create", tmp_path / "x.lance")
    assert ran.code == 2
    assert "not a library" in ran.err
    assert not (tmp_path / "x.lance").exists()


def test_nothing_is_overwritten(kyara: Kyara, dataset: Path) -> None:
    before = rows(dataset)
    ran = kyara("library", "export", "cast.kyara", "--lance", "cast.lance")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    mine = dataset.with_name("mine.lance")
    mine.write_text("mine")
    ran = kyara("library", "export", "cast.kyara", "--lance", mine, "--overwrite")
    assert (ran.code, mine.read_text()) == (2, "mine")
    assert kyara("library", "export", "cast.kyara", "out.zip", "--lance", "new.lance").code == 2
    assert kyara("library", "export", "cast.kyara").code == 2
    ran = kyara("library", "export", "cast.kyara", "--lance", "cast.lance", "--overwrite")
    assert ran.code == 0, ran.err
    assert rows(dataset) == before


def test_a_full_disk_leaves_nothing(
    kyara: Kyara, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lance

    def full(_table: object, path: Path, **_more: object) -> None:
        path.mkdir()
        raise OSError("LanceError(IO): No space left on device")

    before = set(library.parent.glob("*.lance")) | set(library.parent.glob(".kyara*"))
    monkeypatch.setattr(lance, "write_dataset", full)
    ran = kyara("library", "export", "cast.kyara", "--lance", "cast.lance")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "No space left" in ran.err
    assert set(library.parent.glob("*.lance")) | set(library.parent.glob(".kyara*")) == before


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("lance", ("identify", "inbox", "--library", "cast.lance")),
        ("lance", ("library", "export", "cast.kyara", "--lance", "new.lance")),
        ("lance", ("library", "import", "cast.kyara", "cast.lance")),
        ("usearch", ("library", "index", "cast.lance", "--kind", "usearch")),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_missing_extra_is_one_line(
    kyara: Kyara,
    dataset: Path,
    inbox: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    words: tuple[str, ...],
) -> None:
    monkeypatch.setattr(indexes, "EXACT", 8)
    for module in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    ran = kyara(*words)
    assert (ran.code, ran.out) == (2, "")
    extra = {"lance": "scale", "usearch": "index"}[package]
    assert ran.err.splitlines()[-1].endswith(
        f"this needs the package {package} (pip install 'kyara[{extra}]')"
    )


def test_lance_is_only_imported_for_datasets(library: Path, inbox: Path) -> None:
    words = ["identify", "inbox", "--library", "cast.kyara", "--json"]
    code = f"from kyara.cli.main import cli; cli({words!r}, standalone_mode=False)"
    script = f"import sys\n{code}\nprint('loaded', *sys.modules, file=sys.stderr)"
    ran = run_process([sys.executable, "-c", script], library.parent)
    (loaded,) = [line.split() for line in ran.err.splitlines() if line.startswith("loaded ")]
    assert "onnxruntime" in loaded or "sqlite3" in loaded
    assert {"lance", "pyarrow", "usearch"} & set(loaded) == set()
