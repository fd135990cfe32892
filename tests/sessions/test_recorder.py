"""The recorder: a viewer that writes down what it gets, and that the store may fail."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cloudchamber.model.positions import Method
from cloudchamber.sessions import recorder
from cloudchamber.sessions.archive import Frames, Manifest, StoredFrame, Timeline, Tokens, read
from cloudchamber.sessions.recorder import Recorder
from cloudchamber.sessions.store import Store
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.events import Event, Problem, RunPhase, RunState
from cloudchamber.telemetry.hub import Hub, Reader
from tests.telemetry import samples

pytestmark = pytest.mark.anyio


class Rig:
    """A hub on a clock of its own, and a recorder that listens."""

    def __init__(self, path: Path) -> None:
        self.now = 100.0
        self.hub = Hub(now=lambda: self.now)
        self.store = Store(path)
        self.recorder = Recorder(self.hub, self.store, self)
        self.completed: list[str] = []
        self.recorder.on_complete = self.completed.append

    async def vocabulary(self, vocabulary_hash: str) -> bytes | None:
        return b"vocabulary " + vocabulary_hash.encode()

    async def positions(self, embedding_hash: str, method: Method) -> bytes | None:
        return b"pca" if method == "pca" else None

    def frame(self, *events: Event, after: float = 1 / 32) -> None:
        """One frame with these events, so long after the last."""
        for event in events:
            self.hub.publish(event)
        self.now += after
        self.hub.make_frame()

    def begin(self, run: str = "run") -> None:
        self.frame(samples.model_loaded())
        self.frame(samples.run_started(run))

    async def finished(self, *runs: str) -> None:
        async with asyncio.timeout(10):
            while self.completed != list(runs):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def manifest(self, run: str = "run") -> Manifest:
        manifest = read(self.archive(run), Manifest, "manifest")
        assert manifest is not None
        return manifest

    def archive(self, run: str = "run") -> Any:
        archive = self.store.archive(run)
        assert archive is not None
        return archive

    def frames(self, run: str = "run") -> list[StoredFrame]:
        chunks = [
            read(self.archive(run), Frames, f"frames/{n}")
            for n in range(len(self.manifest(run).frame_chunks))
        ]
        return [frame for chunk in chunks for frame in chunk or ()]


def phase(name: RunPhase, run: str = "run") -> RunState:
    return RunState(run_id=run, phase=name, reason="", message="")


def kinds(frame: StoredFrame) -> list[str]:
    message = codec.decode(frame.data)
    return [event["kind"] for event in (*message["events"], *message["state"])]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path / "sessions.db")
    await rig.recorder.start()
    yield rig
    await rig.recorder.close()
    rig.store.close()


async def test_a_run_is_kept_as_it_streamed(rig: Rig) -> None:
    rig.begin()
    for step in range(75):
        rig.frame(samples.token(step), samples.layers(step))
    rig.frame(phase("finished"))
    await rig.finished("run")
    manifest = rig.manifest()
    assert manifest.complete
    assert manifest.finished is not None
    assert manifest.finished.phase == "finished"
    assert manifest.steps == 75
    assert manifest.positions == ["pca"]
    assert [chunk.frames for chunk in manifest.frame_chunks] == [32, 32, 13]
    assert sum(chunk.steps for chunk in manifest.frame_chunks) == 75
    frames = rig.frames()
    assert kinds(frames[0])[0] == "run_started"
    assert frames[0].time == 0
    assert [frame.number for frame in frames] == list(range(2, 79))
    timeline = read(rig.archive(), Timeline, "timeline")
    tokens = read(rig.archive(), Tokens, "tokens/0")
    assert timeline is not None
    assert tokens is not None
    assert timeline.time == pytest.approx([(step + 1) / 32 for step in range(75)])
    assert [token.step for token in tokens.tokens] == list(range(75))
    assert rig.archive().part("vocabulary") == b"vocabulary " + b"v" * 32
    assert rig.archive().part("positions/pca") == b"pca"


async def test_the_first_frame_of_a_chunk_holds_all_state_that_stands(rig: Rig) -> None:
    rig.begin()
    rig.frame(samples.token(0), samples.layers(0))
    for step in range(1, 70):
        rig.frame(samples.token(step))
    rig.frame(phase("finished"))
    await rig.finished("run")
    chunks = rig.manifest().frame_chunks
    assert len(chunks) == 3
    frames = rig.frames()
    with_layers = [i for i, frame in enumerate(frames) if "layers" in kinds(frame)]
    assert with_layers == [1, *(chunk.first_frame for chunk in chunks[1:])]


async def test_what_is_committed_is_there_while_the_run_goes_on(rig: Rig) -> None:
    rig.begin()
    for step in range(5):
        rig.frame(samples.token(step))
    async with asyncio.timeout(1):
        while not (info := rig.store.info("run")) or info.steps < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert info.running
    assert not rig.manifest().complete
    assert len(rig.frames()) == 6


async def test_a_pause_is_a_second_long_in_the_recording(rig: Rig) -> None:
    rig.begin()
    rig.frame(samples.token(0))
    rig.frame(phase("paused"))
    rig.frame(samples.layers(0), after=0.1)
    for _ in range(20):
        rig.frame(samples.layers(0), after=3.0)
    rig.frame(phase("running"))
    rig.frame(samples.token(1))
    rig.frame(phase("finished"))
    await rig.finished("run")
    frames = rig.frames()
    gaps = [b.time - a.time for a, b in pairwise(frames)]
    assert gaps == pytest.approx([1 / 32, 1 / 32, 0.1, 1.0, 1 / 32, 1 / 32], abs=1e-6)


async def test_every_change_of_the_phase_is_told_with_its_time(rig: Rig) -> None:
    rig.begin()
    rig.frame(phase("running"), samples.token(0))
    async with asyncio.timeout(1):
        while not (info := rig.store.info("run")) or info.steps < 1:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert rig.manifest().phases == [(1 / 32, "running")]
    rig.frame(phase("paused"), phase("paused", "another"))
    rig.frame(phase("running"), after=0.5)
    rig.frame(phase("paused"), phase("finished"))
    await rig.finished("run")
    phases = rig.manifest().phases
    assert [name for _, name in phases] == ["running", "paused", "running", "paused", "finished"]
    assert [time for time, _ in phases] == [i / 32 for i in (1, 2, 18, 19, 19)]


async def test_frames_without_news_are_left_out(rig: Rig) -> None:
    rig.begin()
    rig.frame(samples.token(0), samples.layers(0))
    for _ in range(3):
        rig.frame()
    rig.frame(samples.token(1))
    rig.frame(phase("finished"))
    await rig.finished("run")
    assert [kinds(frame)[0] for frame in rig.frames()] == ["run_started", "token", "token", "run_state"]


async def test_a_run_that_begins_in_the_frame_in_which_another_ends_is_its_own_session(rig: Rig) -> None:
    rig.begin("one")
    rig.frame(samples.token(0, "one"))
    rig.frame(
        samples.token(1, "one"),
        phase("stopped", "one"),
        samples.run_started("two"),
        samples.token(0, "two"),
        samples.layers(0, "two"),
    )
    rig.frame(phase("finished", "two"))
    await rig.finished("one", "two")
    assert [kinds(frame) for frame in rig.frames("one")][1:] == [["token"], ["token", "run_state"]]
    assert kinds(rig.frames("two")[0]) == ["run_started", "token", "layers"]
    assert (rig.manifest("one").steps, rig.manifest("two").steps) == (2, 1)
    first, second = (codec.decode(rig.frames(run)[-1 if run == "one" else 0].data) for run in ("one", "two"))
    assert second["first_seq"] == first["first_seq"] + 2


async def test_a_recorder_is_no_viewer(rig: Rig) -> None:
    assert rig.hub.readers == 0


async def test_closing_finishes_the_run(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "sessions.db")
    await rig.recorder.start()
    rig.begin()
    rig.frame(samples.token(0))
    await rig.recorder.close()
    rig.store.close()
    store = Store(rig.store.path)
    info = store.info("run")
    store.close()
    assert info is not None
    assert info.complete
    assert info.steps == 1


async def test_when_the_store_fails_the_run_goes_on_and_people_are_told_once(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    path.write_bytes(b"no database" * 1000)
    rig = Rig(path)
    await rig.recorder.start()
    rig.begin()
    for step in range(40):
        rig.frame(samples.token(step))
        await asyncio.sleep(0.01)
    rig.frame(phase("finished"), samples.run_started("next"))
    await asyncio.sleep(0.3)
    rig.frame()
    problems = [event for event in _log(rig.hub) if isinstance(event, Problem)]
    assert [problem.code for problem in problems] == ["recording-stopped"]
    assert "damaged" in problems[0].message
    assert len([event for event in _log(rig.hub) if event.kind == "token"]) == 40
    await rig.recorder.close()
    rig.store.close()


async def test_a_store_that_is_deleted_under_a_run_ends_its_recording_and_the_next_is_kept(rig: Rig) -> None:
    rig.begin()
    await _fill(rig, 0, 5)
    await asyncio.sleep(0.2)
    for file in rig.store.path.parent.glob("sessions.db*"):
        file.unlink()
    await _fill(rig, 5, 5)
    problem = await _heard(rig, "recording-stopped")
    assert "moved or deleted" in problem.message
    assert "the next one is kept" in problem.hint
    rig.frame(phase("finished"), samples.run_started("next"))
    rig.frame(samples.token(0, "next"))
    await asyncio.sleep(0.3)
    assert [info.id for info in rig.store.list()] == ["next"]


def _log(hub: Hub) -> list[Event]:
    return hub.log.after(0, hub.log.last_seq, 10_000)[1]


async def _heard(rig: Rig, code: str) -> Problem:
    """The problem of that code, once it was published."""
    async with asyncio.timeout(10):
        while True:
            for event in _log(rig.hub):
                if isinstance(event, Problem) and event.code == code:
                    return event
            await asyncio.sleep(0.01)


def _pragma(rig: Rig, text: str) -> None:
    rig.store.submit(lambda db: db.execute(f"PRAGMA {text}").fetchall()).result()


async def _fill(rig: Rig, first: int, steps: int) -> None:
    for step in range(first, first + steps):
        rig.frame(samples.token(step), samples.layers(step, n=4000))
        await asyncio.sleep(0.002)


@pytest.mark.parametrize(
    ("pragma", "words"),
    [("max_page_count = 90", "no room left"), ("query_only = 1", "can't be written")],
)
async def test_a_full_or_read_only_disk_ends_the_recording_not_the_run(
    rig: Rig, pragma: str, words: str
) -> None:
    viewer = Reader(wake=lambda: None)
    rig.hub.join(viewer)
    rig.begin()
    await _fill(rig, 0, 5)
    await asyncio.sleep(0.2)
    _pragma(rig, pragma)
    await _fill(rig, 5, 200)
    problem = await _heard(rig, "recording-stopped")
    assert words in problem.message
    assert "goes on" in problem.hint
    rig.frame(phase("finished"))
    tokens = [event for event in _log(rig.hub) if event.kind == "token"]
    assert len(tokens) == 205
    assert rig.hub.next_frame(viewer) is not None
    # With room again the next run is kept, and the one before as far as it came.
    for back in ("max_page_count = 1000000", "query_only = 0"):
        _pragma(rig, back)
    rig.frame(samples.run_started("next"))
    rig.frame(samples.token(0, "next"))
    rig.frame(phase("finished", "next"))
    await rig.finished("run", "next")
    assert rig.manifest("next").steps == 1
    before = rig.manifest("run")
    assert before.complete
    assert 5 <= before.steps < 205
    assert [frame.number for frame in rig.frames("run")] == list(range(2, 3 + before.steps))


async def test_no_frame_is_lost_to_a_disk_that_is_slow_for_a_while(rig: Rig) -> None:
    rig.begin()
    gate = threading.Event()
    rig.store.submit(lambda _: gate.wait(10))
    await _fill(rig, 0, 60)
    gate.set()
    rig.frame(phase("finished"))
    await rig.finished("run")
    assert rig.manifest().steps == 60


async def test_while_the_disk_is_too_slow_state_is_left_out_and_no_event(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_WAITING", 200_000)
    rig.begin()
    gate = threading.Event()
    rig.store.submit(lambda _: gate.wait(10))
    for step in range(60):
        rig.frame(samples.token(step), samples.layers(step, n=4000))
        await asyncio.sleep(0.01)
    gate.set()
    await asyncio.sleep(0.1)
    rig.frame(phase("finished"))
    await rig.finished("run")
    assert rig.manifest().steps == 60
    assert len(rig.frames()) < 60


async def test_people_are_told_what_goes_next(rig: Rig) -> None:
    rig.store.keep_bytes = 1
    rig.begin()
    rig.frame(samples.token(0))
    rig.frame(phase("finished"))
    await rig.finished("run")
    problem = await _heard(rig, "sessions-go-next")
    assert "“Once” will be deleted" in problem.message
    assert rig.store.info("run") is not None
