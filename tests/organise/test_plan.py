"""Every picture gets a name of its own, and finds it again."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyara.organise.plan import Action, Filing, Operation, Status, make_plan
from kyara.pictures.digest import digest_of_bytes, digest_of_file

# Names and contents that collide often, also in case, in Unicode form, and with the names
# that the plan itself makes up.
ONE, TWO, THREE = (digest_of_bytes(text) for text in (b"one", b"two", b"three"))
NAMES = ["a.png", "A.png", "A.PNG", "b.png", "\u00e9.png", "e\u0301.png", ".png", "a"]
NAMES += [f"a~{digest.hex()[:8]}.png" for digest in (ONE, TWO)]
NAMES += [f"a~{ONE.hex()}.png", "straße.png", "STRASSE.png"]
FILINGS = st.lists(
    st.builds(
        lambda number, name, content, folder: (f"in/{number}/{name}", content, folder),
        st.integers(0, 3),
        st.sampled_from(NAMES),
        st.sampled_from([b"one", b"two", b"three", b"four"]),
        st.sampled_from(["ruby", "Ruby", "jade"]),
    ),
    max_size=12,
    unique_by=lambda made: made[0],
)


def filings_of(made: list[tuple[str, bytes, str]]) -> list[Filing]:
    return [Filing(Path(path), digest_of_bytes(data), folder) for path, data, folder in made]


def folded(path: Path) -> str:
    return unicodedata.normalize("NFC", os.fspath(path)).casefold()


def write(plan: list[Operation], made: list[tuple[str, bytes, str]]) -> None:
    """Carry the plan out, as simply as can be."""
    content = {Path(path): data for path, data, _ in made}
    for operation in plan:
        if operation.status is Status.TO_DO:
            operation.target.parent.mkdir(parents=True, exist_ok=True)
            assert not operation.target.exists()
            operation.target.write_bytes(content[operation.source])


def planned(made: list[tuple[str, bytes, str]], root: Path) -> list[Operation]:
    return list(make_plan(filings_of(made), root, Action.COPY, digest_of_file).operations)


def contents(root: Path) -> dict[str, set[bytes]]:
    """Which contents lie in each folder."""
    folders = [folder for folder in root.iterdir() if folder.is_dir()]
    return {f.name: {path.read_bytes() for path in f.iterdir()} for f in folders}


@given(FILINGS)
def test_no_two_pictures_have_one_target(made: list[tuple[str, bytes, str]]) -> None:
    plan = planned(made, Path("/nowhere"))
    assert [operation.source for operation in plan] == [Path(path) for path, _, _ in made]
    by_target: dict[str, bytes] = {}
    for operation, (_, _, folder) in zip(plan, made, strict=True):
        if operation.status is Status.FAILED:
            continue
        assert operation.target.parent == Path("/nowhere") / folder
        assert by_target.setdefault(folded(operation.target), operation.digest) == operation.digest


@settings(deadline=None)
@given(FILINGS, st.randoms(use_true_random=False))
def test_a_second_run_has_nothing_to_do_in_whatever_order(
    made: list[tuple[str, bytes, str]], random: object
) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        first = planned(made, root)
        write(first, made)
        done = {folder: set() for _, _, folder in made}
        for (_, data, name), operation in zip(made, first, strict=True):
            if operation.status is not Status.FAILED:
                done[name].add(data)
        assert {name: found for name, found in done.items() if found} == contents(root)
        if all(operation.status is not Status.FAILED for operation in first):
            shuffled = list(made)
            random.shuffle(shuffled)  # type: ignore[attr-defined]
            for operation in planned(shuffled, root):
                assert operation.status is Status.THERE
                assert digest_of_file(operation.target) == operation.digest


def plan_of(root: Path, *pictures: tuple[str, bytes]) -> list[Operation]:
    return planned([(path, data, "ruby") for path, data in pictures], root)


def names(plan: list[Operation]) -> list[tuple[str, str]]:
    return [(operation.target.name, operation.status.word) for operation in plan]


def test_a_picture_keeps_its_name(tmp_path: Path) -> None:
    (operation,) = plan_of(tmp_path, ("in/a b.png", b"one"))
    assert operation.target == tmp_path / "ruby" / "a b.png"
    assert operation.status is Status.TO_DO
    assert list(tmp_path.iterdir()) == []  # planning makes nothing


def test_another_of_the_same_name_gets_the_digits_of_its_content(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ("in/1/a.png", b"one"), ("in/2/a.png", b"two"))
    assert names(plan) == [("a.png", "new"), (f"a~{TWO.hex()[:8]}.png", "new")]


def test_the_same_picture_of_the_same_name_is_there_once(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ("in/1/a.png", b"one"), ("in/2/a.png", b"one"))
    assert names(plan) == [("a.png", "new"), ("a.png", "there")]


def test_names_that_differ_in_case_only_are_one_name(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ("in/1/a.png", b"one"), ("in/2/A.png", b"two"))
    assert names(plan) == [("a.png", "new"), (f"A~{TWO.hex()[:8]}.png", "new")]


def in_the_way(tmp_path: Path, name: str, data: bytes = b"foreign") -> Path:
    (tmp_path / "ruby").mkdir(exist_ok=True)
    (tmp_path / "ruby" / name).write_bytes(data)
    return tmp_path / "ruby" / name


def link_in_the_way(path: Path) -> None:
    path.symlink_to("gone")


def pipe_in_the_way(path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes on this system")
    os.mkfifo(path)


@pytest.mark.parametrize(
    "put", [Path.touch, Path.mkdir, link_in_the_way, pipe_in_the_way], ids=lambda f: f.__name__
)
def test_whatever_has_the_name_keeps_it(tmp_path: Path, put: Callable[[Path], None]) -> None:
    (tmp_path / "ruby").mkdir()
    put(tmp_path / "ruby" / "a.png")
    plan = plan_of(tmp_path, ("in/a.png", b"one"))
    assert names(plan) == [(f"a~{ONE.hex()[:8]}.png", "new")]


def test_a_foreign_file_of_other_case_keeps_its_name_too(tmp_path: Path) -> None:
    in_the_way(tmp_path, "A.PNG")
    plan = plan_of(tmp_path, ("in/a.png", b"one"))
    assert names(plan) == [(f"a~{ONE.hex()[:8]}.png", "new")]


def test_when_the_short_digits_are_taken_there_are_the_long_ones(tmp_path: Path) -> None:
    in_the_way(tmp_path, "a.png")
    in_the_way(tmp_path, f"a~{ONE.hex()[:8]}.png")
    assert names(plan_of(tmp_path, ("in/a.png", b"one"))) == [(f"a~{ONE.hex()}.png", "new")]


def test_when_every_name_is_taken_it_fails(tmp_path: Path) -> None:
    for digits in ("", f"~{ONE.hex()[:8]}", f"~{ONE.hex()}"):
        in_the_way(tmp_path, f"a{digits}.png")
    (operation,) = plan_of(tmp_path, ("in/a.png", b"one"))
    assert operation.status is Status.FAILED
    assert "every name for it is taken" in str(operation.error)


def test_a_picture_that_lies_there_under_its_other_name_stays(tmp_path: Path) -> None:
    """Someone removed the picture that had the plain name since the first run."""
    other = in_the_way(tmp_path, f"a~{ONE.hex()[:8]}.png", b"one")
    (operation,) = plan_of(tmp_path, ("in/a.png", b"one"))
    assert (operation.target, operation.status) == (other, Status.THERE)


def test_only_files_of_the_same_name_are_read(tmp_path: Path) -> None:
    in_the_way(tmp_path, "other.png", b"one")
    read: list[str] = []

    def digest_of(path: Path) -> bytes:
        read.append(path.name)
        return digest_of_file(path)

    in_the_way(tmp_path, "a.png", b"two")
    make_plan([Filing(Path("a.png"), ONE, "ruby")] * 3, tmp_path, Action.COPY, digest_of)
    assert read == ["a.png"]


@pytest.mark.parametrize("name", ["x" * 250 + ".png", "\u7d75" * 83 + ".png", "x" * 255])
def test_a_long_name_that_is_taken_gets_its_mark_in_place_of_its_end(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "out" / "ruby").mkdir(parents=True)
    (tmp_path / "out" / "ruby" / name).write_bytes(b"other")
    filing = Filing(tmp_path / name, b"d" * 32, "ruby")
    (operation,) = make_plan([filing], tmp_path / "out", Action.COPY, digest_of_file).operations
    assert operation.status is Status.TO_DO
    assert "~64646464" in operation.target.name
    assert len(os.fsencode(operation.target.name)) <= 255
