"""Attention rollout: where a position's attention goes through all layers together.

Abnar & Zuidema, "Quantifying Attention Flow in Transformers" (ACL 2020): with M the mean over
a layer's heads, A = I/2 + M/2 stands for the layer with its residual connection, and a row of
the product of all A tells how much of each position's input is in the row's output.

The means are the cost: T^2/2 rows' weights a layer. They never change, so they are kept, as F16,
and each new position adds a row a layer.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudchamber.inference.taps.arithmetic import float_to_half
from cloudchamber.inference.taps.compiled import compiled
from cloudchamber.inference.taps.memory import half_to_float

ROLLOUT_BYTES: Final = 1 << 28
_FAST = {"contract", "nsz", "arcp", "reassoc", "nnan"}


@compiled(cache=True, nogil=True)
def _pack(rows: Any, start: int, kept: Any) -> bool:
    """Put rows [R, >= start + R] of queries from `start` on into the packed triangle. False if a
    row is not known."""
    for r in range(rows.shape[0]):
        query = start + r
        if not rows[r, 0] >= 0:
            return False
        at = query * (query + 1) // 2
        for key in range(query + 1):
            kept[at + key] = float_to_half(rows[r, key])
    return True


@compiled(cache=True, nogil=True, fastmath=_FAST)
def _pass_back(kept: Any, shares: Any, before: Any) -> None:
    """before = shares (I/2 + M/2), where M is the packed triangle; both [n]."""
    for key in range(shares.size):
        before[key] = np.float32(0.5) * shares[key]
    for query in range(shares.size):
        share = np.float32(0.5) * shares[query]
        if share == 0:
            continue
        at = query * (query + 1) // 2
        row = kept[at : at + query + 1]
        for key in range(query + 1):
            before[key] += share * half_to_float(row[key])


class Rollout:
    """The means of one run, as far as they were asked for. Not for several threads."""

    def __init__(self, layers: list[int], budget: int = ROLLOUT_BYTES) -> None:
        """`layers` with attention, lowest first; at least one."""
        self._layers = layers
        self.most = int(math.sqrt(budget / len(layers)))
        """Positions for which there is room: two bytes for half of each square."""
        self._kept = [np.empty(0, np.uint16) for _ in layers]
        self.run_id = ""
        self.length = 0
        """Positions whose rows are kept in every layer."""
        self._upper = 0
        """How many layers also have the rows up to `_ahead`."""
        self._ahead = 0

    def begin_run(self, run_id: str) -> None:
        """Forget another run's rows."""
        if run_id != self.run_id:
            self.run_id = run_id
            self.length = self._upper = self._ahead = 0

    def next_rows(self, count: int, most: int) -> tuple[int, int, int] | None:
        """Layer, first and last position (exclusive) of the next rows to be had for the first
        `count` positions; None when all are there. At most `most` rows."""
        if self._upper == 0:
            if self.length >= count:
                return None
            self._ahead = min(self.length + most, count)
        return self._layers[self._upper], self.length, self._ahead

    def take(self, rows: NDArray[np.float32]) -> bool:
        """The rows `next_rows` named. False if they are not known."""
        number = self._upper
        size = self._ahead * (self._ahead + 1) // 2
        if len(self._kept[number]) < size:
            # Pages of the rest are not touched before they are needed.
            room = min(max(size, 4 * len(self._kept[number])), self.most * (self.most + 1) // 2)
            larger = np.empty(room, np.uint16)
            held = self.length * (self.length + 1) // 2
            larger[:held] = self._kept[number][:held]
            self._kept[number] = larger
        if not _pack(rows, self.length, self._kept[number]):
            return False
        self._upper += 1
        if self._upper == len(self._layers):
            self._upper = 0
            self.length = self._ahead
        return True

    def row(self, position: int) -> NDArray[np.float32]:
        """Row `position` of the product, [position + 1]; its rows must be there."""
        shares = np.zeros(position + 1, np.float32)
        shares[position] = 1
        before = np.empty_like(shares)
        for kept in reversed(self._kept):
            _pass_back(kept, shares, before)
            shares, before = before, shares
        return shares
