"""The newest state of each part: what a viewer that asks for the part is shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cloudchamber.telemetry.events import AttentionWeights, Event, Part, Progress

ATTENTION_BYTES: Final = 24 << 10
"""Attention rows of one frame, all heads together; a head's newest row always goes."""

type Key = tuple[str, int, int]
"""Kind, layer, head; or kind and zeros; or "progress task" and zeros."""


@dataclass(frozen=True, slots=True)
class Want:
    """What one viewer is looking at."""

    parts: frozenset[Part] = frozenset()
    heads: tuple[tuple[int, int], ...] = ()
    """(layer, head), the one that matters most first."""

    def takes(self, event: Event) -> bool:
        if isinstance(event, AttentionWeights):
            return "attention" in self.parts and (event.layer, event.head) in self.heads
        return part_of(event) is None or part_of(event) in self.parts


def part_of(event: Event) -> Part | None:
    """The part an event belongs to; a distribution after the samplers is of `sampled`."""
    if getattr(event, "stage", "") == "sampler":
        return "sampled"
    return event.part


def key_of(event: Event) -> Key:
    if isinstance(event, AttentionWeights):
        return ("attention", event.layer, event.head)
    if isinstance(event, Progress):
        return (f"progress {event.task}", 0, 0)
    return (part_of(event) or event.kind, 0, 0)


@dataclass(slots=True)
class _Slot:
    event: Event
    frame: int
    """Number of the first frame that holds it."""


class StateStore:
    """Newest wins, per key. `frame` numbers say since when."""

    def __init__(self) -> None:
        self._slots: dict[Key, _Slot] = {}
        self.attention_bytes = ATTENTION_BYTES
        """A recording, which nobody can ask for older rows, takes more."""

    def put(self, event: Event, frame: int) -> None:
        """Keep `event` for frames from number `frame` on."""
        key = key_of(event)
        slot = self._slots.get(key)
        if slot is None:
            self._slots[key] = _Slot(event, frame)
            return
        if slot.frame == frame and isinstance(event, AttentionWeights):
            event = _joined(slot.event, event, self.attention_bytes)
        slot.event, slot.frame = event, frame

    def begin_run(self) -> None:
        """Forget what belongs to the run before; memory and progress outlive a run."""
        self._slots = {
            key: slot for key, slot in self._slots.items() if not getattr(slot.event, "run_id", "")
        }

    def keep_heads(self, heads: frozenset[tuple[int, int]]) -> None:
        """Forget the attention of heads that nobody looks at: it would be stale when asked for."""
        for key in [key for key in self._slots if key[0] == "attention" and key[1:] not in heads]:
            del self._slots[key]

    def has_since(self, want: Want, frame: int) -> bool:
        """Whether something wanted is newer than `frame`."""
        return any(slot.frame > frame and want.takes(slot.event) for slot in self._slots.values())

    def select(self, want: Want, frame: int, extra: frozenset[Key]) -> list[Event]:
        """Wanted events newer than frame number `frame`, and those of the keys in `extra`."""
        chosen = [
            slot.event
            for key, slot in self._slots.items()
            if (slot.frame > frame or key in extra) and want.takes(slot.event)
        ]
        return _within_budget(chosen, self.attention_bytes)

    def newly_wanted(self, before: Want, after: Want) -> list[Key]:
        """Keys of what `after` takes and `before` did not."""
        return [
            key
            for key, slot in self._slots.items()
            if after.takes(slot.event) and not before.takes(slot.event)
        ]


def _within_budget(chosen: list[Event], attention_bytes: int) -> list[Event]:
    """Attention cut to its newest rows, so that a long prompt does not make a huge frame."""
    heads = sum(isinstance(event, AttentionWeights) for event in chosen)
    if not heads:
        return chosen
    budget = attention_bytes // heads
    return [_newest_rows(event, budget) if isinstance(event, AttentionWeights) else event for event in chosen]


def _newest_rows(event: AttentionWeights, budget: int) -> AttentionWeights:
    rows, keys = event.weights.shape
    dropped = rows - max(1, budget // max(1, 2 * keys))
    if dropped <= 0:
        return event
    return replace(
        event,
        query_start=event.query_start + dropped,
        weights=event.weights[dropped:],
        sink=event.sink[dropped:],
    )


def _joined(old: Event, new: AttentionWeights, attention_bytes: int) -> AttentionWeights:
    """Rows of two events of one head that come before the same frame, as one event."""
    if not isinstance(old, AttentionWeights) or old.run_id != new.run_id:
        return new
    rows, keys = old.weights.shape
    if old.query_start + rows != new.query_start or new.weights.shape[1] < keys:
        return new
    weights = np.zeros((rows + new.weights.shape[0], new.weights.shape[1]), np.float16)
    weights[:rows, :keys] = old.weights
    weights[rows:] = new.weights
    joined = replace(
        new, query_start=old.query_start, weights=weights, sink=np.concatenate((old.sink, new.sink))
    )
    return _newest_rows(joined, attention_bytes)
