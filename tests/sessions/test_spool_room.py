"""What runs spool counts in the limit on the store's size, which is kept to while they go on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest

from cloudchamber.sessions import recorder_room, retention
from cloudchamber.sessions import store as store_module
from cloudchamber.sessions.store import Store
from cloudchamber.sessions.store_folder import ENDED
from cloudchamber.sessions.store_list import SessionInfo
from cloudchamber.telemetry.events import Problem
from cloudchamber.telemetry.hub import Reader
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


class Clock:
    """The time of the day."""

    now = 1e9

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(store_module, "time", clock)
    return clock


def ids(infos: Sequence[SessionInfo]) -> list[str]:
    return [info.id for info in infos]


def test_the_oldest_go_for_it_a_minute_after_they_were_named(store: Store, clock: Clock) -> None:
    for number in (1, 2):
        keep(store, number)
    keep(store, 3, ends=False)
    old = spool(store, ONE, MB)
    store.keep_bytes = store.used + 27 * MB // 10
    assert going(store) == []
    spool(store, THREE, 3 * MB)
    assert going(store) == [ONE]
    room = store.make_room()
    assert (ids(room.named), room.removed, room.full) == ([ONE], [], False)
    clock.now += 59
    room = store.make_room()
    assert (room.named, room.removed, old.exists()) == ([], [], True)
    clock.now += 2
    room = store.make_room()
    assert ids(room.removed) == [ONE]
    assert not old.exists(), "its spool goes with it"
    assert room.used == store.used <= store.keep_bytes


def test_what_was_named_before_there_was_a_time_goes_when_room_is_needed(store: Store, clock: Clock) -> None:
    keep(store, 1)
    keep(store, 2)
    store.submit(lambda db: db.execute("UPDATE session SET told = 1 WHERE key = 1").fetchall()).result()
    store.keep_bytes = store.used - 1
    assert ids(store.make_room().removed) == [ONE]


def test_a_quick_run_names_more_and_earlier(store: Store) -> None:
    keep(store, 1)
    keep(store, 2, ends=False)
    store.keep_bytes = 2 * store.used - 1000
    assert not store.is_tight(store.used, 0.0)
    assert store.is_tight(store.used, 1e9)
    assert going(store) == []
    assert ids(store.make_room(1e9).named) == [ONE]
    assert going(store) == [ONE], "the list says the same"


def test_what_somebody_looks_at_does_not_go(store: Store, clock: Clock) -> None:
    for number in (1, 2):
        keep(store, number)
    keep(store, 3, ends=False)
    spool(store, THREE, 3 * MB)
    store.keep_bytes = store.used - MB // 2
    assert ids(store.make_room().named) == [ONE, TWO]
    watched = {ONE}
    store.in_use.append(lambda: watched)
    clock.now += 100
    room = store.make_room()
    assert ids(room.removed) == [TWO]
    assert going(store) == []
    spool(store, THREE, 5 * MB)
    assert store.make_room().full, "nothing that may go is left"
    watched.clear()
    room = store.make_room()
    assert (ids(room.named), room.removed) == ([ONE], []), "it is named anew first"
    clock.now += 60
    assert ids(store.make_room().removed) == [ONE]


def test_it_is_full_where_nothing_can_go_or_not_in_time(store: Store, clock: Clock) -> None:
    keep(store, 1)
    keep(store, 2, ends=False)
    store.keep_bytes = store.used - 1
    assert not store.make_room().full
    store.keep_bytes = int(store.used / 1.2)
    assert store.make_room().full
    store.pin(ONE, True)
    store.keep_bytes = store.used - 1
    room = store.make_room()
    assert room.full
    assert room.stuck


def test_what_is_deleted_takes_its_spool_along(store: Store) -> None:
    keep(store, 1)
    mine, other = spool(store, ONE, 10), spool(store, TWO, 10)
    assert not store.delete(TWO)
    assert store.delete(ONE)
    assert (mine.exists(), other.exists()) == (False, True)


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    """Looks all the time; what is named goes a second or two later."""
    monkeypatch.setattr(recorder_room, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(recorder_room, "SETTLING_SECONDS", 1e9)
    monkeypatch.setattr(retention, "NOTICE_SECONDS", 2.0)
    rig = Rig(tmp_path / "sessions.db")
    keep(rig.store, 1)
    rig.store.keep_bytes = rig.store.used + 5 * MB
    await rig.recorder.start()
    yield rig
    await rig.recorder.close()
    rig.store.close()


def told(rig: Rig) -> list[Problem]:
    events = rig.hub.log.after(0, rig.hub.log.last_seq, 10_000)[1]
    return [event for event in events if isinstance(event, Problem)]


async def until(test: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not test():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_the_oldest_go_while_a_run_goes_on_but_people_are_told_first_and_once(rig: Rig) -> None:
    rig.begin(TWO)
    rig.frame(samples.token(0))
    await asyncio.sleep(0.3)
    assert told(rig) == []
    spool(rig.store, TWO, 5 * MB)
    await until(lambda: bool(told(rig)))
    await asyncio.sleep(0.5)
    (problem,) = told(rig)
    assert "“Number 1” will be deleted" in problem.message
    assert rig.store.info(ONE) is not None, "not so soon"
    await until(lambda: rig.store.info(ONE) is None)
    assert rig.store.used <= rig.store.keep_bytes
    assert len(told(rig)) == 1
    rig.frame(samples.token(1), phase("finished", TWO))
    await rig.finished(TWO)
    assert rig.manifest(TWO).complete


async def test_a_run_that_alone_is_too_much_is_kept_as_far_as_it_came(rig: Rig) -> None:
    viewer = Reader(wake=lambda: None)
    rig.hub.join(viewer)
    rig.store.pin(ONE, True)
    rig.begin(TWO)
    for step in range(3):
        rig.frame(samples.token(step, TWO))
    await until(lambda: (info := rig.store.info(TWO)) is not None and info.steps == 3)
    folder = spool(rig.store, TWO, 6 * MB)
    await rig.finished(TWO)
    await until(lambda: (folder / ENDED).exists())
    (problem,) = told(rig)
    assert problem.code == "recording-stopped"
    assert "pinned, looked at, or this run's own" in problem.message
    assert "--keep-size" in problem.hint
    assert rig.manifest(TWO).complete
    assert [frame.number for frame in rig.frames(TWO)] == [2, 3, 4, 5]
    # The run goes on, for whoever watches it.
    for step in range(3, 6):
        rig.frame(samples.token(step, TWO))
    rig.frame(phase("finished", TWO))
    assert rig.hub.next_frame(viewer) is not None
    await asyncio.sleep(0.3)
    assert rig.manifest(TWO).steps == 3
    assert len(told(rig)) == 1
    # With room again the next one is kept.
    rig.store.keep_bytes *= 10
    rig.begin(THREE)
    rig.frame(samples.token(0, THREE), phase("finished", THREE))
    await rig.finished(TWO, THREE)
    assert rig.manifest(THREE).steps == 1


async def test_a_run_does_not_outgrow_the_limit_for_the_notices_sake(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "NOTICE_SECONDS", 1e6)
    rig.begin(TWO)
    spool(rig.store, TWO, 10 * MB)
    await rig.finished(TWO)
    assert "less than a minute ago" in told(rig)[-1].message
    assert rig.store.info(ONE) is not None


async def test_a_run_that_ends_too_big_is_not_said_to_be_cut_short(rig: Rig) -> None:
    rig.store.pin(ONE, True)
    rig.begin(TWO)
    rig.frame(samples.token(0, TWO), phase("finished", TWO))
    spool(rig.store, TWO, 6 * MB)
    await rig.finished(TWO)
    await until(lambda: bool(told(rig)))
    assert [problem.code for problem in told(rig)] == ["sessions-go-next"]


async def test_of_a_quick_run_is_told_in_time(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_room, "SETTLING_SECONDS", 0.2)
    monkeypatch.setattr(retention, "NOTICE_SECONDS", 60.0)
    rig.begin(TWO)
    await asyncio.sleep(0.1)
    assert told(rig) == []
    spool(rig.store, TWO, 3 * MB)
    assert rig.store.used < retention.TELL_FROM * rig.store.keep_bytes
    await until(lambda: bool(told(rig)))
    assert "“Number 1” will be deleted" in told(rig)[0].message
