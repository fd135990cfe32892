"""Serving an application on a socket, until told to stop."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterable
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from cloudchamber.server.app import create_app
from cloudchamber.server.flow import StreamProtocol
from cloudchamber.server.security import is_loopback
from cloudchamber.server.session import Session
from cloudchamber.telemetry.commands import MAX_MESSAGE_BYTES

DEFAULT_PORT: Final = 8844
PORTS_TRIED: Final = 50
SHUTDOWN_SECONDS: Final = 3
PING_SECONDS: Final = 20.0


class PortError(Exception):
    """No socket to serve on; the text is a sentence for a person."""


def configure(app: ASGIApp) -> uvicorn.Config:
    """uvicorn as this application needs it.

    No compression of the stream: it costs more time on the event loop than it saves.
    """
    return uvicorn.Config(
        app,
        ws=StreamProtocol,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


class Server(uvicorn.Server):
    """Says when it can be reached."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()


def bind(host: str, port: int | None) -> socket.socket:
    """A socket bound to `port`, or for None to the first free one from `DEFAULT_PORT` on.

    Raises `PortError`.
    """
    tried = [port] if port is not None else range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED)
    for candidate in tried:
        try:
            return _bind(host, candidate)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                reason = error.strerror or str(error)
                raise PortError(f"The server can't be bound to {host}:{candidate}: {reason}.") from error
    if port is not None:
        raise PortError(f"Port {port} is in use; choose another, or leave --port out to take a free one.")
    raise PortError(f"The ports {DEFAULT_PORT} to {DEFAULT_PORT + PORTS_TRIED - 1} are all in use.")


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen()  # only this tells that another program listens there
    except OSError:
        bound.close()
        raise
    return bound


def url_of(bound: socket.socket) -> str:
    """The page's address as a browser on this machine can reach it."""
    host, port = bound.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def run(
    session: Session,
    *,
    host: str,
    port: int | None,
    names: Iterable[str],
    browser: bool,
    say: Callable[[str], None],
    query: str = "",
) -> None:
    """Serve until SIGINT or SIGTERM; the page is opened with `query`. Raises `PortError`."""
    bound = bind(host, port)
    url = url_of(bound) + query

    def started() -> None:
        say(f"Cloud Chamber is at {url}  (Ctrl+C ends it)")
        if not is_loopback(host):
            say("Whoever can reach this address can watch and control the model; there is no password.")
        if browser:
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    app = create_app(session, host=host, names=names)
    server = Server(configure(app), started)
    with bound, contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[bound])
