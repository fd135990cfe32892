"""The hub: gathers events, and makes frames of them at 30 Hz at most.

Events are numbered and logged; of state the newest is kept. A *frame* is a moment: whatever
came before it can be sent, what comes after it waits for the next. Every viewer reads at its
own pace from where it stands (a `Reader`), so that a slow one needs no queue: it finds the
events it has not had in the log, and the newest state. Viewers that stand at the same place
and want the same parts share the same bytes.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from cloudchamber.telemetry import codec
from cloudchamber.telemetry.commands import MAX_SELECTIONS
from cloudchamber.telemetry.event_log import EventLog
from cloudchamber.telemetry.events import Event, ModelLoaded, Part, RunStarted, TokenGenerated
from cloudchamber.telemetry.messages import Frame
from cloudchamber.telemetry.state_store import Key, StateStore, Want

if TYPE_CHECKING:
    from cloudchamber.telemetry.distribution import Encoder

EVENTS_PER_FRAME: Final = 256
"""A viewer that catches up gets its events in frames of so many."""
MAX_HEADS: Final = MAX_SELECTIONS
"""Heads whose attention is taken, for all viewers together. When they select more, each
viewer's first comes before any viewer's second, and what is left over is not shown."""

_ENCODED: Final[tuple[Part, ...]] = ("distribution", "sampled")

type U4 = NDArray[np.uint32]
type F4 = NDArray[np.float32]


class Survivors(Protocol):
    """Tokens the samplers left, and their probabilities."""

    @property
    def ids(self) -> U4: ...
    @property
    def p(self) -> F4: ...


class LogitsSource(Protocol):
    """Where the exact logits of the run's tokens are read."""

    def logits(self, run_id: str, step: int) -> F4 | None:
        """f32[V], or None if they are not kept."""

    def survivors(self, run_id: str, step: int) -> Survivors | None:
        """What the samplers left of a step, or None."""


@dataclass(slots=True, eq=False)
class Reader:
    """Where one viewer stands. Owned by the viewer, advanced by `Hub.next_frame`."""

    wake: Callable[[], None]
    """Called when there may be something to read."""
    seq: int = 0
    """Number of the newest event it was given."""
    frame: int = 0
    """Number of the newest frame whose state it was given; 0 for none."""
    want: Want = field(default_factory=Want)
    extra: set[Key] = field(default_factory=set)
    """State to give though it isn't new, as it was only now asked for."""
    opening: tuple[int, list[Event]] | None = None
    """Events that come before those of the log."""
    skipped: int = 0
    given: list[Event] = field(default_factory=list)
    """Events of the frame it was given last."""
    viewer: bool = True
    """Whether it is one of those that viewers are told of."""


