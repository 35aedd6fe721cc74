"""Pictures in archives: zip files (also cbz), and tar files that are not compressed as a whole."""

from __future__ import annotations

import os
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from kyara.errors import PictureError, one_line, reason
from kyara.pictures.find import is_picture_name
from kyara.pictures.source import Encoded, NoFile, Source
from kyara.pictures.urls import Url

__all__ = ["Member", "is_archive", "members_of"]


@dataclass(frozen=True)
class Member(NoFile):
    """A picture in an archive.

    Attributes:
        archive: a tar file, or the file of `zip`.
        member: its name in the archive.
        span: (offset, length) of its bytes in a tar file.
        zip: the open archive, closed with the last of its members.
    """

    archive: Path | Url
    member: str
    span: tuple[int, int] = (0, 0)
    zip: zipfile.ZipFile | None = field(default=None, repr=False, compare=False)

    @property
    def name(self) -> str:
        """`archive.zip/member.png`."""
        return f"{self.archive}/{self.member}"

    def read(self) -> Encoded:
        """See `Source`."""
        try:
            data = self._from_tar() if self.zip is None else self._from_zip(self.zip)
        except OSError as error:
            raise PictureError(f"cannot read it: {reason(error)}", where=self.name) from error
        if not data:
            raise PictureError("the file is empty", where=self.name)
        return Encoded(data, self.name)

    def _from_tar(self) -> bytes:
        self._check(self.span[1])
        if isinstance(self.archive, Url):
            return self.archive.read(*self.span)
        with self.archive.open("rb") as stream:
            stream.seek(self.span[0])
            return stream.read(self.span[1])

    def _from_zip(self, archive: zipfile.ZipFile) -> bytes:
        self._check(archive.getinfo(self.member).file_size)
        try:
            return archive.read(self.member)
        except OSError:
            raise
        except Exception as error:  # zlib's, zipfile's, and RuntimeError where it is encrypted
            raise PictureError(f"cannot unpack it: {one_line(error)}", where=self.name) from error

    def _check(self, size: int) -> None:
        from kyara.pictures.read import MAX_FILE_BYTES

        if size > MAX_FILE_BYTES:
            raise PictureError(f"the file is too long ({size >> 20} MiB)", where=self.name)


def is_archive(path: str | os.PathLike[str]) -> bool:
    """Whether a file of this name is taken for an archive of pictures, where it is named."""
    return os.path.splitext(os.fspath(path))[1].lower() in (".cbz", ".zip", ".cbt", ".tar")


def members_of(archive: Path | Url) -> list[Source]:
    """The pictures in a zip (also cbz) or tar file that is not compressed as a whole, by name.

    Raises:
        PictureError: it is neither, or cannot be read.
    """
    try:
        return _in_zip(archive) if _is_zip(archive) else _in_tar(archive)
    except OSError as error:
        raise PictureError(f"cannot read it: {reason(error)}", where=str(archive)) from error
    except (zipfile.BadZipFile, tarfile.TarError) as error:
        what = "not a zip or an uncompressed tar file, or a broken one"
        raise PictureError(what, where=str(archive)) from error


def _is_zip(archive: Path | Url) -> bool:
    with archive.open("rb") as stream:
        return zipfile.is_zipfile(stream)


def _in_zip(archive: Path | Url) -> list[Source]:
    opened = zipfile.ZipFile(archive.open("rb") if isinstance(archive, Url) else archive)
    infos = sorted(opened.infolist(), key=lambda info: info.filename)
    names = [i.filename for i in infos if not i.is_dir() and _is_picture(i.filename)]
    return [Member(archive, name, zip=opened) for name in names]


def _in_tar(archive: Path | Url) -> list[Source]:
    with archive.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
        found = [(m.name, m.offset_data, m.size) for m in tar if m.isfile()]
    spans = sorted((name, (begin, size)) for name, begin, size in found if _is_picture(name))
    return [Member(archive, name.removeprefix("./"), span) for name, span in spans]


def _is_picture(member: str) -> bool:
    return is_picture_name(member.rpartition("/")[2])
