"""The exact logits of every token of a run, on disk, shared by two processes.

An unlinked temporary file: the worker appends with `pwrite`, the server reads with `pread`,
and the kernel frees it when both are gone, however they went. It is never mapped writable,
so that a full disk is an error and not a SIGBUS.

A row holds one step: a header, V float32 logits, then what the samplers left in the running:
either (id, probability) pairs or, if that is shorter, one probability per token. Rows lie at
a fixed stride in a sparse file. When the budget is used up the oldest rows are overwritten.
A row's header is invalid while the row is being written, and readers look at it twice.

Where a run is recorded its logits are on disk already, in its spool (`sessions/spool.py`): a row
then says where, and they are not written again. Readers hold that file open from the run's
start, so it may be deleted meanwhile.
"""

from __future__ import annotations

import functools
import hashlib
import os
import struct
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from cloudchamber.telemetry.events import F4, U4

_HEADER: Final = struct.Struct("<qqIIq32x")
"""Run, step, survivors, whether they are dense, and where in the run's spool the logits are: 0 for here."""
type _Header = tuple[int, int, int, int, int]
_INVALID: Final = -1
STEPS: Final = "steps"
"""A recorded run's hidden states and logits, in its spool."""
_ALIGN: Final = 4096


@dataclass(frozen=True, slots=True)
class Survivors:
    """Tokens the samplers left and their probability: `ids` u4[n], `p` f4[n]."""

    ids: U4
    p: F4

    def dense(self, n_vocab: int) -> F4:
        """Probability of every token after the samplers, f4[V]."""
        whole = np.zeros(n_vocab, np.float32)
        whole[self.ids] = self.p
        return whole


def open_spool() -> int:
    """A file descriptor of a fresh unlinked file, on a disk rather than in memory where possible."""
    with tempfile.TemporaryFile(dir=_spool_directory(), prefix="cloudchamber-", suffix=".logits") as file:
        return os.dup(file.fileno())


def _spool_directory() -> str | None:
    """`/var/tmp` is on a disk where `/tmp` is often in memory; TMPDIR is obeyed."""
    if "TMPDIR" not in os.environ and os.access("/var/tmp", os.W_OK):  # noqa: S108
        return "/var/tmp"  # noqa: S108
    return None


