"""Kyara as a Python library: pictures in any form, and the command line's answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kyara
from kyara import KyaraError, Library
from kyara.pictures.source import Data
from tests.conftest import Ran, draw
from tests.support import TORN, files


@pytest.fixture
def model(tiny_plugin: Path) -> kyara.Model:
    return kyara.Model(tiny_plugin, cache=False)


def test_a_picture_may_have_any_form(model: kyara.Model, tmp_path: Path) -> None:
    path = draw(tmp_path / "a.png", "ruby")
    image = Image.open(path)
    forms = [path, str(path), image, np.asarray(image.convert("RGB")), Data(path.read_bytes())]
    rows = [model.embed(form) for form in forms]
    assert [len(row) for row in rows] == [1] * len(forms)
    for (row,) in rows:
        np.testing.assert_allclose(row.embeddings, rows[0][0].embeddings, atol=1e-5)
    assert len(model.embed(forms)) == len(forms)
    stack = np.stack([forms[3], forms[3]])  # type: ignore[arg-type]
    assert len(model.embed(stack)) == 2


def test_two_pictures_are_compared_as_by_the_command(
    model: kyara.Model, tiny_plugin: Path, tmp_path: Path, kyara: Callable[..., Ran]
) -> None:
    a, b = draw(tmp_path / "a.png", "ruby"), draw(tmp_path / "b.png", "jade")
    same, other = model.compare(a, a), model.compare(str(a), b)
    assert same.score == pytest.approx(1.0)
    assert other.score < same.score
    printed = kyara("compare", a, b, "--plugin", tiny_plugin, "--json").json()
    assert printed["score"] == pytest.approx(other.score, abs=1e-4)
    assert printed["same"] == other.same


def test_a_broken_picture_is_an_error_where_it_is_needed(
    model: kyara.Model, cast: Path, tmp_path: Path
) -> None:
    good, torn = draw(tmp_path / "good.png", "ruby"), tmp_path / "torn.png"
    torn.write_bytes(TORN)
    with pytest.raises(kyara.KyaraError, match=r"torn\.png"):
        model.compare(good, torn)
    first, second = model.gallery(cast).identify([torn, good])
    assert (first.character, second.character) == (None, "ruby")
    assert "torn.png" in str(first.error)
    with pytest.raises(kyara.KyaraError, match="expected a path"):
        model.embed([42])  # type: ignore[list-item]
    with pytest.raises(kyara.KyaraError, match="uint8"):
        model.embed(np.zeros((4, 4)))  # type: ignore[arg-type]


def test_a_gallery_answers_as_the_command_does(
    model: kyara.Model, tiny_plugin: Path, cast: Path, inbox: Path, kyara: Callable[..., Ran]
) -> None:
    ran = kyara("identify", inbox, "--refs", cast, "--plugin", tiny_plugin, "--json")
    printed = [json.loads(line) for line in ran.out.splitlines()]
    answers = model.gallery(str(cast)).identify([row["path"] for row in printed])
    assert [answer.character for answer in answers] == [row["character"] for row in printed]
    assert len({answer.character for answer in answers}) > 2
    for answer, row in zip(answers, printed, strict=True):
        if answer.best is not None:
            assert answer.best.score == pytest.approx(row["candidates"][0]["score"], abs=1e-4)


def test_references_may_be_in_memory(model: kyara.Model, cast: Path) -> None:
    pictures = {
        folder.name: [Image.open(path) for path in sorted(folder.iterdir())]
        for folder in sorted(cast.iterdir())
    }
    gallery = model.gallery(pictures)
    assert gallery.characters == tuple(sorted(pictures))
    answers = [gallery.identify(path)[0] for path in sorted(cast.rglob("ruby/*"))]
    assert {answer.character for answer in answers} == {"ruby"}
    with pytest.raises(kyara.KyaraError, match="'ruby' has no usable picture"):
        model.gallery({"ruby": []})
    with pytest.raises(kyara.KyaraError, match="no references"):
        model.gallery({})


def test_sorting_is_the_commands(
    model: kyara.Model,
    tiny_plugin: Path,
    cast: Path,
    inbox: Path,
    tmp_path: Path,
    kyara: Callable[..., Ran],
) -> None:
    from kyara import sort

    by_hand, by_command = tmp_path / "hand", tmp_path / "command"
    gallery = model.gallery(cast)
    assert not sort(inbox, gallery, by_hand, dry_run=True).interrupted
    assert not by_hand.exists()
    result = sort(str(inbox), gallery, str(by_hand))
    options = ("--refs", cast, "--plugin", tiny_plugin, "--out", by_command)
    assert kyara("sort", inbox, *options).code in (0, 3)
    assert files(by_hand) == files(by_command)
    assert len(result.answers) >= len(files(by_hand))


def test_a_library_heeds_what_is_said_while_it_is_open(
    tiny_plugin: Path, cast: Path, tmp_path: Path
) -> None:
    model = kyara.Model(tiny_plugin, cache=False)
    probe = draw(tmp_path / "probe.png", "ruby", 4)
    with kyara.Library.create(tmp_path / "cast.kyara", model) as library:
        assert not library.add(cast).failed
        assert library.characters == ("azure", "jade", "ruby")
        (answer,) = library.identify(probe)
        assert answer.character == "ruby"
        assert answer.digest is not None
        library.decisions.confirm([answer.digest], "jade")
        assert library.identify(probe)[0].character == "jade"
    with kyara.Library(tmp_path / "cast.kyara", model=model) as library:
        assert library.identify(probe)[0].character == "jade"
        with pytest.raises(kyara.KyaraError, match="reading only"):
            library.decisions.confirm([answer.digest], "ruby")


def test_speaking_of_pictures(tiny_plugin: Path, cast: Path, tmp_path: Path) -> None:
    model = kyara.Model(tiny_plugin, cache=False)
    probes = [draw(tmp_path / "probes" / f"{n}.png", "ruby", n + 4) for n in range(2)]
    with kyara.Library.create(tmp_path / "cast.kyara", model) as library:
        library.add(cast)
        said = library.confirm([*map(str, probes), tmp_path / "nowhere.png"], "jade")
        assert said.pictures == 2
        assert "nowhere.png" in str(said.failed[0])
        assert {a.character for a in library.identify(probes)} == {"jade"}
        assert library.undo() == said.decision
        assert {a.character for a in library.identify(probes)} == {"ruby"}
        library.reject(tmp_path / "probes", "ruby")  # the folder
        assert "ruby" not in {a.character for a in library.identify(probes)}
        library.ignore(probes[0])
        assert library.identify(probes)[0].character is None
        assert library.reject(tmp_path / "nowhere.png", "ruby").decision is None
        with pytest.raises(kyara.KyaraError, match="about one picture"):
            library.ignore(probes, box=kyara.Box(0, 0, 9, 9))


def test_a_library_of_another_model_is_refused(tiny_plugin: Path, tmp_path: Path) -> None:
    kyara.Library.create(tmp_path / "own.kyara", kyara.Model(tiny_plugin)).close()
    with pytest.raises(kyara.KyaraError, match="not of kyara-2"):
        kyara.Library(tmp_path / "own.kyara", model=kyara.Model())


def test_every_public_name_can_be_had_and_importing_loads_no_model() -> None:
    for name in kyara.__all__:
        assert getattr(kyara, name) is not None
    with pytest.raises(AttributeError, match="nobody"):
        kyara.nobody  # noqa: B018
    code = "import sys, kyara; print(sorted({'numpy', 'onnxruntime', 'PIL'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "[]"


def test_a_heap_is_grouped_and_named_as_by_the_command(
    model: kyara.Model, tmp_path: Path, kyara: Callable[..., Ran]
) -> None:
    pictures = [
        draw(tmp_path / "heap" / f"{name}-{pose}.png", name, pose)
        for name in ("ruby", "jade")
        for pose in range(4)
    ]
    found = model.group(pictures, similarity=0.8)
    assert [len(group.figures) for group in found.groups] == [4, 4]
    with Library.create(tmp_path / "heap.kyara", model) as library:
        assert library.add(tmp_path / "heap", named=False).named == 0
        first, second = library.group(0.8).groups
        assert library.confirm_group(first.number, "Ann").pictures == 4
        library.ignore_group(second.number)
        assert library.group(0.8).groups == ()
        library.undo()
        (left,) = library.group(0.8).groups
        library.reject_group(left.number, "Ann")
        assert {f.path for f in left.figures} == {f.path for f in second.figures}
    ran = kyara("group", "--library", tmp_path / "heap.kyara", "--similarity", "0.8", "--json")
    assert {row["group"] for row in ran.rows()} == {left.number}
    library = Library(tmp_path / "heap.kyara", model=model)
    with library, pytest.raises(KyaraError, match="does not say how alike"):
        library.group()
