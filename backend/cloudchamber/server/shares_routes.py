"""Share links over HTTP: made, listed, withdrawn by the owner; and their picture as a QR code."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Final

import segno
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from cloudchamber.server.admissions import Admissions
from cloudchamber.server.reach import Reach
from cloudchamber.server.rights import LIVE, grant_of, guarded
from cloudchamber.sessions import archive
from cloudchamber.sessions.shares import Share, SharedRight, SharesError

MAX_BODY: Final = 4096
LONGEST_HOURS: Final = 24 * 30.0
SHORTEST_HOURS: Final = 1 / 60
LONGEST_QR: Final = 600
NOT_STORED: Final = {"cache-control": "no-store"}


class BodyError(ValueError):
    """A body that can't be obeyed; the text is a sentence for the sender."""


@dataclass(frozen=True, slots=True)
class _Wish:
    session: str
    right: SharedRight
    hours: float


async def access(request: Request) -> Response:
    """What the asker may do."""
    grant = grant_of(request.scope)
    expires = None if not grant.share else grant.until
    body = {"right": grant.right, "session": grant.of, "expires": expires}
    return JSONResponse(body, headers=NOT_STORED)


async def shares(request: Request) -> Response:
    """Links that are valid, and the addresses under which others reach the page."""
    admissions: Admissions = request.app.state.admissions
    reach: Reach = request.app.state.reach
    listed = [_said(admissions, share) for share in admissions.shares.valid()]
    return JSONResponse({"bases": reach.bases, "shares": listed}, headers=NOT_STORED)


async def make_share(request: Request) -> Response:
    """A new link. Its secret is in the answer and nowhere else."""
    admissions: Admissions = request.app.state.admissions
    try:
        wish = _wish(await _json(request))
        if (store := request.app.state.session.store) is not None and store.only_read:
            raise BodyError("A session's file is on show: pass that on as it is.")
        if wish.session != LIVE and not await _is_kept(request, wish.session):
            raise BodyError("There is no session of that id.")
        share, secret = admissions.shares.make(
            session=wish.session, right=wish.right, seconds=wish.hours * 3600
        )
    except (BodyError, SharesError) as error:
        return PlainTextResponse(f"{error}\n", 400, NOT_STORED)
    query = "" if share.session == LIVE else f"?session={share.session}"
    body = {**_said(admissions, share), "path": f"s/{secret}/{query}"}
    return JSONResponse(body, 201, headers=NOT_STORED)


async def end_share(request: Request) -> Response:
    """Withdraw a link, and let go whoever came by it."""
    admissions: Admissions = request.app.state.admissions
    if not admissions.revoke(request.path_params["share"]):
        return PlainTextResponse("There is no such link (any more).\n", 404, NOT_STORED)
    return Response(status_code=204, headers=NOT_STORED)


async def qr(request: Request) -> Response:
    """The QR code of a text: `rows` of 0 and 1, the light border left to the drawer."""
    try:
        body = await _json(request)
        text = body.get("text")
        if not isinstance(text, str) or not 0 < len(text) <= LONGEST_QR:
            raise BodyError(f"A text of 1 to {LONGEST_QR} characters is needed.")
        matrix = segno.make_qr(text, error="m", boost_error=False).matrix
    except (BodyError, segno.DataOverflowError) as error:
        return PlainTextResponse(f"{error}\n", 400, NOT_STORED)
    except UnicodeEncodeError:
        return PlainTextResponse("A lone surrogate is no text.\n", 400, NOT_STORED)
    rows = ["".join(str(int(cell)) for cell in row) for row in matrix]
    return JSONResponse({"rows": rows}, headers=NOT_STORED)


ROUTES: Final = [
    guarded("/api/access", access, "viewer", of="any"),
    guarded("/api/shares", shares, "owner"),
    guarded("/api/shares", make_share, "owner", methods=["POST"]),
    guarded("/api/shares/{share}", end_share, "owner", methods=["DELETE"]),
    guarded("/api/qr", qr, "owner", methods=["POST"]),
]


def _said(admissions: Admissions, share: Share) -> dict[str, object]:
    return {
        "id": share.id,
        "right": share.right,
        "session": share.session,
        "created": share.created,
        "expires": share.expires,
        "viewers": admissions.viewers(share.id),
    }


async def _is_kept(request: Request, session_id: str) -> bool:
    """Whether a kept session of this id can be shared."""
    store = request.app.state.session.store
    if store is None or not archive.is_session_id(session_id):
        return False
    return await asyncio.to_thread(store.info, session_id) is not None


def _wish(body: dict[str, Any]) -> _Wish:
    unknown = body.keys() - {"session", "right", "hours"}
    if unknown:
        raise BodyError(f"There is no field {min(unknown)!r} in a link.")
    session, right, hours = body.get("session", LIVE), body.get("right", "viewer"), body.get("hours", 24)
    if not isinstance(session, str) or not 0 < len(session) <= 64:
        raise BodyError("A session is named by its id, or by 'live'.")
    if right not in ("viewer", "controller"):
        raise BodyError("A link's right is 'viewer' or 'controller'.")
    if right == "controller" and session != LIVE:
        raise BodyError("A kept session can only be looked at.")
    if isinstance(hours, bool) or not isinstance(hours, int | float):
        raise BodyError("The hours of a link are a number.")
    if not SHORTEST_HOURS <= hours <= LONGEST_HOURS:
        raise BodyError(f"A link is valid for a minute at least and {LONGEST_HOURS:.0f} hours at most.")
    return _Wish(session, right, float(hours))


async def _json(request: Request) -> dict[str, Any]:
    """A small JSON object. Raises `BodyError`."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise BodyError("The body must be application/json.")
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY:
            raise BodyError(f"The body is longer than {MAX_BODY} bytes.")
    try:
        body = json.loads(bytes(data))
    except (ValueError, RecursionError):
        raise BodyError("The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise BodyError("The body must be a JSON object.")
    return body
