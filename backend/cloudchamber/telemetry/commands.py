"""What a viewer may say to the server, and the server to the worker.

Small, typed, bounded. `parse` turns a decoded mapping into a command or raises
`CommandError` with a sentence for the sender; nothing else of an inbound message is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, get_args

from cloudchamber.telemetry.events import PARTS, Part, Sampling

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


def parse(mapping: Any) -> Command:
    """A decoded inbound message as a command. Raises `CommandError`, nothing else."""
    if not isinstance(mapping, dict):
        raise CommandError("A message must be a map.")
    kind = mapping.get("kind")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise CommandError(f"There is no command {_show(kind)}; there are {', '.join(KINDS)}.")
    fields = _Fields(mapping)
    command = reader(fields)
    fields.finish()
    return command


def _show(value: Any) -> str:
    """A stranger's value, short enough for a sentence."""
    if not isinstance(value, (str, int, float, bool, type(None))):
        return f"a {type(value).__name__}"
    if isinstance(value, int) and value.bit_length() > 64:
        return "a huge number"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


class _Fields:
    """Takes the fields of one message, each with its type and bounds."""

    def __init__(self, mapping: dict[Any, Any]) -> None:
        self._left = {key: value for key, value in mapping.items() if key != "kind"}
        self._kind = mapping["kind"]

    def _take(self, name: str, default: Any) -> Any:
        value = self._left.pop(name, default)
        if value is _REQUIRED:
            raise CommandError(f"The command {self._kind!r} needs a field {name!r}.")
        return value

    def integer(self, name: str, low: int, high: int, default: Any) -> int:
        value = self._take(name, default)
        if isinstance(value, float) and value.is_integer():  # JavaScript has no integers
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise CommandError(f"{name} must be a whole number, not {_show(value)}.")
        if not low <= value <= high:
            raise CommandError(f"{name} must be between {low:,} and {high:,}, not {_show(value)}.")
        return value

    def number(self, name: str, low: float, high: float, default: Any) -> float:
        value = self._take(name, default)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise CommandError(f"{name} must be a number, not {_show(value)}.")
        if not low <= value <= high:  # refuses NaN too
            raise CommandError(f"{name} must be between {low:g} and {high:g}, not {_show(value)}.")
        return float(value)

    def boolean(self, name: str, default: Any) -> bool:
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise CommandError(f"{name} must be true or false, not {_show(value)}.")
        return value

    def text(self, name: str, max_chars: int, default: Any) -> str:
        value = self._take(name, default)
        if not isinstance(value, str):
            raise CommandError(f"{name} must be text, not {_show(value)}.")
        if len(value) > max_chars:
            raise CommandError(f"{name} has {len(value):,} characters; at most {max_chars:,} are taken.")
        return value

    def choice[T: str](self, name: str, options: tuple[T, ...], default: Any) -> T:
        value = self._take(name, default)
        for option in options:
            if isinstance(value, str) and value == option:
                return option
        raise CommandError(f"{name} must be one of {', '.join(options)}, not {_show(value)}.")

    def items(self, name: str, most: int, default: Any) -> list[Any]:
        value = self._take(name, default)
        if not isinstance(value, list):
            raise CommandError(f"{name} must be a list, not {_show(value)}.")
        if len(value) > most:
            raise CommandError(f"{name} has {len(value):,} items; at most {most} are taken.")
        return value

    def nested(self, name: str) -> _Fields:
        value = self._take(name, {})
        if not isinstance(value, dict):
            raise CommandError(f"{name} must be a map, not {_show(value)}.")
        return _Fields({**value, "kind": name})

    def finish(self) -> None:
        if self._left:
            raise CommandError(f"The command {self._kind!r} has no field {_show(next(iter(self._left)))}.")


_REQUIRED: Final = object()
_MAX_INT: Final = (1 << 53) - 1  # what a JavaScript number holds exactly


def _parts(fields: _Fields, default: Any) -> list[Part]:
    parts: list[Part] = []
    for item in fields.items("parts", len(PARTS), default):
        if not isinstance(item, str) or item not in PARTS:
            raise CommandError(f"There is no part {_show(item)}; there are {', '.join(PARTS)}.")
        if item not in parts:
            parts.append(item)
    return parts


def _heads(fields: _Fields) -> list[tuple[int, int]]:
    heads: list[tuple[int, int]] = []
    for item in fields.items("attention", MAX_SELECTIONS, []):
        pair = item if isinstance(item, list) else []
        if len(pair) != 2 or not all(type(n) is int and 0 <= n < MAX_INDEX for n in pair):
            raise CommandError(f"attention must hold pairs of a layer and a head, not {_show(item)}.")
        if (pair[0], pair[1]) not in heads:
            heads.append((pair[0], pair[1]))
    return heads


