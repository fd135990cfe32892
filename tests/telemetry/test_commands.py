"""Inbound messages: everything decodes to a command or to a sentence."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudchamber.telemetry import codec, commands
from cloudchamber.telemetry.command_parser import CommandError, parse
from cloudchamber.telemetry.events import Sampling

VALID: dict[str, dict[str, Any]] = {
    "hello": {"protocol": 1, "session": "ab", "seq": 7, "parts": ["cache"]},
    "want": {"parts": ["attention", "layers"], "attention": [[0, 1], [29, 8]]},
    "generate": {
        "prompt": "Once",
        "raw": True,
        "max_tokens": 5,
        "sampling": {
            "temperature": 0,
            "top_k": 3,
            "top_p": 0.5,
            "min_p": 0,
            "repeat_penalty": 1.1,
            "seed": 9,
        },
    },
    "pause": {},
    "resume": {},
    "step": {},
    "stop": {},
    "load": {"model": "abc"},
    "get_attention": {
        "request": 1,
        "layer": 2,
        "head": 3,
        "mode": "mean",
        "query_start": 0,
        "query_stop": 9,
        "key_start": 1,
        "key_stop": 4,
        "max_size": 64,
    },
    "get_distribution": {"request": 3, "step": 0},
    "get_moment": {"request": 4, "step": 7},
    "get_tokens": {"request": 5, "start": 2, "stop": 40},
    "get_head_history": {"request": 6, "layer": 2, "head": 3, "start": 1, "stop": 9},
    "get_flow": {"request": 7, "position": -1, "mode": "rollout", "layer": 0, "head": 0},
    "ping": {"time": 1.5},
}


def test_every_command_has_an_example_here() -> None:
    assert VALID.keys() == commands.KINDS.keys()


@pytest.mark.parametrize("kind", VALID)
def test_valid_commands_come_through_whole(kind: str) -> None:
    command = parse(codec.decode(codec.encode({"kind": kind, **VALID[kind]})))
    assert type(command) is commands.KINDS[kind]
    for name, value in VALID[kind].items():
        given_back = getattr(command, name)
        if isinstance(given_back, Sampling):
            given_back = {key: item for key, item in dataclasses.asdict(given_back).items() if key in value}
        assert given_back == ([tuple(pair) for pair in value] if name == "attention" else value)


@pytest.mark.parametrize("kind", VALID)
def test_unknown_fields_are_refused_by_name(kind: str) -> None:
    with pytest.raises(CommandError, match="no field 'colour'"):
        parse({"kind": kind, **VALID[kind], "colour": 1})


REFUSED = [
    ({"kind": "generate"}, "needs a field 'prompt'"),
    ({"kind": "generate", "prompt": ""}, "empty"),
    ({"kind": "generate", "prompt": b"bytes"}, "must be text"),
    ({"kind": "generate", "prompt": "x" * 60_001}, "60,001 characters"),
    ({"kind": "generate", "prompt": "語" * 20_001}, "60,003 bytes"),
    ({"kind": "generate", "prompt": "x", "raw": 1}, "true or false"),
    ({"kind": "generate", "prompt": "x", "max_tokens": -1}, "between 0"),
    ({"kind": "generate", "prompt": "x", "max_tokens": 1.5}, "whole number"),
    ({"kind": "generate", "prompt": "x", "max_tokens": True}, "whole number"),
    (
        {"kind": "generate", "prompt": "x", "sampling": {"temperature": math.nan}},
        "temperature must be",
    ),
    (
        {"kind": "generate", "prompt": "x", "sampling": {"temperature": math.inf}},
        "temperature must be",
    ),
    ({"kind": "generate", "prompt": "x", "sampling": {"top_p": "1"}}, "must be a number"),
    ({"kind": "generate", "prompt": "x", "sampling": {"heat": 1}}, "'sampling' has no field 'heat'"),
    ({"kind": "generate", "prompt": "x", "sampling": []}, "must be a map"),
    ({"kind": "generate", "prompt": "x", "sampling": {"seed": 1 << 32}}, "seed must be between"),
    ({"kind": "want", "parts": ["everything"]}, "no part 'everything'"),
    ({"kind": "want", "parts": "cache"}, "must be a list"),
    ({"kind": "want", "parts": ["cache"] * 99}, "at most 8"),
    ({"kind": "want", "parts": [], "attention": [[0, 0]] * 17}, "at most 16"),
    ({"kind": "want", "parts": [], "attention": [[0]]}, "pairs"),
    ({"kind": "want", "parts": [], "attention": [[0, -1]]}, "pairs"),
    ({"kind": "want", "parts": [], "attention": [7]}, "pairs"),
    ({"kind": "get_attention", "request": 1, "layer": 0, "head": 0, "mode": "sum"}, "head, mean, max"),
    ({"kind": "get_attention", "request": 1, "layer": 0, "head": 0, "max_size": 1 << 20}, "max_size"),
    ({"kind": "get_distribution", "request": -1, "step": 0}, "request must be between"),
    ({"kind": "ping", "time": math.nan}, "time must be between"),
    ({"kind": "Generate"}, "There is no command 'Generate'"),
    ({"kind": ["generate"]}, "There is no command a list"),
    ({"kind": None}, "There is no command None"),
    ({}, "There is no command None"),
    ([], "must be a map"),
    (None, "must be a map"),
    ({"kind": 10**6000}, "a huge number"),
]


@pytest.mark.parametrize(("message", "sentence"), REFUSED)
def test_refusals_say_why(message: Any, sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence) as refusal:
        parse(message)
    assert len(str(refusal.value)) < 300
    assert str(refusal.value).endswith(".")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner, max_size=5),
    max_leaves=15,
)


@st.composite
def nearly_valid(draw: st.DrawFn) -> dict[Any, Any]:
    """A valid command with some fields replaced by anything."""
    kind = draw(st.sampled_from(sorted(VALID)))
    message: dict[Any, Any] = {"kind": kind, **VALID[kind]}
    for _ in range(draw(st.integers(1, 3))):
        message[draw(st.sampled_from(sorted(message)) | st.text(max_size=5))] = draw(JSON)
    return message


def outcome(message: Any) -> str:
    """The kind of command a message is, or the sentence it is refused with."""
    try:
        return parse(message).kind
    except CommandError as error:
        return str(error)


@given(JSON | nearly_valid())
def test_anything_is_a_command_or_a_sentence(message: Any) -> None:
    said = outcome(message)
    assert said in commands.KINDS or said.endswith(".")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_command_or_a_sentence(data: bytes) -> None:
    with contextlib.suppress(codec.CodecError):
        assert outcome(codec.decode(data))
