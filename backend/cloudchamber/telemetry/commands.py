"""What a viewer may say to the server, and the server to the worker.

Small, typed, bounded; `command_parser.py` makes them of what a viewer sends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from cloudchamber.telemetry.events import Part, Sampling

MAX_PROMPT_BYTES = 60_000
"""Of a prompt, in UTF-8: some 15,000 tokens of English."""
MAX_SELECTIONS = 16
MAX_MESSAGE_BYTES = 1 << 16
"""Of any inbound message; a command with the longest prompt fits."""
MAX_INDEX = 1 << 16
"""Greatest layer or head that can be named."""
MAX_POSITION = 1 << 24
MAX_BLOCK = 512
"""Greatest side of an `AttentionReply`."""
MAX_TOKENS = 512
"""Tokens in one `TokensReply`."""
MAX_HISTORY = 4096
"""Positions in one `HeadHistoryReply`."""

type AttentionMode = Literal["head", "mean", "max"]
ATTENTION_MODES: tuple[AttentionMode, ...] = get_args(AttentionMode.__value__)
type FlowMode = Literal["head", "mean", "rollout"]
FLOW_MODES: tuple[FlowMode, ...] = get_args(FlowMode.__value__)


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
    mode: AttentionMode = "head"
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
class GetMoment(Command):
    """Ask for the state from which the token of a step of the current run was chosen;
    answered by a `MomentReply`."""

    kind = "get_moment"

    request: int
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTokens(Command):
    """Ask for the current run's tokens of steps `[start, stop)`, however long ago they were;
    a stop of 0 means up to the newest. Answered by a `TokensReply`."""

    kind = "get_tokens"

    request: int
    start: int = 0
    stop: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GetHeadHistory(Command):
    """Ask for one head's attention, in brief, of the queries at positions `[start, stop)`; a
    stop of 0 means up to the newest. Answered by a `HeadHistoryReply`."""

    kind = "get_head_history"

    request: int
    layer: int
    head: int
    start: int = 0
    stop: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFlow(Command):
    """Ask where the attention of one position goes: of one head, of a layer's mean, or rolled
    out through all layers (then `layer` and `head` mean nothing). Answered by a `FlowReply`."""

    kind = "get_flow"

    request: int
    position: int = -1
    """Of the query; -1 is the newest."""
    mode: FlowMode = "head"
    layer: int = 0
    head: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping(Command):
    kind = "ping"

    time: float = 0.0


type Question = GetAttention | GetDistribution | GetMoment | GetTokens | GetHeadHistory | GetFlow
"""Commands that change nothing and are answered by one message."""
QUESTIONS: tuple[type[Command], ...] = get_args(Question.__value__)

KINDS: dict[str, type[Command]] = {cls.kind: cls for cls in Command.__subclasses__()}
"""Every command class by its tag on the wire."""
