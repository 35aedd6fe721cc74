"""What every request works with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from kyara.library.store import Library
from kyara.web.access import Access
from kyara.web.engine import Engine
from kyara.web.grouping import Grouper
from kyara.web.thumbnails import Thumbnails

__all__ = ["AtDesk", "Desk"]


@dataclass(frozen=True)
class Desk:
    """A library that is served.

    Attributes:
        path: of its file.
        engine: asks the model.
        grouper: finds groups, in the background.
        thumbnails: makes small pictures.
        access: who may ask.
    """

    path: Path
    engine: Engine
    grouper: Grouper
    thumbnails: Thumbnails
    access: Access

    @contextmanager
    def library(self, *, write: bool = False) -> Iterator[Library]:
        """The library, opened for one request: SQLite's connections belong to a thread. What is
        only read is of one moment, while other requests write."""
        with (
            Library.open(self.path, write=write) as opened,
            nullcontext() if write else opened.database.snapshot(),
        ):
            yield opened


def _desk_of(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


AtDesk = Annotated[Desk, Depends(_desk_of)]