class Hub:
    """One session. Everything runs on one thread, the event loop's."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = now()
        self.session = secrets.token_hex(8)
        self.log = EventLog()
        self.state = StateStore()
        self.logits: LogitsSource | None = None
        self.number = 0
        """Of the newest frame."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when there is something for a next frame."""
        self.on_demand: Callable[[frozenset[Part], frozenset[tuple[int, int]]], None] = lambda *_: None
        """Called when what viewers want, together, has changed."""
        self.model: ModelLoaded | None = None
        self._sealed = 0
        self._untold = False
        """The newest frame is sealed, and nobody has been told of it."""
        self.time = 0.0
        """Seconds since the session began, when the newest frame was made."""
        self.readers = 0
        """How many watch."""
        self._readers: dict[Reader, None] = {}
        self._shared: dict[tuple[object, ...], tuple[bytes, int, list[Event]]] = {}
        """The frames made since the newest was sealed, by where a reader stands and what it wants: the bytes,
        the number of the last event, the events."""
        self._token: TokenGenerated | None = None
        self._encoded: dict[Part, tuple[str, int]] = {}
        self._encoder: Encoder | None = None
        self._demand: tuple[frozenset[Part], frozenset[tuple[int, int]]] = (frozenset(), frozenset())

    # ------------------------------------------------------------------ what happens

    def publish(self, event: Event) -> None:
        """Take an event from the run; it goes out with the next frame."""
        self.deliver()
        if event.lossless:
            self.log.append(event)
        else:
            self.state.put(event, self.number + 1)
        if isinstance(event, TokenGenerated):
            self._token = event
        elif isinstance(event, RunStarted):
            self.state.begin_run()
            self._token = None
        elif isinstance(event, ModelLoaded):
            self.state.begin_run()
            self._token = None
            self.model = event
        self.on_change()

    def clock(self) -> float:
        """Seconds since the session began."""
        return self._now() - self._began

    # --------------------------------------------------------------------- frames

    def has_news(self) -> bool:
        """Whether a frame made now would hold something."""
        return (
            self.log.last_seq > self._sealed
            or bool(self._parts_to_encode())
            or self.state.has_since(self._demanded(), self.number)
        )

    def make_frame(self) -> None:
        """Seal what came since the last frame and tell the readers."""
        self.seal()
        self.deliver()

    def seal(self) -> None:
        """Make a frame of what came since the last one, for `deliver` to tell of."""
        self.deliver()
        self._encode_distributions()
        self.number += 1
        self._sealed = self.log.last_seq
        self.time = self.clock()
        self._shared.clear()
        self._untold = True

    def deliver(self) -> None:
        """Tell the readers of the newest frame, unless they know. At the latest before the next event is
        taken: there is one newest state, and that event may change it."""
        if not self._untold:
            return
        self._untold = False
        for reader in tuple(self._readers):
            reader.wake()

    def next_frame(self, reader: Reader) -> bytes | None:
        """The next frame for a reader, encoded, or None if it has everything. Advances it."""
        if reader.opening:
            return self._open(reader)
        if reader.seq >= self._sealed and reader.frame >= self.number and not reader.extra:
            return None
        behind = self._sealed - reader.seq > EVENTS_PER_FRAME
        key = (reader.seq, reader.frame, reader.want, frozenset(reader.extra))
        frame = self._shared.get(key)
        if frame is None:
            first, events = self.log.after(reader.seq, self._sealed, EVENTS_PER_FRAME)
            state = [] if behind else self.state.select(reader.want, reader.frame, frozenset(reader.extra))
            frame = self._encode(first, events, state), first + len(events) - 1, events
            if not behind:
                self._shared[key] = frame
        data, reader.seq, reader.given = frame
        if not behind:
            self._caught_up(reader)
        return data

    def _open(self, reader: Reader) -> bytes:
        assert reader.opening
        first, events = reader.opening
        reader.opening = None
        reader.given = events
        return self._encode(first, events, [])

    def _caught_up(self, reader: Reader) -> None:
        if reader.frame and reader.want.parts:
            reader.skipped += max(0, self.number - reader.frame - 1)
        reader.frame = self.number
        reader.extra.clear()

    def _encode(self, first: int, events: list[Event], state: list[Event]) -> bytes:
        frame = Frame(number=self.number, time=self.time, first_seq=first, events=events, state=state)
        return codec.encode(frame)

    # -------------------------------------------------------------------- readers

    def join(self, reader: Reader, *, session: str = "", seq: int = 0) -> bool:
        """Take a reader in. True if it goes on after `seq` of `session`, False if it begins."""
        resumed = session == self.session and self.log.can_resume(seq)
        if resumed:
            reader.seq = seq
        else:
            first, events = self.log.opening()
            reader.opening = (first, events) if events else None
            reader.seq = first + len(events) - 1
        reader.want = self._same(reader.want)
        self._readers[reader] = None
        self._readers_changed()
        return resumed

    def leave(self, reader: Reader) -> None:
        self._readers.pop(reader, None)
        self._readers_changed()

    def _readers_changed(self) -> None:
        self.readers = sum(reader.viewer for reader in self._readers)
        self._demand_changed()
        for reader in tuple(self._readers):
            reader.wake()

    def set_want(self, reader: Reader, want: Want) -> None:
        """Change what a reader looks at. What is newly wanted and there is given at once."""
        before, reader.want = reader.want, self._same(want)
        self._demand_changed()
        reader.extra.update(self.state.newly_wanted(before, want))
        self.on_change()
        reader.wake()

    def _same(self, want: Want) -> Want:
        """The object that says this already: a hundred equal ones would be compared for every frame."""
        return next((reader.want for reader in self._readers if reader.want == want), want)

    def _demanded(self) -> Want:
        return Want(self._demand[0], tuple(self._demand[1]))

    def _heads_to_take(self) -> frozenset[tuple[int, int]]:
        wanted = [r.want.heads for r in self._readers if "attention" in r.want.parts]
        in_turn = [head for rank in zip_longest(*wanted) for head in rank if head is not None]
        return frozenset(list(dict.fromkeys(in_turn))[:MAX_HEADS])

    def _demand_changed(self) -> None:
        parts: set[Part] = set()
        for reader in self._readers:
            parts |= reader.want.parts
        demand = (frozenset(parts), self._heads_to_take())
        if demand != self._demand:
            self._demand = demand
            self.state.keep_heads(demand[1])
            self.on_demand(*demand)

    # -------------------------------------------------------------- distributions

    def _parts_to_encode(self) -> list[Part]:
        """Which of the newest token's distributions are looked at, and not made yet."""
        token = self._token
        if token is None or self.logits is None:
            return []
        made = (token.run_id, token.step)
        return [part for part in _ENCODED if part in self._demand[0] and self._encoded.get(part) != made]

    def _encode_distributions(self) -> None:
        for part in self._parts_to_encode():
            token = self._token
            assert token is not None
            self._encoded[part] = (token.run_id, token.step)
            event = self._model_stage(token) if part == "distribution" else self._sampler_stage(token)
            if event is not None:
                self.state.put(event, self.number + 1)

    def distributions(self, token: TokenGenerated) -> list[Event]:
        """Both distributions of any token of the current run, as far as its logits are kept."""
        if self.logits is None:
            return []
        return [
            event for event in (self._model_stage(token), self._sampler_stage(token)) if event is not None
        ]

    # The compiler behind `distribution` takes a second to import, so that is put off until
    # there are logits; see `use_logits`.

    def use_logits(self, source: LogitsSource) -> None:
        """Encode distributions from now on. Call `distribution.warm_up` on a thread first."""
        self.logits = source
        self.on_change()

    def _model_stage(self, token: TokenGenerated) -> Event | None:
        from cloudchamber.telemetry.distribution import DistributionError, Encoder, Top

        assert self.logits is not None
        logits = self.logits.logits(token.run_id, token.step)
        if logits is None:
            return None
        if self._encoder is None or self._encoder.n_vocab != len(logits):
            self._encoder = Encoder(len(logits))
        try:
            return self._encoder.encode_logits(
                logits, run_id=token.run_id, step=token.step, top=Top(token.top_ids, token.top_p)
            )
        except DistributionError:
            return None  # the worker has said that the logits are not numbers

    def _sampler_stage(self, token: TokenGenerated) -> Event | None:
        from cloudchamber.telemetry.distribution import encode_sparse

        assert self.logits is not None
        survivors = self.logits.survivors(token.run_id, token.step)
        if survivors is None or self.model is None:
            return None
        return encode_sparse(
            survivors.ids,
            survivors.p,
            n_vocab=self.model.model.n_vocab,
            run_id=token.run_id,
            step=token.step,
            stage="sampler",
        )
