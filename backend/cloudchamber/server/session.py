"""What the stream and the routes need of what is shown, be it a running model or a recording."""

from __future__ import annotations

from typing import Literal, Protocol

from cloudchamber.model.positions import Method
from cloudchamber.sessions.store import Store
from cloudchamber.telemetry.commands import Command, Question
from cloudchamber.telemetry.hub import Hub
from cloudchamber.telemetry.messages import Message

type SessionState = Literal["empty", "starting", "ready", "failed", "dead", "replay"]
"""empty: no model was asked for. dead: its process ended."""


class RefusedError(Exception):
    """A command that can't be obeyed now; the text is a sentence for the viewer."""


class Session(Protocol):
    """One source of telemetry and everything it can be asked for."""

    @property
    def hub(self) -> Hub: ...

    @property
    def control(self) -> bool:
        """Whether viewers may change the run."""

    @property
    def store(self) -> Store | None:
        """Where kept runs are, if there are any to look at."""

    @property
    def records(self) -> bool:
        """Whether a run is kept there."""

    @property
    def state(self) -> SessionState: ...

    @property
    def model_name(self) -> str: ...

    async def start(self) -> None:
        """Begin; returns once viewers can be served, not when a model is loaded."""

    async def close(self) -> None:
        """End, with every process and file that belongs to the session."""

    def greet(self) -> None:
        """A viewer has arrived."""

    def obey(self, command: Command) -> None:
        """Carry out a command that changes the run. Raises `RefusedError`."""

    async def ask(self, command: Question) -> Message:
        """Answer a question. Raises `RefusedError`."""

    async def models(self) -> list[dict[str, object]]:
        """Models that can be loaded: id, name, bytes, source."""

    async def vocabulary(self, vocabulary_hash: str) -> bytes | None:
        """The packed vocabulary of this hash, encoded."""

    async def positions(self, embedding_hash: str, method: Method) -> bytes | None:
        """Particle positions, encoded."""
