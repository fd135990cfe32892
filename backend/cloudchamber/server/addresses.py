"""The addresses and names by which this machine is reached."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

import psutil


def own_addresses() -> list[str]:
    """IP addresses of this machine's interfaces, those for others first, loopback last."""
    found: set[ipaddress.IPv4Address | ipaddress.IPv6Address] = set()
    for interface in psutil.net_if_addrs().values():
        for item in interface:
            if item.family in (socket.AF_INET, socket.AF_INET6):
                address = ipaddress.ip_address(item.address.partition("%")[0])
                if not address.is_link_local:
                    found.add(address)
    return [str(address) for address in sorted(found, key=lambda a: (a.is_loopback, a.version, a))]


def own_names() -> list[str]:
    """Names under which this machine may be asked for."""
    name = socket.gethostname().lower()
    return ["localhost", name] if "." in name else ["localhost", name, f"{name}.local"]


def bases(scheme: str, host: str, port: int, names: Iterable[str], prefix: str) -> tuple[str, ...]:
    """Addresses of the page that others can open; none if the server is bound to loopback."""
    bound = _address(host)
    if bound is not None and bound.is_unspecified:
        hosts = [address for address in own_addresses() if not ipaddress.ip_address(address).is_loopback]
        if bound.version == 4:
            hosts = [address for address in hosts if ":" not in address]
    elif (bound is not None and bound.is_loopback) or host == "localhost":
        hosts = []
    else:
        hosts = [host]
    return tuple(f"{scheme}://{in_url(name)}:{port}{prefix}/" for name in (*names, *hosts))


def in_url(host: str) -> str:
    """A host as a URL has it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
