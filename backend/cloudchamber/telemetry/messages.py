"""What the server says to one viewer: the envelope round the telemetry.

A connection is: viewer's `Hello`, server's `Welcome`, then `Frame`s, with `Reply`, `Rejected`
and `Pong` in between. A live page, a replay and a recording see the same frames.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final

from cloudchamber.telemetry.events import F4, Array, Event, TokenGenerated

PROTOCOL: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Base of what a viewer receives. `kind` is the tag on the wire."""

    kind: ClassVar[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome(Message):
    """Answer to `Hello`."""

    kind = "welcome"

    protocol: int
    session: str
    """Changes when the server starts anew; sequence numbers are of one session."""
    version: str
    resumed: bool
    """False: what the viewer held is void; the events follow from the beginning."""
    control: bool
    """The viewer may send commands that change the run."""
    right: str
    """The viewer's: "viewer", "controller" or "owner". Only an owner may load another model. "file" where a
    session's file is shown, with which nobody may do more than look at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame(Message):
    """All that happened since the last frame; at most 30 a second."""

    kind = "frame"

    number: int
    time: float
    """Seconds since the session began, when the frame was made."""
    first_seq: int
    """Sequence number of `events[0]`; the others follow without a gap."""
    events: list[Event] = field(default_factory=list)
    state: list[Event] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(Message):
    """How this viewer fares; sent when it changes. Apart from `Frame`, whose bytes are the
    same for every viewer that wants the same parts."""

    kind = "delivery"

    skipped: int
    """State this viewer has missed so far because it was slow, in frames."""
    viewers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionReply(Message):
    """Answer to `GetDistribution`."""

    kind = "distribution_reply"

    request: int
    run_id: str
    step: int
    probabilities: Annotated[F4, Array("f4", "V")]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionReply(Message):
    """Answer to `GetAttention`. Cell (r, c) is the maximum over its block of
    `query_block` x `key_block` exact cells; blocks of 1 are exact."""

    kind = "attention_reply"

    request: int
    run_id: str
    layer: int
    head: int
    mode: str
    query_start: int
    query_stop: int
    key_start: int
    key_stop: int
    query_block: int
    key_block: int
    weights: Annotated[F4, Array("f4", "R,C")]
    sink: Annotated[F4, Array("f4", "R")]
    """Maximum over the block's queries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentReply(Message):
    """Answer to `GetMoment`: the state from which the token of `step` was chosen. At most one
    event of each kind and stage: `Distribution` (both stages), and of the position before the
    token's `HeadSummary`, `LayerActivation`, `ExpertRouting`, and `CacheStatus`. What the model
    lacks or is not kept is left out."""

    kind = "moment_reply"

    request: int
    run_id: str
    step: int
    state: list[Event] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensReply(Message):
    """Answer to `GetTokens`: as many as there are, at most `MAX_TOKENS`, in order from the
    first one asked for."""

    kind = "tokens_reply"

    request: int
    run_id: str
    tokens: list[TokenGenerated] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadHistoryReply(Message):
    """Answer to `GetHeadHistory`: entry i is of the query at position `start + i`; at most
    `MAX_HISTORY`. NaN where the query is no longer kept."""

    kind = "head_history_reply"

    request: int
    run_id: str
    layer: int
    head: int
    start: int
    entropy: Annotated[F4, Array("f4", "N")]
    """As in `HeadSummary`."""
    peak_weight: Annotated[F4, Array("f4", "N")]
    sink: Annotated[F4, Array("f4", "N")]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowReply(Message):
    """Answer to `GetFlow`: where the attention of the query at `position` went. `weights` and
    `sink` sum to 1, of a rollout to within a thousandth.

    `rollout` is attention rollout (Abnar & Zuidema 2020): row `position` of the product of all
    layers' A = I/2 + M/2, M the mean over the layer's heads; a sink's share stays out of M's rows
    and is summed up in `sink`; layers without attention pass everything on.
    """

    kind = "flow_reply"

    request: int
    run_id: str
    position: int
    mode: str
    layer: int
    head: int
    weights: Annotated[F4, Array("f4", "position+1")]
    sink: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(Message):
    """A message of the viewer could not be obeyed. `request` is 0 if it had none."""

    kind = "rejected"

    request: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong(Message):
    """Answer to `Ping`, with its time."""

    kind = "pong"

    time: float
    server_time: float
    """The clock of `Frame.time` when the answer was made: half a round trip later it tells
    a viewer how old a frame is."""


KINDS: dict[str, type[Message]] = {cls.kind: cls for cls in Message.__subclasses__()}
"""Every message class by its tag on the wire."""
