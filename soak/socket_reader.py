"""A WebSocket client of little cost, so that a hundred fit one process: it reads frames' heads alone."""

from __future__ import annotations

import asyncio
import os
import struct
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import msgpack

from cloudchamber.telemetry import codec, commands
from cloudchamber.telemetry.messages import PROTOCOL

HEADS = ("kind", "number", "time", "first_seq")


class SocketReader(asyncio.Protocol):
    """One viewer. Override `message` and `frame`; `send` what a viewer may say."""

    def __init__(self, page: str, hello: commands.Hello) -> None:
        self._page = urlsplit(page)
        self._hello = hello
        self._data = bytearray()
        self._open = False
        self.transport: asyncio.Transport | None = None
        self.bytes = 0
        self.closed = asyncio.get_running_loop().create_future()
        """Holds the close code: 1006 where the connection was cut."""

    async def connect(self) -> None:
        """Raises `OSError`."""
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, self._page.hostname or "", self._page.port or 80)

    # ------------------------------------------------------------------- what comes in

    def message(self, mapping: dict[str, Any]) -> None:
        """Anything but a frame."""

    def frame(self, head: dict[str, Any], events: int) -> None:
        """A frame: `number`, `time`, `first_seq`, and how many events it holds."""

    # -------------------------------------------------------------------------- inside

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = sending = cast(asyncio.Transport, transport)
        token = parse_qs(self._page.query).get("token", [""])[0]
        pass_ = f"Authorization: Bearer {token}\r\n" if token else ""
        sending.write(
            f"GET {self._page.path}stream HTTP/1.1\r\nHost: {self._page.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{pass_}"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        self._data += data
        if not self._open and not self._take_answer():
            return
        while self._take_message():
            pass

    def _take_answer(self) -> bool:
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return False
        if not self._data.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(self._data[:end].decode(errors="replace"))
        del self._data[: end + 4]
        self._open = True
        self.send(self._hello)
        return True

    def _take_message(self) -> bool:
        data = self._data
        if len(data) < 2:
            return False
        opcode, length, at = data[0] & 15, data[1] & 127, 2
        if length == 126:
            at, length = 4, int.from_bytes(data[2:4]) if len(data) >= 4 else 1 << 62
        elif length == 127:
            at, length = 10, int.from_bytes(data[2:10]) if len(data) >= 10 else 1 << 62
        if len(data) < at + length:
            return False
        payload = bytes(data[at : at + length])
        del data[: at + length]
        if opcode == 2:
            self._take(payload)
        elif opcode == 8 and not self.closed.done():
            self.closed.set_result(int.from_bytes(payload[:2]))
        elif opcode == 9:
            self._write(10, payload)
        return True

    def _take(self, payload: bytes) -> None:
        unpacker = msgpack.Unpacker(max_buffer_size=len(payload), ext_hook=lambda code, data: None)
        unpacker.feed(payload)
        head: dict[str, Any] = {}
        for _ in range(unpacker.read_map_header()):
            key = unpacker.unpack()
            if key == "events":
                self.frame(head, unpacker.read_array_header())
                return
            head[key] = unpacker.unpack()
        self.message(head)

    def send(self, command: commands.Command) -> None:
        self._write(2, codec.encode(command))

    def _write(self, opcode: int, payload: bytes) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        size = len(payload)
        head = (
            struct.pack(">BBH", 128 | opcode, 254, size) if size > 125 else bytes([128 | opcode, 128 | size])
        )
        self.transport.write(head + bytes(4) + payload)  # a mask of zeros is a mask

    def connection_lost(self, error: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(1006)


def hello_of(parts: list[Any], session: str = "", seq: int = 0) -> commands.Hello:
    """The first message of a viewer, or of one that comes back."""
    return commands.Hello(protocol=PROTOCOL, session=session, seq=seq, parts=parts)


def open_file_limit() -> None:
    """As many sockets as the system lets one process have."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def set_idle() -> None:
    """Take only the processor time that nobody else wants."""
    os.nice(19)
