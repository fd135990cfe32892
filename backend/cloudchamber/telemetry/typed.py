"""Decoded messages as dataclasses again: the inverse of the codec for our own messages.

For messages from our own processes, recordings and sessions, which may be a stranger's file: types
are checked, and of arrays the dtype and the number of dimensions; ranges are not. What a viewer sends
goes through `command_parser.parse`, which believes nothing.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Callable, Mapping
from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any, Literal, NoReturn, TypeAliasType, get_args, get_origin

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


def checked[T](made: T) -> T:
    """The dataclass itself, once its arrays that are to have a length in common do. Raises `CodecError`."""
    lengths: dict[str, int] = {}
    for name, symbols in _shapes(typing.cast(Any, type(made))):
        for (base, more), size in zip(symbols, getattr(made, name).shape, strict=True):
            if lengths.setdefault(base, size - more) != size - more:
                raise CodecError(f"the arrays of {type(made).__name__} do not fit together")
    return made


@functools.cache
def _shapes(cls: Any) -> list[tuple[str, list[tuple[str, int]]]]:
    """Of each array field its name and its lengths: a symbol, and how much longer than that it is."""
    hints = typing.get_type_hints(cls, include_extras=True)
    found = [(name, get_args(hint)[1].shape) for name, hint in hints.items() if get_origin(hint) is Annotated]
    pairs = [(name, [symbol.partition("+") for symbol in shape.split(",")]) for name, shape in found]
    return [(name, [(base, int(more or 0)) for base, _, more in symbols]) for name, symbols in pairs]


@functools.cache
def _converters(cls: Any) -> dict[str, Converter]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: _converter(hints[field.name]) for field in dataclasses.fields(cls)}


def _converter(hint: Any) -> Converter:
    if isinstance(hint, TypeAliasType):
        return _converter(hint.__value__)
    if get_origin(hint) is Annotated:
        return _array(get_args(hint)[1])
    if hint is events.Event:
        return event
    if dataclasses.is_dataclass(hint):
        return functools.partial(build, typing.cast(type, hint))
    if get_origin(hint) is list:
        inner = _converter(get_args(hint)[0])
        return lambda items: [inner(item) for item in _of(list, items)]
    if get_origin(hint) is dict:
        value_of = _converter(get_args(hint)[1])
        return lambda items: {_of(str, key): value_of(item) for key, item in _of(dict, items).items()}
    if isinstance(hint, GenericAlias) and hint.__origin__ is tuple:
        return _tuple(tuple, get_args(hint))
    if isinstance(hint, type) and issubclass(hint, tuple):  # a NamedTuple
        return _tuple(lambda items: hint(*items), tuple(typing.get_type_hints(hint).values()))
    if isinstance(hint, UnionType) and NoneType in get_args(hint):
        (inner,) = (_converter(option) for option in get_args(hint) if option is not NoneType)
        return lambda value: None if value is None else inner(value)
    if get_origin(hint) is Literal:
        hint = str  # a later version may know more words
    kinds = (float, int) if hint is float else (hint,)
    return lambda value: value if isinstance(value, kinds) else _refuse(value, hint)


def _of[T](kind: type[T], value: Any) -> T:
    return value if isinstance(value, kind) else _refuse(value, kind)


def _refuse(value: Any, kind: type) -> NoReturn:
    raise TypeError(f"{kind.__name__} is due, not {type(value).__name__}")


def _tuple(make: Converter, hints: tuple[Any, ...]) -> Converter:
    converters = [_converter(hint) for hint in hints]
    return lambda items: make(
        convert(item) for convert, item in zip(converters, _of(list, items), strict=True)
    )


def _array(annotation: events.Array) -> Converter:
    dtype, ndim = np.dtype(f"<{annotation.dtype}"), annotation.shape.count(",") + 1

    def check(value: Any) -> Any:
        if not isinstance(value, np.ndarray) or value.dtype != dtype or value.ndim != ndim:
            raise ValueError(f"an array of {dtype} is missing")
        return value

    return check
