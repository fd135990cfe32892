"""What a TLS proxy or a tunnel in front says of a request, and whether it is believed."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

FORWARDED_SCHEME: Final = "cloudchamber.scheme"
"""Where a request holds the scheme a known proxy gave."""

type Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ProxyError(ValueError):
    """A proxy that is no address; the text is a sentence for a person."""


class Proxies:
    """The proxies whose `X-Forwarded-*` headers count; nobody else's do."""

    def __init__(self, addresses: Iterable[str] = ()) -> None:
        self._networks: list[Network] = [_network(address) for address in addresses]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._networks)

    def seen_through(self, scope: Scope) -> Scope:
        """The request as the proxy received it, if it is from one we know: client, scheme, host."""
        client = scope.get("client")
        if not self._networks or client is None or not self._is_ours(client[0]):
            return scope
        headers = Headers(scope=scope)
        seen = dict(scope)
        for address in reversed(_values(headers, "x-forwarded-for")):
            seen["client"] = (address, 0)
            if not self._is_ours(address):
                break
        scheme = next(reversed(_values(headers, "x-forwarded-proto")), "").lower()
        if scheme in ("http", "https"):
            secure = scheme == "https"
            websocket = scope["type"] == "websocket"
            seen["scheme"] = ("wss" if secure else "ws") if websocket else scheme
            seen[FORWARDED_SCHEME] = scheme
        hosts = _values(headers, "x-forwarded-host")
        if hosts:
            kept = [(name, value) for name, value in scope["headers"] if name != b"host"]
            seen["headers"] = [*kept, (b"host", hosts[-1].encode("latin-1"))]
        return seen

    def _is_ours(self, address: str) -> bool:
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:  # of a socket that takes both
            ip = ip.ipv4_mapped
        return any(ip in network for network in self._networks)


def _values(headers: Headers, name: str) -> list[str]:
    return [item.strip() for value in headers.getlist(name) for item in value.split(",") if item.strip()]


def _network(address: str) -> Network:
    try:
        return ipaddress.ip_network(address, strict=False)
    except ValueError:
        raise ProxyError(f"{address} is no address of a proxy; write 10.0.0.7 or 10.0.0.0/24.") from None


def under_prefix(prefix: str, scope: Scope) -> Scope:
    """The request below a path prefix, whether the proxy took the prefix off or left it on."""
    if not prefix:
        return scope
    path = scope["path"]
    whole = path if path == prefix or path.startswith(prefix + "/") else prefix + path
    return {**scope, "path": whole, "root_path": prefix}


def prefix_of(text: str) -> str:
    """A path prefix as it is used: `chamber/` becomes `/chamber`, `/` nothing. Raises `ProxyError`."""
    parts = [part for part in text.split("/") if part]
    if any(part in (".", "..") or not part.replace("-", "").replace("_", "").isalnum() for part in parts):
        raise ProxyError(f"{text} is no path prefix; write /chamber.")
    return "".join(f"/{part}" for part in parts)
