"""Kept sessions over HTTP: their list, their parts, and what an owner may change.

GET    api/sessions                    {sessions: [...], used, limit, recording, changeable}
POST   api/sessions/{id}               {"title": "..."} or {"pinned": true}
DELETE api/sessions/{id}
GET    api/sessions/{id}/parts/{name}  one part, as `sessions/archive.py` has it
       api/sessions/{id}/watch         a WebSocket for as long as it is looked at
"""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import json
from collections.abc import Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from cloudchamber.server.rights import guarded, guarded_socket
from cloudchamber.server.routes import CODEC_TYPE, best_encoding
from cloudchamber.server.session import Session
from cloudchamber.server.session_watch import watch
from cloudchamber.sessions import archive
from cloudchamber.sessions.store import Store
from cloudchamber.sessions.store_archive import ZSTD
from cloudchamber.sessions.store_schema import StoreError

PART_FOREVER: Final = "private, max-age=31536000, immutable"
MAX_CHANGE_BYTES: Final = 4096
GZIP_FROM: Final = 1024
"""Bytes from which on compression is worth it for a client without zstd."""

_NONE: Final = "There is no such session.\n"


async def sessions(request: Request) -> Response:
    """All kept sessions in brief, newest first, and whether runs are added to them."""
    store, recording = _store(request), request.app.state.session.records
    if store is None:
        return _json({"sessions": [], "used": 0, "limit": 0, "recording": recording, "changeable": False})

    def read() -> dict[str, Any]:
        listed = [dataclasses.asdict(info) for info in store.list()]
        return {
            "sessions": listed,
            "used": store.used,
            "limit": store.keep_bytes,
            "recording": recording,
            "changeable": not store.only_read,
        }

    return await _answer(lambda: _json(read()))


async def change(request: Request) -> Response:
    """A new title, or pinned or not."""
    store, session = _store(request), request.path_params["id"]
    if store is None or not archive.is_session_id(session):
        return PlainTextResponse(_NONE, 404)
    asked = await _asked(request)
    if asked is None:
        return PlainTextResponse('Send {"title": "..."} or {"pinned": true} as JSON.\n', 400)

    def write() -> Response:
        done = True
        if isinstance(title := asked.get("title"), str):
            done = store.rename(session, title)
        if isinstance(pinned := asked.get("pinned"), bool):
            done = store.pin(session, pinned)
        info = store.info(session) if done else None
        return PlainTextResponse(_NONE, 404) if info is None else _json(dataclasses.asdict(info))

    return await _answer(write)


async def _asked(request: Request) -> dict[str, Any] | None:
    """The body, if it is a change: known fields of the right types, and at least one."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_CHANGE_BYTES:
            return None
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return None
    types: dict[str, type] = {"title": str, "pinned": bool}
    known = isinstance(asked, dict) and all(
        name in types and isinstance(value, types[name]) for name, value in asked.items()
    )
    return asked if known and asked else None


async def delete(request: Request) -> Response:
    """Forget a session that isn't recorded just now; its links go with it."""
    store, session = _store(request), request.path_params["id"]
    if store is None or not archive.is_session_id(session):
        return PlainTextResponse(_NONE, 404)

    def remove() -> Response:
        info = store.info(session)
        if info is None:
            return PlainTextResponse(_NONE, 404)
        if not store.delete(session):
            return PlainTextResponse("This session still runs; stop it first.\n", 409)
        return Response(status_code=204)

    return await _answer(remove)


async def part(request: Request) -> Response:
    """One part. Those of a complete session never change, but for the manifest."""
    store, session, name = _store(request), request.path_params["id"], request.path_params["name"]
    if store is None or not archive.is_session_id(session) or not archive.is_part_name(name):
        return PlainTextResponse("There is no such part.\n", 404)
    accepted = request.headers.get("accept-encoding", "")
    return await _answer(lambda: _part(store, session, name, best_encoding(accepted)))


def _part(store: Store, session: str, name: str, encoding: str) -> Response:
    kept = store.archive(session)
    final = kept is not None and name != archive.MANIFEST and kept.is_complete
    stored = None if kept is None else kept.stored(name)
    if kept is not None and stored is not None and stored[0] == encoding == ZSTD:
        data: bytes | None = stored[1]
    else:
        data = None if kept is None else kept.part(name)
        # What is not in zstd is made on the spot, or asked for by an old client.
        encoding = "gzip" if encoding and data is not None and len(data) >= GZIP_FROM else ""
        if encoding and data is not None:
            data = gzip.compress(data, 1, mtime=0)
    if data is None:
        return PlainTextResponse("There is no such part (yet).\n", 404, headers={"cache-control": "no-store"})
    headers = {"cache-control": PART_FOREVER if final else "no-store", "vary": "accept-encoding"}
    if encoding:
        headers["content-encoding"] = encoding
    return Response(data, media_type=CODEC_TYPE, headers=headers)


def _store(request: Request) -> Store | None:
    session: Session = request.app.state.session
    return session.store


def _json(body: dict[str, Any]) -> Response:
    return JSONResponse(body, headers={"cache-control": "no-store"})


async def _answer(work: Callable[[], Response]) -> Response:
    """Do what touches the disk on a thread, and say so if the store fails."""
    try:
        return await asyncio.to_thread(work)
    except StoreError as error:
        return PlainTextResponse(f"{error}\n", 503, headers={"cache-control": "no-store"})


ROUTES: Final = (
    guarded("/api/sessions", sessions, "owner", of="any"),
    guarded("/api/sessions/{id}", change, "owner", of="session", methods=["POST"]),
    guarded("/api/sessions/{id}", delete, "owner", of="session", methods=["DELETE"]),
    guarded("/api/sessions/{id}/parts/{name:path}", part, "viewer", of="session"),
    guarded_socket("/api/sessions/{id}/watch", watch, "viewer", of="session"),
)
