"""A hook that keeps what it hears, for tests to look through and to wait on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from cloudchamber.telemetry.events import Event, RunState, TokenGenerated

E = TypeVar("E", bound=Event)


class Listener:
    """An `InferenceHook` that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.reactions: list[Callable[[Event], None]] = []
        self._arrived = threading.Condition()

    def on_telemetry(self, event: Event) -> None:
        with self._arrived:
            self.events.append(event)
            self._arrived.notify_all()
        for react in self.reactions:
            react(event)

    def clear(self) -> None:
        with self._arrived:
            self.events.clear()
            self.reactions.clear()

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def tokens(self) -> list[int]:
        return [token.token_id for token in self.all(TokenGenerated)]

    def ending(self) -> RunState:
        return self.all(RunState)[-1]

    def wait_for(self, kind: type[E], test: Callable[[E], bool] = lambda _: True, seconds: float = 60) -> E:
        """The first such event, past or to come."""
        found: list[E] = []

        def look() -> bool:
            found[:] = [event for event in self.all(kind) if test(event)]
            return bool(found)

        with self._arrived:
            assert self._arrived.wait_for(look, seconds), f"no such {kind.__name__} came"
        return found[0]
