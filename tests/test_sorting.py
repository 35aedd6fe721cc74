"""The main job, called as a library."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import kyara
from kyara import sorting
from kyara.encode.cache import EmbeddingCache
from kyara.encode.encoder import Encoder
from kyara.errors import UsageError
from kyara.identify.references import CastReferences, LibraryReferences
from kyara.library.roots import roots_at
from kyara.library.store import Library
from kyara.library.update import add
from kyara.organise.plan import Action, Operation, Plan, Status
from kyara.sorting import SortRequest, SortResult, sort_pictures
from tests.conftest import draw
from tests.support import TORN, files, tree

SORTED = {
    *("ruby/r1.png", "ruby/r2.jpg", "jade/j1.png", "jade/j2.jpg"),
    *("azure/a1.png", "azure/a2.jpg", "unknown/who.png"),
}


@pytest.fixture
def encoder(tiny_plugin: Path) -> Encoder:
    return kyara.open_encoder(str(tiny_plugin))


@pytest.fixture
def request_of(
    cast: Path, inbox: Path, tmp_path: Path, encoder: Encoder
) -> Callable[..., SortRequest]:
    def make(**changes: object) -> SortRequest:
        settings: dict[str, object] = {
            "inbox": inbox,
            "references": CastReferences.at(cast),
            "out": tmp_path / "out",
            "rule": kyara.choose_judge(encoder, threshold=0.8),
        }
        return SortRequest(**(settings | changes))  # type: ignore[arg-type]

    return make


def test_pictures_are_filed_by_character(
    request_of: Callable[..., SortRequest], encoder: Encoder, tmp_path: Path
) -> None:
    result = sort_pictures(request_of(), encoder)
    assert files(tmp_path / "out") == SORTED
    assert result.bad_references == []
    assert not result.interrupted
    for answer, operation in result.answers:
        assert operation is not None
        assert operation.status is Status.DONE
        assert operation.target.parent.name == answer.character
        assert operation.source == answer.path


def test_progress_is_told_of_every_step(
    request_of: Callable[..., SortRequest], encoder: Encoder
) -> None:
    totals: dict[str, int] = {}
    ticks: Counter[str] = Counter()

    @contextmanager
    def progress(label: str, total: int) -> Iterator[Callable[[], None]]:
        totals[label] = total
        yield lambda: ticks.update([label])

    sort_pictures(request_of(), encoder, progress=progress)
    assert totals == dict(ticks) == {"references": 9, "pictures": 7, "files": 7}


def test_the_second_run_reads_no_picture_again(
    request_of: Callable[..., SortRequest],
    encoder: Encoder,
    own_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for path in tmp_path.rglob("*.*g"):
        os.utime(path, (1_500_000_000, 1_500_000_000))  # settled
    cache = EmbeddingCache(own_cache)
    sort_pictures(request_of(), encoder, cache=cache)
    before = tree(tmp_path)
    original = Path.open

    def no_picture(path: Path, *arguments: Any, **options: Any) -> Any:
        assert path.suffix in (".jsonl", ".key"), "a picture was read"
        return original(path, *arguments, **options)

    with monkeypatch.context() as closed:
        closed.setattr(Path, "open", no_picture)
        result = sort_pictures(request_of(), encoder, cache=cache)
    assert {operation.status for _, operation in result.answers if operation} == {Status.THERE}
    assert tree(tmp_path) == before


def test_interrupted_it_returns_what_was_done(
    request_of: Callable[..., SortRequest],
    encoder: Encoder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = sorting.apply_plan

    def after_three(plan: Plan) -> Iterator[Operation]:
        for number, operation in enumerate(original(plan)):
            if number == 3:
                raise KeyboardInterrupt
            yield operation

    monkeypatch.setattr(sorting, "apply_plan", after_three)
    result: SortResult = sort_pictures(request_of(), encoder)
    assert result.interrupted
    assert len(result.answers) == 7
    done = [operation for _, operation in result.answers if operation is not None]
    assert [operation.status for operation in done] == [Status.DONE] * 3
    assert all(operation.target.exists() for operation in done)
    monkeypatch.undo()
    again = sort_pictures(request_of(), encoder)
    assert files(tmp_path / "out") == SORTED
    statuses = Counter(operation.status for _, operation in again.answers if operation)
    assert statuses[Status.THERE] >= 3


def test_bad_pictures_and_references_are_reported_in_their_place(
    request_of: Callable[..., SortRequest], encoder: Encoder, inbox: Path, cast: Path
) -> None:
    (inbox / "a-torn.png").write_bytes(TORN)
    (cast / "ruby" / "torn.png").write_bytes(TORN)
    result = sort_pictures(request_of(), encoder)
    answer, operation = result.answers[0]
    assert answer.path == inbox / "a-torn.png"
    assert answer.error is not None
    assert operation is None
    assert len(result.answers) == 8
    (bad,) = result.bad_references
    assert bad.where == str(cast / "ruby" / "torn.png")


def test_a_character_without_pictures_stops_before_anything_is_written(
    request_of: Callable[..., SortRequest], encoder: Encoder, cast: Path, tmp_path: Path
) -> None:
    for path in cast.glob("*/*"):
        path.write_bytes(TORN)
    before = tree(tmp_path)
    with pytest.raises(UsageError, match="'azure' has no usable picture"):
        sort_pictures(request_of(), encoder)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("place", ["cast", "cast/sorted", "cast/ruby", "cast/ruby/more"])
def test_results_never_lie_where_references_do(
    request_of: Callable[..., SortRequest], encoder: Encoder, tmp_path: Path, place: str
) -> None:
    before = tree(tmp_path)
    with pytest.raises(UsageError, match="where the references are"):
        sort_pictures(request_of(out=tmp_path / place), encoder)
    assert tree(tmp_path) == before


def test_a_folder_of_the_results_is_no_folder_of_references(
    request_of: Callable[..., SortRequest], encoder: Encoder, cast: Path, tmp_path: Path
) -> None:
    (cast / "ruby").rename(tmp_path / "ruby")
    listed = {"ruby": str(tmp_path / "ruby"), "jade": str(cast / "jade")}
    (tmp_path / "cast.json").write_text(json.dumps(listed))
    references = CastReferences.at(tmp_path / "cast.json")
    before = tree(tmp_path)
    with pytest.raises(UsageError, match="where the references are"):
        sort_pictures(request_of(out=tmp_path, references=references), encoder)
    assert tree(tmp_path) == before


def test_references_that_lie_in_the_inbox_stay_there(
    request_of: Callable[..., SortRequest], encoder: Encoder, inbox: Path, tmp_path: Path
) -> None:
    """Whether they are folders, a cast, or single files of a library."""
    shutil.copytree(tmp_path / "cast", inbox / "cast")
    before = tree(inbox / "cast")
    with Library.create(tmp_path / "l.kyara", encoder, "tiny") as library:
        for picture in (inbox / "cast").glob("*/*.png"):
            add(library, roots_at(picture, character=picture.parent.name), encoder)
        known = (LibraryReferences(library), CastReferences.at(inbox / "cast"))
        for n, references in enumerate(known):
            out = tmp_path / f"out{n}"
            request = request_of(references=references, out=out, action=Action.MOVE, dry_run=n == 0)
            assert len(sort_pictures(request, encoder).operations) == 7
            assert tree(inbox / "cast") == before


def test_places_that_make_no_sense_are_refused(
    request_of: Callable[..., SortRequest], encoder: Encoder, inbox: Path, tmp_path: Path
) -> None:
    for missing in ("gone", "n" * 300):
        with pytest.raises(UsageError, match="no such file or folder"):
            sort_pictures(request_of(inbox=tmp_path / missing), encoder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no pictures are here"):
        sort_pictures(request_of(inbox=tmp_path / "empty"), encoder)
    with pytest.raises(UsageError, match="this is a file"):
        sort_pictures(request_of(out=inbox / "who.png"), encoder)
    (tmp_path / "alias").symlink_to(inbox)
    for same in (inbox, tmp_path / "alias", inbox / "more" / ".."):
        with pytest.raises(UsageError, match="cannot go to the inbox itself"):
            sort_pictures(request_of(out=same), encoder)


def test_a_single_picture_is_an_inbox_too(
    request_of: Callable[..., SortRequest], encoder: Encoder, inbox: Path, tmp_path: Path
) -> None:
    sort_pictures(request_of(inbox=draw(inbox / "one.png", "jade", 20)), encoder)
    assert files(tmp_path / "out") == {"jade/one.png"}
