"""Plays the recorded run through a hub and the recorder into a store, and writes what the session
consists of at some moments, each to a folder of its own: `FOLDER/0`, `FOLDER/1`, …, the last complete.

    .venv/bin/python frontend/test/make_store.py FOLDER

The run is paused after half of its tokens; what is left comes token by token, paused all the while.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

from cloudchamber.model.positions import Method
from cloudchamber.sessions.archive import Archive
from cloudchamber.sessions.recorder import COMMIT_SECONDS, Recorder
from cloudchamber.sessions.store import Store
from cloudchamber.telemetry import codec, typed
from cloudchamber.telemetry.events import Event, RunStarted, RunState, TokenGenerated
from cloudchamber.telemetry.hub import Hub
from cloudchamber.telemetry.messages import Frame
from cloudchamber.telemetry.recording import Recording, read_recording

RECORDING: Final = Path(__file__).parents[2] / "playwright/fixtures/smollm2.chamber"
MOMENTS: Final = (0.2, 0.45, 0.8)
"""Shares of the tokens after which the parts are written."""
APART: Final = 0.7
"""Seconds between two steps."""


class Rig:
    """A hub on a clock of its own, and a recorder that listens."""

    def __init__(self, recording: Recording, path: Path) -> None:
        self.now = 0.0
        self.hub = Hub(now=lambda: self.now)
        self.store = Store(path)
        self._recording = recording
        self.recorder = Recorder(self.hub, self.store, self)

    async def vocabulary(self, vocabulary_hash: str) -> bytes | None:
        return self._recording.vocabulary

    async def positions(self, embedding_hash: str, method: Method) -> bytes | None:
        return self._recording.positions.get(method)

    def frame(self, *events: Event) -> None:
        for event in events:
            self.hub.publish(event)
        self.hub.make_frame()


async def main(folder: Path) -> None:
    recording = read_recording(RECORDING)
    frames = [(time, frame) for time, data in recording.frames if isinstance(frame := decoded(data), Frame)]
    total = sum(count(frame) for _, frame in frames)
    moments = [share * total for share in MOMENTS]
    with tempfile.TemporaryDirectory() as path:
        rig = Rig(recording, Path(path) / "sessions.db")
        await rig.recorder.start()
        run, tokens, late, number = "", 0, 0.0, 0
        for time, frame in frames:
            rig.now = time + late
            rig.frame(*frame.events, *frame.state)
            run = next((event.run_id for event in frame.events if isinstance(event, RunStarted)), run)
            tokens += count(frame)
            if tokens >= total / 2:
                if not late:
                    rig.frame(RunState(run_id=run, phase="paused", reason="", message=""))
                late += APART
            if number < len(moments) and tokens >= moments[number]:
                await asyncio.sleep(3 * COMMIT_SECONDS)
                write(rig.store.archive(run), folder / str(number))
                number += 1
        await rig.recorder.close()
        while not (info := rig.store.info(run)) or not info.complete:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        write(rig.store.archive(run), folder / str(number))
        rig.store.close()


def count(frame: Frame) -> int:
    return sum(isinstance(event, TokenGenerated) for event in frame.events)


def decoded(data: bytes) -> object:
    return typed.message(codec.decode(data))


def write(session: Archive | None, folder: Path) -> None:
    assert session is not None
    for name in session.names():
        body = session.part(name)
        if body is None:
            continue
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
