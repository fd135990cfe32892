"""What a viewer sent, as a command.

`parse` turns a decoded mapping into a command or raises `CommandError` with a sentence for the
sender; nothing else of an inbound message is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cloudchamber.telemetry.commands import (
    ATTENTION_MODES,
    FLOW_MODES,
    KINDS,
    MAX_BLOCK,
    MAX_INDEX,
    MAX_POSITION,
    MAX_PROMPT_BYTES,
    MAX_SELECTIONS,
    Command,
    Generate,
    GetAttention,
    GetDistribution,
    GetFlow,
    GetHeadHistory,
    GetMoment,
    GetTokens,
    Hello,
    Load,
    Pause,
    Ping,
    Resume,
    Step,
    Stop,
    Want,
)
from cloudchamber.telemetry.events import PARTS, Part, Sampling


class CommandError(ValueError):
    """An inbound message that can't be obeyed; the text says why."""


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
