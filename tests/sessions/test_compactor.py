"""Sessions are completed when nothing runs, by a process that anything may end at any time."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cloudchamber import cli
from cloudchamber.inference.options import EngineOptions
from cloudchamber.model.discovery import FoundModel
from cloudchamber.server.live import LiveSession
from cloudchamber.sessions import archive, compact_store, compactor, find, retention
from cloudchamber.sessions.archive import Attention, ExactDistribution, Manifest, Norms
from cloudchamber.sessions.compact import compact
from cloudchamber.sessions.compact_store import Piece, complete, order_of
from cloudchamber.sessions.compactor import Compactor
from cloudchamber.sessions.container import open_container
from cloudchamber.sessions.container_writer import write_container
from cloudchamber.sessions.reader import Session
from cloudchamber.sessions.spool_reader import Spool
from cloudchamber.sessions.store import Store
from cloudchamber.sessions.store_archive import StoreArchive
from cloudchamber.sessions.store_room import Room
from cloudchamber.sessions.store_schema import StoreError
from cloudchamber.sessions.store_writing import Head
from cloudchamber.telemetry.commands import Generate, GetDistribution
from cloudchamber.telemetry.events import Event, Problem, RunPhase, RunStarted, RunState, Sampling
from cloudchamber.telemetry.messages import DistributionReply
from tests.sessions.runs import MODEL, batch, session_id
from tests.sessions.spooled import Spooled, run_and_spool
from tests.telemetry import samples

pytestmark = pytest.mark.anyio

TinyModel = Callable[[str], Path]


class Rig:
    """A store with a session of a real run, but for what its spool holds."""

    def __init__(self, run: Spooled, path: Path, *, known: bool = True, unrecorded: int = 0) -> None:
        """Of the run's newest steps so many are in its spool alone."""
        self.run = run
        self.said: list[Event] = []
        self.store = Store(path / "sessions.db")
        self.compactor = Compactor(self.store, self.said.append)
        self.compactor.start_after = 0
        self.kept: list[list[str]] = []
        self._keep = self.compactor._keep
        self.compactor._keep = self._note  # type: ignore[method-assign]
        if known:
            (started,) = run.heard.all(RunStarted)
            steps = len(run.heard.tokens()) - unrecorded
            self.store.begin(Head(run.run_id, 1.0, MODEL, started))
            made = batch(0, 0, steps)
            self.store.append(run.run_id, made)
            self.store.finish(run.run_id).result()

    def _note(self, session: str, piece: Piece) -> None:
        self._keep(session, piece)
        self.kept.append([name for name, _, _ in piece.parts])

    @property
    def archive(self) -> StoreArchive:
        found = self.store.archive(self.run.run_id)
        assert found is not None
        return found

    @property
    def manifest(self) -> Manifest:
        found = archive.read(self.archive, Manifest, "manifest")
        assert found is not None
        return found

    async def until(self, test: Callable[[], bool], seconds: float = 60) -> None:
        async with asyncio.timeout(seconds):
            while not test():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    def phase(self, name: RunPhase, run: str = "other") -> None:
        self.compactor.hear(RunState(run_id=run, phase=name, reason="", message=""))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compactor, "REST", 0.01)


def spooled(model: Path, path: Path, tokens: int = 12) -> Spooled:
    return run_and_spool(model, path / "spool", tokens=tokens)


