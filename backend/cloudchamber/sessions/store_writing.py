"""What changes the store, each in one transaction of the connection it is given."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import apsw
import psutil
import zstandard

from cloudchamber.sessions import archive
from cloudchamber.sessions.archive import TOKENS_PER_PART, Frames, PhaseChange, StoredFrame, Timeline, Tokens
from cloudchamber.sessions.store_archive import PHASES, timed_tokens
from cloudchamber.sessions.store_schema import first, rows, transaction, value
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.events import ModelLoaded, PromptProcessed, RunStarted, RunState

LEVEL: Final = 1
"""zstd's, of what is compressed while the model decodes: 3 times smaller at 70 MB/s; 3 gains 2 %."""

SHRINK_PAGES: Final = 256
"""Given back at once: what is recorded meanwhile must not wait long."""
THIN_PARTS: Final = 50
"""Removed at once, for the same reason; one is seldom a megabyte."""


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a session when it begins."""

    id: str
    created: float
    """Seconds since 1970."""
    model: ModelLoaded
    started: RunStarted


@dataclass(slots=True)
class Batch:
    """What came of a run since the last one; committed as a whole."""

    frames: list[tuple[StoredFrame, int]] = field(default_factory=list)
    """Each with the number of tokens that came with it."""
    tokens: list[tuple[int, float, bytes]] = field(default_factory=list)
    """Step, time, and the encoded `TokenGenerated`."""
    prompt: PromptProcessed | None = None
    finished: RunState | None = None
    phases: list[PhaseChange] = field(default_factory=list)
    """How the run's phase changed."""
    seals: bool = False
    """The frames up to these are one chunk."""

    @property
    def bytes(self) -> int:
        return sum(len(frame.data) for frame, _ in self.frames)


@cache
def owner() -> str:
    """This process, such that no later one has the same name."""
    return f"{os.getpid()}:{psutil.Process().create_time()}"


def is_alive(name: str) -> bool:
    """Whether the process of that name still runs."""
    pid, _, created = name.partition(":")
    try:
        return str(psutil.Process(int(pid)).create_time()) == created
    except (psutil.Error, ValueError, OverflowError):
        return False


def key_of(db: apsw.Connection, session: str) -> int | None:
    """The row of a session."""
    key: int | None = value(db, "SELECT key FROM session WHERE id = ?", (session,))
    return key


def begin(db: apsw.Connection, head: Head) -> int:
    """A new session; returns its row. Bodies it will use need not be there yet."""
    model = head.model.model
    with transaction(db):
        db.execute(
            "INSERT INTO session (id, title, model, created, owner) VALUES (?, ?, ?, ?, ?)",
            (head.id, archive.title_of(head.started.prompt), model.name, head.created, owner()),
        )
        key = db.last_insert_rowid()
        _document(db, key, "model", head.model)
        _document(db, key, "started", head.started)
        uses = [("vocabulary", model.vocabulary_hash)]
        uses += [(f"positions/{method}", model.embedding_hash) for method in ("pca", "umap")]
        for kind, name in uses:
            if name:
                db.execute("INSERT INTO uses VALUES (?, ?, ?)", (key, kind, name))
    return key


def _document(db: apsw.Connection, key: int, name: str, message: Any) -> None:
    db.execute("INSERT OR REPLACE INTO document VALUES (?, ?, ?)", (key, name, codec.encode(message)))


def append(db: apsw.Connection, key: int, batch: Batch) -> None:
    """What a run's newest moments brought."""
    with transaction(db):
        db.executemany(
            "INSERT INTO journal (session, number, time, tokens, data) VALUES (?, ?, ?, ?, ?)",
            [(key, frame.number, frame.time, count, frame.data) for frame, count in batch.frames],
        )
        db.executemany(
            "INSERT OR REPLACE INTO token VALUES (?, ?, ?, ?)", [(key, *token) for token in batch.tokens]
        )
        if batch.frames:
            db.execute(
                "UPDATE session SET seconds = ?, frames = frames + ?, steps = steps + ? WHERE key = ?",
                (batch.frames[-1][0].time, len(batch.frames), len(batch.tokens), key),
            )
        if batch.prompt is not None:
            _document(db, key, "prompt", batch.prompt)
        if batch.finished is not None:
            _document(db, key, "finished", batch.finished)
        if batch.phases:
            before = value(
                db, "SELECT count(*) FROM document WHERE session = ? AND name GLOB ?", (key, PHASES + "*")
            )
            for number, change in enumerate(batch.phases, before):
                _document(db, key, f"{PHASES}{number:08}", change)
        if batch.seals:
            _seal(db, key)


