"""What the worker and the server say to each other: codec messages behind a u32 length.

Down go the engine's options once, then commands; up come events, and replies to questions.
Both ends trust each other's code but not each other's life: either may vanish at any byte.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Final

from cloudchamber.telemetry import codec, commands, events, messages
from cloudchamber.telemetry.events import Event

LENGTH: Final = struct.Struct("<I")
MAX_BYTES: Final = 1 << 28
BUFFER_BYTES: Final = 4 << 20
"""Asked of the system for each direction; it may give less."""


class WireError(RuntimeError):
    """The other end sent something that is no message."""


# ------------------------------------------------------------------------------ framing


class Channel:
    """The worker's blocking end. `send` may be called from several threads."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._lock = threading.Lock()
        self._file = end.makefile("rb", buffering=1 << 16)

    def send(self, message: Any) -> None:
        """Raises `OSError` when the other end is gone."""
        data = frame(message)
        with self._lock:
            self._socket.sendall(data)

    def receive(self) -> Any | None:
        """The next message as a mapping; None when the other end is gone."""
        head = self._file.read(LENGTH.size)
        if len(head) < LENGTH.size:
            return None
        (size,) = LENGTH.unpack(head)
        data = self._file.read(size) if size <= MAX_BYTES else b""
        return codec.decode(data) if len(data) == size else None


async def read_message(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """The server's end of `Channel.send`. None when the worker is gone."""
    try:
        (size,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
        if size > MAX_BYTES:
            raise WireError(f"the worker announced {size:,} bytes")
        data = await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    message = codec.decode(data)
    if not isinstance(message, dict):
        raise WireError("the worker sent no mapping")
    return message


def frame(message: Any) -> bytes:
    """A message with its length in front."""
    data = codec.encode(message)
    return LENGTH.pack(len(data)) + data


# --------------------------------------------------------------- dataclasses from mappings


def to_event(message: Mapping[str, Any]) -> Event:
    """The event a mapping stands for. Raises `WireError`."""
    return typing.cast(Event, _build(events.KINDS, message))


def to_reply(message: Mapping[str, Any]) -> messages.Message:
    """The reply a mapping stands for. Raises `WireError`."""
    return typing.cast(messages.Message, _build(messages.KINDS, message))


def to_command(message: Mapping[str, Any]) -> commands.Command:
    """The command a mapping from the server stands for. Raises `WireError`."""
    return typing.cast(commands.Command, _build(commands.KINDS, message))


def is_reply(message: Mapping[str, Any]) -> bool:
    return message.get("kind") in messages.KINDS


def _build(kinds: Mapping[str, type], message: Mapping[str, Any]) -> Any:
    kind = kinds.get(str(message.get("kind")))
    if kind is None:
        raise WireError(f"there is no kind: {message.get('kind')!r}")
    return from_mapping(kind, message)


def from_mapping[T](cls: type[T], mapping: Mapping[str, Any]) -> T:
    """A dataclass and the dataclasses in its fields. Raises `WireError`."""
    builders = _builders(typing.cast(Any, cls))
    try:
        values = {name: builders[name](value) for name, value in mapping.items() if name in builders}
        return cls(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(f"a message is not as the schema says: {cls.__name__}: {error!r}") from error


@cache
def _builders(cls: Any) -> dict[str, Callable[[Any], Any]]:
    hints = typing.get_type_hints(cls)
    return {field.name: _builder(hints[field.name]) for field in fields(cls)}


def _builder(hint: Any) -> Callable[[Any], Any]:
    if hint is Event:
        return to_event
    if isinstance(hint, type) and is_dataclass(hint):
        return lambda value: from_mapping(hint, value)
    if typing.get_origin(hint) is list:
        build = _builder(typing.get_args(hint)[0])
        return lambda value: [build(item) for item in value]
    if typing.get_origin(hint) is tuple:
        return tuple
    return lambda value: value
