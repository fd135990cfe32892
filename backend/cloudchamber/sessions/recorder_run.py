"""One run while it is recorded: its clock, its chunks, and what is not committed yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cloudchamber.sessions.archive import PhaseChange, StoredFrame
from cloudchamber.sessions.store_writing import Batch
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.events import (
    Event,
    PromptProcessed,
    RunPhase,
    RunStarted,
    RunState,
    TokenGenerated,
)

CHUNK_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 1.0
"""A longer pause of the run is so long in its recording."""
LATE_SECONDS: Final = 0.5
"""How much later than its token some state comes. After that a pause has nothing to record."""
OVER: Final[frozenset[RunPhase]] = frozenset(("finished", "stopped", "failed"))
NO_STATE: Final = b"\xa5state\x90"
"""The end of a frame that holds none."""


def split_at_starts(events: list[Event], data: bytes) -> Iterator[tuple[list[Event], bytes]]:
    """A frame as frames in which a run's start is the first event. Nearly always the frame itself."""
    cuts = [i for i, event in enumerate(events) if i and isinstance(event, RunStarted)]
    if not cuts:
        yield events, data
        return
    frame = codec.decode(data)
    for start, stop in zip([0, *cuts], [*cuts, len(events)], strict=True):
        piece = {
            **frame,
            "first_seq": frame["first_seq"] + start,
            "events": frame["events"][start:stop],
            "state": frame["state"] if stop == len(events) else [],
        }
        yield events[start:stop], codec.encode(piece)


class RunRecord:
    """Frames come in by `add`, go out by `taken`."""

    def __init__(self, run_id: str, now: float) -> None:
        self.id = run_id
        self.over = False
        self._zero = now
        """The hub's time at which the recording's is 0: the run's start, later by every pause cut short."""
        self._newest = 0.0
        self._paused: float | None = None
        """Since when, in the hub's time."""
        self._chunk: float | None = None
        """When the chunk began; None until its first frame."""
        self._batch = Batch()

    @property
    def begins_chunk(self) -> bool:
        """Whether the next frame is the first of a chunk."""
        return self._chunk is None

    def chunk_is_full(self, now: float) -> bool:
        """Whether a frame made at `now` belongs to the next chunk."""
        return self._chunk is not None and self._time(now) - self._chunk >= CHUNK_SECONDS

    def seal(self) -> None:
        """End the chunk with what came so far."""
        self._batch.seals = True
        self._chunk = None

    def _time(self, now: float) -> float:
        """The recording's time at the hub's."""
        return now - self._zero

    def add(self, number: int, now: float, events: list[Event], data: bytes) -> None:
        """One frame with its events, made at the hub's time `now`."""
        rests = self._paused is not None and now - self._paused > LATE_SECONDS
        if not events and (rests or data.endswith(NO_STATE)):
            return
        if self._paused is not None:
            self._zero += max(0.0, self._time(now) - self._newest - PAUSE_SECONDS)
        time = self._newest = max(self._newest, self._time(now))
        if self._chunk is None:
            self._chunk = time
        tokens = [event for event in events if isinstance(event, TokenGenerated) and event.run_id == self.id]
        self._batch.frames.append((StoredFrame(number, time, data), len(tokens)))
        self._batch.tokens += [(token.step, time, codec.encode(token)) for token in tokens]
        for event in events:
            self._follow(event, now, time)

    def _follow(self, event: Event, now: float, time: float) -> None:
        if getattr(event, "run_id", "") != self.id:
            return
        if isinstance(event, PromptProcessed):
            self._batch.prompt = event
        elif isinstance(event, RunState):
            self._batch.finished = event
            self._batch.phases.append(PhaseChange(time, event.phase))
            self._paused = now if event.phase == "paused" else None
            self.over = event.phase in OVER

    def taken(self) -> Batch | None:
        """What came since the last time, if anything did."""
        batch, self._batch = self._batch, Batch()
        return batch if batch.frames or batch.seals else None
