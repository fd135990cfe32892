"""The ASGI application: one session behind a gate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route, WebSocketRoute

from cloudchamber.server import routes, session_routes
from cloudchamber.server.security import Gate
from cloudchamber.server.session import Session
from cloudchamber.server.stream import stream


def create_app(
    session: Session,
    *,
    host: str = "127.0.0.1",
    names: Iterable[str] = (),
    page: Path = routes.PAGE,
) -> Starlette:
    """The application for one session. It starts and closes the session with itself."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await session.start()
        try:
            yield
        finally:
            await session.close()

    app = Starlette(
        routes=[
            Route("/healthz", routes.health),
            Route("/api/models", routes.models),
            Route("/api/vocabulary/{hash}", routes.vocabulary),
            Route("/api/positions/{hash}/{method}", routes.positions),
            *session_routes.ROUTES,
            WebSocketRoute("/stream", stream),
            Mount("/", routes.PageFiles(page)),
        ],
        middleware=[Middleware(Gate, host=host, names=tuple(names))],
        lifespan=lifespan,
    )
    app.state.session = session
    app.state.page = page
    app.state.encodings = routes.EncodingCache()
    return app
