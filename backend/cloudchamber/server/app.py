"""The ASGI application: one session behind a gate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route

from cloudchamber.server import routes, session_routes, shares_routes
from cloudchamber.server.admissions import Admissions
from cloudchamber.server.auth import Auth
from cloudchamber.server.keys import OwnerKey
from cloudchamber.server.reach import Reach
from cloudchamber.server.rights import guarded, guarded_socket
from cloudchamber.server.security import Gate
from cloudchamber.server.session import Session
from cloudchamber.server.session_watch import Onlookers
from cloudchamber.server.stream import stream
from cloudchamber.sessions.shares import Shares


def routes_of(page: Path) -> list[BaseRoute]:
    """Every route. Open to all are only health, and the page's own files, which hold no data."""
    return [
        Route("/healthz", routes.health),
        guarded("/api/models", routes.models, "owner"),
        guarded("/api/vocabulary/{hash}", routes.vocabulary, "viewer"),
        guarded("/api/positions/{hash}/{method}", routes.positions, "viewer"),
        *session_routes.ROUTES,
        *shares_routes.ROUTES,
        guarded_socket("/stream", stream, "viewer"),
        Mount("/", routes.PageFiles(page)),
    ]


def create_app(
    session: Session,
    *,
    key: OwnerKey | None = None,
    reach: Reach | None = None,
    shares: Shares | None = None,
    page: Path = routes.PAGE,
) -> Starlette:
    """The application for one session. It starts and closes the session with itself.

    Without a key it makes one that nobody knows; without shares it forgets its links.
    """
    reach = reach or Reach()
    admissions = Admissions(shares or Shares())

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        if session.store is not None:
            session.store.in_use.append(app.state.onlookers.sessions)
            session.store.on_gone = lambda gone: _on(loop, admissions.revoke_session, gone)
        await session.start()
        try:
            yield
        finally:
            await session.close()
            admissions.shares.close()

    app = Starlette(
        routes=routes_of(page),
        middleware=[
            Middleware(Gate, reach=reach),
            Middleware(Auth, key=key or OwnerKey(), admissions=admissions, port=reach.port),
        ],
        lifespan=lifespan,
    )
    app.state.session = session
    app.state.page = page
    app.state.encodings = routes.EncodingCache()
    app.state.reach = reach
    app.state.admissions = admissions
    app.state.onlookers = Onlookers()
    return app


def _on(loop: asyncio.AbstractEventLoop, do: Callable[[str], None], session: str) -> None:
    with suppress(RuntimeError):  # it has ended
        loop.call_soon_threadsafe(do, session)
