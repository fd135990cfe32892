"""Kills a process that records, again and again, and looks at what is left.

`python -m tests.sessions.killing FOLDER KILLS SEED` forks a child for each kill, which feeds the
frames of a real run to a hub with a recorder, 100 a second, one run after the other; at a random
moment it gets SIGKILL. Then the store is opened, mended, listed and read. The child says
through a pipe what it has published and when. The last line of output is one of JSON: kills,
runs, and the greatest loss: seconds of a run that had happened and are not in the store.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import struct
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cloudchamber.model.positions import Method
from cloudchamber.sessions import recorder
from cloudchamber.sessions.archive import Frames, Manifest, Timeline, Tokens, read
from cloudchamber.sessions.recorder import Recorder
from cloudchamber.sessions.store import Store
from cloudchamber.telemetry import codec, typed
from cloudchamber.telemetry.events import Event, ModelLoaded, RunState, TokenGenerated
from cloudchamber.telemetry.hub import Hub
from cloudchamber.telemetry.recording import read_recording

FIXTURE = Path(__file__).parents[2] / "playwright/fixtures/smollm2.chamber"
FRAME_SECONDS = 0.01
SPEEDS = {1.0: 0.5, 6.0: 0.2}
"""How fast the hub's clock runs, and within how many seconds the child is killed: with a quick one
chunks end often, with a true one nothing but the time says when to commit."""
CHECKPOINT_PAGES = 40
"""The log is put into the file so often, so that kills hit that too."""
_NOTE = struct.Struct("<iid")  # run, step, time


class NoBodies:
    """Vocabulary and positions are not what is tested here."""

    async def vocabulary(self, vocabulary_hash: str) -> bytes | None:
        return None

    async def positions(self, embedding_hash: str, method: Method) -> bytes | None:
        return None


@dataclass
class Told:
    """What a child has published of one run."""

    at: list[float] = field(default_factory=list)
    """When each step was."""


def run_id(kill: int, run: int) -> str:
    return f"{kill:08x}{run:08x}"


def recorded() -> list[list[Event]]:
    """Frames of a real run, from its start on; without what the recorder doesn't want."""
    frames = [codec.decode(data) for _, data in read_recording(FIXTURE).frames]
    made = [[typed.event(item) for item in (*frame["events"], *frame["state"])] for frame in frames]
    kept = [[event for event in events if event.part != "attention"] for events in made]
    first = next(i for i, events in enumerate(kept) if any(event.kind == "run_started" for event in events))
    return kept[first:]


def model_of() -> ModelLoaded:
    header = read_recording(FIXTURE).header
    model = typed.event({"kind": "model_loaded", "model": header["model_info"]})
    assert isinstance(model, ModelLoaded)
    return model


def of_run(event: Any, name: str) -> Event:
    """The event as that run's."""
    named: Event = replace(event, run_id=name) if getattr(event, "run_id", "") else event
    return named


async def record(
    path: Path, kill: int, frames: list[list[Event]], model: ModelLoaded, pipe: int, speed: float
) -> None:
    """What the child does until it is killed."""
    began = time.monotonic()
    hub = Hub(now=lambda: (time.monotonic() - began) * speed)
    store = Store(path)
    store.submit(lambda db: db.pragma("wal_autocheckpoint", CHECKPOINT_PAGES)).result()
    await Recorder(hub, store, NoBodies()).start()
    hub.publish(model)
    hub.make_frame()
    due = time.monotonic()
    for run in range(1000):
        length = random.randrange(5, len(frames))
        for events in frames[:length]:
            notes = b""
            for event in events:
                hub.publish(of_run(event, run_id(kill, run)))
                if isinstance(event, TokenGenerated):
                    notes += _NOTE.pack(run, event.step, time.monotonic())
            hub.make_frame()
            os.write(pipe, notes or _NOTE.pack(run, -1, time.monotonic()))
            due += FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        hub.publish(RunState(run_id=run_id(kill, run), phase="finished", reason="end", message=""))


def kill_once(
    path: Path, kill: int, frames: list[list[Event]], model: ModelLoaded, speed: float, life: float
) -> dict[int, Told]:
    """One child, killed `life` seconds after its first frame; what it said it had published."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        try:
            random.seed(kill)
            asyncio.run(record(path, kill, frames, model, sending, speed))
        finally:
            os._exit(1)
    os.close(sending)
    said = os.read(receiving, 1 << 16)  # until it has begun
    if not said:
        raise RuntimeError("the child ended by itself")
    until = time.monotonic() + life
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.05))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(receiving, 1 << 16):
        said += more
    os.close(receiving)
    told: dict[int, Told] = {}
    for run, step, at in _NOTE.iter_unpack(said[: len(said) // _NOTE.size * _NOTE.size]):
        runs = told.setdefault(run, Told())
        if step >= 0:
            assert step == len(runs.at)
            runs.at.append(at)
    return told


def look(store: Store, kill: int, told: dict[int, Told]) -> float:
    """Check all that a child left. Returns the seconds of its runs that are lost."""
    store.recover()
    listed = {info.id: info for info in store.list()}
    newest = max((at for runs in told.values() for at in runs.at), default=0.0)
    kept = 0.0
    for run, runs in told.items():
        info = listed.get(run_id(kill, run))
        if info is None:
            continue
        assert info.complete, "recovery left a session open"
        assert not info.running
        steps = check(store, info.id)
        assert steps <= len(runs.at) + 5, "there are tokens that never were"
        if steps:
            kept = max(kept, runs.at[min(steps, len(runs.at)) - 1])
        if run + 1 in told and run + 1 in {int(name[8:], 16) for name in listed if name[:8] == f"{kill:08x}"}:
            assert steps >= len(runs.at), "a later run is kept, and this one is not whole"
    first = min((at for runs in told.values() for at in runs.at), default=newest)
    return newest - max(kept, first) if kept else newest - first


def check(store: Store, session: str) -> int:
    """Everything of a session reads, and agrees. Returns its steps."""
    archive = store.archive(session)
    assert archive is not None
    manifest = read(archive, Manifest, "manifest")
    timeline = read(archive, Timeline, "timeline")
    assert manifest is not None
    assert timeline is not None
    tokens: list[int] = []
    frames = 0
    for number, chunk in enumerate(manifest.frame_chunks):
        part = read(archive, Frames, f"frames/{number}")
        assert part is not None
        assert len(part) == chunk.frames
        assert chunk.first_step == len(tokens)
        frames += len(part)
        for frame in part:
            events = codec.decode(frame.data)["events"]
            tokens += [event["step"] for event in events if event["kind"] == "token"]
    kept = [read(archive, Tokens, f"tokens/{n}") for n in range(-(-manifest.steps // 512))]
    steps = [token.step for part in kept if part is not None for token in part.tokens]
    assert tokens == steps == list(range(manifest.steps)), "the frames' tokens are not the tokens"
    assert frames == manifest.frames
    assert len(timeline.time) == manifest.steps
    return manifest.steps


def main(folder: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    frames, model = recorded(), model_of()
    path = folder / "sessions.db"
    losses, runs = [], 0
    for kill in range(kills):
        speed = chance.choice(list(SPEEDS))
        told = kill_once(path, kill, frames, model, speed, chance.uniform(0.0, SPEEDS[speed]))
        store = Store(path)
        losses.append(look(store, kill, told))
        runs += len(told)
        if kill % 20 == 19:  # or the file only grows
            for info in store.list():
                store.delete(info.id)
        store.close()
    worst = max(losses)
    print(json.dumps({"kills": kills, "runs": runs, "lost": worst, "commit": recorder.COMMIT_SECONDS}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
