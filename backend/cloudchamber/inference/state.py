"""The state events of a run: only what is wanted, thirty times a second, and once at rest.

Attention, norms and the rest are computed from what the capture kept, and computing costs
decoding time; so the newest wins here already.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from cloudchamber.inference.memory import CacheLayout, MemoryAccount
from cloudchamber.inference.taps.capture import Capture
from cloudchamber.telemetry.events import Event, Part
from cloudchamber.telemetry.memory_readings import MemoryReadings

_MEMORY_SECONDS: Final = 0.5
_HEADS_SHARE: Final = 1 / 200
"""Of the time that may go into the heads' summary, which reads all keys: at a long context it
comes less often, so that decoding keeps its speed."""

Selection = tuple[int, int]


class StateEmitter:
    """Emits the wanted parts. Every method is for the thread that may touch the capture."""

    def __init__(
        self,
        capture: Capture,
        layout: CacheLayout,
        memory: MemoryAccount,
        emit: Callable[[Event], None],
        hertz: float,
        attention_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._capture = capture
        self._layout = layout
        self._memory = memory
        self._emit = emit
        self._interval = 1 / hertz
        self._attention_bytes = attention_bytes
        self._clock = clock
        self._parts: frozenset[Part] = frozenset()
        self._selections: tuple[Selection, ...] = ()
        self._shown: dict[Selection, int] = {}
        self._due = 0.0
        self._memory_due = 0.0
        self._heads_due = 0.0
        self._heads_behind = False
        self._run_id = ""
        self._positions = 0
        self._fresh = False
        self.memory_readings: Final = MemoryReadings()
        """Of the run, as far as anybody looked."""

    @property
    def positions(self) -> int:
        """Positions of the run so far."""
        return self._positions

    def begin_run(self, run_id: str) -> None:
        self._run_id = run_id
        self._positions = 0
        self._shown = {}
        self.memory_readings.begin_run()
        self._fresh = True  # a run that ends before its first decode has an empty cache
        self._heads_behind = False
        self._heads_due = 0.0

    def want(self, parts: frozenset[Part], selections: Sequence[Selection]) -> None:
        """Change what is wanted; what is newly wanted is emitted at once."""
        new_parts = parts - self._parts
        new_selections = [pair for pair in selections if pair not in self._selections]
        self._parts = parts
        self._selections = tuple(selections)
        self._shown = {pair: shown for pair, shown in self._shown.items() if pair in selections}
        self._capture.set_wanted(parts)
        if "attention" in new_parts:
            new_selections = list(selections)
        self._emit_parts(new_parts - {"attention"})
        if "attention" in parts:
            self._emit_attention(new_selections)

    def hold(self, positions: int) -> None:
        """The context now holds `positions`."""
        self._positions = positions
        self._fresh = True

    def emit_due(self) -> None:
        """Emit what the last decode left unsaid, if it is time."""
        now = self._clock()
        if self._fresh and now >= self._due:
            # Keep the beat, unless it was lost.
            self._due = max(self._due + self._interval, now + self._interval / 2)
            self._emit_all(now)

    def settle(self) -> None:
        """The run pauses or ends: emit what the last decode left unsaid."""
        if self._fresh:
            self._heads_due = 0.0
            self._emit_all(self._clock())
        elif self._heads_behind:
            self._emit_parts(self._parts & {"heads"})

    def _emit_all(self, now: float) -> None:
        self._fresh = False
        parts = self._parts - {"attention"}
        if now < self._memory_due:
            parts -= {"memory"}
        self._heads_behind = now < self._heads_due
        if self._heads_behind:
            parts -= {"heads"}
        self._emit_parts(parts)
        if "attention" in self._parts:
            self._emit_attention(self._selections)

    def _emit_parts(self, parts: frozenset[Part]) -> None:
        if "cache" in parts:
            self._emit(self._layout.status(self._run_id, self._positions, self._capture.cells))
        if "memory" in parts:
            self._memory_due = self._clock() + _MEMORY_SECONDS
            usage = self._memory.usage()
            self.memory_readings.add(self._positions, usage)
            self._emit(usage)
        if not self._positions:
            return
        makers: dict[Part, Callable[[str], Event | None]] = {
            "layers": self._capture.layer_activation,
            "heads": self._summarise_heads,
            "experts": self._capture.expert_routing,
        }
        for part, make in makers.items():
            event = make(self._run_id) if part in parts else None
            if event is not None:
                self._emit(event)

    def _summarise_heads(self, run_id: str) -> Event | None:
        self._heads_behind = False
        began = self._clock()
        event = self._capture.head_summary(run_id)
        now = self._clock()
        self._heads_due = now + (now - began) / _HEADS_SHARE
        return event

    def _emit_attention(self, selections: Sequence[Selection]) -> None:
        """Rows of the queries since the last emission, the newest that fit."""
        if not self._positions or not selections:
            return
        budget = self._attention_bytes // len(selections)
        rows = max(1, budget // (2 * self._positions))
        for pair in selections:
            start = max(self._shown.get(pair, 0), self._positions - rows)
            if start >= self._positions:
                start = self._positions - 1
            event = self._capture.attention_rows(self._run_id, pair[0], pair[1], start)
            if event is not None:
                self._shown[pair] = self._positions
                self._emit(event)