def _sampling(fields: _Fields) -> Sampling:
    usual = Sampling()
    sampling = Sampling(
        temperature=fields.number("temperature", 0, 10, usual.temperature),
        top_k=fields.integer("top_k", 0, 1 << 20, usual.top_k),
        top_p=fields.number("top_p", 0, 1, usual.top_p),
        min_p=fields.number("min_p", 0, 1, usual.min_p),
        repeat_penalty=fields.number("repeat_penalty", 0.1, 10, usual.repeat_penalty),
        seed=fields.integer("seed", 0, (1 << 32) - 1, usual.seed),
    )
    fields.finish()
    return sampling


def _hello(fields: _Fields) -> Command:
    return Hello(
        protocol=fields.integer("protocol", 0, 1 << 16, _REQUIRED),
        session=fields.text("session", 64, ""),
        seq=fields.integer("seq", 0, _MAX_INT, 0),
        parts=_parts(fields, []),
    )


def _want(fields: _Fields) -> Command:
    return Want(parts=_parts(fields, _REQUIRED), attention=_heads(fields))


def _generate(fields: _Fields) -> Command:
    prompt = fields.text("prompt", MAX_PROMPT_BYTES, _REQUIRED)
    if (size := len(prompt.encode())) > MAX_PROMPT_BYTES:
        raise CommandError(f"The prompt has {size:,} bytes; at most {MAX_PROMPT_BYTES:,} are taken.")
    if not prompt:
        raise CommandError("The prompt is empty.")
    return Generate(
        prompt=prompt,
        raw=fields.boolean("raw", False),
        max_tokens=fields.integer("max_tokens", 0, 1 << 24, 0),
        sampling=_sampling(fields.nested("sampling")),
    )


def _load(fields: _Fields) -> Command:
    return Load(model=fields.text("model", 1024, _REQUIRED))


def _get_attention(fields: _Fields) -> Command:
    return GetAttention(
        request=fields.integer("request", 0, _MAX_INT, _REQUIRED),
        layer=fields.integer("layer", 0, MAX_INDEX, _REQUIRED),
        head=fields.integer("head", 0, MAX_INDEX, _REQUIRED),
        mode=fields.choice("mode", ATTENTION_MODES, "head"),
        query_start=fields.integer("query_start", 0, MAX_POSITION, 0),
        query_stop=fields.integer("query_stop", 0, MAX_POSITION, 0),
        key_start=fields.integer("key_start", 0, MAX_POSITION, 0),
        key_stop=fields.integer("key_stop", 0, MAX_POSITION, 0),
        max_size=fields.integer("max_size", 1, MAX_BLOCK, 256),
    )


def _get_distribution(fields: _Fields) -> Command:
    return GetDistribution(
        request=fields.integer("request", 0, _MAX_INT, _REQUIRED),
        step=fields.integer("step", 0, MAX_POSITION, _REQUIRED),
    )


def _get_moment(fields: _Fields) -> Command:
    return GetMoment(
        request=fields.integer("request", 0, _MAX_INT, _REQUIRED),
        step=fields.integer("step", 0, MAX_POSITION, _REQUIRED),
    )


def _get_tokens(fields: _Fields) -> Command:
    return GetTokens(
        request=fields.integer("request", 0, _MAX_INT, _REQUIRED),
        start=fields.integer("start", 0, MAX_POSITION, 0),
        stop=fields.integer("stop", 0, MAX_POSITION, 0),
    )


def _get_head_history(fields: _Fields) -> Command:
    return GetHeadHistory(
        request=fields.integer("request", 0, _MAX_INT, _REQUIRED),
        layer=fields.integer("layer", 0, MAX_INDEX, _REQUIRED),
        head=fields.integer("head", 0, MAX_INDEX, _REQUIRED),
        start=fields.integer("start", 0, MAX_POSITION, 0),
        stop=fields.integer("stop", 0, MAX_POSITION, 0),
    )


def _get_flow(fields: _Fields) -> Command:
    return GetFlow(
        request=fields.integer("request", 0, _MAX_INT, _REQUIRED),
        position=fields.integer("position", -1, MAX_POSITION, -1),
        mode=fields.choice("mode", FLOW_MODES, "head"),
        layer=fields.integer("layer", 0, MAX_INDEX, 0),
        head=fields.integer("head", 0, MAX_INDEX, 0),
    )


def _ping(fields: _Fields) -> Command:
    return Ping(time=fields.number("time", -1e18, 1e18, 0.0))


_READERS: Final[dict[str, Callable[[_Fields], Command]]] = {
    "hello": _hello,
    "want": _want,
    "generate": _generate,
    "pause": lambda _: Pause(),
    "resume": lambda _: Resume(),
    "step": lambda _: Step(),
    "stop": lambda _: Stop(),
    "load": _load,
    "get_attention": _get_attention,
    "get_distribution": _get_distribution,
    "get_moment": _get_moment,
    "get_tokens": _get_tokens,
    "get_head_history": _get_head_history,
    "get_flow": _get_flow,
    "ping": _ping,
}
