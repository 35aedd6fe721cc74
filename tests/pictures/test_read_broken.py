"""Broken, odd and hostile files: one clear line each, and no harm."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyara.errors import PictureError
from kyara.pictures import read
from kyara.pictures.read import decode, read_bytes
from tests.support import command, encoded, quadrants, run_process


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def huge_png(width: int = 30_000, height: int = 30_000) -> bytes:
    """A sound PNG, 1 bit deep, a hundred kilobytes for 900 megapixels."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    pixels = b"".join(packer.compress(row * 100) for _ in range(height // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def cut(kind: str, part: float = 0.6) -> bytes:
    data = encoded(quadrants((200, 200)).effect_spread(40), kind)
    return data[: int(len(data) * part)]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_truncated_pictures_are_refused(kind: str) -> None:
    with pytest.raises(PictureError, match=r"broken|not a picture") as raised:
        decode(cut(kind), where="cut.pic")
    assert str(raised.value).startswith("cut.pic: ")
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"hello, I am a text\n",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"RIFF\0\0\0\0WEBP",
        b"GIF89a",
    ],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(PictureError, match=r"not a picture|broken"):
        decode(data)


def test_programs_in_the_guise_of_pictures_are_not_run() -> None:
    """Pillow would hand PostScript to Ghostscript, whatever the file's suffix."""
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    with pytest.raises(PictureError, match="not a picture"):
        decode(data)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
@given(
    st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "TIFF"]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=8)), max_size=6),
)
def test_damaged_bytes_give_a_picture_or_a_picture_error(
    kind: str, wounds: list[tuple[float, bytes]]
) -> None:
    data = bytearray(encoded(quadrants((24, 24)), kind))
    for place, patch in wounds:
        at = int(place * len(data))
        data[at : at + len(patch)] = patch
    with contextlib.suppress(PictureError):
        assert decode(bytes(data)).image.mode in ("RGB", "RGBA")


def test_30_000_by_30_000_pixels_are_refused_without_the_memory_for_them(tmp_path: Path) -> None:
    (tmp_path / "huge.png").write_bytes(huge_png())
    script = (
        "import resource, sys\n"
        "from kyara.pictures.read import decode\n"
        "decode(open(sys.argv[1], 'rb').read()) if len(sys.argv) > 2 else None\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: decode(open('huge.png', 'rb').read())\n"
        "except Exception as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    ran = run_process([sys.executable, "-c", script], tmp_path)
    message, kilobytes = ran.out.splitlines()
    assert "too large to decode" in message
    assert "megapixels" in message
    assert int(kilobytes) < 30_000


def test_too_large_for_this_program_though_not_for_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "MAX_PIXELS", 1000)
    with pytest.raises(PictureError, match=r"too large to decode \(64 x 32"):
        decode(encoded(quadrants(), "PNG"))


def test_large_pictures_give_no_warning(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(huge_png(12_000, 10_000)[:2000])  # Pillow would warn
    ran = run_process(command("embed", "large.png", "--out", "x.npz", "--no-cache"), tmp_path)
    assert "large.png: the picture is broken" in ran.err
    assert "Warning" not in ran.err


def missing(folder: Path) -> Path:
    return folder / "gone.png"


def a_folder(folder: Path) -> Path:
    return folder


def empty(folder: Path) -> Path:
    (folder / "empty.png").touch()
    return folder / "empty.png"


def broken_link(folder: Path) -> Path:
    (folder / "link.png").symlink_to("gone.png")
    return folder / "link.png"


def circle(folder: Path) -> Path:
    (folder / "circle.png").symlink_to("circle.png")
    return folder / "circle.png"


def below_a_file(folder: Path) -> Path:
    return empty(folder) / "a.png"


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.png")
    return folder / "pipe.png"


def endless(folder: Path) -> Path:
    (folder / "zero.png").symlink_to("/dev/zero")
    return folder / "zero.png"


def a_socket(folder: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.png")
    return folder / "s.png"


def too_long(folder: Path) -> Path:
    path = folder / "long.png"
    with path.open("wb") as stream:
        stream.truncate(read.MAX_FILE_BYTES + 1)
    return path


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="files of POSIX systems")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (missing, "there is no such file"),
        (a_folder, "this is a folder"),
        (empty, "the file is empty"),
        (broken_link, "there is no such file"),
        (circle, "cannot read it"),
        (below_a_file, "cannot read it"),
        (pipe, "not a file"),
        (endless, "not a file"),
        (a_socket, "not a file"),
        (too_long, "the file is too long .512 MiB"),
    ],
)
def test_files_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Path], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = make(tmp_path)
    with pytest.raises(PictureError, match=message) as raised:
        read_bytes(path)
    assert str(raised.value).startswith(f"{path}: ")


def test_the_content_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x00\r\n\xff")
    assert read_bytes(tmp_path / "a.png") == b"\x00\r\n\xff"
