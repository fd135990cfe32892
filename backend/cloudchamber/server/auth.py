"""By what right a request comes: the owner's key, or the secret of a share link in its path.

The key comes as `Authorization: Bearer KEY`, or once as `/?token=KEY`, which is answered by a
cookie and the same address without it. A share link needs no cookie: everything under
`/s/SECRET/` has that link's right and no other, so several links do not get in each other's way.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from starlette._utils import get_route_path
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cloudchamber.server.admissions import Admissions
from cloudchamber.server.closing import CLOSE_CROWDED
from cloudchamber.server.keys import OwnerKey
from cloudchamber.server.limits import Buckets
from cloudchamber.server.rights import ACCESS_KEY, UNAUTHORISED, Access, Grant, Refusal, Right, refuse

SHARE_PATH: Final = re.compile(r"/s/([A-Za-z0-9_-]{16,64})(/.*)?", re.S)
TOKEN: Final = "token"  # noqa: S105
OWNER: Final = Grant("owner")

GUESSES: Final = (10 / 60, 10.0)
"""Wrong keys a second and at once, from one address."""
REQUESTS: Final[dict[Right | None, tuple[float, float]]] = {
    "owner": (500.0, 2000.0),
    "controller": (200.0, 1000.0),
    "viewer": (200.0, 1000.0),
    None: (200.0, 1000.0),
}
"""HTTP requests a second and at once, by right: from one address, by one link. Of who has no right, sockets
that are to be refused too."""
SOCKETS: Final = 512
"""WebSockets open at once from one address by one link, said hello or not. More than there is room for
viewers: who comes again finds a place before the connection that it lost is known to be gone."""
CROWDED: Final = Refusal(CLOSE_CROWDED, 429, "Too many connections are open by this link.")
SLOW_DOWN: Final = "Too many requests; wait a little."


class Auth:
    """ASGI middleware: finds out by what right a request comes, for the routes to judge."""

    def __init__(self, app: ASGIApp, *, key: OwnerKey, admissions: Admissions, port: int = 0) -> None:
        self._app = app
        self._key = key
        self._admissions = admissions
        self.cookie_name = f"cloudchamber-{port}"
        self._guesses = Buckets(*GUESSES)
        self._sockets: Counter[tuple[str, str]] = Counter()
        self._requests = {right: Buckets(*limit) for right, limit in REQUESTS.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        answer = self._answer(scope)
        if isinstance(answer, Response):
            await answer(scope, receive, send)
            return
        scope = answer
        access: Access = scope[ACCESS_KEY]
        path = get_route_path(scope)
        if isinstance(access, Grant) and scope["type"] == "websocket":
            await self._hold(access, scope, receive, send)
        elif not self._may_ask(access, scope):
            await _too_many()(scope, receive, send)
        elif isinstance(access, Refusal) and path.startswith("/api/"):  # be there such a route or not
            await refuse(access, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _hold(self, grant: Grant, scope: Scope, receive: Receive, send: Send) -> None:
        """A socket, for as long as it is open."""
        whose = (grant.share, _address(scope))
        if self._sockets[whose] >= SOCKETS:
            await refuse(CROWDED, scope, receive, send)
            return
        self._sockets[whose] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._sockets[whose] -= 1
            if not self._sockets[whose]:
                del self._sockets[whose]

    def _answer(self, scope: Scope) -> Response | Scope:
        """The request with its access found out; or an answer that is due before that."""
        path = get_route_path(scope)
        shared = SHARE_PATH.fullmatch(path)
        if shared:
            secret, rest = shared.groups()
            if rest is None and scope["type"] == "http":
                return _elsewhere(f"{secret}/", scope["query_string"].decode("latin-1"))
            root = f"{scope.get('root_path', '')}/s/{secret}"
            return {**scope, "root_path": root, ACCESS_KEY: self._admissions.admit(secret)}
        if scope["type"] == "http" and not path:  # the prefix without its slash: relative addresses need it
            last = str(scope["root_path"]).rpartition("/")[2]
            return _elsewhere(f"{last}/", scope["query_string"].decode("latin-1"))
        if scope["type"] == "http" and path == "/" and scope["method"] in ("GET", "HEAD"):
            query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            if any(name == TOKEN for name, _ in query):
                return self._sign_in(scope, query)
        access = self._own(scope)
        return _too_many() if access is None else {**scope, ACCESS_KEY: access}

    def _own(self, scope: Scope) -> Access | None:
        """What the key or the cookie gives; None to one who guesses."""
        headers = Headers(scope=scope)
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._judge(scope, credentials.strip())
        return OWNER if any(map(self._key.fits_cookie, self._cookies(headers))) else UNAUTHORISED

    def _judge(self, scope: Scope, secret: str) -> Access | None:
        if not secret:
            return UNAUTHORISED
        guesses = self._guesses.of(_network(scope))
        if guesses.empty:
            return None
        if self._key.fits(secret):
            return OWNER
        guesses.try_take()
        return UNAUTHORISED

    def _sign_in(self, scope: Scope, query: list[tuple[str, str]]) -> Response:
        """The key in the address becomes a cookie, and leaves the address."""
        access = self._judge(scope, next(value for name, value in query if name == TOKEN))
        if access is None:
            return _too_many()
        rest = urlencode([(name, value) for name, value in query if name != TOKEN])
        root = str(scope.get("root_path", ""))
        response = _elsewhere("./", rest)
        if isinstance(access, Grant):
            response.set_cookie(
                self.cookie_name,
                self._key.cookie,
                path=quote(root) + "/",
                secure=scope["scheme"] == "https",
                httponly=True,
                samesite="strict",
            )
        return response

    def _cookies(self, headers: Headers) -> Iterator[str]:
        """All of our name: any program on this host name, whatever its port, may have put one beside ours."""
        for pair in "; ".join(headers.getlist("cookie")).split(";"):
            name, _, value = pair.strip().partition("=")
            if name == self.cookie_name:
                yield value

    def _may_ask(self, access: Access, scope: Scope) -> bool:
        if isinstance(access, Grant):
            return self._requests[access.right].of((access.share, _address(scope))).try_take()
        return self._requests[None].of(_network(scope)).try_take()


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _network(scope: Scope) -> str:
    """Whose guesses are counted together: with IPv6 everybody has as many addresses as he likes."""
    address = _address(scope)
    with suppress(ValueError):
        return str(ipaddress.IPv6Network((address.partition("%")[0], 64), strict=False))
    return address


def _elsewhere(path: str, query: str) -> Response:
    """To a relative address, which holds under any path prefix."""
    headers = {"cache-control": "no-store"}
    return RedirectResponse(path + (f"?{query}" if query else ""), 303, headers)


def _too_many() -> Response:
    return PlainTextResponse(
        SLOW_DOWN + "\n", 429, headers={"retry-after": "10", "cache-control": "no-store"}
    )
