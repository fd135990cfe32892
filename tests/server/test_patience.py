"""A connection that never sends a whole request is not held; all others are as they were."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudchamber.server import patience
from tests.server.serving import OWNER, SECRET, Client, DrivenSession, serving, viewer

pytestmark = pytest.mark.anyio

PATIENCE = 0.6
REQUEST = f"GET /api/access HTTP/1.1\r\nHost: {{}}\r\nAuthorization: Bearer {SECRET}\r\n\r\n"


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(patience, "REQUEST_SECONDS", PATIENCE)
    (tmp_path / "index.html").write_text("page")
    with serving(DrivenSession(), tmp_path) as address:
        yield address


def connected(address: str) -> socket.socket:
    host, port = address.split(":")
    made = socket.create_connection((host, int(port)), timeout=5)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def closed_after(made: socket.socket, drip: bytes = b"") -> float:
    """Seconds until the server closes, while a byte at a time comes of `drip`."""
    start, bytes_ = time.monotonic(), iter(drip)
    made.settimeout(0.05)
    while time.monotonic() - start < 5:
        try:
            if not made.recv(100):
                break
        except TimeoutError:
            pass
        except ConnectionError:
            break
        try:
            made.sendall(bytes([next(bytes_)]) if drip else b"")
        except ConnectionError:
            break
    return time.monotonic() - start


async def test_who_says_nothing_is_let_go(address: str) -> None:
    with connected(address) as made:
        assert PATIENCE - 0.1 < closed_after(made) < PATIENCE + 2


@pytest.mark.parametrize(
    "begun",
    [
        "GET / HTTP/1.1\r\n",
        "GET /stream HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n",
        f"POST /api/qr HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\nContent-Length: 9999\r\n\r\n",
    ],
    ids=["headers", "an upgrade", "a body"],
)
async def test_what_comes_a_byte_at_a_time_is_let_go(address: str, begun: str) -> None:
    with connected(address) as made:
        made.sendall(begun.replace("Host: x", f"Host: {address}").encode())
        assert PATIENCE - 0.1 < closed_after(made, b"x" * 9000) < PATIENCE + 2


async def test_on_a_kept_connection_the_next_request_has_as_long_again(address: str) -> None:
    request = REQUEST.format(address).encode()
    with connected(address) as made:
        for _ in range(3):
            made.sendall(request[:10])
            await asyncio.sleep(0.7 * PATIENCE)
            made.sendall(request[10:])
            assert made.recv(4096).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(1.5 * PATIENCE)  # nothing has begun: this wait is uvicorn's
        made.sendall(request)
        assert made.recv(4096).startswith(b"HTTP/1.1 200")
        made.sendall(b"GET / HTTP/1.1\r\n")
        assert closed_after(made, b"x" * 9000) < PATIENCE + 2


async def test_a_viewer_may_be_silent_for_as_long_as_it_likes(address: str) -> None:
    async with viewer(address, additional_headers=OWNER) as made:
        client = Client(made)
        await client.hello()
        await asyncio.sleep(2 * PATIENCE)
        await client.say("ping", time=1.0)
        await client.hear("pong")


async def test_of_too_many_connections_the_one_awaited_longest_goes(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "REQUEST_SECONDS", 30)
    monkeypatch.setattr(patience, "CONNECTIONS", 4)
    async with viewer(address, additional_headers=OWNER) as made:
        client = Client(made)
        await client.hello()
        silent = []
        for _ in range(5):
            silent.append(connected(address))
            await asyncio.sleep(0.02)  # else they are of one moment
        for number, one in enumerate(silent):
            one.settimeout(1)
            if number < 2:
                assert ended(one)
            else:
                one.sendall(REQUEST.format(address).encode())
                assert one.recv(4096).startswith(b"HTTP/1.1 200")
        await client.say("ping", time=1.0)
        await client.hear("pong")


def ended(made: socket.socket) -> bool:
    try:
        return made.recv(1) == b""
    except ConnectionError:
        return True


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the kernel does not count it")
async def test_an_answer_that_nobody_takes_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "UNREAD_SECONDS", 1)
    session = DrivenSession()
    session.bodies["big"] = bytes(30_000_000)
    lost = threading.Event()
    original = patience.PatientProtocol.connection_lost

    def connection_lost(self: patience.PatientProtocol, exc: Exception | None) -> None:
        original(self, exc)
        lost.set()

    monkeypatch.setattr(patience.PatientProtocol, "connection_lost", connection_lost)
    with serving(session, tmp_path) as address, connected(address) as made:
        request = (
            f"GET /api/vocabulary/big HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {SECRET}\r\n\r\n"
        )
        made.sendall(request.encode())
        assert await asyncio.to_thread(lost.wait, 20)
