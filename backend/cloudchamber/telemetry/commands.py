"""What a viewer may say to the server, and the server to the worker.

Small, typed, bounded. `parse` turns a decoded mapping into a command or raises
`CommandError` with a sentence for the sender; nothing else of an inbound message is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from cloudchamber.telemetry.events import Part, Sampling

MAX_PROMPT_CHARS = 200_000
MAX_SELECTIONS = 16
MAX_MESSAGE_BYTES = 1 << 20


class CommandError(ValueError):
    """An inbound message that can't be obeyed; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Base of all commands. `kind` is the tag on the wire."""

    kind: ClassVar[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello(Command):
    """First message of a viewer. With `session` and `seq` of an earlier connection, it
    gets every event after `seq`; without, the session's events from the start."""

    kind = "hello"

    protocol: int
    session: str = ""
    seq: int = 0
    parts: list[Part] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Want(Command):
    """Which state parts the viewer is looking at, and the heads it selected."""

    kind = "want"

    parts: list[Part]
    attention: list[tuple[int, int]] = field(default_factory=list)
    """(layer, head) pairs; at most `MAX_SELECTIONS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generate(Command):
    """Start a run. A running one is stopped first."""

    kind = "generate"

    prompt: str
    raw: bool = False
    max_tokens: int = 0
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Command):
    kind = "pause"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume(Command):
    kind = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Command):
    """Make one token, then pause."""

    kind = "step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(Command):
    kind = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load(Command):
    """Load another model, by an id of `GET api/models`."""

    kind = "load"

    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAttention(Command):
    """Ask for rows of one head's attention; answered by a `Reply`, also when paused.

    Queries `[query_start, query_stop)` and keys `[key_start, key_stop)`; a stop of 0 means
    up to the newest. When a side is longer than `max_size`, it is reduced by maximum.
    """

    kind = "get_attention"

    request: int
    layer: int
    head: int
    mode: Literal["head", "mean", "max"] = "head"
    """One head, or the mean or maximum over the layer's heads."""
    query_start: int = 0
    query_stop: int = 0
    key_start: int = 0
    key_stop: int = 0
    max_size: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDistribution(Command):
    """Ask for the exact F32 softmax of a step of the current run."""

    kind = "get_distribution"

    request: int
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping(Command):
    kind = "ping"

    time: float = 0.0


KINDS: dict[str, type[Command]] = {cls.kind: cls for cls in Command.__subclasses__()}
"""Every command class by its tag on the wire."""
