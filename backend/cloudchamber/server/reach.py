"""How the server is reached."""

from __future__ import annotations

from dataclasses import dataclass, field

from cloudchamber.server.proxy import Proxies


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """By which addresses and through what requests come."""

    host: str = "127.0.0.1"
    """Address the server is bound to."""
    port: int = 0
    names: tuple[str, ...] = ()
    """Further names it is reached by."""
    tls: bool = False
    """It speaks https itself."""
    prefix: str = ""
    """Path prefix under which a proxy shows it."""
    proxies: Proxies = field(default_factory=Proxies)
    bases: tuple[str, ...] = ()
    """Addresses of the page that others can open."""
