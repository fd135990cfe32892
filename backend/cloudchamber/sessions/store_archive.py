"""A session in the store as an `Archive`: parts as they lie there, or made of what came so far."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import apsw
import zstandard

from cloudchamber.sessions import archive
from cloudchamber.sessions.archive import (
    TOKENS_PER_PART,
    FrameChunk,
    Frames,
    Manifest,
    PhaseChange,
    StoredFrame,
    Timeline,
    Tokens,
)
from cloudchamber.sessions.store_schema import first, rows, value
from cloudchamber.telemetry import codec, typed
from cloudchamber.telemetry.events import ModelLoaded, PromptProcessed, RunStarted, RunState, TokenGenerated

ZSTD: Final = "zstd"
PHASES: Final = "phase/"
"""How the names of the documents begin that each hold one change of the run's phase."""
MAX_PART: Final = 1 << 30

type Reading = Callable[[], AbstractContextManager[apsw.Connection]]
"""A connection to read with, within one snapshot."""
type Expander = Callable[["StoreArchive", str, bytes], bytes]
"""Makes a part's codec bytes of those stored in a coding of its own."""


class StoreArchive:
    """One session. What it hands out is of the moment `reading` reads; raises `StoreError`."""

    def __init__(
        self, reading: Reading, key: int, expanders: dict[str, Expander], spool: Path | None = None
    ) -> None:
        """`spool` is what its run has left to be made parts of, if that is to come."""
        self._reading = reading
        self._key = key
        self._expanders = expanders
        self._spool = spool

    def part(self, name: str) -> bytes | None:
        """See `Archive`."""
        if not archive.is_part_name(name):
            return None
        # Looked at before the store: it goes only when that has all of it.
        completing = self._spool is not None and (self._spool / "head").exists()
        with self._reading() as db:
            stored = self._stored(db, name)
            if stored is None:
                return self._made(db, name, completing)
        coding, data = stored
        return decompress(data) if coding == ZSTD else self._expanders[coding](self, name, data)

    def stored(self, name: str) -> tuple[str, bytes] | None:
        """Coding and bytes of a part, or of a shared body it stands for, just as they lie in the
        store; None if it must be made."""
        if not archive.is_part_name(name):
            return None
        with self._reading() as db:
            return self._stored(db, name)

    def _stored(self, db: apsw.Connection, name: str) -> tuple[str, bytes] | None:
        where = "SELECT coding, data FROM part WHERE session = ? AND name = ?"
        if (row := first(db, where, (self._key, name))) is not None:
            return row[0], row[1]
        shared = "SELECT data FROM uses JOIN body USING (kind, hash) WHERE session = ? AND kind = ?"
        body = value(db, shared, (self._key, name))
        return None if body is None else (ZSTD, body)

    def _made(self, db: apsw.Connection, name: str, completing: bool) -> bytes | None:
        """A part that is not there as such: the manifest, and what a running session has so far."""
        kind, _, number = name.partition("/")
        if kind == archive.MANIFEST:
            manifest = manifest_of(db, self._key)
            return None if manifest is None else archive.encode(replace(manifest, completing=completing))
        if kind not in ("timeline", "tokens", "frames") or self.complete(db) is not False:
            return None
        if kind == "timeline":
            return archive.encode(Timeline.of(*timed_tokens(db, self._key)))
        if kind == "tokens":
            _, tokens = timed_tokens(db, self._key, int(number))
            return archive.encode(Tokens(tokens=tokens)) if tokens else None
        return self._open_chunk(db, int(number))

    def complete(self, db: apsw.Connection) -> bool | None:
        """Whether nothing more comes; None if the session is gone."""
        found = value(db, "SELECT complete FROM session WHERE key = ?", (self._key,))
        return None if found is None else bool(found)

    @property
    def is_complete(self) -> bool:
        with self._reading() as db:
            return self.complete(db) is True

    def _open_chunk(self, db: apsw.Connection, number: int) -> bytes | None:
        """The frames since the last whole chunk."""
        sealed = db.execute("SELECT count(*) FROM chunk WHERE session = ?", (self._key,)).get
        rows = db.execute(
            "SELECT number, time, data FROM journal WHERE session = ? ORDER BY key", (self._key,)
        )
        if number != sealed or not (frames := [StoredFrame(*row) for row in rows]):
            return None
        return archive.encode(Frames.of(frames))

    def names(self) -> Iterable[str]:
        """See `Archive`."""
        with self._reading() as db:
            manifest = manifest_of(db, self._key)
            stored = rows(db, "SELECT name FROM part WHERE session = ?", (self._key,))
        usual = [] if manifest is None else archive.parts_of(manifest)
        return list(dict.fromkeys([*usual, *(name for (name,) in stored)]))

    def body(self, kind: str) -> bytes | None:
        """A shared body that the session uses, of any kind."""
        with self._reading() as db:
            stored = self._stored(db, kind)
        return None if stored is None else decompress(stored[1])


