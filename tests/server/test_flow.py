"""What a hostile peer says at a stream, over a bare socket: it costs the peer, not the server."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cloudchamber.server import flow
from cloudchamber.telemetry import codec
from tests.server.serving import SECRET, DrivenSession, serving

TEXT, BINARY, CONTINUED, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
HELLO = codec.encode({"kind": "hello", "protocol": 1, "session": "", "seq": 0, "parts": []})
UPGRADE = (
    "GET /stream HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Authorization: Bearer {SECRET}\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
)


def frame(opcode: int, data: bytes = b"", final: bool = True) -> bytes:
    """As a client sends it, under a mask of zeros."""
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data))
    return bytes([final << 7 | opcode]) + size + bytes(4) + data


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[flow.StreamProtocol]:
    """The server's ends of the streams, in their order."""
    ends: list[flow.StreamProtocol] = []
    original = flow.StreamProtocol.__init__

    def init(self: flow.StreamProtocol, *args: object, **kwargs: object) -> None:
        original(self, *args, **kwargs)
        ends.append(self)

    monkeypatch.setattr(flow.StreamProtocol, "__init__", init)
    return ends


@pytest.fixture
def address(tmp_path: Path, made: list[flow.StreamProtocol]) -> Iterator[str]:
    with serving(DrivenSession(), tmp_path) as address:
        yield address


def asked(address: str, more: str = "", body: bytes = b"") -> socket.socket:
    """A socket on which a stream was asked for."""
    host, port = address.split(":")
    made = socket.create_connection((host, int(port)), timeout=5)
    made.sendall(UPGRADE.format(host=address, more=more).encode() + body)
    return made


def opened(address: str) -> socket.socket:
    """A stream that was greeted."""
    made = asked(address)
    assert until(made, b"\r\n\r\n").startswith(b"HTTP/1.1 101")
    made.sendall(frame(BINARY, HELLO))
    until(made, b"welcome")
    return made


def until(made: socket.socket, what: bytes) -> bytes:
    heard = b""
    while what not in heard:
        more = made.recv(4096)
        assert more, heard
        heard += more
    return heard


def rest(made: socket.socket) -> bytes:
    """All that comes before the server closes."""
    heard = b""
    with suppress(ConnectionError):
        while more := made.recv(1 << 16):
            heard += more
    return heard


def say(made: socket.socket, data: bytes) -> None:
    with suppress(ConnectionError):  # it has heard enough
        made.sendall(data)


FLOODS = {
    "pings": frame(PING, b"x" * 100) * 3000,
    "pongs": frame(PONG) * 3000,
    "fragments of nothing": frame(BINARY, b"", final=False) + frame(CONTINUED, b"", final=False) * 3000,
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_who_sends_without_end_what_is_no_message_is_let_go(address: str, flood: bytes) -> None:
    with opened(address) as made:
        say(made, flood)
        assert struct.pack(">H", 1008) in rest(made)


def test_some_pings_are_answered_and_some_fragments_put_together(address: str) -> None:
    with opened(address) as made:
        made.sendall(frame(PING, b"there?") * 20)
        assert until(made, b"\x8a\x06there?" * 20)
        ping = codec.encode({"kind": "ping", "time": 1.0})
        made.sendall(frame(BINARY, ping[:3], final=False))
        made.sendall(b"".join(frame(CONTINUED, bytes([byte]), final=False) for byte in ping[3:]))
        made.sendall(frame(CONTINUED))
        until(made, b"pong")


def test_pongs_do_not_pile_up_for_who_reads_none(address: str, made: list[flow.StreamProtocol]) -> None:
    with opened(address) as client:
        made[-1].writable.clear()
        client.sendall(frame(PING, b"there?") * 100)
        time.sleep(0.3)
        made[-1].writable.set()
        client.sendall(frame(PING, b"now?"))
        assert b"there?" not in until(client, b"now?")


def test_what_is_said_at_once_waits_as_bytes_and_is_all_heard(
    address: str, made: list[flow.StreamProtocol]
) -> None:
    """The smallest messages, as many as one read brings."""
    count = 3000
    ping = frame(BINARY, codec.encode({"kind": "ping", "time": 1.0}))
    with opened(address) as client:
        say(client, frame(BINARY, b"\xc1") * 100 + ping * count)
        most, deadline = 0, time.monotonic() + 2
        while time.monotonic() < deadline:
            most = max(most, made[-1].queue.qsize())
            time.sleep(0.001)
        assert 0 < most <= flow.PIECE // 7 + 1
        assert until(client, b"pong")


@pytest.mark.parametrize(
    ("more", "body", "status"),
    [
        ("Content-Length: 3\r\n", b"abc", 400),
        ("Transfer-Encoding: chunked\r\n", b"", 400),
        (f"X-Long: {'y' * 20_000}\r\n", b"", 431),
        ("".join(f"X-{n}: y\r\n" for n in range(200)), b"", 431),
    ],
    ids=["a body", "a body in chunks", "a long header", "many headers"],
)
def test_a_handshake_that_is_none_is_answered_and_closed(
    address: str, more: str, body: bytes, status: int
) -> None:
    with asked(address, more, body) as made:
        assert rest(made).startswith(f"HTTP/1.1 {status} ".encode())
