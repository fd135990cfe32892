"""The store's file: its tables, its connections, and its errors in words.

SQLite of apsw's own build, for the platform's may be one whose write-ahead log can corrupt a
database (before 3.51.3). Write-ahead, so that readers and the writer never wait for each
other; `synchronous=NORMAL`, so that a commit waits for no disk: a process that is killed loses
nothing that was committed, a machine that loses power at most the newest commits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, cast

import apsw

APPLICATION_ID: Final = 0x436C4368  # "ClCh"
VERSION: Final = 1
BUSY_MILLISECONDS: Final = 5000
PAGE_BYTES: Final = 8192
LOG_BYTES: Final = 16 << 20
"""What the write-ahead log may keep of the disk once it was put into the file."""

type Fault = Literal["full", "read-only", "newer", "damaged", "busy", "failed"]

_SCHEMA: Final = """
CREATE TABLE session (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    model TEXT NOT NULL,
    created REAL NOT NULL,
    seconds REAL NOT NULL DEFAULT 0,
    steps INTEGER NOT NULL DEFAULT 0,
    frames INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    complete INTEGER NOT NULL DEFAULT 0,
    pinned INTEGER NOT NULL DEFAULT 0,
    told INTEGER NOT NULL DEFAULT 0,  -- when it was named as one that goes next, seconds since 1970; or 0
    owner TEXT NOT NULL,
    facts TEXT NOT NULL DEFAULT '{}'
) STRICT;

-- Messages that the manifest is made of: model, started, prompt, finished, phase/N.
CREATE TABLE document (
    session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
    name TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (session, name)
) STRICT;

-- Parts as they stay.
CREATE TABLE part (
    key INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
    name TEXT NOT NULL,
    coding TEXT NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (session, name)
) STRICT;

CREATE TABLE chunk (
    session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
    number INTEGER NOT NULL,
    first_frame INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    first_step INTEGER NOT NULL,
    steps INTEGER NOT NULL,
    start REAL NOT NULL,
    stop REAL NOT NULL,
    PRIMARY KEY (session, number)
) STRICT, WITHOUT ROWID;

-- Frames of the second that is not over, and tokens of a run that is not: appended as they
-- come, made parts later.
CREATE TABLE journal (
    key INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
    number INTEGER NOT NULL,
    time REAL NOT NULL,
    tokens INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;
CREATE INDEX journal_of ON journal (session, key);

CREATE TABLE token (
    session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
    step INTEGER NOT NULL,
    time REAL NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (session, step)
) STRICT, WITHOUT ROWID;

-- What many sessions share, by content hash: vocabulary, positions.
CREATE TABLE body (
    kind TEXT NOT NULL,
    hash TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (kind, hash)
) STRICT;
CREATE TABLE uses (
    session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
    kind TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (session, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX uses_of ON uses (kind, hash);
"""

_COUNTED: Final = ("part", "journal", "token")
_COUNT: Final = """
CREATE TRIGGER {table}_comes AFTER INSERT ON {table} BEGIN
    UPDATE session SET bytes = bytes + length(new.data) WHERE key = new.session;
END;
CREATE TRIGGER {table}_goes AFTER DELETE ON {table} BEGIN
    UPDATE session SET bytes = bytes - length(old.data) WHERE key = old.session;
END;
"""


class StoreError(Exception):
    """The store can't do what was asked; the text is a sentence for a person."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Turns what SQLite and the system raise into `StoreError`."""
    try:
        yield
    except apsw.FullError as error:
        raise StoreError("full", f"There is no room left for {path.name}.") from error
    except (apsw.ReadOnlyError, apsw.PermissionsError, PermissionError) as error:
        raise StoreError("read-only", f"{path} can't be written.") from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise StoreError("damaged", f"{path} is damaged.") from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise StoreError("busy", f"{path.name} is held by another program.") from error
    except (apsw.Error, OSError) as error:
        raise StoreError("failed", f"{path} can't be used: {error}.") from error


def open_writer(path: Path) -> apsw.Connection:
    """The connection that changes the file, which is made if it isn't there. Raises what
    `faults` turns into `StoreError`, and `StoreError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db = apsw.Connection(str(path))
    try:
        db.set_busy_timeout(BUSY_MILLISECONDS)
        version = int(db.pragma("user_version"))
        if version == 0:
            _create(db)
        elif version > VERSION:
            raise StoreError("newer", f"{path} was made by a newer Cloud Chamber.")
        db.pragma("synchronous", "NORMAL")
        db.pragma("foreign_keys", True)
        db.pragma("journal_size_limit", LOG_BYTES)
    except BaseException:
        db.close()
        raise
    return db


def _create(db: apsw.Connection) -> None:
    if db.pragma("journal_mode") != "wal":
        db.pragma("page_size", PAGE_BYTES)
        db.pragma("auto_vacuum", 2)  # incremental: room that is given back is given to the disk
        db.pragma("journal_mode", "wal")
    with transaction(db):
        if int(db.pragma("user_version")):  # another process was first
            return
        db.execute(_SCHEMA)
        for table in _COUNTED:
            db.execute(_COUNT.format(table=table))
        db.pragma("application_id", APPLICATION_ID)
        db.pragma("user_version", VERSION)


def open_reader(path: Path) -> apsw.Connection | None:
    """A connection that only reads, or None if there is no store yet. Raises as `open_writer`."""
    if not path.exists():
        return None
    try:
        db = _opened_for_reading(str(path), apsw.SQLITE_OPEN_READONLY)
    except (apsw.CantOpenError, apsw.ReadOnlyError):
        # In a folder that can't be written, readers can't agree on the log: then there is no
        # writer either, and the file stands as it is.
        uri = f"{path.absolute().as_uri()}?immutable=1"
        db = _opened_for_reading(uri, apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    version = int(db.pragma("user_version"))
    if version == VERSION:
        return db
    db.close()
    if version > VERSION:
        raise StoreError("newer", f"{path} was made by a newer Cloud Chamber.")
    return None


def _opened_for_reading(name: str, flags: int) -> apsw.Connection:
    db = apsw.Connection(name, flags=flags)
    try:
        db.set_busy_timeout(BUSY_MILLISECONDS)
        db.pragma("user_version")  # touches the file
    except BaseException:
        db.close()
        raise
    return db


def rows(db: apsw.Connection, statement: str, bindings: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All rows; the columns have the types their tables say."""
    return cast(list[tuple[Any, ...]], db.execute(statement, bindings).fetchall())


def first(db: apsw.Connection, statement: str, bindings: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
    """The first row, or None."""
    return cast(tuple[Any, ...] | None, db.execute(statement, bindings).fetchone())


def value(db: apsw.Connection, statement: str, bindings: tuple[Any, ...] = ()) -> Any:
    """The first column of the first row, or None."""
    row = first(db, statement, bindings)
    return None if row is None else row[0]


@contextmanager
def transaction(db: apsw.Connection) -> Iterator[None]:
    """All or nothing; takes the write lock at once."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def snapshot(db: apsw.Connection) -> Iterator[None]:
    """Reads within it see one state of the file."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        if db.in_transaction:
            db.execute("COMMIT")
