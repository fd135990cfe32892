"""Sessions get the hash of their model's file: at once where it is known, else when nothing runs."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cloudchamber.inference.options import EngineOptions
from cloudchamber.model import file_hash
from cloudchamber.model.file_hash import mark_of
from cloudchamber.server.live import LiveSession
from cloudchamber.sessions import archive, compactor, find
from cloudchamber.sessions.archive import Manifest
from cloudchamber.sessions.compactor import Compactor
from cloudchamber.sessions.model_hash import cache_of, name_model
from cloudchamber.sessions.reader import Session
from cloudchamber.sessions.store import Store
from cloudchamber.telemetry.events import RunState
from tests.sessions import runs
from tests.telemetry import samples

pytestmark = pytest.mark.anyio


class Rig:
    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compactor, "REST", 0.0)
        self.store = Store(path / "sessions.db")
        self.compactor = Compactor(self.store, lambda _: None)
        self.compactor.start_after = 0
        self.model = path / "model.gguf"
        self.model.write_bytes(os.urandom(100_000))
        self.hash = hashlib.sha256(self.model.read_bytes()).hexdigest()
        self.tasks: list[asyncio.Task[None]] = []

    def keep(self, number: int) -> str:
        """A session of a run of the model that is there now."""
        head = runs.head(number)
        self.store.begin(head).result()
        name_model(self.store, head.id, mark_of(self.model))
        self.store.append(head.id, runs.batch(number, 0, 2)).result()
        self.store.finish(head.id).result()
        return head.id

    def hash_of(self, session: str) -> str:
        kept = self.store.archive(session)
        assert kept is not None
        return Session(kept).model_hash

    def work(self) -> None:
        self.tasks.append(asyncio.create_task(self.compactor.run()))

    async def until(self, test: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not test():  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    made = Rig(tmp_path, monkeypatch)
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)
    made.store.close()


async def test_all_sessions_of_a_model_get_its_hash_when_nothing_runs(rig: Rig) -> None:
    first, second = rig.keep(1), rig.keep(2)
    assert rig.hash_of(first) == ""
    rig.work()
    await rig.until(lambda: rig.hash_of(first) == rig.hash_of(second) == rig.hash)


async def test_what_is_known_is_there_from_the_beginning_and_read_no_more(rig: Rig) -> None:
    cache_of(rig.store).put(mark_of(rig.model), "c" * 64)
    assert rig.hash_of(rig.keep(1)) == "c" * 64


async def test_another_file_in_the_models_place_gives_no_hash_but_its_own(rig: Rig) -> None:
    before = rig.keep(1)
    rig.model.write_bytes(b"another")
    after = rig.keep(2)
    rig.work()
    await rig.until(lambda: rig.hash_of(after) == hashlib.sha256(b"another").hexdigest())
    assert rig.hash_of(before) == ""


async def test_a_run_halts_the_reading_and_nothing_is_read_twice(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.model.write_bytes(bytes(3 * file_hash.PIECE_BYTES))
    session = rig.keep(1)
    hasher, pieces = rig.compactor._hasher, 0
    read = hasher._piece

    async def piece() -> str:
        nonlocal pieces
        pieces += 1
        if pieces == 2:
            rig.compactor.hear(samples.run_started("other"))
        return await read()

    monkeypatch.setattr(hasher, "_piece", piece)
    rig.work()
    await rig.until(lambda: pieces == 2)
    await asyncio.sleep(0.3)
    assert pieces == 2
    assert rig.hash_of(session) == ""
    rig.compactor.hear(RunState(run_id="other", phase="finished", reason="", message=""))
    await rig.until(lambda: rig.hash_of(session) != "")
    assert pieces == 4
    assert rig.hash_of(session) == hashlib.sha256(rig.model.read_bytes()).hexdigest()


async def test_nothing_is_read_while_a_model_is_loaded(rig: Rig) -> None:
    session, loading = rig.keep(1), True
    rig.compactor.is_loading = lambda: loading
    rig.work()
    await asyncio.sleep(0.5)
    assert rig.compactor._hasher._process is None
    assert rig.hash_of(session) == ""
    loading = False
    rig.compactor.hear(samples.model_loaded())
    await rig.until(lambda: rig.hash_of(session) == rig.hash)


@pytest.mark.parametrize("changed", [False, True])
async def test_a_file_that_was_changed_while_it_was_loaded_is_not_the_one_that_runs(
    rig: Rig, changed: bool
) -> None:
    live = LiveSession(EngineOptions())
    live._path, live._mark_before = rig.model, mark_of(rig.model)
    if changed:
        os.utime(rig.model, ns=(0, 1))
    model = samples.model_loaded()
    live._model_loaded(replace(model, model=replace(model.model, embedding_hash="")))
    assert live._mark == ("" if changed else mark_of(rig.model))


async def test_an_export_has_the_hash_or_does_without(rig: Rig) -> None:
    with find.opened(rig.store, rig.keep(1), still=True) as held:
        manifest = archive.read(held, Manifest, "manifest")
        assert manifest is not None
        assert manifest.model_hash == rig.hash
    os.utime(rig.model, ns=(0, 1))
    session = rig.keep(2)
    rig.model.unlink()
    with find.opened(rig.store, session, still=True) as held:
        assert Session(held).model_hash == ""
