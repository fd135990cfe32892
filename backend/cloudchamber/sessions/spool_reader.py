"""Reading what a run has spooled, beside its writer or long after; see `spool.py` for what it is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cloudchamber.inference.logits_log import STEPS
from cloudchamber.sessions.spool import FORMAT, SpoolHead, hold
from cloudchamber.telemetry import codec, typed
from cloudchamber.telemetry.events import F4, I4, U2


class SpoolError(ValueError):
    """A folder that is no spool of this version; the text says why."""


class Spool:
    """A run's spool, to be read. A context manager; safe beside its writer."""

    def __init__(self, folder: Path) -> None:
        """Raises `SpoolError` or `OSError`."""
        self.folder = folder
        try:
            self.head: SpoolHead = typed.build(SpoolHead, codec.decode((folder / "head").read_bytes()))
        except FileNotFoundError as error:
            raise SpoolError(f"{folder.name} has no head") from error
        except (codec.CodecError, ValueError, TypeError, KeyError) as error:
            raise SpoolError(f"{folder.name} is damaged: {error}") from error
        if self.head.format != FORMAT:
            raise SpoolError(f"{folder.name} was written by another version")
        self._rows = os.open(folder / "rows", os.O_RDONLY | os.O_CLOEXEC)
        self._steps = os.open(folder / STEPS, os.O_RDONLY | os.O_CLOEXEC)

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._rows)
        os.close(self._steps)

    def hold(self, *, wait: bool = False) -> bool:
        """Keep others from taking the spool in, as its writer does while it runs; with `wait` once
        they let go of it."""
        return hold(self._rows, wait=wait)

    @property
    def positions(self) -> int:
        """Whole records of positions."""
        size = self.head.row_bytes
        return os.fstat(self._rows).st_size // size if size else 0

    @property
    def steps(self) -> int:
        """Whole records of steps."""
        return os.fstat(self._steps).st_size // self.head.step_bytes

    def step_records(self, start: int, stop: int) -> tuple[NDArray[np.bool_], F4, F4]:
        """Which of the steps [start, stop) are there, bool[S], their hidden states f4[S, E] and
        logits f4[S, V]."""
        head, count = self.head, stop - start
        raw = os.pread(self._steps, count * head.step_bytes, start * head.step_bytes)
        record = np.dtype([("step", "<i8"), ("hidden", "<f4", head.hidden), ("logits", "<f4", head.n_vocab)])
        found = np.frombuffer(raw, record, len(raw) // head.step_bytes)
        there = np.zeros(count, np.bool_)  # a hole reads as zeros, and steps are numbered from 1
        there[: len(found)] = found["step"] == np.arange(start, start + len(found)) + 1
        hidden, logits = (np.zeros((count, n), np.float32) for n in (head.hidden, head.n_vocab))
        hidden[: len(found)], logits[: len(found)] = found["hidden"], found["logits"]
        return there, hidden, logits

    def norms(self, positions: int) -> F4:
        """Norms of the first so many positions, f4[P, L, 4]: attention, MLP, output, change."""
        head = self.head
        norms = np.empty((positions, head.n_layer, 4), np.float32)
        for position in range(positions):
            os.preadv(self._rows, [norms[position].data], position * head.row_bytes)
        return norms

    def layer_records(self, layer: int, positions: int) -> tuple[I4, U2, U2]:
        """One layer of the first so many positions: first visible key i4[P] (-1: not captured),
        queries u2[P, H d] and keys u2[P, H_kv d], bits of F16."""
        head, shape = self.head, self.head.layers[layer]
        size = int(shape["size"])
        first = np.empty((positions, 1), np.int32)
        queries = np.empty((positions, int(shape["n_head"]) * size), np.uint16)
        keys = np.empty((positions, int(shape["n_head_kv"]) * size), np.uint16)
        places = (
            (first, head.first_at + 4 * int(shape["group"])),
            (queries, head.first_at + 4 * head.groups + 2 * int(shape["query_offset"])),
            (keys, head.first_at + 4 * head.groups + 2 * head.queries + 2 * int(shape["key_offset"])),
        )
        for position in range(positions):
            for target, offset in places:
                os.preadv(self._rows, [target[position].data], position * head.row_bytes + offset)
        return first[:, 0], queries, keys


def spools(folder: Path) -> Iterator[Path]:
    """Folders of runs whose spool was not taken into their session yet, the oldest first."""
    with suppress(OSError):
        found = [path for path in folder.iterdir() if path.is_dir()]
        yield from sorted(found, key=lambda path: path.stat().st_mtime)


def delete(folder: Path) -> None:
    """Forget a run's spool."""
    shutil.rmtree(folder, ignore_errors=True)
