"""The store: what goes in comes out, whole or still growing, and nothing else is touched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from cloudchamber.sessions import archive, retention, store_writing
from cloudchamber.sessions.archive import Frames, Manifest, Timeline, Tokens, read
from cloudchamber.sessions.store import Store
from cloudchamber.sessions.store_schema import StoreError
from cloudchamber.telemetry import codec
from tests.sessions.runs import MODEL, batch, head, session_id, token

ONE, TWO = session_id(1), session_id(2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data" / "sessions.db")
    yield store
    store.close()


def record(store: Store, number: int, frames: int = 70, *, ends: bool = True, padding: int = 0) -> str:
    """A run of 30 frames a chunk."""
    store.begin(head(number)).result()
    for first in range(0, frames, 30):
        count = min(30, frames - first)
        store.append(
            session_id(number), batch(number, first, count, seals=count == 30, padding=padding)
        ).result()
    if ends:
        store.finish(session_id(number)).result()
    return session_id(number)


def test_a_store_that_is_not_there_is_empty(store: Store) -> None:
    assert store.list() == []
    assert store.archive(ONE) is None
    assert store.body("vocabulary", "v") is None
    assert store.used == 0
    assert store.recover() == []
    assert not store.path.exists()


@pytest.mark.parametrize("ends", [False, True])
def test_a_session_reads_the_same_while_it_runs_and_after(store: Store, ends: bool) -> None:
    kept = store.archive(record(store, 1, 70, ends=ends))
    assert kept is not None
    manifest = read(kept, Manifest, "manifest")
    assert manifest is not None
    assert (manifest.steps, manifest.frames, manifest.complete) == (70, 70, ends)
    assert [tuple(chunk)[:4] for chunk in manifest.frame_chunks] == [
        (0, 30, 0, 30),
        (30, 30, 30, 30),
        (60, 10, 60, 10),
    ]
    frames = [frame for n in range(3) for frame in read(kept, Frames, f"frames/{n}") or []]
    assert [frame.number for frame in frames] == list(range(7, 77))
    assert [codec.decode(frame.data)["events"][0]["step"] for frame in frames] == list(range(70))
    tokens = read(kept, Tokens, "tokens/0")
    assert tokens is not None
    assert codec.encode(tokens) == codec.encode(Tokens(tokens=[token(1, step) for step in range(70)]))
    timeline = read(kept, Timeline, "timeline")
    assert timeline is not None
    assert timeline.time.tolist() == [step / 30 for step in range(70)]
    assert kept.part("frames/3") is None
    assert kept.part("tokens/1") is None
    assert set(kept.names()) == {"manifest", "timeline", "tokens/0", "frames/0", "frames/1", "frames/2"}
    assert all(kept.part(name) is not None for name in kept.names())


def test_tokens_are_in_parts_of_512(store: Store) -> None:
    kept = store.archive(record(store, 1, 1030))
    assert kept is not None
    parts = [read(kept, Tokens, f"tokens/{n}") for n in range(4)]
    assert [len(part.tokens) if part else None for part in parts] == [512, 512, 6, None]


def test_what_has_no_known_name_is_not_looked_for(store: Store) -> None:
    kept = store.archive(record(store, 1))
    assert kept is not None
    for name in ("../x", "frames/0' OR 1", "", "document"):
        assert kept.part(name) is None
    assert store.archive("' OR 1 --") is None
    with pytest.raises(KeyError):
        store.put_part(ONE, "notes", b"x")
    with pytest.raises(KeyError):
        store.put_part(TWO, "distribution/0", b"x")


def test_sessions_are_listed_newest_first_and_changed(store: Store) -> None:
    record(store, 1)
    record(store, 2, 40, ends=False)
    infos = store.list()
    assert [(info.id, info.complete, info.running) for info in infos] == [
        (TWO, False, True),
        (ONE, True, False),
    ]
    assert infos[1].title == "Once upon a time"
    assert infos[1].model == MODEL.model.name
    assert (infos[1].steps, infos[1].seconds) == (70, 69 / 30)
    assert infos[1].bytes > 1000
    assert store.rename(ONE, "  A lighthouse \n keeper ")
    assert store.pin(ONE, True)
    info = store.info(ONE)
    assert info is not None
    assert (info.title, info.pinned) == ("A lighthouse keeper", True)
    assert not store.delete(TWO), "a running session must not go"
    assert store.delete(ONE)
    assert [info.id for info in store.list()] == [TWO]
    assert not store.rename(ONE, "x")
    assert not store.delete(ONE)


def test_bytes_are_those_of_the_session(store: Store) -> None:
    record(store, 1)
    kept = store.archive(ONE)
    info = store.info(ONE)
    assert kept is not None
    assert info is not None
    stored = [kept.stored(name) for name in kept.names()]
    assert info.bytes == sum(len(part[1]) for part in stored if part is not None)


def test_parts_added_later_are_in_the_manifest(store: Store) -> None:
    record(store, 1, 2)
    store.put_parts(
        ONE, [("distribution/0", b"\x81"), ("attention/3/0", b"\x82"), ("attention/11/0", b"\x83")]
    )
    kept = store.archive(ONE)
    assert kept is not None
    before = read(kept, Manifest, "manifest")
    store.put_part(ONE, "distribution/1", b"\x84")
    store.describe(ONE, attention_error=0.002)
    after = read(kept, Manifest, "manifest")
    assert before is not None
    assert after is not None
    assert (before.distribution_exact, after.distribution_exact) == (False, True)
    assert after.attention_layers == [3, 11]
    assert after.attention_error == 0.002
    assert kept.part("attention/11/0") == b"\x83"
    store.put_part(ONE, "attention/11/0", b"again")
    assert kept.part("attention/11/0") == b"again"


def test_a_coding_of_its_own_is_read_through_its_expander(store: Store) -> None:
    record(store, 1, 2)
    store.put_part(ONE, "distribution/0", b"abc", coding="reversed")
    store.expanders["reversed"] = lambda kept, name, data: name.encode() + data[::-1]
    kept = store.archive(ONE)
    assert kept is not None
    assert kept.stored("distribution/0") == ("reversed", b"abc")
    assert kept.part("distribution/0") == b"distribution/0cba"


def test_shared_bodies_lie_there_once_and_go_with_the_last_that_uses_them(store: Store) -> None:
    record(store, 1)
    record(store, 2)
    store.put_body("vocabulary", MODEL.model.vocabulary_hash, b"words" * 99)
    store.put_body("positions/umap", MODEL.model.embedding_hash, b"points")
    store.put_body("matrix", "m", b"weights")
    store.use_body(TWO, "matrix", "m")
    kept = store.archive(ONE)
    assert kept is not None
    manifest = read(kept, Manifest, "manifest")
    assert manifest is not None
    assert manifest.positions == ["umap"]
    assert manifest.vocabulary_hash == MODEL.model.vocabulary_hash
    assert kept.part("positions/umap") == b"points"
    assert kept.part("positions/pca") is None
    assert kept.part("vocabulary") == b"words" * 99
    assert store.delete(ONE)
    assert store.body("vocabulary", MODEL.model.vocabulary_hash) == b"words" * 99
    two = store.archive(TWO)
    assert two is not None
    assert two.body("matrix") == b"weights"
    assert store.delete(TWO)
    assert store.body("vocabulary", MODEL.model.vocabulary_hash) is None
    assert store.body("matrix", "m") is None


def test_room_that_is_given_back_shrinks_the_file(store: Store) -> None:
    record(store, 1, 300, padding=20_000)
    record(store, 2, 3)
    before = store.used
    store.delete(ONE)
    assert store.used < before - 300 * 20_000
    store.close()
    assert store.path.stat().st_size < before - 300 * 20_000
    assert not store.path.with_name("sessions.db-wal").exists()


def test_an_abandoned_session_is_finished_by_recovery(store: Store) -> None:
    record(store, 1, 40, ends=False)
    assert store.recover() == [], "it is recorded just now"
    store.abandon(ONE)
    assert store.recover() == [ONE]
    info = store.info(ONE)
    assert info is not None
    assert info.complete
    assert info.steps == 40


def test_a_process_that_lives_keeps_its_session_one_that_ended_does_not(store: Store) -> None:
    record(store, 1, 40, ends=False)
    other = Store(store.path)
    try:
        # Another process that lives: this test's parent.
        store.submit(lambda db: db.execute("UPDATE session SET owner = ?", (_parent(),)).fetchall()).result()
        assert other.recover() == []
        listed = other.info(ONE)
        assert listed is not None
        assert listed.running
        store.submit(lambda db: db.execute("UPDATE session SET owner = '1:0.5'").fetchall()).result()
        assert other.recover() == [ONE]
    finally:
        other.close()


def _parent() -> str:
    import psutil

    parent = psutil.Process().parent()
    assert parent is not None
    return f"{parent.pid}:{parent.create_time()}"


def test_limits_remove_the_oldest_that_were_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "s.db", keep_bytes=1)
    try:
        for number in (1, 2, 3):
            record(store, number, 60, padding=20_000)
        store.keep_bytes = int(store.used * 0.95)
        store.pin(ONE, True)
        assert [info.id for info in store.list() if info.goes_next] == [TWO]
        room = store.make_room()
        assert [info.id for info in room.named] == [TWO]
        assert room.removed == [], "nothing goes that was not named before"
        assert store.make_room().removed == [], "nor at once"
        monkeypatch.setattr(retention, "NOTICE_SECONDS", 0.0)
        again = store.make_room()
        assert [info.id for info in again.removed] == [TWO]
        assert again.used <= store.keep_bytes
        assert {info.id for info in store.list()} == {ONE, session_id(3)}
    finally:
        store.close()


def test_a_big_session_goes_little_by_little(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is recorded meanwhile is committed in between; whatever ends it leaves a session."""
    record(store, 1)
    record(store, 2)
    parts = [f"{kind}/{n}" for kind in ("attention/3", "distribution") for n in range(60)]
    for session in (ONE, TWO):
        store.put_parts(session, [(name, b"x" * 100) for name in parts])
    done: list[str] = []
    thin = store_writing.thin

    def note(db: apsw.Connection, key: int) -> bool:
        if not done:
            store.submit(lambda _: done.append("commit"))
        done.append("thin")
        more = thin(db, key)
        kept = store.archive(ONE)
        assert kept is not None
        assert read(kept, Manifest, "manifest") is not None
        assert all(kept.part(name) for name in ("timeline", "tokens/0", "frames/0", "frames/1"))
        return more

    monkeypatch.setattr(store_writing, "thin", note)
    assert store.delete(ONE)
    assert done == ["thin", "commit", "thin", "thin"]
    assert store.archive(ONE) is None
    other = store.archive(TWO)
    assert other is not None
    assert set(parts) <= set(other.names())


