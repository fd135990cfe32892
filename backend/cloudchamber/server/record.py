"""Recording a run without a viewer: the same session, with a file where the socket would be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from cloudchamber import __version__
from cloudchamber.inference.options import EngineOptions
from cloudchamber.model.discovery import FoundModel
from cloudchamber.server.live import LiveSession
from cloudchamber.telemetry import codec, typed
from cloudchamber.telemetry.commands import Generate
from cloudchamber.telemetry.events import (
    PARTS,
    Event,
    ModelInfo,
    ModelLoaded,
    PositionsReady,
    Problem,
    Progress,
    RunState,
)
from cloudchamber.telemetry.hub import Reader
from cloudchamber.telemetry.messages import Frame
from cloudchamber.telemetry.recording import RecordingWriter, is_recording
from cloudchamber.telemetry.state_store import Want

ROWS_BYTES: Final = 64 << 20
OVER: Final = ("finished", "stopped", "failed")

type Say = Callable[[str], None]


class RecordError(Exception):
    """The run could not be recorded; the text is a sentence for a person."""


async def record(
    out: Path,
    model: FoundModel,
    options: EngineOptions,
    command: Generate,
    heads: Sequence[tuple[int, int]],
    say: Say,
) -> int:
    """Run `command` and write what a viewer of every part and of `heads` gets. Returns the frames.

    Raises `RecordError` or `OSError`.
    """
    # Nobody can ask for rows afterwards, and a file takes frames of any size.
    options = replace(options, attention_bytes=ROWS_BYTES)
    session = LiveSession(options, model=model, autostart=False)
    session.hub.state.attention_bytes = ROWS_BYTES
    listener = _Listener(session, Want(frozenset(PARTS), tuple(heads)), say)
    await session.start()
    try:
        await listener.until(lambda: listener.model is not None)
        assert listener.model is not None
        _check_heads(listener.model.model, heads)
        if listener.model.model.embedding_hash:
            await listener.until(lambda: listener.methods == {"pca", "umap"} or listener.layout_failed)
        with RecordingWriter(out) as writer:
            await _write_bodies(writer, session, listener)
            listener.write_to(writer)
            session.obey(command)
            await listener.until(lambda: listener.over)
            return writer.frames
    finally:
        await session.close()


def _check_heads(model: ModelInfo, heads: Sequence[tuple[int, int]]) -> None:
    for layer, head in heads:
        if layer >= model.n_layer or head >= model.n_head:
            has = f"it has {model.n_layer} layers of {model.n_head}, counted from 0"
            raise RecordError(f"{model.name} has no head {layer}:{head}; {has}.")


async def _write_bodies(writer: RecordingWriter, session: LiveSession, listener: _Listener) -> None:
    assert listener.model is not None
    model = listener.model.model
    writer.header({"version": __version__, "model": model.name, "model_info": model})
    vocabulary = await session.vocabulary(model.vocabulary_hash)
    if vocabulary:
        writer.vocabulary(vocabulary)
    for method in ("pca", "umap"):
        body = await session.positions(model.embedding_hash, method)
        if body:
            writer.positions(body)


class _Listener:
    """An in-process viewer that follows the session and, once told, writes its frames."""

    def __init__(self, session: LiveSession, want: Want, say: Say) -> None:
        self._hub = session.hub
        self._want = want
        self._say = say
        self._changed = asyncio.Event()
        self._writer: RecordingWriter | None = None
        self._problem: Problem | None = None
        self.model: ModelLoaded | None = None
        self.methods: set[str] = set()
        self.layout_failed = False
        self.over = False
        self._reader = self._join()

    def _join(self) -> Reader:
        reader = Reader(wake=self._take, want=self._want)
        self._hub.join(reader)
        return reader

    def write_to(self, writer: RecordingWriter) -> None:
        """From now on write frames, and first of all what a viewer who comes now is told."""
        self._hub.leave(self._reader)
        self._writer = writer
        self._reader = self._join()
        self._take()

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait for what the events will say. Raises `RecordError` for a problem."""
        while not done():
            if self._problem is not None:
                raise RecordError(f"{self._problem.message} {self._problem.hint}".strip())
            self._changed.clear()
            await self._changed.wait()

    def _take(self) -> None:
        reader = getattr(self, "_reader", None)
        while reader and (data := self._hub.next_frame(reader)) is not None:
            frame = typed.message(codec.decode(data))
            assert isinstance(frame, Frame)
            for event in (*frame.events, *frame.state):
                self._follow(event)
            if self._writer is not None and (frame.events or frame.state):
                self._writer.frame(self._hub.clock(), data)
        self._changed.set()

    def _follow(self, event: Event) -> None:
        match event:
            case ModelLoaded() if self.model is None:  # told again when the writing begins
                self.model = event
                self._say(f"{event.model.name} is loaded.")
            case PositionsReady():
                self.methods.add(event.method)
            case Progress(task="positions") if event.done and "umap" not in self.methods:
                self.layout_failed = True
            case Progress() if not event.done and event.message:
                self._say(event.message)
            case RunState() if event.phase in OVER:
                self.over = True
            case Problem() if event.code != "positions":
                self._problem = event
            case _:
                pass


def write_recording(
    out: Path,
    model: FoundModel,
    options: EngineOptions,
    command: Generate,
    heads: Sequence[tuple[int, int]],
    say: Say,
) -> int:
    """`record` for a caller without an event loop.

    A recording that failed or was broken off leaves no file, and one that was there before as it was.
    Raises `RecordError` or `OSError`.
    """
    if not out.parent.is_dir():
        raise RecordError(f"There is no folder {out.parent}.")
    if out.exists() and not is_recording(out):
        raise RecordError(f"{out} is there and is no recording; choose another name.")
    part = out.with_name(f"{out.name}.part")
    try:
        frames = asyncio.run(record(part, model, options, command, heads, say))
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return frames