@functools.lru_cache(8)
def _tag(run_id: str) -> int:
    digest = hashlib.blake2b(run_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def _stride(n_vocab: int) -> int:
    size = _HEADER.size + 2 * 4 * n_vocab
    return -(-size // _ALIGN) * _ALIGN


class LogitsWriter:
    """The worker's end. Not for several threads."""

    def __init__(self, fd: int, n_vocab: int, budget_bytes: int) -> None:
        self.fd = fd
        self._n_vocab = n_vocab
        self._stride = _stride(n_vocab)
        self._budget = budget_bytes
        self._capacity = 0
        self._run = 0

    def begin_run(self, run_id: str) -> None:
        """Forget the last run. Raises `OSError`."""
        self._run = _tag(run_id)
        os.ftruncate(self.fd, 0)
        self._capacity = max(1, min(self._budget, self._room()) // self._stride)

    def _room(self) -> int:
        """Half of what the disk has free."""
        stat = os.fstatvfs(self.fd)
        return stat.f_bavail * stat.f_frsize // 2

    def write(self, step: int, logits: F4, ids: U4, p: F4, spooled: int = 0) -> None:
        """Keep one step: `logits` f4[V], unless they are `spooled` at that offset; survivors `ids`
        u4[n] with `p` f4[n].

        Raises `OSError`; the rows already there stay readable.
        """
        slot = step % self._capacity
        if step >= self._capacity:
            os.pwrite(self.fd, _HEADER.pack(self._run, _INVALID, 0, 0, 0), slot * self._stride)
        dense = 2 * len(ids) > self._n_vocab
        if dense:
            tail = [memoryview(Survivors(ids, p).dense(self._n_vocab)).cast("B")]
        else:
            tail = [memoryview(np.ascontiguousarray(ids)).cast("B")] if len(ids) else []
            tail += [memoryview(np.ascontiguousarray(p)).cast("B")] if len(ids) else []
        header = _HEADER.pack(self._run, step, len(ids), int(dense), spooled)
        row = [] if spooled else [memoryview(logits).cast("B")]
        try:
            # The header last: a reader that finds it finds what it stands for.
            self._write_all([*row, *tail], slot * self._stride + _HEADER.size)
            self._write_all([header], slot * self._stride)
        except OSError:
            # What is there is all there will be: go round in it.
            if step < self._capacity:
                self._capacity = max(1, step)
                os.ftruncate(self.fd, self._capacity * self._stride)
            raise

    def _write_all(self, parts: Sequence[bytes | memoryview], offset: int) -> None:
        if os.pwritev(self.fd, parts, offset) != sum(len(part) for part in parts):
            raise OSError(28, "the disk is full")


class LogitsReader:
    """The server's end, and the engine's own. Every method is safe beside a writer."""

    def __init__(self, fd: int, n_vocab: int, spool: str = "") -> None:
        """`spool` is the folder of what recorded runs leave, as in the engine's options."""
        self.fd = fd
        self.n_vocab = n_vocab
        self._spool = spool
        self._steps: BinaryIO | None = None
        self._stride = _stride(n_vocab)

    def begin_run(self, run_id: str) -> None:
        """Hold the spool of a run, if it has one."""
        self._steps = None  # closed once nobody reads in it any more
        if self._spool:
            with suppress(OSError):
                self._steps = (Path(self._spool) / run_id / STEPS).open("rb", buffering=0)

    def logits(self, run_id: str, step: int) -> F4 | None:
        """Raw logits of a step, f4[V]; None if they are not kept (any more)."""
        found = self._find(run_id, step)
        if found is None:
            return None
        offset, header = found
        spooled, steps = header[4], self._steps
        fd, start = self.fd, offset + _HEADER.size
        if spooled:
            if steps is None:
                return None
            fd, start = steps.fileno(), spooled
        row = np.empty(self.n_vocab, np.float32)
        got = os.preadv(fd, [memoryview(row).cast("B")], start)
        return row if got == row.nbytes and self._header(offset) == header else None

    def probabilities(self, run_id: str, step: int) -> F4 | None:
        """Softmax of a step's logits, f4[V], summed in float64."""
        logits = self.logits(run_id, step)
        return None if logits is None else softmax(logits)

    def survivors(self, run_id: str, step: int) -> Survivors | None:
        """What the samplers left of a step."""
        found = self._find(run_id, step)
        if found is None:
            return None
        offset, header = found
        _, _, count, dense, spooled = header
        start = offset + _HEADER.size + (0 if spooled else 4 * self.n_vocab)
        data = os.pread(self.fd, 4 * (self.n_vocab if dense else 2 * count), start)
        if self._header(offset) != header:
            return None
        if dense:
            whole = np.frombuffer(data, np.float32)
            ids = np.flatnonzero(whole).astype(np.uint32)
            return Survivors(ids, whole[ids])
        ids = np.frombuffer(data, np.uint32, count)
        return Survivors(ids, np.frombuffer(data, np.float32, count, 4 * count))

    def _find(self, run_id: str, step: int) -> tuple[int, _Header] | None:
        """Where a step's row is, and its header. Once the ring goes round, the file is as long as it."""
        if step < 0:
            return None
        wanted = (_tag(run_id), step)
        rows = -(-os.fstat(self.fd).st_size // self._stride)
        if not rows:
            return None
        for slot in dict.fromkeys((step, step % rows)):
            offset = slot * self._stride
            if slot < rows and (header := self._header(offset))[:2] == wanted:
                return offset, header
        return None

    def _header(self, offset: int) -> _Header:
        data = os.pread(self.fd, _HEADER.size, offset)
        if len(data) != _HEADER.size:
            return (0, _INVALID, 0, 0, 0)
        run, step, count, dense, spooled = _HEADER.unpack(data)
        return run, step, count, dense, spooled


def softmax(logits: F4) -> F4:
    """Probabilities of logits f4[V], exponentials and sum in float64, rounded once."""
    weights = np.exp(logits.astype(np.float64) - float(logits.max()))
    weights /= weights.sum()
    return weights.astype(np.float32)
