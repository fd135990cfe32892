"""Writes the parts of the recorded run, as a kept session has them, to a folder.

    .venv/bin/python frontend/test/make_archive.py FOLDER [TIMES]

With TIMES, a run so many times as long: the same frames again and again, with the steps, positions
and times they would have had.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from cloudchamber.sessions import archive
from cloudchamber.sessions.archive import (
    Archive,
    FrameChunk,
    Frames,
    Manifest,
    PhaseChange,
    StoredFrame,
    Timeline,
    Tokens,
)
from cloudchamber.sessions.from_recording import MemoryArchive, from_recording
from cloudchamber.telemetry import codec, typed
from cloudchamber.telemetry.events import RunState, TokenGenerated
from cloudchamber.telemetry.messages import Frame
from cloudchamber.telemetry.recording import read_recording

RECORDING = Path(__file__).parents[2] / "playwright/fixtures/smollm2.chamber"


def main(folder: Path, times: int = 1) -> None:
    session: Archive = from_recording(read_recording(RECORDING))
    if times > 1:
        session = longer(session, times)
    for name in session.names():
        body = session.part(name)
        assert body is not None
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


def longer(session: Archive, times: int) -> Archive:
    """The session played `times` times in a row, as one run. Without attention."""
    manifest = archive.read(session, Manifest, archive.MANIFEST)
    timeline = archive.read(session, Timeline, archive.TIMELINE)
    assert manifest
    assert timeline
    chunks: list[FrameChunk] = []
    parts: dict[str, bytes] = {}
    tokens: list[TokenGenerated] = []
    arrivals: list[float] = []
    phases: list[PhaseChange] = []
    gap = manifest.seconds + 0.04
    for turn in range(times):
        steps, positions, seconds = turn * manifest.steps, turn * manifest.steps, turn * gap
        for number, chunk in enumerate(manifest.frame_chunks):
            frames = archive.read(session, Frames, archive.frames_name(number))
            assert frames
            stored = []
            for frame in frames:
                told = moved(frame.data, steps, positions, last=turn + 1 == times)
                for event in told.events:
                    if isinstance(event, TokenGenerated):
                        tokens.append(event)
                        arrivals.append(frame.time + seconds)
                    elif isinstance(event, RunState):
                        phases.append(PhaseChange(frame.time + seconds, event.phase))
                stored.append(StoredFrame(frame.number, frame.time + seconds, codec.encode(told)))
            name = archive.frames_name(len(chunks))
            parts[name] = archive.encode(Frames.of(stored))
            first = sum(one.frames for one in chunks)
            chunks.append(
                FrameChunk(
                    first,
                    chunk.frames,
                    chunk.first_step + steps,
                    chunk.steps,
                    chunk.start + seconds,
                    chunk.stop + seconds,
                )
            )
    parts[archive.TIMELINE] = archive.encode(Timeline.of(arrivals, tokens))
    for number, start in enumerate(range(0, len(tokens), archive.TOKENS_PER_PART)):
        part = Tokens(tokens=tokens[start : start + archive.TOKENS_PER_PART])
        parts[archive.tokens_name(number)] = archive.encode(part)
    for name in (archive.VOCABULARY, *map(archive.positions_name, manifest.positions)):
        parts[name] = session.part(name) or b""
    grown = replace(
        manifest,
        seconds=chunks[-1].stop,
        steps=len(tokens),
        frames=sum(one.frames for one in chunks),
        frame_chunks=chunks,
        phases=phases,
        attention_layers=[],
    )
    return MemoryArchive({archive.MANIFEST: archive.encode(grown), **parts})


def moved(data: bytes, steps: int, positions: int, *, last: bool) -> Frame:
    """A frame as it would be so many steps and positions later; the run ends with its last turn."""
    frame = typed.message(codec.decode(data))
    assert isinstance(frame, Frame)
    events = [shifted(event, steps, positions) for event in frame.events]
    over = {"finished", "stopped", "failed"}
    kept = [event for event in events if last or not (isinstance(event, RunState) and event.phase in over)]
    return replace(frame, events=kept, state=[shifted(event, steps, positions) for event in frame.state])


def shifted(event: Any, steps: int, positions: int) -> Any:
    changes: dict[str, Any] = {}
    if hasattr(event, "step"):
        changes["step"] = event.step + steps
    if hasattr(event, "position"):
        changes["position"] = event.position + positions
    if hasattr(event, "seq_len"):
        changes |= {"seq_len": event.seq_len + positions, "write_head": event.write_head + positions}
        changes["max_len"] = event.max_len + 8192
    return replace(event, **changes) if changes else event


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
