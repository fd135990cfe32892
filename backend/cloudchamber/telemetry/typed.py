"""Decoded messages as dataclasses again: the inverse of the codec for our own messages.

For messages from our own processes and recordings. What strangers send goes through
`command_parser.parse`, which believes nothing.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Callable, Mapping
from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin

import numpy as np

from cloudchamber.telemetry import commands, events, messages
from cloudchamber.telemetry.codec import CodecError

type Converter = Callable[[Any], Any]


def event(mapping: Any) -> events.Event:
    """A decoded event. Raises `CodecError` if it isn't one."""
    return typing.cast(events.Event, _tagged(mapping, events.KINDS))


def command(mapping: Any) -> commands.Command:
    """A decoded command from our own side. Raises `CodecError` if it isn't one."""
    return typing.cast(commands.Command, _tagged(mapping, commands.KINDS))


def message(mapping: Any) -> messages.Message:
    """A decoded message of the server. Raises `CodecError` if it isn't one."""
    return typing.cast(messages.Message, _tagged(mapping, messages.KINDS))


def _tagged(mapping: Any, kinds: Mapping[str, type]) -> Any:
    if not isinstance(mapping, dict) or not isinstance(mapping.get("kind"), str):
        raise CodecError("the message has no kind")
    cls = kinds.get(mapping["kind"])
    if cls is None:
        raise CodecError(f"the kind {mapping['kind']!r} is not part of the protocol")
    return build(cls, mapping)


def build[T](cls: type[T], mapping: Any) -> T:
    """A dataclass, and the dataclasses in its fields. Raises `CodecError`."""
    if not isinstance(mapping, dict):
        raise CodecError(f"{cls.__name__} is not a map")
    converters = _converters(typing.cast(Any, cls))
    try:
        return cls(
            **{name: convert(mapping[name]) for name, convert in converters.items() if name in mapping}
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise CodecError(f"{cls.__name__} does not fit its schema: {error}") from error


@functools.cache
def _converters(cls: Any) -> dict[str, Converter]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: _converter(hints[field.name]) for field in dataclasses.fields(cls)}


def _converter(hint: Any) -> Converter:
    if get_origin(hint) is Annotated:
        return _array(get_args(hint)[1])
    if hint is events.Event:
        return event
    if dataclasses.is_dataclass(hint):
        return functools.partial(build, typing.cast(type, hint))
    if get_origin(hint) is list:
        inner = _converter(get_args(hint)[0])
        return lambda items: [inner(item) for item in items]
    if isinstance(hint, GenericAlias) and hint.__origin__ is tuple:
        return tuple
    if isinstance(hint, type) and issubclass(hint, tuple):  # a NamedTuple
        return lambda items: hint(*items)
    if isinstance(hint, UnionType) and NoneType in get_args(hint):
        (inner,) = (_converter(option) for option in get_args(hint) if option is not NoneType)
        return lambda value: None if value is None else inner(value)
    return lambda value: value


def _array(annotation: events.Array) -> Converter:
    dtype = np.dtype(f"<{annotation.dtype}")

    def check(value: Any) -> Any:
        if not isinstance(value, np.ndarray) or value.dtype != dtype:
            raise ValueError(f"an array of {dtype} is missing")
        return value

    return check
