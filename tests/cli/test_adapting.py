"""A judge that fits itself to the pictures: what the commands look at, and what they say of it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kyara
from kyara.identify.answer import answer_pictures
from kyara.library.store import Library
from kyara.pictures.digest import digest_of_file
from tests.cli.test_fit import fitted, paint
from tests.conftest import Ran
from tests.support import run_process

__all__ = ["fitted"]  # a fixture

Kyara = Callable[..., Ran]


@pytest.fixture
def cast(tmp_path: Path) -> Path:
    return paint(tmp_path / "cast", range(70, 75), 3)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Ten pictures of the cast, and ten of others."""
    for source, characters in (("more", range(70, 75)), ("s", range(80, 90))):
        for path in paint(tmp_path / source, characters, 5 if source == "more" else 1).rglob("*"):
            if path.suffix and (path.stem not in ("0", "1", "2") or source == "s"):
                target = tmp_path / "inbox" / f"{path.parent.name}-{path.name}"
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(path.read_bytes())
    return tmp_path / "inbox"


def scores(ran: Ran) -> dict[str, float]:
    return {Path(row["path"]).name: row["score"] for row in ran.rows()}


def test_it_says_to_what_it_was_adapted_and_can_be_told_not_to(
    kyara: Kyara, fitted: Path, cast: Path, inbox: Path
) -> None:
    sort = ["sort", inbox, "--out", inbox.parent / "out", "--dry-run", "--json"]
    for command in (sort, ["identify", inbox, "--json"]):
        call = [*command, "--refs", cast, "--plugin", fitted]
        ran = kyara(*call)
        said = "kyara: adapted to the references and 20 pictures; a name is given from "
        assert f"{said}probability 0.45" in ran.err
        rising = [least(kyara(*call, "--at-fpr", rate)) for rate in ("10%", "5%", "1%")]
        assert rising == sorted(rising)
        assert rising[0] < rising[-1]
        assert "probability" not in kyara(*call, "--always-name").err
        for option in (["--no-adapt"], ["--mode", "any"]):
            other = kyara(*call, *option)
            assert "adapted" not in other.err
            assert scores(other) != scores(ran)


def least(ran: Ran) -> float:
    """The probability from which on a name is given, as it was said."""
    (said,) = re.findall(r"from probability (\S+)", ran.err)
    return float(said)


def test_sort_and_identify_and_python_agree(
    kyara: Kyara, fitted: Path, cast: Path, inbox: Path
) -> None:
    given = ["--refs", cast, "--plugin", fitted, "--json"]
    sorted_ = kyara("sort", inbox, "--out", inbox.parent / "out", "--dry-run", *given).rows()
    asked = kyara("identify", inbox, *given).rows()
    who = {row["path"]: row["character"] for row in sorted_}
    assert {row["path"]: row["character"] for row in asked} == who
    answers = python_answers(fitted, cast, sorted(inbox.iterdir()))
    assert {str(answer.path): answer.character for answer in answers} == who


def python_answers(
    plugin: Path, cast: Path, pictures: list[Path], adapt: bool = True
) -> list[kyara.Answer]:
    gallery = kyara.Model(plugin, cache=False).gallery(cast, adapt=adapt)
    return gallery.identify(pictures)


def test_the_order_of_the_pictures_is_nothing_to_the_answers(
    fitted: Path, cast: Path, inbox: Path
) -> None:
    pictures = sorted(inbox.iterdir())
    one = {a.path: a.best for a in python_answers(fitted, cast, pictures)}
    other = {a.path: a.best for a in python_answers(fitted, cast, pictures[::-1])}
    for path, best in one.items():
        again = other[path]
        assert best is not None
        assert again is not None
        assert best.character == again.character
        assert best.score == pytest.approx(again.score, abs=1e-4)


