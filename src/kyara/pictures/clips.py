"""Moving pictures: the frames of a video or an animation, some time apart.

Videos need PyAV, which the extra `video` brings; animations only what pictures need.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kyara.errors import PictureError, one_line
from kyara.extras import optional
from kyara.pictures.source import File, Frame, InMemory, Source

__all__ = ["VIDEOS", "ClipFrame", "frame_starts", "frames_of_clip", "is_video"]

VIDEOS = frozenset(
    (
        *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg"),
        *(".ts", ".m2ts", ".wmv", ".flv", ".ogv", ".3gp"),
    )
)
"""How the names of files end that are taken for videos."""


@dataclass(frozen=True)
class ClipFrame:
    """A frame, and when it is shown, in seconds from the beginning."""

    seconds: float
    source: Source


def is_video(name: str | os.PathLike[str]) -> bool:
    """Whether a file of this name is taken for a video."""
    return os.path.splitext(os.fspath(name))[1].lower() in VIDEOS


def frames_of_clip(path: Path, every: float) -> Iterator[ClipFrame]:
    """The first frame, and each that is the first in the next `every` seconds.

    Raises:
        PictureError: it cannot be read, or holds no pictures.
        UsageError: it is a video, and PyAV is not installed.
    """
    shown = _of_video(path) if is_video(path) else _of_animation(path)
    due = 0.0
    for frame in shown:
        if frame.seconds >= due:
            yield frame
            due = (frame.seconds // every + 1) * every


def _of_animation(path: Path) -> Iterator[ClipFrame]:
    from kyara.pictures.read import read_bytes

    starts = frame_starts(read_bytes(path), where=path)
    for number, seconds in enumerate(starts):
        yield ClipFrame(seconds, Frame(File(path), number))


def _of_video(path: Path) -> Iterator[ClipFrame]:
    av = optional("av", "'kyara[video]'")
    if not os.path.lexists(path):
        raise PictureError("there is no such file", where=path)
    try:
        with av.open(os.fspath(path)) as container:
            if not container.streams.video:
                raise PictureError("there are no pictures in this file", where=path)
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for frame in container.decode(stream):
                seconds = float(frame.time or 0.0)
                yield ClipFrame(seconds, _Decoded(path, seconds, frame))
    except (av.error.FFmpegError, OSError) as error:
        what = f"cannot read this video: {one_line(error)}"
        raise PictureError(what, where=path) from error


def frame_starts(data: bytes, *, where: str | os.PathLike[str] | None = None) -> list[float]:
    """When each picture of an animation is shown, in seconds from the beginning; of a still one,
    at 0. What says no duration is shown for a tenth of a second, as browsers do.

    Raises:
        PictureError: not a picture, or broken.
    """
    from PIL import Image

    from kyara.pictures.read import count_frames

    count, starts, now = count_frames(data, where=where), [], 0.0
    try:
        with Image.open(io.BytesIO(data)) as opened:
            for number in range(count):
                opened.seek(number)
                opened.load()  # WebP tells only then
                starts.append(now)
                now += float(opened.info.get("duration") or 100) / 1000
    except Exception as error:  # as in decode()
        raise PictureError(f"the picture is broken: {one_line(error)}", where=where) from error
    return starts


class _Decoded:
    """A frame of a video, which becomes a picture only if it is looked at."""

    def __init__(self, path: Path, seconds: float, frame: Any) -> None:
        self.name = f"{os.fspath(path)} at {seconds:.2f} s"
        self._frame = frame

    def state(self) -> None:
        """None; see `Source`."""
        return

    def read(self) -> Any:
        """See `Source`."""
        image = self._frame.to_image()
        turned = getattr(self._frame, "rotation", 0)  # how a telephone was held
        if turned:
            image = image.rotate(turned, expand=True)
        return InMemory(image, self.name).read()
