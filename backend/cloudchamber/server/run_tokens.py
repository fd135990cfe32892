"""Every token of the run on show, however long it is: kept in a file that has no name.

The event log forgets the oldest, and a page holds a few thousand; this is what both scroll back
into. Eight bytes a token stay in memory.
"""

from __future__ import annotations

import os
from array import array
from contextlib import suppress
from itertools import pairwise
from typing import cast

from cloudchamber.inference.logits_log import open_spool
from cloudchamber.telemetry import codec, typed
from cloudchamber.telemetry.commands import MAX_TOKENS
from cloudchamber.telemetry.events import Event, ModelLoaded, RunStarted, TokenGenerated


class RunTokens:
    """Tokens of the newest run by step. Give it every event."""

    def __init__(self) -> None:
        self._fd = open_spool()
        self._ends = array("Q", [0])
        """Where each token's bytes end; step s lies between entries s and s + 1."""
        self.run_id = ""

    def take(self, event: Event) -> None:
        """Note what happens."""
        if isinstance(event, TokenGenerated):
            if event.run_id == self.run_id and event.step == len(self):
                self._append(codec.encode(event))
        elif isinstance(event, (RunStarted, ModelLoaded)):
            self.run_id = event.run_id if isinstance(event, RunStarted) else ""
            del self._ends[1:]
            with suppress(OSError):
                os.ftruncate(self._fd, 0)

    def _append(self, data: bytes) -> None:
        # A disk that is full costs the tokens from here on, not the run.
        with suppress(OSError):
            if os.pwrite(self._fd, data, self._ends[-1]) == len(data):
                self._ends.append(self._ends[-1] + len(data))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, step: int) -> TokenGenerated:
        """Raises `IndexError` for a step that is not kept."""
        found = self.range(step, step + 1) if step >= 0 else []
        if not found:
            raise IndexError(step)
        return found[0]

    def range(self, start: int, stop: int) -> list[TokenGenerated]:
        """Tokens of steps [start, stop), those there are, at most `MAX_TOKENS`; a stop of 0
        means up to the newest."""
        stop = min(stop or len(self), len(self), start + MAX_TOKENS)
        if start >= stop:
            return []
        begin = self._ends[start]
        data = os.pread(self._fd, self._ends[stop] - begin, begin)
        ends = [self._ends[step] - begin for step in range(start, stop + 1)]
        pieces = (data[first:end] for first, end in pairwise(ends))
        return [cast(TokenGenerated, typed.event(codec.decode(piece))) for piece in pieces]

    def close(self) -> None:
        """Give the file back."""
        with suppress(OSError):
            os.close(self._fd)
