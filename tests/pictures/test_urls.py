"""Pictures at URLs, in fsspec's file system of this process's memory: no network."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kyara.errors import PictureError, UsageError
from kyara.pictures.archives import members_of
from kyara.pictures.source import File, Remote
from kyara.pictures.urls import Url, is_url, place_of
from tests.conftest import draw

fsspec = pytest.importorskip("fsspec", reason="needs the extra `scale`")
pytestmark = pytest.mark.scale


@pytest.fixture
def memory() -> Iterator[Any]:
    """A file system with nothing in it."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


def test_what_is_a_url() -> None:
    assert [is_url(name) for name in ("s3://b/x.png", "gs://b", "memory://x")] == [True] * 3
    assert not any(map(is_url, ("a.png", "/b/c", "c:\\d", "s3:/x", "-")))


def test_this_machine_is_a_path(tmp_path: Path) -> None:
    assert place_of(f"file://{tmp_path}/a b.png") == tmp_path / "a b.png"
    assert place_of("memory://x.png") == Url("memory://x.png")


@pytest.mark.parametrize("url", ["nonsense://x.png", "s4://bucket"])
def test_a_kind_of_url_that_is_not_known(url: str) -> None:
    with pytest.raises(UsageError, match="such a URL cannot be opened"):
        place_of(url)


def test_a_picture(memory: Any, tmp_path: Path) -> None:
    path = draw(tmp_path / "a.png", "ruby")
    memory.pipe({"/in/a.png": path.read_bytes(), "/in/empty.png": b""})
    source = Remote(Url("memory://in/a.png"))
    assert (source.name, source.state()) == ("memory://in/a.png", None)
    assert source.read().digest == File(path).read().digest
    for name, what in (("empty", "the file is empty"), ("gone", "there is no such file")):
        with pytest.raises(PictureError) as failed:
            Remote(Url(f"memory://in/{name}.png")).read()
        assert str(failed.value) == f"memory://in/{name}.png: {what}"


def test_a_folder(memory: Any) -> None:
    names = ("b.png", "a.jpg", "deep/c.webp", ".hidden.png", ".kept/d.png", "@eaDir/e.png", "f.txt")
    memory.pipe({f"/in/{name}": b"x" for name in names})
    found = [f"memory:///in/{name}" for name in ("a.jpg", "b.png", "deep/c.webp")]
    assert Url("memory://in").pictures() == found
    assert Url("memory://in/b.png").pictures() == ["memory://in/b.png"]
    assert Url("memory://none").pictures() == ["memory://none"]  # reading it says what is wrong


def test_archives(memory: Any, tmp_path: Path) -> None:
    paths = [draw(tmp_path / f"{name}.png", name) for name in ("jade", "ruby")]
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for path in paths:
            tar.add(path, f"./deep/{path.name}")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
        for path in paths:
            opened.write(path, f"deep/{path.name}")
    for kind in ("tar", "zip"):
        memory.pipe(f"/a.{kind}", (tmp_path / f"a.{kind}").read_bytes())
        members = members_of(Url(f"memory://a.{kind}"))
        assert [m.name for m in members] == [
            f"memory://a.{kind}/deep/{name}.png" for name in ("jade", "ruby")
        ]
        for member, path in zip(members, paths, strict=True):
            assert member.read().digest == File(path).read().digest


@pytest.mark.parametrize(
    ("name", "what"),
    [("torn.tar", "not a zip or an uncompressed tar file"), ("gone.tar", "cannot read it")],
)
def test_archives_that_are_none(memory: Any, name: str, what: str) -> None:
    memory.pipe("/torn.tar", b"nothing that tar knows")
    with pytest.raises(PictureError, match=what):
        members_of(Url(f"memory://{name}"))


def test_what_a_file_system_raises_of_its_own_is_one_line(
    memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The packages behind fsspec have errors of their own, with no base but Exception."""

    def refuse(*_args: object, **_more: object) -> None:
        raise RuntimeError("AccessDenied:\n  who are you?")

    monkeypatch.setattr(type(memory), "cat_file", refuse)
    monkeypatch.setattr(type(memory), "open", refuse)
    monkeypatch.setattr(type(memory), "isdir", refuse)
    url = Url("memory://a.tar")
    for call in (Remote(url).read, url.pictures, lambda: members_of(url)):
        with pytest.raises(PictureError) as failed:
            call()
        assert str(failed.value).endswith("AccessDenied: who are you?")
