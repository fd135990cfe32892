"""Who may talk to the server, checked before anything else sees the request.

A page from anywhere can make its visitor's browser connect to a program on loopback. Two
checks stop it, on HTTP and WebSocket alike: the `Host` must be a name of this server (else a
hostile domain could be pointed at 127.0.0.1, "DNS rebinding"), and an `Origin`, if there is
one, must be that very host and port. Browsers always send an origin with a WebSocket, so a
connection without one is not from a web page. By what right it comes is `auth`'s question.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloudchamber.server.proxy import FORWARDED_SCHEME, under_prefix
from cloudchamber.server.reach import Reach

_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})

HEADERS: Final = {
    "content-security-policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "font-src 'self'",
            "connect-src 'self'",
            "worker-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
"""Sent with every response. The page needs nothing from elsewhere and evaluates no text."""


class Gate:
    """ASGI middleware: refuses strangers' requests, adds the security headers to the rest."""

    def __init__(self, app: ASGIApp, *, reach: Reach | None = None) -> None:
        self._app = app
        self._reach = reach or Reach()
        host = self._reach.host
        self._loopback = is_loopback(host)
        self._names = set(_LOOPBACK_NAMES) | {name.lower() for name in self._reach.names}
        if self._loopback:
            self._names.add(host.lower())
        else:
            own = socket.gethostname().lower()
            self._names |= {host.lower(), own, f"{own}.local"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope = self._reach.proxies.seen_through(scope)
        refusal = self._refusal(scope)
        if refusal:
            await _refuse(refusal, scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(under_prefix(self._reach.prefix, scope), receive, with_headers)

    def _refusal(self, scope: Scope) -> str:
        """Why the request is refused, as a sentence; empty if it isn't."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return "This server is not known by that host name; start it with --allow-host NAME to add one."
        origins = headers.getlist("origin")
        if len(origins) > 1 or (origins and not same_origin(origins[0], hosts[0], self._scheme(scope))):
            return "Pages of another origin may not use this server."
        foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if foreign and not _follows_link(headers):
            return "Pages of another origin may not use this server."
        if "transfer-encoding" in headers and "content-length" in headers:
            return "A body can't be of two lengths."  # of which a proxy may have believed the other
        return ""

    def _scheme(self, scope: Scope) -> str:
        """The page's scheme where it is known; empty where a proxy may have added the encryption."""
        return "https" if self._reach.tls else str(scope.get(FORWARDED_SCHEME, ""))

    def _is_ours(self, host: str) -> bool:
        name = host_name(host)
        if name in self._names:
            return True
        # An address can't be rebound; on loopback only loopback's own can be meant.
        return not self._loopback and _is_address(name)


async def _refuse(reason: str, scope: Scope, receive: Receive, send: Send) -> None:
    response = PlainTextResponse(reason, 403, {**HEADERS, "connection": "close"})
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
        return
    await response(scope, receive, send)


def _follows_link(headers: Headers) -> bool:
    """Whether a browser shows what it gets in a tab, and not within another page."""
    where = headers.get("sec-fetch-dest", "document")
    return headers.get("sec-fetch-mode") == "navigate" and where == "document"


def is_loopback(host: str) -> bool:
    """Whether a bind address is reachable from this machine only."""
    if host.lower() == "localhost":
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def is_local(reach: Reach) -> bool:
    """Whether only this machine asks: nothing says that somebody passes on what comes from elsewhere."""
    return is_loopback(reach.host) and not (reach.names or reach.prefix or reach.proxies)


def host_name(host: str) -> str:
    """The name or address in a `Host` value, lower case, without port and brackets.

    Empty if the value is malformed.
    """
    host = host.strip().lower()
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        if not bracket or (port and not _is_port(port)):
            return ""
        return name
    name, colon, port = host.partition(":")
    if colon and not _is_port(":" + port):
        return ""
    return name


def _is_port(text: str) -> bool:
    digits = text[1:]
    number = digits.isascii() and digits.isdigit() and len(digits) <= 5
    return text.startswith(":") and number and int(digits) < 65536


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def same_origin(origin: str, host: str, known: str = "") -> bool:
    """Whether a page of `origin` was served by the `Host` it now talks to.

    `known` is the page's scheme; if it is not known, http and https will do.
    """
    scheme, separator, rest = origin.strip().lower().partition("://")
    if not separator or scheme not in ((known,) if known else ("http", "https")):
        return False
    default = ":80" if scheme == "http" else ":443"
    return rest.removesuffix(default) == host.strip().lower().removesuffix(default)