@pytest.fixture
async def rig(tiny_model: TinyModel, tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(spooled(tiny_model("llama"), tmp_path, 70), tmp_path)
    yield made
    made.store.close()


async def working(rig: Rig) -> asyncio.Task[None]:
    return asyncio.create_task(rig.compactor.run())


async def test_a_spool_becomes_parts_and_goes(rig: Rig) -> None:
    assert not rig.manifest.distribution_exact
    assert rig.manifest.completing
    info, used = rig.store.info(rig.run.run_id), rig.store.used
    spooled = sum(path.stat().st_size for path in rig.run.folder.iterdir())
    assert info is not None
    assert info.bytes > spooled
    assert used > spooled
    task = await working(rig)
    await rig.until(lambda: not rig.manifest.completing)
    manifest = rig.manifest
    await rig.until(lambda: not rig.run.folder.exists())
    task.cancel()
    assert rig.store.used < used
    assert rig.store.used - (used - spooled) < spooled, "what is made of it is smaller"
    assert manifest.distribution_exact
    assert manifest.attention_layers == [0, 1, 2]
    assert 0 < manifest.attention_error <= 1 / 510 + 1e-8
    for step, wanted in enumerate(rig.run.probabilities):
        kept = archive.read(rig.archive, ExactDistribution, f"distribution/{step}")
        assert kept is not None
        np.testing.assert_array_equal(kept.probabilities.view(np.uint32), wanted.view(np.uint32))
    norms = archive.read(rig.archive, Norms, "norms")
    assert norms is not None
    for position, wanted_norms in enumerate(rig.run.norms):
        np.testing.assert_array_equal(norms.attention_norm[position], wanted_norms.attention_norm)
        np.testing.assert_array_equal(norms.mlp_norm[position], wanted_norms.mlp_norm)
        np.testing.assert_array_equal(norms.output_norm[position], wanted_norms.output_norm)
        np.testing.assert_array_equal(norms.residual_change[position], wanted_norms.residual_change)
    for (layer, head), (weights, _) in rig.run.rows.items():
        part = archive.read(rig.archive, Attention, f"attention/{layer}/1")
        assert part is not None
        rows = weights[64 : 64 + part.rows, : part.keys]
        assert (
            np.abs(part.weights[:, head] * part.scale[:, head, None] - rows).max()
            <= manifest.attention_error * 1.001
        )
    assert not [event for event in rig.said if isinstance(event, Problem)]


def keep_others(rig: Rig) -> None:
    """Two older sessions, of which the second is pinned."""
    store = rig.store
    for number, padding in ((1, 40_000), (2, 100)):
        started = replace(samples.run_started(session_id(number)), prompt=f"Number {number}")
        store.begin(Head(session_id(number), -float(number), MODEL, started)).result()
        store.append(session_id(number), batch(number, 0, 30, seals=True, padding=padding)).result()
        store.finish(session_id(number)).result()
    store.pin(session_id(2), True)


async def test_the_oldest_go_for_what_is_made_and_what_is_completed_stays(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compactor, "LOOK", 0.0)
    monkeypatch.setattr(retention, "NOTICE_SECONDS", 0.3)
    store = rig.store
    keep_others(rig)
    limit = store.keep_bytes = int(store.used / 1.2)
    task = await working(rig)
    await rig.until(lambda: not rig.run.folder.exists())
    task.cancel()
    assert {info.id for info in store.list()} == {session_id(2), rig.run.run_id}
    assert rig.manifest.distribution_exact
    assert store.used < limit
    assert not [event for event in rig.said if isinstance(event, Problem)]


@pytest.mark.parametrize("told", ["by the command", "by the server before"])
async def test_an_export_that_completes_a_session_keeps_to_the_limit_too(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    monkeypatch.setattr(compact_store, "LOOK", 0.05)
    monkeypatch.setattr(retention, "NOTICE_SECONDS", 0.3)
    keep_others(rig)
    limit = int(rig.store.used / 1.2)
    rig.store.close()
    words = ["--keep-size", str(limit)]
    if told == "by the server before":
        words = []
        cli._store(tmp_path, str(limit)).close()
    command = ["export", rig.run.run_id, str(tmp_path / "out"), "--data", str(tmp_path), *words]
    done = await asyncio.to_thread(CliRunner().invoke, cli.app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "“Number 1” will be deleted" in said
    assert "Deleted, so that kept sessions stay within" in said
    store = Store(tmp_path / "sessions.db", keep_bytes=limit)
    assert {info.id for info in store.list()} == {session_id(2), rig.run.run_id}
    assert store.used < limit
    store.close()


async def test_the_limit_is_looked_at_again_while_a_session_is_completed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    make_room = rig.store.make_room

    def look() -> Room:
        looks.append(rig.store.used)
        return make_room()

    monkeypatch.setattr(compact_store, "LOOK", -1.0)
    monkeypatch.setattr(rig.store, "make_room", look)
    assert complete(rig.store, rig.run.run_id)
    assert len(looks) > 3
    assert looks[-1] > looks[0]


async def test_where_nothing_can_go_a_session_is_completed_all_the_same(rig: Rig) -> None:
    rig.store.keep_bytes = rig.store.used // 2
    task = await working(rig)
    await rig.until(lambda: not rig.run.folder.exists())
    task.cancel()
    assert rig.manifest.distribution_exact


async def test_a_run_interrupts_it_and_nothing_is_made_twice(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int | None] = []

    def interrupt(session: str, piece: Piece) -> None:
        Rig._note(rig, session, piece)
        if len(rig.kept) == 3:
            loop.call_soon_threadsafe(begin)

    def begin() -> None:
        rig.compactor.hear(samples.run_started("other"))
        process = rig.compactor._process
        assert process is not None
        ended.append(process.pid)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(rig.compactor, "_keep", interrupt)
    task = await working(rig)
    await rig.until(lambda: bool(ended) and rig.compactor._process is None)
    kept = len(rig.kept)
    await asyncio.sleep(0.3)
    assert len(rig.kept) == kept
    assert rig.run.folder.exists()
    assert not any(isinstance(event, Problem) for event in rig.said)
    rig.phase("finished")
    await rig.until(lambda: not rig.run.folder.exists())
    task.cancel()
    names = [name for piece in rig.kept for name in piece]
    assert len(names) == len(set(names))
    assert rig.manifest.distribution_exact
    assert len(rig.manifest.attention_layers) == 3


async def test_runs_that_are_over_at_once_are_no_failures_of_its_process(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: set[int] = set()

    def interrupt(session: str, piece: Piece) -> None:
        process = rig.compactor._process
        if process is not None and process.pid not in killed and len(killed) < 4:
            killed.add(process.pid)
            asyncio.run_coroutine_threadsafe(run_and_end(), loop).result()
        Rig._note(rig, session, piece)

    async def run_and_end() -> None:
        rig.compactor.hear(samples.run_started("other"))
        rig.phase("finished")

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(rig.compactor, "_keep", interrupt)
    task = await working(rig)
    await rig.until(lambda: not rig.run.folder.exists())
    task.cancel()
    assert len(killed) == 4
    assert not any(isinstance(event, Problem) for event in rig.said)
    assert rig.manifest.distribution_exact


async def test_a_spool_whose_run_goes_on_is_left_alone_even_in_a_pause(rig: Rig) -> None:
    """Where recording has ended for want of room the session is complete before its run is over."""
    rig.compactor.hear(samples.run_started(rig.run.run_id))
    rig.phase("paused", rig.run.run_id)
    assert rig.compactor._next() is None
    task = await working(rig)
    await asyncio.sleep(0.3)
    assert rig.kept == []
    assert rig.compactor._process is None
    rig.phase("stopped", rig.run.run_id)
    await rig.until(lambda: not rig.run.folder.exists())
    task.cancel()
    assert rig.manifest.distribution_exact


async def test_nothing_is_made_of_what_was_spooled_beyond_the_recording(
    tiny_model: TinyModel, tmp_path: Path
) -> None:
    rig = Rig(spooled(tiny_model("llama"), tmp_path, 20), tmp_path, unrecorded=6)
    assert complete(rig.store, rig.run.run_id)
    manifest = rig.manifest
    assert (manifest.steps, manifest.distribution_exact) == (14, True)
    assert rig.archive.part("distribution/13") is not None
    assert rig.archive.part("distribution/14") is None
    norms = archive.read(rig.archive, Norms, "norms")
    assert norms is not None
    positions = len(manifest.started.prompt_ids) + 14
    assert norms.output_norm.shape[0] == positions
    parts = [archive.read(rig.archive, Attention, f"attention/0/{n}") for n in range(-(-positions // 64))]
    assert sum(part.rows for part in parts if part is not None) == positions
    rig.store.close()


async def test_a_spool_without_a_session_goes_but_not_at_once(
    tiny_model: TinyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(spooled(tiny_model("llama"), tmp_path, 4), tmp_path, known=False)
    assert rig.compactor._next() is None
    assert rig.run.folder.exists()
    monkeypatch.setattr(compactor, "ORPHAN_AGE", -1.0)
    with Spool(rig.run.folder) as spool:  # another process writes it
        assert spool.hold()
        assert rig.compactor._next() is None
        assert rig.run.folder.exists()
    assert rig.compactor._next() is None
    assert not rig.run.folder.exists()
    rig.store.close()


async def test_a_spool_that_is_damaged_goes(rig: Rig) -> None:
    (rig.run.folder / "head").write_bytes(b"nonsense")
    task = await working(rig)
    await rig.until(lambda: not rig.run.folder.exists())
    task.cancel()
    assert rig.kept == []


async def test_a_session_that_is_deleted_takes_its_spool_along(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delete(session: str, piece: Piece) -> None:
        rig.store.delete(session)
        Rig._note(rig, session, piece)

    monkeypatch.setattr(rig.compactor, "_keep", delete)
    task = await working(rig)
    await rig.until(lambda: not rig.run.folder.exists())
    task.cancel()
    assert rig.kept == []
    assert not any(isinstance(event, Problem) for event in rig.said)


async def test_a_store_without_room_says_so_and_the_spool_stays(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(session: str, piece: Piece) -> None:
        raise StoreError("full", "There is no room left for sessions.db.")

    monkeypatch.setattr(rig.compactor, "_keep", full)
    task = await working(rig)
    await rig.until(lambda: any(isinstance(event, Problem) for event in rig.said))
    task.cancel()
    (problem,) = [event for event in rig.said if isinstance(event, Problem)]
    assert "no room left" in problem.message
    assert rig.run.folder.exists()


async def test_a_live_run_is_kept_whole(tiny_model: TinyModel, tmp_path: Path) -> None:
    """Through the real worker, hub, recorder and store."""
    path = tiny_model("gpt_oss")
    model = FoundModel("tiny", "Tiny", path, path.stat().st_size, "file")
    store = Store(tmp_path / "sessions.db")
    session = LiveSession(EngineOptions(n_ctx=256), model=model, autostart=False, store=store)
    assert session._compactor is not None
    session._compactor.start_after = 0
    await session.start()
    try:
        async with asyncio.timeout(120):
            while session.state != "ready":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            session.obey(Generate(prompt="the cat sat", raw=True, max_tokens=9, sampling=Sampling(seed=3)))
            while not (listed := store.list()) or not listed[0].complete:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            kept = store.archive(listed[0].id)
            assert kept is not None
            while store.spools.exists() and os.listdir(store.spools):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        manifest = archive.read(kept, Manifest, "manifest")
        assert manifest is not None
        assert manifest.distribution_exact
        assert manifest.attention_layers == list(range(len(manifest.attention_layers)))
        assert manifest.attention_layers
        for step in range(manifest.steps):
            reply = await session.ask(GetDistribution(request=1, step=step))
            assert isinstance(reply, DistributionReply)
            part = archive.read(kept, ExactDistribution, f"distribution/{step}")
            assert part is not None
            np.testing.assert_array_equal(part.probabilities, reply.probabilities)
        part0 = archive.read(kept, Attention, "attention/0/0")
        assert part0 is not None
        sums = (part0.weights * part0.scale[:, :, None]).sum(axis=2) + part0.sink
        np.testing.assert_allclose(sums, 1, atol=0.05)
        async with asyncio.timeout(20):
            while not Session(kept).model_hash:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert Session(kept).model_hash == hashlib.sha256(path.read_bytes()).hexdigest()
    finally:
        await session.close()


def cut_off(rig: Rig) -> None:
    """As if this session's process had been killed in the middle of its run."""
    (started,) = rig.run.heard.all(RunStarted)
    rig.store.begin(Head(rig.run.run_id, 1.0, MODEL, started))
    rig.store.append(rig.run.run_id, batch(0, 0, len(rig.run.heard.tokens()))).result()
    rig.store.abandon(rig.run.run_id)


async def test_what_was_cut_off_is_completed_at_the_next_start(tiny_model: TinyModel, tmp_path: Path) -> None:
    rig = Rig(spooled(tiny_model("llama"), tmp_path), tmp_path, known=False)
    cut_off(rig)
    session = LiveSession(EngineOptions(n_ctx=256), autostart=False, store=rig.store)
    assert session._compactor is not None
    session._compactor.start_after = 0
    await session.start()
    try:
        await rig.until(lambda: not rig.run.folder.exists())
        assert rig.manifest.complete
        assert rig.manifest.distribution_exact
        assert rig.manifest.attention_layers == [0, 1, 2]
    finally:
        await session.close()


async def test_who_opens_a_session_completes_it_unless_another_does(rig: Rig) -> None:
    with Spool(rig.run.folder) as spool:
        assert spool.hold()
        with find.opened(rig.store, rig.run.run_id) as held:
            assert held.part("distribution/0") is None
    with find.opened(rig.store, rig.run.run_id) as held:
        assert held.part("distribution/0") is not None
        assert held.part("attention/2/1") is not None
    assert not rig.run.folder.exists()
    assert not complete(rig.store, rig.run.run_id)
    assert not complete(rig.store, "../../etc")


async def test_an_export_waits_until_another_has_completed_the_session(rig: Rig, tmp_path: Path) -> None:
    file = tmp_path / "whole.cloudchamber"

    def export() -> None:
        with find.opened(rig.store, rig.run.run_id, still=True) as held:
            write_container(file, held)

    with Spool(rig.run.folder) as spool:
        assert spool.hold()
        waiting = asyncio.get_running_loop().run_in_executor(None, export)
        await asyncio.sleep(0.5)
        assert not waiting.done()
        for piece in compact(spool, order_of(rig.store, rig.run.run_id)):
            rig._keep(rig.run.run_id, piece)
    await asyncio.wait_for(waiting, 60)
    with open_container(file) as container:
        manifest = archive.read(container, Manifest, "manifest")
        assert manifest is not None
        assert not manifest.completing
        assert manifest.distribution_exact
        assert manifest.attention_layers == [0, 1, 2]
        assert container.part("attention/2/1") is not None


async def test_what_never_becomes_whole_is_exported_as_what_it_is(rig: Rig) -> None:
    (rig.run.folder / "head").write_bytes(b"nonsense")
    assert rig.manifest.completing
    with find.opened(rig.store, rig.run.run_id, still=True) as held:
        manifest = archive.read(held, Manifest, "manifest")
    assert manifest is not None
    assert not manifest.completing
    assert manifest.attention_layers == []


async def test_an_export_is_whole_though_its_session_is_deleted_meanwhile(rig: Rig) -> None:
    with find.opened(rig.store, rig.run.run_id, still=True) as held:
        parts = {name: held.part(name) for name in held.names()}
        assert rig.store.delete(rig.run.run_id)
        assert rig.store.archive(rig.run.run_id) is None
        assert {name: held.part(name) for name in held.names()} == parts
        assert parts["distribution/3"] is not None
    with pytest.raises(find.NotFoundError), find.opened(rig.store, rig.run.run_id, still=True):
        pass


async def test_its_process_may_be_killed_at_any_moment(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compactor, "TRIES", 1000)
    with rig.run.open() as spool:
        chunks = -(-spool.positions // 64)
    killed: set[int] = set()
    rng = random.Random(4)
    task = await working(rig)
    while rig.run.folder.exists():
        process = rig.compactor._process
        if process is None or process.pid in killed or len(killed) == 3:
            await asyncio.sleep(0.02)
            continue
        await asyncio.sleep(rng.uniform(0.0, 0.3))
        if rng.random() < 0.7:  # some are killed while they start, more while they work
            kept = len(rig.kept)
            while len(rig.kept) == kept and process.returncode is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        killed.add(process.pid)
    task.cancel()
    assert killed
    names = [name for piece in rig.kept for name in piece]
    assert len(names) == len(set(names)) == 1 + 70 + 3 * chunks
    assert rig.manifest.distribution_exact


async def test_a_process_that_always_fails_is_given_up(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    task = await working(rig)
    await rig.until(lambda: any(isinstance(event, Problem) for event in rig.said))
    await asyncio.sleep(0.1)
    task.cancel()
    (problem,) = [event for event in rig.said if isinstance(event, Problem)]
    assert "failed 3 times" in problem.message
    assert rig.run.folder.exists()
