"""Writes tests/library/files/schema-N.kyara, a small library of today's schema N.

    python -m tests.library.make_file

Run once for every schema that is released; the file is never written again.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np

from kyara import detect
from kyara.library.drawn import choose_cover, draw_figure
from kyara.library.log import Source
from kyara.library.roots import Root, RootKind
from kyara.library.said import Subject
from kyara.library.schema import VERSION
from kyara.library.store import Library
from kyara.library.update import add
from kyara.pictures.digest import digest_of_file
from kyara.plugins.discover import open_encoder
from kyara.types import Box, Detection
from tests.conftest import TINY_PY, TINY_TOML, draw
from tests.detectors import Halves, pair

TARGET = Path(__file__).parent / "files" / f"schema-{VERSION}.kyara"


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        plugin = work / "tiny"
        plugin.mkdir()
        (plugin / "plugin.toml").write_text(TINY_TOML, encoding="utf-8")
        (plugin / "tiny.py").write_text(TINY_PY, encoding="utf-8")
        for name in ("ruby", "jade"):
            for pose in range(2):
                draw(work / "cast" / name / f"{pose}.png", name, pose)
        detect.DEFAULT = Halves()
        with Library.create(TARGET, open_encoder(str(plugin)), str(plugin)) as library:
            add(library, [Root(work / "cast", RootKind.CAST)], open_encoder(str(plugin)))
            ruby = library.decisions.pictures_of(library.decisions.find("ruby"))
            both = pair(work / "both.png", "jade", "azure")
            add(library, [Root(both)], open_encoder(str(plugin)))
            figure = Subject(digest_of_file(both), Box(1, 0, 60, 60))
            library.decisions.confirm([figure], "jade")
            library.decisions.undo(library.decisions.reject([figure], "ruby").id)
            library.decisions.apart(["ruby", "jade"], [[figure]])
            library.decisions.distinct([digest_of_file(both), *ruby])
            choose_cover(library, "ruby", Subject(ruby[1]))
            drawn = Detection(Box(70, 10, 110, 50), "head")
            draw_figure(library, figure.digest, drawn, np.ones(48, dtype=np.float32))
            library.decisions.reject(ruby[:1], "ruby")
            library.decisions.rename("jade", "Jade")
            library.decisions.ignore([bytes(32)])
            library.decisions.undo()
            library.decisions.confirm([bytes(32)], "Jade", Source.MODEL)
    with closing(sqlite3.connect(TARGET)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("VACUUM")
        database.execute("PRAGMA journal_mode = WAL")


if __name__ == "__main__":
    main()