def _seal(db: apsw.Connection, key: int) -> None:
    """Make a part of the journal."""
    where = "SELECT number, time, data, tokens FROM journal WHERE session = ? ORDER BY key"
    found = rows(db, where, (key,))
    if not found:
        return
    frames = [StoredFrame(*row[:3]) for row in found]
    tokens = sum(row[3] for row in found)
    sums = "count(*), coalesce(sum(frames), 0), coalesce(sum(steps), 0)"
    before = first(db, f"SELECT {sums} FROM chunk WHERE session = ?", (key,))  # noqa: S608
    assert before is not None
    number, first_frame, first_step = before
    put(db, key, archive.frames_name(number), archive.encode(Frames.of(frames)), LEVEL)
    db.execute(
        "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (key, number, first_frame, len(frames), first_step, tokens, frames[0].time, frames[-1].time),
    )
    db.execute("DELETE FROM journal WHERE session = ?", (key,))


def finish(db: apsw.Connection, key: int) -> None:
    """The run is over: make parts of all that is left."""
    with transaction(db):
        _seal(db, key)
        times, tokens = timed_tokens(db, key)
        for start in range(0, len(tokens), TOKENS_PER_PART):
            part = Tokens(tokens=tokens[start : start + TOKENS_PER_PART])
            put(db, key, archive.tokens_name(start // TOKENS_PER_PART), archive.encode(part))
        put(db, key, archive.TIMELINE, archive.encode(Timeline.of(times, tokens)))
        db.execute("DELETE FROM token WHERE session = ?", (key,))
        db.execute("UPDATE session SET complete = 1, owner = '' WHERE key = ?", (key,))


def put(db: apsw.Connection, key: int, name: str, body: bytes, level: int = 3) -> None:
    """A part, compressed, in place of an older one. Within the caller's transaction."""
    store_part(db, key, name, "zstd", zstandard.ZstdCompressor(level=level).compress(body))


def store_part(db: apsw.Connection, key: int, name: str, coding: str, data: bytes) -> None:
    """A part as its coding has it. Within the caller's transaction."""
    # Not `OR REPLACE`: that fires no trigger for what it removes.
    db.execute("DELETE FROM part WHERE session = ? AND name = ?", (key, name))
    db.execute(
        "INSERT INTO part (session, name, coding, data) VALUES (?, ?, ?, ?)", (key, name, coding, data)
    )


def put_body(db: apsw.Connection, kind: str, name: str, body: bytes) -> None:
    """A shared body, if it isn't there."""
    with transaction(db):
        if first(db, "SELECT 1 FROM body WHERE kind = ? AND hash = ?", (kind, name)) is None:
            data = zstandard.ZstdCompressor(level=3).compress(body)
            db.execute("INSERT INTO body VALUES (?, ?, ?)", (kind, name, data))


def use_body(db: apsw.Connection, key: int, kind: str, name: str) -> None:
    """Keep a shared body for as long as the session."""
    with transaction(db):
        db.execute("INSERT OR REPLACE INTO uses VALUES (?, ?, ?)", (key, kind, name))


def describe(db: apsw.Connection, key: int, facts: dict[str, Any]) -> None:
    """Add to what the manifest says."""
    with transaction(db):
        known = json.loads(value(db, "SELECT facts FROM session WHERE key = ?", (key,)))
        db.execute("UPDATE session SET facts = ? WHERE key = ?", (json.dumps(known | facts), key))


_THIN: Final = """
DELETE FROM part WHERE key IN (
    SELECT key FROM part WHERE session = ?1
    AND (name > 'attention/' AND name < 'attention0' OR name > 'distribution/' AND name < 'distribution0')
    LIMIT ?2
)"""


def thin(db: apsw.Connection, key: int) -> bool:
    """Remove some of a session's attention and distributions: to remove gigabytes at once would keep a
    run's newest moments waiting. Whether there may be more; what is left is a session."""
    with transaction(db):
        db.execute(_THIN, (key, THIN_PARTS))
        return db.changes() == THIN_PARTS


def delete(db: apsw.Connection, key: int) -> None:
    """A session with all that is its own, and what it was the last to use."""
    with transaction(db):
        db.execute("DELETE FROM session WHERE key = ?", (key,))
        db.execute(
            "DELETE FROM body WHERE NOT EXISTS"
            " (SELECT 1 FROM uses WHERE uses.kind = body.kind AND uses.hash = body.hash)"
        )


def shrink(db: apsw.Connection) -> bool:
    """Give some room back to the disk. Whether there is more."""
    before = int(db.pragma("freelist_count"))
    db.execute(f"PRAGMA incremental_vacuum({SHRINK_PAGES})").fetchall()
    return 0 < int(db.pragma("freelist_count")) < before


def orphans(db: apsw.Connection, own: set[int]) -> list[int]:
    """Sessions that nobody goes on with: their process has ended, or is this one and has let go
    of them (it goes on with `own`)."""
    going = rows(db, "SELECT key, owner FROM session WHERE NOT complete")
    return [key for key, name in going if (key not in own if name == owner() else not is_alive(name))]


def new_head(session: str, model: ModelLoaded, started: RunStarted) -> Head:
    """A session that begins now."""
    return Head(session, time.time(), model, started)
