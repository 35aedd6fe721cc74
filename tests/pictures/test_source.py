"""One picture from any place: the same pixels, a digest, and a name for messages."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kyara.errors import PictureError, UsageError
from kyara.pictures.archives import members_of
from kyara.pictures.digest import digest_of_bytes, digest_of_file
from kyara.pictures.source import (
    Data,
    File,
    Frame,
    InMemory,
    Source,
    as_source,
    as_sources,
    frames_of,
)
from kyara.pictures.state import FileState
from tests.conftest import draw


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return draw(tmp_path / "a.png", "ruby")


def zipped(picture: Path, name: str = "pages.cbz") -> Path:
    archive = picture.with_name(name)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.write(picture, "b/2.png")
        opened.write(picture, "1.png")
        opened.writestr("info.xml", "<x/>")
    return archive


def tarred(picture: Path) -> Path:
    archive = picture.with_name("pages.tar")
    with tarfile.open(archive, "w") as opened:
        opened.add(picture, "./b/2.png")
        opened.add(picture, "./1.png")
    return archive


def pixels(source: Source) -> np.ndarray:
    return np.asarray(source.read().decode().image)


def test_a_file_has_a_state_and_its_own_digest(picture: Path) -> None:
    source = as_source(str(picture))
    assert (source.name, source.state()) == (str(picture), FileState.of(picture))
    assert source.read().digest == digest_of_file(picture)
    assert source == as_source(picture) == File(picture)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_members_of_an_archive_by_name(picture: Path, pack: Callable[[Path], Path]) -> None:
    archive = pack(picture)
    members = members_of(archive)
    assert [member.name for member in members] == [f"{archive}/1.png", f"{archive}/b/2.png"]
    for member in members:
        assert member.state() is None
        assert member.read().digest == digest_of_file(picture)
        np.testing.assert_array_equal(pixels(member), pixels(File(picture)))


def test_what_is_no_archive_is_one_line(picture: Path) -> None:
    with pytest.raises(PictureError, match="not a zip or an uncompressed tar"):
        members_of(picture)
    with pytest.raises(PictureError, match="No such file"):
        members_of(picture.with_name("gone.zip"))


def test_a_torn_member_is_one_line(picture: Path) -> None:
    archive = zipped(picture)
    content = bytearray(archive.read_bytes())
    content[60:90] = b"x" * 30
    archive.write_bytes(content)
    with pytest.raises(PictureError, match=r"pages.cbz/b/2.png: cannot unpack it"):
        [member.read() for member in members_of(archive)]


def test_frames_of_an_animation(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    found = frames_of(File(path))
    assert [tuple(pixels(frame)[0, 0][:3]) for frame in found] == [
        *((255, 0, 0), (0, 0, 255), (0, 255, 0)),
    ]
    assert found[1].name == f"{path}, frame 1"
    digests = [frame.read().digest for frame in found]
    assert len(set(digests)) == 3
    assert digests[0] == digest_of_file(path)  # what the file alone is taken for
    with pytest.raises(PictureError, match=r"frame 7: it has no frame 7"):
        Frame(File(path), 7).read().decode()


def test_a_still_picture_is_its_own_only_frame(picture: Path) -> None:
    assert frames_of(File(picture)) == [File(picture)]
    memory = InMemory(Image.new("RGB", (2, 2)))
    assert frames_of(memory) == [memory]


def test_bytes_are_what_their_file_would_be(picture: Path) -> None:
    source = Data(picture.read_bytes(), "upload")
    assert source.read().digest == digest_of_file(picture)
    with pytest.raises(PictureError, match="upload: not a picture"):
        Data(b"torn", "upload").read().decode()


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 3), (4, 6, 4)])
def test_an_array_is_its_pixels(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    picture = as_source(array).read().decode()
    assert (picture.width, picture.height) == (6, 4)
    expected = array if array.ndim == 3 else np.repeat(array[..., None], 3, axis=2)
    np.testing.assert_array_equal(np.asarray(picture.image), expected)


def test_the_digest_of_pixels_is_as_documented() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    expected = digest_of_bytes(b"pixels RGB 4 2\0" + array.tobytes())
    assert as_source(array).read().digest == expected
    assert as_source(Image.fromarray(array)).read().digest == expected
    assert as_source(array.reshape(4, 2, 3)).read().digest != expected


def test_a_picture_of_pillow_is_turned_as_its_exif_says() -> None:
    image = Image.new("RGB", (4, 2), "red")
    exif = image.getexif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    image.save(stream, "JPEG", exif=exif)
    opened = Image.open(stream)
    assert InMemory(opened).read().decode().image.size == (2, 4)


def test_a_broken_picture_of_pillow_is_one_line(picture: Path) -> None:
    torn = io.BytesIO(picture.read_bytes()[:150])
    with pytest.raises(PictureError, match="picture 1: the picture is broken"):
        as_sources([Image.open(torn)])[0].read()


@pytest.mark.parametrize(
    "wrong", [3, b"bytes", np.zeros((2, 2), np.float32), np.zeros((2, 2, 2), np.uint8)]
)
def test_what_is_no_picture_is_refused(wrong: object) -> None:
    with pytest.raises(UsageError, match="expected"):
        as_source(wrong)  # type: ignore[arg-type]