def decompress(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(data, max_output_size=MAX_PART)


def timed_tokens(
    db: apsw.Connection, key: int, part: int | None = None
) -> tuple[list[float], list[TokenGenerated]]:
    """Times and tokens of a session that is not complete; of one part, or all."""
    steps = (0, 1 << 60) if part is None else (part * TOKENS_PER_PART, (part + 1) * TOKENS_PER_PART - 1)
    where = "SELECT time, data FROM token WHERE session = ? AND step BETWEEN ? AND ? ORDER BY step"
    found = rows(db, where, (key, *steps))
    tokens = [typed.build(TokenGenerated, codec.decode(data)) for _, data in found]
    return [seconds for seconds, _ in found], tokens


def manifest_of(db: apsw.Connection, key: int) -> Manifest | None:
    """The manifest as things stand, or None for a session that is gone."""
    columns = "id, title, created, seconds, steps, frames, complete, facts"
    row = first(db, f"SELECT {columns} FROM session WHERE key = ?", (key,))  # noqa: S608
    documents = dict(rows(db, "SELECT name, data FROM document WHERE session = ?", (key,)))
    if row is None or not {"model", "started"} <= documents.keys():
        return None
    session, title, created, seconds, steps, frames, complete, facts = row
    model = typed.build(ModelLoaded, codec.decode(documents["model"]))
    shared = "SELECT kind FROM uses JOIN body USING (kind, hash) WHERE session = ?"
    kinds = {kind for (kind,) in rows(db, shared, (key,))}
    return Manifest(
        id=session,
        title=title,
        created=created,
        seconds=seconds,
        steps=steps,
        frames=frames,
        complete=bool(complete),
        model=model,
        started=typed.build(RunStarted, codec.decode(documents["started"])),
        prompt=_document(documents, "prompt", PromptProcessed),
        finished=_document(documents, "finished", RunState),
        vocabulary_hash=model.model.vocabulary_hash if archive.VOCABULARY in kinds else "",
        embedding_hash=model.model.embedding_hash,
        positions=[method for method in ("pca", "umap") if archive.positions_name(method) in kinds],
        attention_layers=_layers(db, key),
        frame_chunks=_chunks(db, key),
        phases=[
            PhaseChange(*codec.decode(documents[name]))
            for name in sorted(documents)
            if name.startswith(PHASES)
        ],
        distribution_exact=bool(complete) and steps > 0 and _count(db, key, "distribution") == steps,
        **_facts(facts),
    )


def _facts(text: str) -> dict[str, Any]:
    """What the session was described with, of what a manifest can say."""
    known: dict[str, Any] = json.loads(text)
    said = ("attention_error", "attention_rows", "redacted", "model_hash")
    return {name: known[name] for name in said if name in known}


def _document[T](documents: dict[str, bytes], name: str, cls: type[T]) -> T | None:
    data = documents.get(name)
    return None if data is None else typed.build(cls, codec.decode(data))


def _range(kind: str) -> tuple[str, str]:
    """Names of one kind lie between these: `0` is the character after `/`."""
    return f"{kind}/", f"{kind}0"


def _count(db: apsw.Connection, key: int, kind: str) -> int:
    where = "SELECT count(*) FROM part WHERE session = ? AND name > ? AND name < ?"
    return int(value(db, where, (key, *_range(kind))))


def _layers(db: apsw.Connection, key: int) -> list[int]:
    where = "SELECT name FROM part WHERE session = ? AND name > ? AND name < ?"
    return sorted({int(name.split("/")[1]) for (name,) in rows(db, where, (key, *_range("attention")))})


def _chunks(db: apsw.Connection, key: int) -> list[FrameChunk]:
    """What is in each chunk, and in the one that is not over."""
    columns = "first_frame, frames, first_step, steps, start, stop"
    sealed = f"SELECT {columns} FROM chunk WHERE session = ? ORDER BY number"  # noqa: S608
    chunks = [FrameChunk(*row) for row in rows(db, sealed, (key,))]
    newest = "SELECT count(*), sum(tokens), min(time), max(time) FROM journal WHERE session = ?"
    frames, steps, start, stop = first(db, newest, (key,)) or (0, 0, 0.0, 0.0)
    if frames:
        before = chunks[-1] if chunks else FrameChunk(0, 0, 0, 0, 0.0, 0.0)
        chunks.append(
            FrameChunk(
                before.first_frame + before.frames,
                frames,
                before.first_step + before.steps,
                steps,
                start,
                stop,
            )
        )
    return chunks