def test_what_comes_on_stdin_is_judged_by_the_references(
    kyara: Kyara, fitted: Path, cast: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kyara.identify.gallery.COPY", 0.98)  # as in the process
    # As the command takes it: pictures may go on for ever, so no answer hangs on a later one.
    listed = "".join(f"{path}\n" for path in sorted(inbox.iterdir())).encode()
    command = ["identify", "-", "--refs", cast, "--plugin", fitted, "--json"]
    ran = run_process(
        [sys.executable, "-m", "kyara", *map(str, command)], inbox.parent, stdin=listed
    )
    assert ran.code == 0, ran.err
    assert "kyara: adapted to the references; a name is given" in ran.err
    lines = [json.loads(line) for line in ran.out.splitlines()]
    (first,) = python_stream(fitted, cast, [Path(lines[0]["path"])])
    assert first.best is not None
    assert lines[0]["score"] == pytest.approx(first.best.score, abs=1e-3)


def python_stream(plugin: Path, cast: Path, pictures: list[Path]) -> list[kyara.Answer]:
    model = kyara.Model(plugin, cache=False)
    gallery = model.gallery(cast).references.gallery
    return list(answer_pictures(model.embed(pictures), gallery, model.encoder))


def test_a_library_lends_its_pictures_without_a_name(
    kyara: Kyara, fitted: Path, cast: Path, inbox: Path
) -> None:
    path = inbox.parent / "cast.kyara"
    assert kyara("library", "create", path, "--plugin", fitted).code == 0
    assert kyara("library", "add", path, cast, "--cast").code == 0
    one = next(inbox.iterdir())
    few = kyara("identify", one, "--library", path, "--json")
    assert "adapted to the references and 1 picture;" in few.err
    assert kyara("library", "add", path, inbox).code == 0
    many = kyara("identify", one, "--library", path, "--json")
    assert "adapted to the references and 21 pictures;" in many.err
    with Library.open(path) as library:
        others, references = library.others(), library.references()
    assert len(others) == 20
    assert len(references.embeddings) == 15
    assert not set(map(bytes, others)) & set(map(bytes, references.embeddings))
    np.testing.assert_allclose(np.linalg.norm(others, axis=1), 1.0, atol=1e-5)


def test_a_rejection_is_learnt_from_and_can_be_undone(
    kyara: Kyara, fitted: Path, cast: Path, inbox: Path
) -> None:
    path = inbox.parent / "cast.kyara"
    assert kyara("library", "create", path, "--plugin", fitted).code == 0
    assert kyara("library", "add", path, cast, "--cast").code == 0
    stranger = sorted(inbox.glob("c8*.png"))[0]
    like_it = inbox.parent / "like.png"
    pixels = np.asarray(Image.open(stranger).convert("RGB")).astype(int)
    Image.fromarray(np.clip(pixels + 3, 0, 255).astype(np.uint8)).save(like_it)
    ask = ["identify", like_it, "--library", path, "--json"]
    before = kyara(*ask).rows()[0]["candidates"][0]
    decide = ["decide", "reject", stranger, "--library", path]
    assert kyara(*decide, "--character", "nobody").code == 2
    with Library.open(path) as library:
        assert library.counts().pictures == 15
    assert kyara(*decide, "--character", before["character"]).code == 0
    with Library.open(path) as library:
        assert library.rejected().characters == (before["character"],)
        assert library.counts().pictures == 16
    after = kyara(*ask).rows()[0]["candidates"]
    scores = {candidate["character"]: candidate["score"] for candidate in after}
    assert scores.get(before["character"], -np.inf) < before["score"] - 1
    assert kyara("decide", "undo", "--library", path).code == 0
    with Library.open(path) as library:
        assert library.rejected().characters == ()


def test_a_rejection_stands_where_the_picture_cannot_be_embedded(
    kyara: Kyara, fitted: Path, cast: Path, inbox: Path
) -> None:
    path = inbox.parent / "cast.kyara"
    assert kyara("library", "create", path, "--plugin", fitted).code == 0
    assert kyara("library", "add", path, cast, "--cast").code == 0
    one = next(inbox.iterdir())
    fitted.rename(fitted.with_name("away"))
    decide = ["decide", "reject", one, "--library", path, "--character"]
    (name, *_) = sorted(folder.name for folder in cast.iterdir())
    assert kyara(*decide, name).code == 0
    with Library.open(path) as library:
        assert library.said(digest_of_file(one)).rejected == {name}
        assert len(library.rejected().embeddings) == 0


def test_compare_judges_as_the_library_s_pictures_are_drawn(
    kyara: Kyara, fitted: Path, cast: Path, inbox: Path
) -> None:
    path = inbox.parent / "cast.kyara"
    assert kyara("library", "create", path, "--plugin", fitted).code == 0
    empty = kyara("compare", *list(inbox.iterdir())[:2], "--library", path, "--json")
    assert "adapted_to" not in empty.json()
    assert kyara("library", "add", path, cast, "--cast").code == 0
    assert kyara("library", "add", path, inbox).code == 0
    one = next(inbox.iterdir())
    call = ["compare", one, "--library", path, "--json"]
    ran, as_it_is = kyara(*call), kyara(*call, "--no-adapt")
    found, before = ran.json(), as_it_is.json()
    assert "kyara: adapted to the references and 21 pictures" in ran.err
    assert found["adapted_to"] == 21
    assert "adapted_to" not in before
    assert "adapted" not in as_it_is.err
    assert found["scores"] == before["scores"]
    chances = np.array(found["probabilities"])
    np.testing.assert_allclose(chances, chances.T, atol=1e-3)
    assert (chances != np.array(before["probabilities"])).any()
    (name, *_) = sorted(folder.name for folder in cast.iterdir())
    some = kyara(*call, "--character", name).json()
    rows = [found["pictures"].index(picture) for picture in some["pictures"]]
    np.testing.assert_allclose(some["probabilities"], chances[np.ix_(rows, rows)], atol=1e-3)


def test_thresholds_of_one_s_own_stay_as_they_were_measured(
    kyara: Kyara, fitted: Path, cast: Path, inbox: Path
) -> None:
    own = inbox.parent / "own.json"
    assert kyara("calibrate", cast, "--plugin", fitted, "--out", own).code in (0, 3)
    call = ["identify", inbox, "--refs", cast, "--plugin", fitted, "--json"]
    by_own = kyara(*call, "--calibration", own)
    assert "adapted" not in by_own.err
    assert scores(by_own) == scores(kyara(*call, "--no-adapt"))


def test_a_plugin_of_before_is_not_adapted(
    kyara: Kyara, fitted: Path, cast: Path, inbox: Path
) -> None:
    manifest = fitted / "plugin.toml"
    text = manifest.read_text("utf-8")
    before, _ = text.split("[open_set.adapted]")
    manifest.write_text(before, "utf-8")
    ran = kyara("identify", inbox, "--refs", cast, "--plugin", fitted, "--json")
    assert ran.code == 0
    assert "adapted" not in ran.err
