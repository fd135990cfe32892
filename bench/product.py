"""The product as the bench meets it: a real server process, and a viewer on its socket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from cloudchamber.server.keys import SECRET_VARIABLE
from cloudchamber.sessions.store_folder import VARIABLE
from cloudchamber.telemetry import codec, commands
from cloudchamber.telemetry.events import PARTS, Part
from cloudchamber.telemetry.messages import PROTOCOL

KEY = "the-key-of-a-bench-server"
MAX_MESSAGE = 1 << 28
MAX_READ = 1 << 20
QUIET = 0.25
"""Seconds of silence after which all has come that was on its way, on a busy machine too."""
OWNER = {"authorization": f"Bearer {KEY}"}


class Server:
    """`cloudchamber serve` in a process of its own, on a port of its own."""

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        words = ["serve", "--no-browser", "--port", str(self.port), *arguments]
        self._data = tempfile.TemporaryDirectory(prefix="cloudchamber-")
        """What it keeps of runs is the bench's own, not the person's."""
        self._process = subprocess.Popen(
            [str(Path(sys.executable).parent / "cloudchamber"), *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **(environment or {}), VARIABLE: self._data.name, SECRET_VARIABLE: KEY},
        )

    @property
    def data(self) -> Path:
        """Where it keeps its runs, while it runs."""
        return Path(self._data.name)

    @property
    def url(self) -> str:
        """The page's address as its owner opens it."""
        return f"http://127.0.0.1:{self.port}/?token={KEY}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def get(self, path: str) -> bytes:
        """Body of an answer, whatever its status. Raises `OSError` when there is none."""
        question = urllib.request.Request(f"http://127.0.0.1:{self.port}/{path}", headers=OWNER)
        try:
            with urllib.request.urlopen(question, timeout=5) as answer:  # noqa: S310
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            return error.read()

    def wait(self, seconds: float = 120) -> None:
        """Wait until the page can be used. Raises `RuntimeError` or `TimeoutError`."""
        self._wait(seconds, {200})

    def wait_to_listen(self, seconds: float = 120) -> None:
        """Wait until the page can be opened; the model may still be loading. Raises as `wait`."""
        self._wait(seconds, {200, 503})

    def _wait(self, seconds: float, answers: set[int]) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"the server ended with code {self._process.returncode}")
            if self._health() in answers:
                return
            time.sleep(0.02)
        raise TimeoutError(f"no healthy answer from {self.url} in {seconds} s")

    def _health(self) -> int:
        """HTTP status of `/healthz`; 0 while nothing listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._data.cleanup()

    def stop(self) -> None:
        """End it; what it kept stays until the end of the `with` block."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Received(NamedTuple):
    """A message, and when the last of it came (`time.perf_counter`)."""

    when: float
    data: bytes


class Viewer:
    """One viewer with every part on, which reads and discards.

    On one thread and on a socket of its own: it runs on the product's processors, and its cost is
    to be that of reading alone.
    """

    lead = 0
    """Tokens that pass before its clock starts."""

    def __init__(
        self,
        server: Server,
        selections: Sequence[tuple[int, int]] = ((0, 0),),
        parts: Sequence[Part] = PARTS,
    ) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.port))
        self._protocol = ClientProtocol(
            parse_uri(f"ws://127.0.0.1:{server.port}/stream"), max_size=MAX_MESSAGE
        )
        request = self._protocol.connect()
        request.headers.update(OWNER)
        self._protocol.send_request(request)
        self._flush()
        self._come: deque[bytes] = deque()
        """Messages that nobody has asked for yet."""
        while self._protocol.state is State.CONNECTING:
            self._receive()
        if self._protocol.handshake_exc is not None:
            raise ConnectionError(f"no viewer is let in: {self._protocol.handshake_exc}")
        self.send(commands.Hello(protocol=PROTOCOL, parts=list(parts)))
        self.send(commands.Want(parts=list(parts), attention=list(selections)))

    @property
    def connected(self) -> bool:
        return self._protocol.state is State.OPEN

    def send(self, command: commands.Command) -> None:
        self._protocol.send_binary(codec.encode(command))
        self._flush()

    def raw(self, timeout: float = 60) -> Iterator[bytes]:
        """Messages as they come, unread. Raises `TimeoutError` when none comes."""
        self._socket.settimeout(timeout)
        while True:
            while self._come:
                yield self._come.popleft()
            self._receive()

    def until(self, words: Sequence[bytes], timeout: float = 60) -> list[Received]:
        """Messages up to the one in which one of the `words` stands.

        Until then they are received and no more: what takes them apart comes when the product,
        which it would be beside, is done. Raises `TimeoutError`, `ConnectionError`.
        """
        self._socket.settimeout(timeout)
        pieces: list[tuple[float, bytes]] = []
        tail = b""
        while not any(word in tail for word in words):
            data = self._read()
            pieces.append((time.perf_counter(), data))
            if not data:
                break
            tail = tail[-max(map(len, words)) :] + data
        return [Received(when, message) for when, data in pieces for message in self._take_apart(data)]

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            self._socket.sendall(data)

    def _receive(self) -> None:
        """Wait for something to come, and take it apart. Raises `TimeoutError`, `ConnectionError`."""
        self._come.extend(self._take_apart(self._read()))

    def _read(self) -> bytes:
        return self._socket.recv(MAX_READ)

    def _take_apart(self, data: bytes) -> list[bytes]:
        """Messages that end in what was received. Raises `ConnectionError`."""
        if not data:
            raise ConnectionError(f"the server closed the connection: {self._protocol.close_reason}")
        self._protocol.receive_data(data)
        self._flush()
        return [
            bytes(event.data)
            for event in self._protocol.events_received()
            if isinstance(event, Frame) and event.opcode is Opcode.BINARY
        ]

    def messages(self, timeout: float = 60) -> Iterator[dict[str, Any]]:
        """Messages as they come. Raises `TimeoutError` when none comes."""
        for data in self.raw(timeout):
            yield codec.decode(data)

    def drain(self) -> None:
        """Read and discard what came while nobody read."""
        with suppress(TimeoutError):
            while True:
                next(self.raw(timeout=QUIET))

    def close(self) -> None:
        self._socket.close()
