"""The recording spool: what a run leaves behind for its session, raw, as it goes.

While a model decodes there is no time for anything but appending. So the worker writes what
all attention and all distributions can be computed from later (`compact.py`), into a folder
`spool/<run id>` with

    head    one codec message, `SpoolHead`: how to read the rest
    rows    a record for each position: norms, first visible keys, queries, keys of all layers
    steps   a record for each step: hidden state and logits

Records have fixed sizes and are written whole by `pwritev`, never through a mapping: a full
disk is an error that stops the recording, and not a SIGBUS that ends the run. What was written
survives the process, however it ends; of a record that was cut off nothing is believed by who
reads it (`spool_reader.py`).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudchamber.inference.logits_log import STEPS
from cloudchamber.inference.taps.attention import HEAD_FIELDS
from cloudchamber.inference.taps.capture import Capture, CaptureError
from cloudchamber.inference.taps.history import History
from cloudchamber.sessions.spool_rows import key_size, pack_rows
from cloudchamber.sessions.store_folder import ENDED
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.events import F4, U1, Array, Event, Problem

FORMAT: Final = 1
KEPT_FREE: Final = 256 << 20
"""Bytes of the disk that recording leaves to others."""
_LOOK_EVERY: Final = 64
"""Records between two looks at whether there may be more."""
_ROWS_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolHead:
    """What the records of a run are, and of which model."""

    format: int = FORMAT
    run_id: str
    model: str
    """Path of the model's file."""
    tensor: str
    """The output matrix in it; empty where the logits are no product that is known."""
    n_vocab: int
    hidden: int
    """Numbers in a hidden state."""
    n_layer: int
    groups: int
    """Distinct attention masks; 0 where no attention is kept."""
    queries: int
    """F16 numbers in all layers' queries of a position."""
    keys: int
    heads: Annotated[U1, Array("u1", "B")]
    """The layers' shapes, `HEAD_FIELDS` [L]; offsets of keys are into a position's record."""
    sinks: Annotated[F4, Array("f4", "N")]

    @property
    def row_bytes(self) -> int:
        """Of a position: norms f4[L, 4], first visible keys i4[groups], queries u2, keys u2, and up
        to a multiple of 8."""
        return -(-(self.first_at + 4 * self.groups + 2 * self.queries + 2 * self.keys) // 8) * 8

    @property
    def first_at(self) -> int:
        """Bytes of a position's record before the first visible keys."""
        return 16 * self.n_layer

    @property
    def step_bytes(self) -> int:
        """Of a step: its number from 1 on i8, hidden state f4, logits f4."""
        return 8 + 4 * self.hidden + 4 * self.n_vocab

    @property
    def layers(self) -> NDArray[np.void]:
        """`HEAD_FIELDS` [L]"""
        return np.frombuffer(self.heads.tobytes(), HEAD_FIELDS)


class SpoolWriter:
    """The worker's end. For the thread that may touch the capture; no method raises."""

    def __init__(
        self, folder: Path, capture: Capture, model: Path, n_vocab: int, emit: Callable[[Event], None],
        *, attention: bool = True,
    ) -> None:  # fmt: skip
        """`folder` holds a folder for each run; without `attention` no queries and keys are written."""
        self._folder = folder
        self._capture = capture
        self._model = model
        self._n_vocab = n_vocab
        self._emit = emit
        self._attention = attention
        self._files: list[int] = []
        self._history: History | None = None
        self._row_bytes = 0
        self._step_bytes = 0
        self._rows: U1 = np.zeros((0, 0), np.uint8)
        self._columns: tuple[NDArray[Any], ...] = ()
        self._no_hidden: F4 = np.full(capture.n_embd, np.nan, np.float32)
        self._until_look = 0
        self._ended = folder

    def begin_run(self, run_id: str) -> None:
        """Open a run's files, closing the last one's."""
        self.close()
        head = self._head(run_id)
        self._row_bytes, self._step_bytes = head.row_bytes, head.step_bytes
        self._lay_out(head)
        self._until_look = 0
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            folder = self._folder / run_id
            folder.mkdir()
            self._ended = folder / ENDED
            (folder / "head").write_bytes(codec.encode(head))
            for name in ("rows", STEPS):
                flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
                self._files.append(os.open(folder / name, flags, 0o600))
            hold(self._files[0])
        except OSError as error:
            self._stop(error)

    def decoded(self, position: int, count: int) -> None:
        """Positions from `position` on were decoded and are in the capture."""
        history = self._history
        if not self._files:
            return
        try:
            if not self._goes_on(count) or history is None:
                return
            for start in range(position, position + count, _ROWS_AT_ONCE):
                self._write_rows(history, start, min(_ROWS_AT_ONCE, position + count - start))
        except OSError as error:
            self._stop(error)

    def chosen(self, step: int, logits: F4, hidden: F4 | None) -> int:
        """A step's token is chosen from logits f4[V], made of a hidden state f4[n_embd]. Returns
        where in the file of steps the logits are now; 0 if they are not."""
        if not self._files:
            return 0
        parts = [np.int64(step + 1).tobytes(), self._no_hidden if hidden is None else hidden, logits]
        try:
            _write_all(self._files[1], parts, step * self._step_bytes, self._step_bytes)
        except OSError as error:
            self._stop(error)
            return 0
        return (step + 1) * self._step_bytes - logits.nbytes

    def close(self) -> None:
        """The run is over: nothing more is written of it."""
        files, self._files = self._files, []
        for file in files:
            os.close(file)

    def _head(self, run_id: str) -> SpoolHead:
        capture, output = self._capture, self._capture.output
        try:
            self._history = capture.history
        except CaptureError:
            self._history = None
        history = self._history if self._attention else None
        if history is not None and not history.layers.n_head:
            history = None
        heads, sinks, groups, queries = np.zeros(0, HEAD_FIELDS), np.zeros(0, np.float32), 0, 0
        if history is not None:
            heads, sinks = history.layers.heads.copy(), history.layers.sinks
            groups, queries = history.layers.n_groups, history.layers.query_stride
            sizes = heads["n_head_kv"] * heads["size"]
            heads["key_offset"] = np.cumsum(sizes) - sizes
        return SpoolHead(
            run_id=run_id,
            model=str(self._model.absolute()),
            tensor=output.tensor if output is not None and output.rows == self._n_vocab else "",
            n_vocab=self._n_vocab,
            hidden=capture.n_embd,
            n_layer=capture.n_layer if self._history is not None else 0,
            groups=groups,
            queries=queries,
            keys=key_size(heads),
            heads=np.frombuffer(heads.tobytes(), np.uint8),
            sinks=sinks,
        )

    def _lay_out(self, head: SpoolHead) -> None:
        """A buffer for some records, and where in it their parts are."""
        self._rows = np.zeros((_ROWS_AT_ONCE, head.row_bytes), np.uint8)
        columns, at = [], 0
        for dtype, count in (
            ("<f4", 4 * head.n_layer),
            ("<i4", head.groups),
            ("<u2", head.queries),
            ("<u2", head.keys),
        ):
            size = np.dtype(dtype).itemsize * count
            columns.append(self._rows[:, at : at + size].view(dtype))
            at += size
        self._columns = tuple(columns)

    def _write_rows(self, history: History, start: int, count: int) -> None:
        pack_rows(
            history.layers.heads, history.keys, history.layers.n_blocks, history.fresh, history.settled,
            history.queries, history.query_position, history.first, history.norms,
            start, count, *self._columns,
        )  # fmt: skip
        _write_all(self._files[0], [self._rows[:count]], start * self._row_bytes, count * self._row_bytes)

    def _goes_on(self, count: int) -> bool:
        """Before so many more records, whether there may be more: kept sessions have a limit, and others
        need some room on the disk too. Raises `OSError`."""
        self._until_look -= count
        if self._until_look > 0:
            return True
        self._until_look = _LOOK_EVERY
        if self._ended.exists():  # whoever said so has told people
            self.close()
            return False
        stat = os.fstatvfs(self._files[0])
        if stat.f_bavail * stat.f_frsize < KEPT_FREE:
            raise OSError(28, "the disk is almost full")
        return True

    def _stop(self, error: OSError) -> None:
        """Recording ends here; the run goes on."""
        self.close()
        reason = error.strerror or str(error)
        self._emit(
            Problem(
                code="recording-stopped",
                message=f"Attention and exact distributions are no longer recorded: {reason}.",
                hint="Free some disk space; the run itself goes on.",
            )
        )


def _write_all(file: int, parts: list[Any], offset: int, size: int) -> None:
    buffers = [part if isinstance(part, bytes) else memoryview(part).cast("B") for part in parts if len(part)]
    if os.pwritev(file, buffers, offset) != size:
        raise OSError(28, "the disk is full")


def hold(file: int, *, wait: bool = False) -> bool:
    """Lock a file for as long as it is open here; the system lets go of it however we end."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: then nobody else is kept out
        return True
    return True
