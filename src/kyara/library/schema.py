"""The tables of a library, and how an older file becomes one of today.

docs/reference/library-file.md says what every column means.
"""

from __future__ import annotations

import sqlite3

__all__ = ["APPLICATION_ID", "MIGRATIONS", "VERSION", "migrate"]

APPLICATION_ID = 0x4B796172
"""`Kyar`: what tells a library from other SQLite files."""

_FIRST = (
    """CREATE TABLE encoders (
    id INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE, plugin BLOB NOT NULL,
    dimension INTEGER NOT NULL CHECK (dimension > 0)
)""",
    """CREATE TABLE library (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1), created TEXT NOT NULL,
    encoder INTEGER NOT NULL REFERENCES encoders (id)
)""",
    """CREATE TABLE roots (
    path BLOB PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('pictures', 'character', 'cast')),
    character TEXT, CHECK ((character IS NOT NULL) = (kind = 'character'))
) WITHOUT ROWID""",
    """CREATE TABLE pictures (
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    name BLOB NOT NULL, width INTEGER, height INTEGER
)""",
    """CREATE TABLE places (
    path BLOB PRIMARY KEY, picture INTEGER NOT NULL REFERENCES pictures (id) ON DELETE CASCADE,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
    checked_ns INTEGER NOT NULL, gone INTEGER NOT NULL DEFAULT 0 CHECK (gone IN (0, 1))
) WITHOUT ROWID""",
    "CREATE INDEX places_by_picture ON places (picture)",
    """CREATE TABLE detections (
    id INTEGER PRIMARY KEY, picture INTEGER NOT NULL REFERENCES pictures (id) ON DELETE CASCADE,
    box_left REAL NOT NULL, box_top REAL NOT NULL, box_right REAL NOT NULL,
    box_bottom REAL NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('head', 'figure', 'whole')),
    score REAL NOT NULL, UNIQUE (picture, box_left, box_top, box_right, box_bottom)
)""",
    """CREATE TABLE embeddings (
    detection INTEGER NOT NULL REFERENCES detections (id) ON DELETE CASCADE,
    encoder INTEGER NOT NULL REFERENCES encoders (id), vector BLOB NOT NULL,
    PRIMARY KEY (detection, encoder)
)""",
    """CREATE TABLE decisions (
    id INTEGER PRIMARY KEY, time TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('person', 'import', 'model')),
    kind TEXT NOT NULL, payload TEXT NOT NULL,
    undoes INTEGER UNIQUE REFERENCES decisions (id),
    CHECK ((undoes IS NOT NULL) = (kind = 'undo'))
)""",
    """CREATE TRIGGER decisions_are_never_changed BEFORE UPDATE ON decisions
BEGIN SELECT RAISE (ABORT, 'decisions are never changed'); END""",
    """CREATE TRIGGER decisions_are_never_deleted BEFORE DELETE ON decisions
BEGIN SELECT RAISE (ABORT, 'decisions are never deleted'); END""",
    # What follows is derived from the decisions: verdicts.py can make it anew at any time.
    "CREATE TABLE characters (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    """CREATE TABLE aliases (
    name TEXT PRIMARY KEY,
    character INTEGER NOT NULL REFERENCES characters (id) ON DELETE CASCADE
) WITHOUT ROWID""",
    """CREATE TABLE said (
    digest BLOB PRIMARY KEY, character INTEGER REFERENCES characters (id),
    ignored INTEGER NOT NULL CHECK (ignored IN (0, 1)), source TEXT NOT NULL,
    decision INTEGER NOT NULL REFERENCES decisions (id),
    CHECK (character IS NULL OR NOT ignored)
) WITHOUT ROWID""",
    "CREATE INDEX said_by_character ON said (character)",
    """CREATE TABLE rejections (
    digest BLOB NOT NULL,
    character INTEGER NOT NULL REFERENCES characters (id) ON DELETE CASCADE,
    decision INTEGER NOT NULL REFERENCES decisions (id), PRIMARY KEY (digest, character)
) WITHOUT ROWID""",
    "CREATE INDEX rejections_by_character ON rejections (character)",
)

_SEVERAL_FIGURES = (
    # Detections belong to a detector. What there was is of the one that takes a picture whole.
    "CREATE TABLE detectors (id INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE)",
    "INSERT INTO detectors (id, identity) VALUES (1, 'whole')",
    "ALTER TABLE library ADD COLUMN detector INTEGER REFERENCES detectors (id)",
    "UPDATE library SET detector = 1",
    """CREATE TABLE found (
    id INTEGER PRIMARY KEY, picture INTEGER NOT NULL REFERENCES pictures (id) ON DELETE CASCADE,
    detector INTEGER NOT NULL REFERENCES detectors (id), box_left REAL NOT NULL,
    box_top REAL NOT NULL, box_right REAL NOT NULL, box_bottom REAL NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('head', 'figure', 'whole')), score REAL NOT NULL,
    UNIQUE (picture, detector, box_left, box_top, box_right, box_bottom)
)""",
    """INSERT INTO found SELECT id, picture, 1, box_left, box_top, box_right, box_bottom, kind,
    score FROM detections""",
    # Made anew as well, for it refers to the old table; emptied first, for it would be emptied
    # with that one.
    """CREATE TABLE vectors (
    detection INTEGER NOT NULL REFERENCES found (id) ON DELETE CASCADE,
    encoder INTEGER NOT NULL REFERENCES encoders (id), vector BLOB NOT NULL,
    PRIMARY KEY (detection, encoder)
)""",
    "INSERT INTO vectors SELECT detection, encoder, vector FROM embeddings",
    "DROP TABLE embeddings",
    "DROP TABLE detections",
    "ALTER TABLE found RENAME TO detections",
    "ALTER TABLE vectors RENAME TO embeddings",
    # What was said may be of one figure. Until now it was of every one: an empty box.
    """CREATE TABLE said_of (
    digest BLOB NOT NULL, box TEXT NOT NULL, character INTEGER REFERENCES characters (id),
    ignored INTEGER NOT NULL CHECK (ignored IN (0, 1)), source TEXT NOT NULL,
    decision INTEGER NOT NULL REFERENCES decisions (id), PRIMARY KEY (digest, box),
    CHECK (character IS NULL OR NOT ignored)
) WITHOUT ROWID""",
    "INSERT INTO said_of SELECT digest, '', character, ignored, source, decision FROM said",
    "DROP TABLE said",
    "ALTER TABLE said_of RENAME TO said",
    "CREATE INDEX said_by_character ON said (character)",
    """CREATE TABLE not_of (
    digest BLOB NOT NULL, box TEXT NOT NULL,
    character INTEGER NOT NULL REFERENCES characters (id) ON DELETE CASCADE,
    decision INTEGER NOT NULL REFERENCES decisions (id), PRIMARY KEY (digest, box, character)
) WITHOUT ROWID""",
    "INSERT INTO not_of SELECT digest, '', character, decision FROM rejections",
    "DROP TABLE rejections",
    "ALTER TABLE not_of RENAME TO rejections",
    "CREATE INDEX rejections_by_character ON rejections (character)",
)

_GROUPS = (
    # What `kyara group` found last. A number never means another group: AUTOINCREMENT sees to it.
    "CREATE TABLE groups (number INTEGER PRIMARY KEY AUTOINCREMENT)",
    """CREATE TABLE grouped (
    digest BLOB NOT NULL, box TEXT NOT NULL,
    number INTEGER NOT NULL REFERENCES groups (number) ON DELETE CASCADE,
    PRIMARY KEY (digest, box)
) WITHOUT ROWID""",
    "CREATE INDEX grouped_by_number ON grouped (number)",
)

_PIXELS = (
    # Of pictures that somebody spoke of, to know them when a tag was written into the file.
    """CREATE TABLE pixels (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32), pixels BLOB NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL
) WITHOUT ROWID""",
    "CREATE INDEX pixels_by_pixels ON pixels (pixels)",
)

_ANSWERS = (
    # What a person answered to suggestions; derived from the decisions as `said` is.
    """CREATE TABLE sure (
    digest BLOB NOT NULL, box TEXT NOT NULL,
    character INTEGER NOT NULL REFERENCES characters (id) ON DELETE CASCADE,
    decision INTEGER NOT NULL REFERENCES decisions (id), PRIMARY KEY (digest, box, character)
) WITHOUT ROWID""",
    """CREATE TABLE sides (
    decision INTEGER NOT NULL REFERENCES decisions (id),
    kind TEXT NOT NULL CHECK (kind IN ('apart', 'together', 'distinct')),
    side INTEGER NOT NULL, character INTEGER REFERENCES characters (id) ON DELETE CASCADE,
    digest BLOB, box TEXT, CHECK ((character IS NULL) = (digest IS NOT NULL AND box IS NOT NULL))
)""",
    # A file with a tag in it that another had not: the same picture, as far as answers go.
    """CREATE TABLE same_pixels (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32), known BLOB NOT NULL
) WITHOUT ROWID""",
    # What near-duplicates are told by, once their files were opened.
    """CREATE TABLE hashes (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32), hash BLOB NOT NULL
) WITHOUT ROWID""",
)

_COVERS = (
    # By what a character is shown; derived from the decisions as `said` is.
    """CREATE TABLE covers (
    character INTEGER PRIMARY KEY REFERENCES characters (id) ON DELETE CASCADE,
    digest BLOB NOT NULL, box TEXT NOT NULL, decision INTEGER NOT NULL REFERENCES decisions (id)
)""",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    _FIRST,
    _SEVERAL_FIGURES,
    _GROUPS,
    _PIXELS,
    _ANSWERS,
    _COVERS,
)
"""What leads from each version to the next; from nothing to version 1 is the first."""

VERSION = len(MIGRATIONS)
"""What `user_version` is, once all migrations were applied."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables to `VERSION`; within the caller's transaction: all or nothing.

    Two processes may come here at once: the second finds nothing left to do.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
