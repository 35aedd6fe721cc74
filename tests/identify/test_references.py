"""Where references come from, and when they cannot be used."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

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


def test_a_character_without_a_usable_picture_is_an_error(cast: Path, encoder: Encoder) -> None:
    (cast / "nobody").mkdir()
    with pytest.raises(UsageError, match="'nobody' has no usable picture"):
        CastReferences(read_cast(cast)).embedded(encoder)
    (cast / "nobody" / "torn.png").write_bytes(TORN)
    with pytest.raises(UsageError, match=r"'nobody' has no usable picture .*add a reference"):
        CastReferences(read_cast(cast)).embedded(encoder)


def test_two_names_for_one_folder_are_two_characters(tmp_path: Path, encoder: Encoder) -> None:
    draw(tmp_path / "refs" / "a.png", "ruby")
    refs = str(tmp_path / "refs")
    cast = read_cast(write_json(tmp_path / "cast.json", {"Ruby": refs, "Rubin": refs}))
    assert CastReferences(cast).embedded(encoder).gallery.characters == ("Rubin", "Ruby")
