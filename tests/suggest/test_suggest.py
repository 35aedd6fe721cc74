"""What is suggested about a library, and that an answer holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

import kyara
from kyara import Kind, Library, Suggestion
from kyara.library.said import Subject
from kyara.library.store import Library as OpenLibrary
from kyara.library.unnamed import keep_groups
from kyara.pictures.digest import digest_of_file
from kyara.suggest import pairs
from tests.conftest import draw
from tests.support import noise

NAMES = ("ruby", "jade", "azure")
JUDGED = (Kind.MERGE, Kind.NAMED, Kind.MISPLACED, Kind.ALIKE)


@pytest.fixture
def model(tiny_plugin: Path) -> kyara.Model:
    return kyara.Model(tiny_plugin, cache=False)


@pytest.fixture
def heap(tmp_path: Path) -> Path:
    """Six pictures of each of three characters."""
    for name in NAMES:
        for pose in range(6):
            draw(tmp_path / "heap" / f"{name}-{pose}.png", name, pose)
    return tmp_path / "heap"


@pytest.fixture
def library(heap: Path, model: kyara.Model) -> Library:
    """With the heap, in groups: 1 and 2 show ruby, 3 jade, 4 azure."""
    made = Library.create(heap.parent / "cast.kyara", model)
    made.add(heap, named=False)
    group(heap, ("ruby-0", "ruby-1", "ruby-2"), ("ruby-3", "ruby-4", "ruby-5"), *by_name())
    return made


def by_name() -> list[tuple[str, ...]]:
    return [tuple(f"{name}-{pose}" for pose in range(6)) for name in ("jade", "azure")]


def group(heap: Path, *groups: tuple[str, ...]) -> None:
    subjects = [[Subject(digest_of_file(heap / f"{name}.png")) for name in one] for one in groups]
    with OpenLibrary.open(heap.parent / "cast.kyara", write=True) as opened:
        keep_groups(opened.database, subjects)


def asked(library: Library, *kinds: Kind) -> list[tuple[str, ...]]:
    """The kind and the sides of each suggestion, in their order."""
    return [
        (one.kind.value, *map(str, one.sides))
        for one in library.suggest(kinds or JUDGED).suggestions
    ]


def first(library: Library, kind: Kind) -> Suggestion:
    return library.suggest([kind]).suggestions[0]


def confirm(library: Library, heap: Path, character: str, *names: str) -> None:
    library.confirm([heap / f"{name}.png" for name in names], character, new=True)


def test_two_groups_of_one_character_become_one(library: Library) -> None:
    assert asked(library) == [("merge", "group 1", "group 2")]
    library.accept(first(library, Kind.MERGE))
    assert asked(library) == []
    said = library.confirm_group(2, "Ruby")
    assert said.pictures == 6
    library.undo()
    library.undo()
    assert asked(library) == [("merge", "group 1", "group 2")]


def test_what_was_said_no_to_is_not_asked_of_changed_groups(library: Library, heap: Path) -> None:
    library.decline(first(library, Kind.MERGE))
    assert asked(library) == []
    group(heap, ("ruby-0", "ruby-3"), ("ruby-4",), ("ruby-1", "ruby-2", "ruby-5"))
    assert asked(library) == []
    for path in heap.iterdir():
        path.rename(heap / f"moved-{path.name}")
    assert asked(library) == []
    library.undo()
    assert asked(library) != []


def test_an_answer_holds_when_the_groups_get_names(library: Library) -> None:
    library.decline(first(library, Kind.MERGE))
    library.confirm_group(1, "Ruby")
    assert asked(library) == []  # group 2 is not Ruby
    library.confirm_group(2, "Rose", new=True)
    assert asked(library) == []  # nor are they one, or alike


def test_a_group_that_is_probably_a_character(library: Library) -> None:
    library.confirm_group(1, "Ruby")
    assert asked(library) == [("named", "group 2", "Ruby")]
    suggestion = first(library, Kind.NAMED)
    assert (suggestion.settles, suggestion.probability) == (3, pytest.approx(1.0, abs=0.1))
    library.decline(suggestion)
    assert asked(library) == []
    library.undo()
    library.accept(suggestion)
    assert library.references.gallery.counts.sum() >= 3
    assert asked(library) == []


def test_two_that_have_names_are_different_unless_much_speaks_against_it(library: Library) -> None:
    library.confirm_group(1, "Ruby")
    library.confirm_group(2, "Red", new=True)
    (suggestion,) = library.suggest(JUDGED).suggestions
    assert suggestion.kind is Kind.ALIKE
    with pytest.raises(kyara.KyaraError, match="a warning"):
        library.accept(suggestion)


def test_two_characters_that_are_one(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "ONE_IN", 2)
    library.confirm_group(1, "Ruby")
    library.confirm_group(2, "Red", new=True)
    library.confirm_group(3, "Jade")
    (suggestion,) = library.suggest(JUDGED).suggestions
    assert {str(side) for side in suggestion.sides} == {"Ruby", "Red"}
    library.accept(suggestion)
    assert len(library.decisions.characters()) == 2
    library.undo()
    library.decline(suggestion)
    assert asked(library) == []


def test_a_reference_that_is_out_of_place(library: Library, heap: Path) -> None:
    confirm(library, heap, "Ruby", "ruby-0", "ruby-1", "ruby-2")
    confirm(library, heap, "Jade", "jade-0", "jade-1", "jade-2", "ruby-5")
    group(heap)
    assert asked(library) == [("misplaced", "Jade", "Ruby")]
    suggestion = first(library, Kind.MISPLACED)
    assert [figure.path.name for figure in suggestion.figures] == ["ruby-5.png"]
    library.decline(suggestion)
    assert asked(library) == []
    library.undo()
    library.accept(suggestion)
    assert asked(library) == []
    assert {one.references for one in library.decisions.characters()} == {3}


def test_two_references_say_nothing_of_a_third(library: Library, heap: Path) -> None:
    confirm(library, heap, "Ruby", "ruby-0", "ruby-1", "ruby-2")
    confirm(library, heap, "Jade", "jade-0", "ruby-5")
    assert ("misplaced", "Jade", "Ruby") not in asked(library)


def test_a_no_holds_when_a_tag_is_written_into_the_file(library: Library, heap: Path) -> None:
    confirm(library, heap, "Ruby", "ruby-0", "ruby-1", "ruby-2")
    confirm(library, heap, "Jade", "jade-0", "jade-1", "jade-2", "ruby-5")
    library.decline(first(library, Kind.MISPLACED))
    about = PngImagePlugin.PngInfo()
    about.add_text("rating", "5")
    with Image.open(heap / "ruby-5.png") as image:
        image.save(heap / "ruby-5.png", pnginfo=about)
    library.add(heap, named=False)
    assert ("misplaced", "Jade", "Ruby") not in asked(library)


@pytest.fixture
def copied(tmp_path: Path, model: kyara.Model) -> Library:
    """A picture, its copies, and another picture."""
    folder = tmp_path / "copied"
    scene = Image.open(noise(tmp_path / "seed.png", 8)).convert("RGB")
    scene = scene.resize((240, 240), Image.Resampling.BICUBIC)
    folder.mkdir()
    scene.save(folder / "scene.png")
    scene.resize((120, 120)).save(folder / "small.png")
    scene.save(folder / "saved.jpg", quality=60)
    Image.open(noise(tmp_path / "other.png", 8, seed=1)).convert("RGB").resize((240, 240)).save(
        folder / "else.png"
    )
    made = Library.create(tmp_path / "copies.kyara", model)
    made.add(folder, named=False)
    return made


def names_of(suggestion: Suggestion) -> list[str]:
    return [figure.path.name for figure in suggestion.figures]


def test_copies_are_found_the_largest_first(copied: Library) -> None:
    (suggestion,) = copied.suggest([Kind.COPIES]).suggestions
    assert sorted(names_of(suggestion)) == ["saved.jpg", "scene.png", "small.png"]
    assert names_of(suggestion)[-1] == "small.png"
    assert (suggestion.settles, suggestion.probability) == (2, None)


def test_copies_are_asked_about_once(copied: Library) -> None:
    suggestion = first(copied, Kind.COPIES)
    copied.decline(suggestion)
    assert copied.suggest().suggestions == ()
    copied.undo()
    copied.accept(suggestion)
    assert copied.suggest([Kind.COPIES]).suggestions == ()


def test_a_picture_that_cannot_be_read_is_named(copied: Library, tmp_path: Path) -> None:
    (tmp_path / "copied" / "else.png").write_bytes(b"broken")
    (tmp_path / "copied" / "small.png").unlink()
    found = copied.suggest([Kind.COPIES])
    assert [names_of(one)[0] for one in found.suggestions]
    assert [str(error.where) for error in found.failed] == [str(tmp_path / "copied" / "small.png")]
