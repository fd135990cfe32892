"""`python -m soak.bare_sender FILE COUNT`: what a server costs that does nothing but send.

The least that can bring a stream to a crowd: it lets COUNT viewers in, and on a line on its input
plays FILE to them, each message at its time and all of it over again, until the next line. One system
call a viewer and message, of bytes that were laid out before; no event loop, no account of who stands
where, nothing made of anything. What comes from the viewers stays unread.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

KERNEL_BUFFER = 256 << 10
"""As the product has it, `server/flow.py`."""
LET_IN = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
RECORD = struct.Struct("<dI")
"""Seconds since the beginning, bytes that follow."""

type Play = Sequence[tuple[float, bytes]]
"""When, in seconds since the beginning, and the bytes on the wire."""


def framed(data: bytes) -> bytes:
    """A binary message as a server puts it on the wire: unmasked, in one piece (RFC 6455, 5.2)."""
    size = len(data)
    if size < 126:
        return struct.pack(">BB", 0x82, size) + data
    if size < 1 << 16:
        return struct.pack(">BBH", 0x82, 126, size) + data
    return struct.pack(">BBQ", 0x82, 127, size) + data


def write(path: Path, messages: Iterable[tuple[float, bytes]]) -> None:
    """What `read` reads: seconds since the beginning, and a message."""
    with path.open("wb") as file:
        for when, data in messages:
            file.write(RECORD.pack(when, len(data)) + data)


def read(path: Path) -> Play:
    data, play, at = path.read_bytes(), [], 0
    while at < len(data):
        when, size = RECORD.unpack_from(data, at)
        at += RECORD.size
        play.append((when, framed(data[at : at + size])))
        at += size
    return play


def let_in(listening: socket.socket) -> socket.socket:
    """One viewer, whatever it asks for."""
    viewer, _ = listening.accept()
    viewer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER)
    viewer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    asked = b""
    while b"\r\n\r\n" not in asked:
        asked += viewer.recv(1 << 16)
    viewer.sendall(LET_IN)
    return viewer


def told(seconds: float) -> bool:
    """Wait so long. True as soon as there is something on the input."""
    return bool(select.select([sys.stdin], [], [], max(0.0, seconds))[0])


def play(messages: Play, viewers: Sequence[socket.socket]) -> None:
    """Over and over, until something is on the input: a run may last longer than the recorded one."""
    began = time.monotonic()
    while messages:
        for when, data in messages:
            if told(began + when - time.monotonic()):
                return
            for viewer in viewers:
                viewer.sendall(data)
        began += messages[-1][0]


def main() -> None:
    messages, count = read(Path(sys.argv[1])), int(sys.argv[2])
    with socket.create_server(("127.0.0.1", 0), backlog=count) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}/", flush=True)
        viewers = [let_in(listening) for _ in range(count)]
    with open(sys.stdin.fileno(), "rb", buffering=0) as said:  # no line is read before its turn
        while said.readline():
            play(messages, viewers)
            said.readline()


if __name__ == "__main__":
    main()