def test_a_running_session_never_goes(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db", keep_bytes=1)
    try:
        record(store, 1, 60, ends=False)
        for _ in range(3):
            room = store.make_room()
            assert room.removed == []
            assert room.stuck
        assert store.info(ONE) is not None
    finally:
        store.close()


def test_a_newer_store_is_left_alone(store: Store) -> None:
    record(store, 1)
    store.submit(lambda db: db.pragma("user_version", 99)).result()
    other = Store(store.path)
    try:
        with pytest.raises(StoreError, match="newer"):
            other.list()
        with pytest.raises(StoreError, match="newer"):
            other.rename(ONE, "x")
    finally:
        other.close()


def test_what_is_no_store_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    path.write_bytes(b"something else entirely" * 1000)
    store = Store(path)
    try:
        with pytest.raises(StoreError, match="damaged"):
            store.list()
        with pytest.raises(StoreError, match="damaged"):
            store.begin(head(1)).result()
    finally:
        store.close()
    assert path.read_bytes() == b"something else entirely" * 1000


def test_what_is_done_after_the_folder_was_deleted_is_kept_in_a_new_one(store: Store) -> None:
    record(store, 1)
    shutil.rmtree(store.path.parent)
    record(store, 2)
    assert [info.id for info in store.list()] == [TWO]
    later = Store(store.path)
    assert [info.id for info in later.list()] == [TWO]
    later.close()


def test_a_run_whose_file_is_moved_away_is_said_to_be_kept_no_further(store: Store) -> None:
    record(store, 1, ends=False)
    store.path.rename(store.path.parent.parent / "elsewhere.db")
    with pytest.raises(StoreError, match="was moved or deleted"):
        store.append(ONE, batch(1, 70, 5)).result()
    record(store, 2)
    assert [info.id for info in store.list()] == [TWO]


def test_names_of_tokens_are_parts(store: Store) -> None:
    kept = store.archive(record(store, 1))
    assert kept is not None
    assert all(archive.is_part_name(name) for name in kept.names())
