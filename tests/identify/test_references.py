"""Where references come from, and when they cannot be used."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kyara.encode.encoder import Encoder
from kyara.errors import UsageError
from kyara.identify.references import CastReferences
from kyara.library.cast import read_cast
from kyara.plugins.discover import open_encoder
from tests.conftest import draw
from tests.support import TORN


@pytest.fixture
def encoder(tiny_plugin: Path) -> Encoder:
    return open_encoder(str(tiny_plugin))


def write_json(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_every_good_reference_is_in_the_gallery(cast: Path, encoder: Encoder) -> None:
    (cast / "ruby" / "torn.png").write_bytes(TORN)
    told: list[str] = []

    def progress(label: str, total: int) -> AbstractContextManager[Callable[[], None]]:
        return nullcontext(lambda: told.append(f"{label} of {total}"))

    references = CastReferences(read_cast(cast)).embedded(encoder, None, progress)
    gallery = references.gallery
    assert gallery.encoder == encoder.id
    assert gallery.characters == ("azure", "jade", "ruby")
    assert gallery.counts.tolist() == [3, 3, 3]
    for character in ("azure", "jade", "ruby"):
        assert sum(path.parent.name == character for path in gallery.paths) == 3
    assert told == ["references of 10"] * 10
    (bad,) = references.failed
    assert bad.where == str(cast / "ruby" / "torn.png")


def test_a_character_without_a_usable_picture_does_not_stop_the_others(
    cast: Path, encoder: Encoder
) -> None:
    (cast / "nobody").mkdir()
    (cast / "torn").mkdir()
    (cast / "torn" / "torn.png").write_bytes(TORN)
    known = CastReferences.at(cast).embedded(encoder)
    assert known.gallery.characters == ("azure", "jade", "ruby")
    torn, *missing = map(str, known.failed)
    assert "torn.png" in torn
    for name, said in zip(("nobody", "torn"), missing, strict=True):
        assert f"{name!r} has no usable picture (add a reference" in said


def test_a_cast_without_any_usable_picture_is_an_error(tmp_path: Path, encoder: Encoder) -> None:
    (tmp_path / "nobody").mkdir()
    with pytest.raises(UsageError, match=r"'nobody' has no usable picture .*add a reference"):
        CastReferences.at(tmp_path).embedded(encoder)


def test_copies_of_a_reference_count_once(cast: Path, encoder: Encoder) -> None:
    before = CastReferences.at(cast).embedded(encoder).gallery
    for n in range(9):
        shutil.copy(cast / "ruby" / "1.png", cast / "ruby" / f"1 ({n}).png")
    with Image.open(cast / "ruby" / "1.png") as image:
        image.save(cast / "ruby" / "again.webp", lossless=True)
        image.resize((120, 120)).save(cast / "ruby" / "larger.png")
    after = CastReferences.at(cast).embedded(encoder).gallery
    assert after.counts.tolist() == before.counts.tolist()
    assert np.allclose(after.means, before.means, atol=1e-3)


def test_one_picture_of_two_characters_stands_for_neither(cast: Path, encoder: Encoder) -> None:
    shutil.copy(cast / "ruby" / "1.png", cast / "jade" / "twin.png")
    known = CastReferences.at(cast).embedded(encoder)
    (said,) = map(str, known.failed)
    for named in ("'ruby'", "'jade'", "1.png", "twin.png"):
        assert named in said
    names = {path.name for path in known.gallery.paths if path.parent.name in ("ruby", "jade")}
    assert len([p for p in known.gallery.paths if p.parent.name == "ruby"]) == 2
    assert "twin.png" not in names


def test_two_names_for_one_folder_are_two_characters(tmp_path: Path, encoder: Encoder) -> None:
    draw(tmp_path / "refs" / "a.png", "ruby")
    refs = str(tmp_path / "refs")
    cast = read_cast(write_json(tmp_path / "cast.json", {"Ruby": refs, "Rubin": refs}))
    assert [character.name for character in cast] == ["Ruby", "Rubin"]
    with pytest.raises(UsageError, match="no usable picture"):
        CastReferences(cast).embedded(encoder)
