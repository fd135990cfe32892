"""Which cell of a rotating KV cache holds which position.

A cache that keeps no more than a sliding window needs takes its cells anew, and llama.cpp has
no way to ask where a token went. This does as `llama_kv_cache::find_slot` and `apply_ubatch`
do (llama.cpp as bundled with llama-cpp-python 0.3.36), for one sequence. The capture proves it
at every decode: the attention mask must let through exactly the cells of a token's window.
"""

from __future__ import annotations

import numpy as np

from cloudchamber.telemetry.events import I4


class NoCellError(RuntimeError):
    """There is no cell left for a token."""


class RotatingCells:
    """The cells of one cache, and the positions they hold."""

    def __init__(self, n_cells: int, window: int, *, chunked: bool = False) -> None:
        """`chunked`: windows begin at multiples of their size (llama4) and do not slide."""
        self.window = window
        self.chunked = chunked
        self.positions: I4 = np.full(n_cells, -1, np.int32)
        """[cells] the position each holds, -1 for none."""
        self._head = 0
        self._used = 0
        self._newest = -1
        self._placed: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def used(self) -> int:
        """Cells that hold a position."""
        return self._used

    def clear(self) -> None:
        self.positions[:] = -1
        self._head = self._used = 0
        self._newest = -1
        self._placed = []

    def place(self, position: int, count: int) -> I4:
        """Positions `position` to `position + count` go in; the cell of each, [count]. Position 0
        begins anew. Raises `NoCellError`."""
        if position == 0:
            self.clear()
        cells = self._find(count)
        taken = self.positions[cells]
        last_taken = int(taken.max(initial=-1))
        self._used += int((taken < 0).sum())
        self.positions[cells] = np.arange(position, position + count, dtype=np.int32)
        if last_taken >= 0:
            # All from the oldest kept to the newest must be there: what is older goes too.
            gone = (self.positions >= 0) & (self.positions <= last_taken)
            self.positions[gone] = -1
            self._used -= int(gone.sum())
        self._head = int(cells[-1]) + 1
        self._newest = position + count - 1
        self._placed.append((position, count))
        return cells

    def next(self) -> int:
        """The cell that the next token will take; as many as there are cells when none is left."""
        try:
            return int(self._find(1)[0])
        except NoCellError:
            return len(self)

    def at(self, length: int) -> RotatingCells:
        """As it was when the run had `length` positions."""
        past = RotatingCells(len(self), self.window, chunked=self.chunked)
        for position, count in self._placed:
            if position >= length:
                break
            past.place(position, count)
        return past

    def _find(self, count: int) -> I4:
        """The first cells from the head on, round the end, that are free or out of the window."""
        n_cells = len(self)
        head = self._head
        if head > self._used + 2 * count:
            head = 0
        found: list[int] = []
        oldest = self._oldest_seen()
        for tested in range(n_cells):
            cell = (head + tested) % n_cells
            held = self.positions[cell]
            if held < 0 or held < oldest:
                found.append(cell)
                if len(found) == count:
                    return np.array(found, np.int32)
        raise NoCellError(f"no room for {count} tokens in {n_cells} cells")

    def _oldest_seen(self) -> int:
        """First position that the one after the newest can see."""
        following = self._newest + 1
        if self.chunked:
            return following // self.window * self.window
        return following - self.window + 1
