"""What is added to a library for a folder or file, and taking it out again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kyara.errors import UsageError
from kyara.library.forget import Forgotten, forget
from kyara.library.roots import Root, RootKind, roots_at
from kyara.library.store import Library
from kyara.library.update import add
from kyara.plugins.discover import open_encoder


def test_a_folder_says_nothing_or_one_name(cast: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cast)
    assert roots_at(Path("ruby")) == [Root(cast / "ruby")]
    (named,) = roots_at(Path("ruby"), character="Ruby")
    assert named == Root(cast / "ruby", RootKind.CHARACTER, "Ruby")
    assert named.shows(cast / "ruby" / "0.png") == "Ruby"


def test_a_cast_is_a_folder_or_a_list_of_folders(cast: Path) -> None:
    (folder,) = roots_at(cast, cast=True)
    assert (folder.kind, folder.shows(cast / "jade" / "0.png")) == (RootKind.CAST, "jade")
    listed = cast.parent / "cast.json"
    listed.write_text(json.dumps({"R": str(cast / "ruby"), "J": str(cast / "jade")}))
    assert [(root.character, root.path) for root in roots_at(listed, cast=True)] == [
        ("R", cast / "ruby"),
        ("J", cast / "jade"),
    ]


@pytest.mark.parametrize("words", [{}, {"character": "ruby"}, {"cast": True}])
def test_what_is_not_there_is_no_root(tmp_path: Path, words: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="there is no such f"):
        roots_at(tmp_path / "nowhere", **words)  # type: ignore[arg-type]


def test_nobody_is_called_so(cast: Path) -> None:
    with pytest.raises(UsageError):
        roots_at(cast, character="unknown")


def test_forgetting(cast: Path, tiny_plugin: Path, tmp_path: Path) -> None:
    encoder = open_encoder(str(tiny_plugin))
    with Library.create(tmp_path / "cast.kyara", encoder, str(tiny_plugin)) as library:
        add(library, roots_at(cast, cast=True), encoder)
        (cast / "jade" / "0.png").unlink()
        add(library, [], encoder)
        nowhere = tmp_path / "nowhere"
        assert forget(library, [cast / "ruby" / "0.png", nowhere], character="azure") == Forgotten(
            4, (nowhere,)
        )
        assert forget(library, gone=True) == Forgotten(1, ())
        assert forget(library) == Forgotten(0, ())
        assert library.counts().pictures == 4
        assert library.counts().references == 4
        with pytest.raises(UsageError, match="no character"):
            forget(library, character="nobody")
