"""Who may do what. Every route says which right it needs; see `guarded`.

An *owner* may do everything. A *controller* watches and runs commands. A *viewer* looks and
asks. The latter two come by a share link and reach only what the link is for: the live
chamber, or one kept session.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

type Right = Literal["viewer", "controller", "owner"]
RIGHTS: Final[tuple[Right, ...]] = get_args(Right.__value__)
"""From the least to the greatest."""

LIVE: Final = "live"
"""What a grant for the live chamber is of; any other word is a kept session's id."""

type Thing = Literal["live", "session", "any"]
"""What a route gives: of the live chamber, of the session whose `id` is in its path, or of neither."""

CLOSE_UNAUTHORISED: Final = 4010
"""No credentials, or wrong ones."""
CLOSE_EXPIRED: Final = 4011
"""The link's time is over."""
CLOSE_REVOKED: Final = 4012
"""The link was withdrawn."""
CLOSE_FORBIDDEN: Final = 4013
"""The credentials do not reach this far."""

ACCESS_KEY: Final = "cloudchamber.access"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a request may do."""

    right: Right
    of: str = ""
    """`LIVE`, a session's id, or empty for everything."""
    share: str = ""
    """Id of the share it comes from; empty for the owner's own."""
    until: float = math.inf
    """Unix time at which it ends."""

    def allows(self, right: Right) -> bool:
        return RIGHTS.index(self.right) >= RIGHTS.index(right)

    def covers(self, what: str) -> bool:
        """Whether it reaches `LIVE` or the session of this id."""
        return self.of in ("", what)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no grant; `close` is the WebSocket's code, `status` HTTP's."""

    close: int
    status: int
    sentence: str


UNAUTHORISED: Final = Refusal(
    CLOSE_UNAUTHORISED,
    401,
    "This needs a key. Open the address that the server printed when it started, or a link that was shared.",
)
EXPIRED: Final = Refusal(CLOSE_EXPIRED, 410, "This link has expired. Ask whoever shared it for a new one.")
REVOKED: Final = Refusal(CLOSE_REVOKED, 410, "This link was withdrawn. Ask whoever shared it for a new one.")
FORBIDDEN: Final = Refusal(CLOSE_FORBIDDEN, 403, "Your link does not reach this far.")

type Access = Grant | Refusal


def access_of(scope: Scope) -> Access:
    """What was found out about a request's credentials."""
    access: Access = scope.get(ACCESS_KEY, UNAUTHORISED)
    return access


def grant_of(scope: Scope) -> Grant:
    """The grant of a request that a guarded route has let in."""
    access = access_of(scope)
    assert isinstance(access, Grant)
    return access


class Needs:
    """ASGI middleware of one route: lets in who has the right to it."""

    def __init__(self, app: ASGIApp, *, right: Right, of: Thing) -> None:
        self._app = app
        self._right = right
        self._of = of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        access = access_of(scope)
        if isinstance(access, Grant):
            if access.allows(self._right) and self._reaches(access, scope):
                await self._app(scope, receive, send)
                return
            access = FORBIDDEN
        await refuse(access, scope, receive, send)

    def _reaches(self, grant: Grant, scope: Scope) -> bool:
        if self._of == "session":
            return grant.covers(str(scope["path_params"].get("id", "")))
        return self._of == "any" or grant.covers(LIVE)


async def refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Say no: with a status, or with a close code that a page can read."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": refusal.close, "reason": refusal.sentence})
        return
    headers = {"cache-control": "no-store"}
    if refusal.status == 401:
        headers["www-authenticate"] = "Bearer"
    await PlainTextResponse(refusal.sentence + "\n", refusal.status, headers)(scope, receive, send)


def guarded(
    path: str,
    endpoint: Callable[..., Any],
    right: Right,
    *,
    of: Thing = "live",
    methods: Sequence[str] = ("GET",),
) -> Route:
    """An HTTP route for those who have `right` to it."""
    needs = Middleware(Needs, right=right, of=of)
    return Route(path, endpoint, methods=list(methods), middleware=[needs])


def guarded_socket(
    path: str, endpoint: Callable[..., Any], right: Right, *, of: Thing = "live"
) -> WebSocketRoute:
    """A WebSocket route for those who have `right` to it."""
    return WebSocketRoute(path, endpoint, middleware=[Middleware(Needs, right=right, of=of)])
