"""The session's events, numbered from 1 and kept so that a viewer can resume or begin late."""

from __future__ import annotations

from collections import deque
from typing import Final

from cloudchamber.telemetry.events import Event, ModelLoaded, PositionsReady, PromptProcessed, RunStarted

CAPACITY: Final = 16_384
"""Events kept: at about 1 kB each, some 16 MB."""

type Story = tuple[int, list[Event]]
"""Number of the first event, and the events that follow without a gap."""


class EventLog:
    """Bounded: the oldest events go first, but for those that still say what is on show."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._events: deque[Event] = deque(maxlen=capacity)
        self._capacity = capacity
        self._context: dict[str, tuple[int, Event]] = {}
        self._begin = 1
        self.next_seq = 1

    @property
    def first_seq(self) -> int:
        """The oldest event still there; `next_seq` when there is none."""
        return self.next_seq - len(self._events)

    @property
    def last_seq(self) -> int:
        return self.next_seq - 1

    def append(self, event: Event) -> int:
        """Keep an event. Returns its number."""
        seq = self.next_seq
        self._events.append(event)
        self.next_seq += 1
        self._remember(seq, event)
        return seq

    def _remember(self, seq: int, event: Event) -> None:
        if isinstance(event, ModelLoaded):
            self._begin = seq
            self._context = {"model": (seq, event)}
        elif isinstance(event, RunStarted):
            self._begin = seq
            self._context["run"] = (seq, event)
            self._context.pop("prompt", None)
        elif isinstance(event, PromptProcessed):
            self._context["prompt"] = (seq, event)
        elif isinstance(event, PositionsReady):
            self._context[f"positions {event.method}"] = (seq, event)

    def after(self, seq: int, up_to: int, limit: int) -> Story:
        """At most `limit` events with numbers from `seq` + 1 to `up_to`, all of them still kept."""
        first = max(seq + 1, self.first_seq)
        start = first - self.first_seq
        count = min(up_to - first + 1, limit)
        # By index, which finds its way from the nearer end; what is asked for is mostly the newest.
        return first, [self._events[i] for i in range(start, start + count)]

    def can_resume(self, seq: int) -> bool:
        """Whether a viewer that holds everything up to `seq` can go on without a gap."""
        return self.first_seq - 1 <= seq <= self.last_seq

    def patience(self, seq: int) -> int:
        """How many events a viewer that is at `seq` now may have waiting, later on.

        Half the log, so that one that is let go can still resume; but one that came back to
        more than that must be given the time to catch up.
        """
        return max(self._capacity // 2, self.last_seq - seq + self._capacity // 32)

    def waiting(self, seq: int) -> int:
        """Events that a viewer at `seq` has not had."""
        return self.last_seq - seq

    def opening(self) -> Story:
        """What a new viewer is told first: what was said before the newest run and still holds.

        The numbers are such that the event after the last one is the newest run's (or model's)
        first that is kept, so a viewer sees no gap.
        """
        start = max(self._begin, self.first_seq)
        context = sorted(
            (item for item in self._context.values() if item[0] < start), key=lambda item: item[0]
        )
        return start - len(context), [event for _, event in context]
