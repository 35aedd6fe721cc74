"""What several tests draw, run and look at."""

from __future__ import annotations

import hashlib
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from kyara.organise.plan import Action
from tests.conftest import Ran

TORN = b"not a picture at all"
"""What a mislabelled file may hold."""

FILED = [a for a in Action if a not in (Action.REFILE, Action.WITHDRAW)]
"""What is done with the pictures of an inbox."""

AWKWARD_NAMES = [
    b"two words.png",
    b'it\'s "quoted".png',
    b"new\nline.png",
    b"tab\tand \x1b[31mred.png",
    "smile \N{GRINNING FACE}.png".encode(),
    "\N{HIRAGANA LETTER KA}\N{COMBINING KATAKANA-HIRAGANA VOICED SOUND MARK}.png".encode(),
    b"bytes \xff\xfe.png",
    b"-dash, and; [bold]markup[].png",
    b"100% $HOME `x`.png",
]
"""File names that programs stumble over, as the bytes that the file system holds."""


def awkward(folder: Path, name: bytes) -> Path:
    """The path of a file with one of `AWKWARD_NAMES`."""
    return folder / os.fsdecode(name)


def in_csv(name: str) -> str:
    """What a cell holds of a name: no bytes that are not UTF-8, no controls, no formula."""
    text = name.encode("utf-8", "backslashreplace").decode()
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda found: f"\\x{ord(found[0]):02x}", text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """`image` as the bytes of a file of that Pillow format."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def quadrants(size: tuple[int, int] = (64, 32)) -> Image.Image:
    """Red, green above blue, white: tells which way is up."""
    width, height = size
    image = Image.new("RGB", size, (255, 255, 255))
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, width // 2 - 1, height // 2 - 1), fill=(255, 0, 0))
    pen.rectangle((width // 2, 0, width, height // 2 - 1), fill=(0, 255, 0))
    pen.rectangle((0, height // 2, width // 2 - 1, height), fill=(0, 0, 255))
    return image


def noise(path: Path, side: int = 128, seed: int = 0) -> Path:
    """A picture that does not compress: about 3 * side * side bytes."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def tree(*folders: Path) -> dict[str, tuple[int, int, str]]:
    """Everything below the folders: mode, time and content (or where a link leads)."""
    found = {}
    for folder in folders:
        for path in sorted([folder, *folder.rglob("*")]):
            status = path.lstat()
            content = ""
            if path.is_symlink():
                content = os.fspath(path.readlink())
            elif path.is_file():
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            found[os.fspath(path)] = (status.st_mode, status.st_mtime_ns, content)
    return found


def files(folder: Path) -> set[str]:
    """The files below `folder`, relative to it, but for Kyara's own folder of journals."""
    below = [path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir()]
    return {os.fspath(path) for path in below if path.parts[0] != ".kyara"}


def command(*arguments: object) -> list[str]:
    """The command line that runs `kyara` in a process of its own."""
    return [
        sys.executable,
        "-m",
        "kyara",
        *(os.fspath(a) if isinstance(a, os.PathLike) else str(a) for a in arguments),
    ]


def run_process(
    arguments: Iterable[str],
    cwd: Path,
    before: Callable[[], None] | None = None,
    stdin: bytes = b"",
    **environment: str,
) -> Ran:
    """Run a command line; `before` is called in the new process, `stdin` is what it reads."""
    ran = subprocess.run(
        list(arguments),
        cwd=cwd,
        input=stdin,
        capture_output=True,
        preexec_fn=before,
        env={**os.environ, **environment},
        timeout=300,
        check=False,
    )
    decoded = (stream.decode("utf-8", "surrogateescape") for stream in (ran.stdout, ran.stderr))
    return Ran(ran.returncode, *decoded)


def lines_of(work: Callable[[], None], kill_at: int | None, modules: Iterable[ModuleType]) -> int:
    """Run `work` in a forked process; kills itself before that line of these modules.

    Returns the number of lines that were run, or 0 if it was killed.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            count = _count_lines(work, kill_at, {m.__file__ for m in modules})
            os.write(writer, str(count).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        told = stream.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return 0
    assert os.waitstatus_to_exitcode(status) == 0
    return int(told)


def _count_lines(work: Callable[[], None], kill_at: int | None, watched: set[str | None]) -> int:
    count = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename not in watched:
            return None
        if event == "line":
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    work()
    sys.settrace(None)
    return count
