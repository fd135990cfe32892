"""What runs spool counts in the limit on the store's size, and is told of while it grows."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cloudchamber.sessions import recorder
from cloudchamber.sessions.store import Store
from cloudchamber.telemetry.events import Problem
from tests.sessions.runs import batch, head, session_id
from tests.sessions.test_recorder import Rig, phase
from tests.telemetry import samples

pytestmark = pytest.mark.anyio

ONE, TWO, THREE = (session_id(number) for number in (1, 2, 3))
MB = 1_000_000


def spool(store: Store, session: str, size: int) -> Path:
    """What a run has left so far, `size` bytes of it."""
    folder = store.spools / session
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "head").write_bytes(b"x")
    (folder / "steps").write_bytes(os.urandom(size))
    return folder


def keep(store: Store, number: int, *, ends: bool = True) -> str:
    store.begin(head(number, prompt=f"Number {number}")).result()
    store.append(session_id(number), batch(number, 0, 30, seals=True, padding=20_000)).result()
    if ends:
        store.finish(session_id(number)).result()
    return session_id(number)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "sessions.db", keep_bytes=1000 * MB)
    yield store
    store.close()


def going(store: Store) -> list[str]:
    return [info.id for info in store.list() if info.goes_next]


def test_it_counts_as_the_sessions_own(store: Store) -> None:
    keep(store, 1)
    keep(store, 2, ends=False)
    used, before = store.used, {info.id: info.bytes for info in store.list()}
    spool(store, TWO, 3 * MB)
    assert 3 * MB <= store.used - used < 3.1 * MB
    after = {info.id: info.bytes for info in store.list()}
    assert after[ONE] == before[ONE]
    assert 3 * MB <= after[TWO] - before[TWO] < 3.1 * MB
    # One that is no session's yet takes room all the same.
    spool(store, THREE, 2 * MB)
    assert 5 * MB <= store.used - used < 5.2 * MB


def test_the_oldest_go_for_it_once_they_were_named(store: Store) -> None:
    for number in (1, 2):
        keep(store, number)
    keep(store, 3, ends=False)
    old = spool(store, ONE, MB)
    store.keep_bytes = store.used + 2 * MB
    assert going(store) == []
    spool(store, THREE, 3 * MB)
    assert going(store) == [ONE]
    assert [info.id for info in store.look_at_room().named] == [ONE]
    assert store.make_room().removed == [], "a look does not count as named"
    assert store.look_at_room().named == []
    room = store.make_room()
    assert [info.id for info in room.removed] == [ONE]
    assert not old.exists(), "its spool goes with it"
    assert room.used == store.used <= store.keep_bytes


def test_what_is_deleted_takes_its_spool_along(store: Store) -> None:
    keep(store, 1)
    mine, other = spool(store, ONE, 10), spool(store, TWO, 10)
    assert not store.delete(TWO)
    assert store.delete(ONE)
    assert (mine.exists(), other.exists()) == (False, True)


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(recorder, "ROOM_SECONDS", 0.02)
    rig = Rig(tmp_path / "sessions.db")
    keep(rig.store, 1)
    rig.store.keep_bytes = rig.store.used + 5 * MB
    await rig.recorder.start()
    yield rig
    await rig.recorder.close()
    rig.store.close()


def told(rig: Rig) -> list[str]:
    return [
        event.message
        for event in rig.hub.log.after(0, rig.hub.log.last_seq, 10_000)[1]
        if isinstance(event, Problem)
    ]


async def test_people_are_told_while_a_run_grows_and_once(rig: Rig) -> None:
    rig.begin(TWO)
    rig.frame(samples.token(0))
    await asyncio.sleep(0.3)
    assert told(rig) == []
    spool(rig.store, TWO, 5 * MB)
    async with asyncio.timeout(10):
        while not told(rig):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    (message,) = told(rig)
    assert "“Number 1” will be deleted" in message
    assert rig.store.info(ONE) is not None
    rig.frame(phase("finished", TWO))
    await rig.finished(TWO)
    await asyncio.sleep(0.3)
    assert len(told(rig)) == 1
    assert rig.store.info(ONE) is not None, "what is named goes at the end of the next run"
    rig.begin(THREE)
    rig.frame(phase("finished", THREE))
    await rig.finished(TWO, THREE)
    async with asyncio.timeout(10):
        while rig.store.info(ONE) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
