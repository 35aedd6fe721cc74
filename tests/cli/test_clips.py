"""`kyara identify` on moving pictures: who is there, and when."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kyara import detect
from kyara.errors import PictureError
from kyara.pictures.clips import frame_starts, frames_of_clip
from tests.conftest import COLOURS, Ran
from tests.detectors import Halves
from tests.support import TORN

Kyara = Callable[..., Ran]


def scene(left: str, right: str) -> Image.Image:
    """A frame (128 x 64) with two figures."""
    image = Image.new("RGB", (128, 64), COLOURS[left])
    image.paste(COLOURS[right], (64, 0, 128, 64))
    return image


SCENES = [scene("ruby", "jade")] * 4 + [scene("azure", "jade")] * 4
"""Eight frames, a second each: jade is there all the time."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, cast: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(detect, "DEFAULT", Halves())
    return tmp_path


@pytest.fixture
def identify(kyara: Kyara, tiny_plugin: Path) -> Kyara:
    def call(*more: object) -> Ran:
        options = ("--refs", "cast", "--plugin", tiny_plugin, "--threshold", "0.8")
        return kyara("identify", *more, *options)

    return call


def animation(path: Path, duration: int = 1000) -> Path:
    first, *rest = SCENES
    # One pixel differs, or equal frames would be saved as one.
    rest = [frame.copy() for frame in rest]
    for number, frame in enumerate(rest):
        frame.putpixel((number, 0), (255, 255, 255))
    lossless = {"lossless": True} if path.suffix == ".webp" else {}
    first.save(path, save_all=True, append_images=rest, duration=duration, **lossless)
    return path


def video(path: Path, rate: int = 10) -> Path:
    av = pytest.importorskip("av", reason="needs the extra `video`")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        for image in SCENES:
            for _ in range(rate):
                container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode())
    return path


EXPECTED = [("ruby", 0.0, 3.0, 4), ("jade", 0.0, 7.0, 8), ("azure", 4.0, 7.0, 4)]


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_who_is_in_an_animation_and_when(identify: Kyara, folder: Path, name: str) -> None:
    animation(folder / name)
    ran = identify(name, "--every", "1", "--json")
    assert (ran.code, ran.err) == (0, "")
    rows = ran.rows()
    assert [(r["character"], r["start"], r["end"], r["frames"]) for r in rows] == EXPECTED
    assert {row["path"] for row in rows} == {name}
    assert [row["box"] for row in rows][:2] == [[0, 0, 64, 64], [64, 0, 128, 64]]
    # Without the option it is what it always was: its first frame.
    still = identify(name, "--json").rows()
    assert [row["character"] for row in still] == ["ruby", "jade"]


def test_who_is_in_a_video_and_when(identify: Kyara, folder: Path) -> None:
    video(folder / "clip.mp4")
    rows = identify("clip.mp4", "--every", "1", "--json").rows()
    assert [(r["character"], r["start"], r["end"], r["frames"]) for r in rows] == EXPECTED
    assert len(identify("clip.mp4", "--json").rows()) == 3
    table = identify("clip.mp4", "--every", "1").out
    assert "clip.mp4#t=0,3" in table
    lines = identify("clip.mp4", "--every", "1", "--csv").out.splitlines()
    assert lines[1].startswith('"clip.mp4#t=0,3",0,figure')


def test_a_clip_that_cannot_be_read_does_not_stop_the_others(identify: Kyara, folder: Path) -> None:
    video(folder / "good.mp4")
    (folder / "bad.mp4").write_bytes(TORN)
    (folder / "bad.gif").write_bytes(TORN)
    ran = identify("bad.mp4", "none.mp4", "bad.gif", "good.mp4", "--every", "1", "--json")
    assert ran.code == 3
    assert len(ran.rows()) == 3
    for name in ("bad.mp4: cannot read this video", "none.mp4: there is no such file", "bad.gif"):
        assert name in ran.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("clip.mp4", "picture.png"), "pictures and videos cannot be named together"),
        (("clip.mp4", "cast"), "name videos and animations one by one"),
        (("clip.mp4", "-"), "name videos and animations one by one"),
        (("clip.mp4", "--draw", "out.png"), "are about pictures, not about videos"),
        (("clip.mp4", "--report", "r.html"), "are about pictures, not about videos"),
    ],
)
def test_what_does_not_go_together(identify: Kyara, words: tuple[str, ...], message: str) -> None:
    ran = identify(*words)
    assert ran.code == 2
    assert message in ran.err


def test_without_pyav_it_says_what_to_install(
    identify: Kyara, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "clip.mp4").write_bytes(b"video")
    monkeypatch.setitem(sys.modules, "av", None)
    ran = identify("clip.mp4")
    assert ran.code == 2
    assert "pip install 'kyara[video]'" in ran.err


def test_frames_some_time_apart(folder: Path) -> None:
    path = animation(folder / "a.gif", duration=200)
    assert frame_starts(path.read_bytes()) == pytest.approx([0.2 * n for n in range(8)])
    assert [f.seconds for f in frames_of_clip(path, 0.5)] == pytest.approx([0, 0.6, 1.0])
    third = list(frames_of_clip(path, 0.2))[5].source.read().decode().image
    assert np.asarray(third)[32, 32].tolist() == list(COLOURS["azure"])
    with pytest.raises(PictureError):
        list(frames_of_clip(folder / "none.gif", 1))
