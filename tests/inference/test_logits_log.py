"""The exact logits on disk: what goes in comes out, also beside a writer and a full disk."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cloudchamber.inference.logits_log import STEPS, LogitsReader, LogitsWriter, open_spool, softmax
from cloudchamber.telemetry.events import F4, U4

SIZE = 5000
PLENTY = 1 << 30


@pytest.fixture
def spool() -> Iterator[int]:
    fd = open_spool()
    yield fd
    os.close(fd)


def row(step: int) -> F4:
    return np.random.default_rng(step).normal(0, 2, SIZE).astype(np.float32)


def some(step: int, count: int) -> tuple[U4, F4]:
    random = np.random.default_rng(1000 + step)
    ids = random.permutation(SIZE)[:count].astype(np.uint32)
    p = random.random(count).astype(np.float32) + 0.01
    return ids, p / p.sum()


@pytest.mark.parametrize("count", [1, 40, SIZE // 2 + 1, SIZE])
def test_what_goes_in_comes_out(spool: int, count: int) -> None:
    writer, reader = LogitsWriter(spool, SIZE, PLENTY), LogitsReader(spool, SIZE)
    writer.begin_run("a")
    for step in range(10):
        writer.write(step, row(step), *some(step, count))
    for step in (9, 0, 4):
        np.testing.assert_array_equal(reader.logits("a", step), row(step))
        np.testing.assert_array_equal(reader.probabilities("a", step), softmax(row(step)))
        ids, p = some(step, count)
        survivors = reader.survivors("a", step)
        assert survivors is not None
        expected = np.zeros(SIZE, np.float32)
        expected[ids] = p
        np.testing.assert_array_equal(survivors.dense(SIZE), expected)
    assert reader.logits("a", 10) is None
    assert reader.logits("a", -1) is None
    assert reader.logits("b", 3) is None


@pytest.mark.parametrize("count", [3, SIZE])
def test_logits_that_are_spooled_are_read_there(spool: int, tmp_path: Path, count: int) -> None:
    """Also once the spool is deleted, and only for the run they are of."""
    writer, reader = LogitsWriter(spool, SIZE, PLENTY), LogitsReader(spool, SIZE, str(tmp_path))
    for run in "ab":
        folder = tmp_path / run
        folder.mkdir()
        offset = 100
        data = [row(step + ord(run)).tobytes() for step in range(4)]
        (folder / STEPS).write_bytes(bytes(offset) + b"".join(data))
        writer.begin_run(run)
        assert reader.logits(run, 0) is None
        reader.begin_run(run)
        (folder / STEPS).unlink()
        for step in range(4):
            writer.write(step, row(99), *some(step, count), offset + 4 * SIZE * step)
        writer.write(4, row(5), *some(4, count))  # the disk was full, say
        for step in (3, 0, 1):
            np.testing.assert_array_equal(reader.logits(run, step), row(step + ord(run)))
        np.testing.assert_array_equal(reader.logits(run, 4), row(5))
        for step in range(5):
            ids, p = some(step, count)
            survivors = reader.survivors(run, step)
            assert survivors is not None
            np.testing.assert_array_equal(survivors.dense(SIZE)[ids], p)
    reader.begin_run("one that has none")
    assert reader.logits("b", 3) is None
    np.testing.assert_array_equal(reader.logits("b", 4), row(5))


def test_a_new_run_forgets_the_last(spool: int) -> None:
    writer, reader = LogitsWriter(spool, SIZE, PLENTY), LogitsReader(spool, SIZE)
    writer.begin_run("a")
    writer.write(0, row(0), *some(0, 3))
    writer.begin_run("b")
    assert reader.logits("a", 0) is None
    assert reader.survivors("a", 0) is None
    writer.write(0, row(7), *some(7, 3))
    assert reader.logits("a", 0) is None
    np.testing.assert_array_equal(reader.logits("b", 0), row(7))


def test_a_spent_budget_costs_the_oldest(spool: int) -> None:
    writer, reader = LogitsWriter(spool, SIZE, 5 * (8 * SIZE + 8192)), LogitsReader(spool, SIZE)
    writer.begin_run("a")
    for step in range(23):
        writer.write(step, row(step), *some(step, 3))
    kept = [step for step in range(23) if reader.logits("a", step) is not None]
    assert len(kept) >= 5
    assert kept == list(range(kept[0], 23))
    assert os.fstat(spool).st_size <= 6 * (8 * SIZE + 8192)
    for step in kept:
        np.testing.assert_array_equal(reader.logits("a", step), row(step))


def test_a_full_disk_is_an_error_and_keeps_what_is_there(tmp_path: Path) -> None:
    small = _small_disk(tmp_path)
    fd = os.open(small, os.O_RDWR)
    try:
        writer, reader = LogitsWriter(fd, SIZE, PLENTY), LogitsReader(fd, SIZE)
        writer.begin_run("a")
        step = _write_until_full(writer)
        kept = [step for step in range(100) if reader.logits("a", step) is not None]
        assert kept
        for later in range(step + 1, step + 4):
            writer.write(later, row(later), *some(later, 3))
            np.testing.assert_array_equal(reader.logits("a", later), row(later))
    finally:
        os.close(fd)
        _no_limit()


def _write_until_full(writer: LogitsWriter) -> int:
    """The step that did not fit."""
    for step in range(100):
        try:
            writer.write(step, row(step), *some(step, 3))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EFBIG):
                raise
            return step
    raise AssertionError("the disk was not full")


def _small_disk(directory: Path) -> Path:
    """A file that can't grow past half a megabyte, which ends in a short write or EFBIG."""
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    path = directory / "spool"
    path.touch()
    return path


def _no_limit() -> None:
    import resource

    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def test_a_reader_beside_a_writer_never_sees_half_a_row(spool: int) -> None:
    """The ring has room for two rows only, so every read races with an overwriting."""
    writer, reader = LogitsWriter(spool, SIZE, 2 * (8 * SIZE + 8192)), LogitsReader(spool, SIZE)
    writer.begin_run("a")
    enough = threading.Event()
    wrong: list[int] = []
    good = written = 0

    def write() -> None:
        nonlocal written
        while not enough.is_set():
            writer.write(written, np.full(SIZE, written, np.float32), *some(0, 2))
            written += 1

    thread = threading.Thread(target=write)
    thread.start()
    first = 0
    until = time.monotonic() + 60  # a machine that has no time for this thread
    while (written < 1500 or good <= 20) and time.monotonic() < until:
        for step in range(first, first + 3):
            found = reader.logits("a", step)
            if found is not None:
                good += 1
                wrong += [step] if (found != step).any() else []
        newest = os.pread(spool, 16, 0)
        first = max(0, int.from_bytes(newest[8:16], "little", signed=True)) if len(newest) == 16 else 0
    enough.set()
    thread.join()
    assert not wrong
    assert good > 20
