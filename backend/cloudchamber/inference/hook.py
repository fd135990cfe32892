"""How a program hears of a run: the one protocol between the engine and its listener."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from cloudchamber.telemetry.events import Event


@runtime_checkable
class InferenceHook(Protocol):
    """Receives every event of an engine, a run's in order, on the thread that made it.

    A token is told before the next one is decoded: the time this takes is taken from the tokens'
    rate. It may ask the engine questions.
    """

    def on_telemetry(self, event: Event) -> None:
        """One event; see `cloudchamber.telemetry.events` for the kinds."""
