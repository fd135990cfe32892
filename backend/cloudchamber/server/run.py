"""Serving an application on a socket, until told to stop."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import apsw
import uvicorn
from starlette.types import ASGIApp

from cloudchamber.server import addresses, tls
from cloudchamber.server.app import create_app
from cloudchamber.server.flow import StreamProtocol
from cloudchamber.server.keys import SECRET_VARIABLE, OwnerKey, SecretError, owner_key
from cloudchamber.server.patience import CONNECTIONS, PatientLoop, PatientProtocol
from cloudchamber.server.proxy import Proxies, ProxyError, prefix_of
from cloudchamber.server.reach import Reach
from cloudchamber.server.security import host_name, is_loopback
from cloudchamber.server.session import Session
from cloudchamber.server.tls import Certificate, TlsError
from cloudchamber.sessions.shares import SHARES_FILE, Shares
from cloudchamber.sessions.store_folder import data_folder
from cloudchamber.telemetry.commands import MAX_MESSAGE_BYTES

DEFAULT_PORT: Final = 8844
PORTS_TRIED: Final = 50
SHUTDOWN_SECONDS: Final = 3
PING_SECONDS: Final = 20.0
OTHER_FILES: Final = 512
"""Open beside connections."""


class PortError(Exception):
    """No socket to serve on; the text is a sentence for a person."""


def configure(app: ASGIApp, certificate: Certificate | None = None) -> uvicorn.Config:
    """uvicorn as this application needs it.

    No compression of the stream: it costs more time on the event loop than it saves.
    """
    return uvicorn.Config(
        app,
        loop=f"{PatientLoop.__module__}:{PatientLoop.__name__}",
        http=PatientProtocol,
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
        ssl_certfile=certificate.file if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
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


def url_of(bound: socket.socket, scheme: str = "http") -> str:
    """The page's address as a browser on this machine can reach it."""
    host, port = bound.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104
        host = "127.0.0.1"
    return f"{scheme}://{addresses.in_url(host)}:{port}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How far the server is opened to others."""

    host: str = ""
    """Address to bind to; by default loopback, and with `share` every address."""
    port: int | None = None
    names: tuple[str, ...] = ()
    """Further names the page is reached by."""
    share: bool = False
    """Serve others over https."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    prefix: str = ""
    proxies: tuple[str, ...] = ()
    data: Path | None = None
    """Folder of links and made certificates; the platform's by default."""

    @property
    def bind_host(self) -> str:
        return self.host or ("0.0.0.0" if self.share else "127.0.0.1")  # noqa: S104


class OpeningError(Exception):
    """The server may not be opened like that; the text is a sentence for a person."""


def run(
    session: Session,
    opening: Opening,
    *,
    browser: bool,
    say: Callable[[str], None],
    query: str = "",
) -> None:
    """Serve until SIGINT or SIGTERM; the page is opened with `query`.

    Raises `PortError` or `OpeningError`.
    """
    try:
        _check_names(opening.names)
        key = owner_key()
        prefix = prefix_of(opening.prefix)
        proxies = Proxies(opening.proxies)
        certificate = _certificate(opening, key)
    except (SecretError, ProxyError, TlsError) as error:
        raise OpeningError(str(error)) from error
    host = opening.bind_host
    bound = bind(host, opening.port)
    port = bound.getsockname()[1]
    scheme = "https" if certificate else "http"
    reach = Reach(
        host=host,
        port=port,
        names=opening.names,
        tls=certificate is not None,
        prefix=prefix,
        proxies=proxies,
        bases=addresses.bases(scheme, host, port, opening.names, prefix),
    )
    url = url_of(bound, scheme)

    def started() -> None:
        for line in _said(url + query, key, reach, certificate):
            say(line)
        if browser:
            threading.Thread(target=webbrowser.open, args=(_with_key(url + query, key),), daemon=True).start()

    _allow_connections()
    shares = _shares(data_folder(opening.data), f"{host}:{port}", say)
    app = create_app(session, key=key, reach=reach, shares=shares)
    config = configure(app, certificate)
    server = Server(config, started)
    with bound, contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[bound])


def _check_names(names: tuple[str, ...]) -> None:
    """Raises `OpeningError` for what no request can name."""
    for name in names:
        if not name or host_name(name) != name.lower():
            raise OpeningError(
                f"--allow-host {name!r} is no host name: write it without scheme, port and path, "
                "such as chamber.example."
            )


def _allow_connections() -> None:
    """Let this process open as many files as it may hold connections: by default it is 1,024, or 256."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = CONNECTIONS + OTHER_FILES
        if soft != resource.RLIM_INFINITY and soft < wanted:
            allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def _certificate(opening: Opening, key: OwnerKey) -> Certificate | None:
    """What to encrypt with, if at all. Raises `OpeningError` where nobody asked to be open to others."""
    if not opening.share:
        if opening.tls_cert or opening.tls_key:
            raise OpeningError("--tls-cert and --tls-key are for --share.")
        if not is_loopback(opening.bind_host) and not key.configured:
            raise OpeningError(
                f"{opening.bind_host} can be reached from other machines. Add --share to serve them over "
                f"https, or, behind a TLS proxy, set {SECRET_VARIABLE} to a secret that only you know."
            )
        return None
    names = [*addresses.own_names(), *opening.names]
    own = addresses.own_addresses()
    try:
        ipaddress.ip_address(opening.bind_host)
        own += [opening.bind_host] if opening.bind_host not in ("0.0.0.0", "::", *own) else []  # noqa: S104
    except ValueError:
        names.append(opening.bind_host)
    folder = data_folder(opening.data)
    return tls.certificate(opening.tls_cert, opening.tls_key, folder, names, own)


def _said(url: str, key: OwnerKey, reach: Reach, certificate: Certificate | None) -> list[str]:
    """What whoever started it needs to know."""
    address = url if key.configured else _with_key(url, key)
    lines = [f"Cloud Chamber is at {address}  (Ctrl+C ends it)"]
    if key.configured:
        lines.append(f"To sign in, open it once with ?token= and the secret of {SECRET_VARIABLE}.")
    elif reach.bases or reach.tls:
        lines.append("Keep this address to yourself: it can do everything. Others get a link by SHARE.")
    if certificate:
        lines += [f"Others reach it at {base}" for base in reach.bases]
        lines += certificate.said
    elif not is_loopback(reach.host):
        lines.append(
            "It is not encrypted: browsers on other machines show the page without WebGPU, so without a "
            "picture, unless a TLS proxy stands before it."
        )
    return lines


def _with_key(url: str, key: OwnerKey) -> str:
    return f"{url}{'&' if '?' in url else '?'}token={quote(key.secret, safe='')}"


def _shares(folder: Path, place: str, say: Callable[[str], None]) -> Shares:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Shares(folder / SHARES_FILE, place)
    except (OSError, apsw.Error) as error:
        say(f"Links are not kept beyond this start: {folder} can't be used ({error}).")
        return Shares(place=place)
