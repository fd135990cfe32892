"""The memory as it was at earlier positions of a run."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import Final

from cloudchamber.telemetry.events import MemoryUsage

KEPT: Final = 8192
"""Readings; more than an hour of two a second."""


class MemoryReadings:
    """The newest readings of a run, each with how many positions the context held."""

    def __init__(self) -> None:
        self._positions: deque[int] = deque(maxlen=KEPT)
        self._readings: deque[MemoryUsage] = deque(maxlen=KEPT)

    def begin_run(self) -> None:
        """What was read last holds until the next reading."""
        newest = self._readings[-1] if self._readings else None
        self._positions.clear()
        self._readings.clear()
        if newest is not None:
            self.add(0, newest)

    def add(self, positions: int, reading: MemoryUsage) -> None:
        """`positions` never become fewer within a run."""
        self._positions.append(positions)
        self._readings.append(reading)

    def at(self, positions: int) -> MemoryUsage | None:
        """The newest reading when the context held so many; None if there was none, or it is not kept."""
        found = bisect_right(self._positions, positions) - 1
        return self._readings[found] if found >= 0 else None
