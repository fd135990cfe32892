"""The HTTP side: health, models, what is fetched once by its hash, and the page."""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import zstandard
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from cloudchamber import __version__
from cloudchamber.model.positions import METHODS
from cloudchamber.server.rights import LIVE, Grant, access_of
from cloudchamber.server.security import is_local
from cloudchamber.server.session import Session

PAGE: Final = Path(__file__).parent / "page"
IMMUTABLE: Final = "public, max-age=31536000, immutable"
PRIVATELY: Final = IMMUTABLE.replace("public", "private")
"""Of what needs a right: no cache on the way may keep it for others."""
CODEC_TYPE: Final = "application/vnd.cloudchamber+msgpack"

NO_PAGE: Final = (
    "The page is not built. Run `make run` in a checkout, or `npm ci && npm run build --workspace frontend`; "
    "an installed package contains it.\n"
)


async def health(request: Request) -> Response:
    """200 once the page can be used: it is there, and the model has loaded or failed to. Where others reach
    the server too, which model that is is told to those who may see it."""
    session: Session = request.app.state.session
    page = has_page(request.app.state.page)
    usable = page and session.state != "starting"
    access = access_of(request.scope)
    may_know = is_local(request.app.state.reach) or (isinstance(access, Grant) and access.covers(LIVE))
    model = session.model_name if may_know else ""
    body = {"version": __version__, "model": model, "state": session.state, "page": page}
    return JSONResponse(body, 200 if usable else 503, headers={"cache-control": "no-store"})


async def models(request: Request) -> Response:
    """What can be loaded."""
    session: Session = request.app.state.session
    return JSONResponse({"models": await session.models()}, headers={"cache-control": "no-store"})


async def vocabulary(request: Request) -> Response:
    """The packed vocabulary of a hash."""
    session: Session = request.app.state.session
    name = request.path_params["hash"]
    return await _immutable(request, f"vocabulary {name}", lambda: session.vocabulary(name))


async def positions(request: Request) -> Response:
    """Particle positions of an embedding's hash, by one method."""
    session: Session = request.app.state.session
    name, method = request.path_params["hash"], request.path_params["method"]
    if method not in METHODS:
        return PlainTextResponse(f"Positions are made by {' or '.join(METHODS)}.\n", 404)
    return await _immutable(request, f"{method} {name}", lambda: session.positions(name, method))


async def _immutable(request: Request, key: str, get: Callable[[], Awaitable[bytes | None]]) -> Response:
    body = await get()
    if body is None:
        return PlainTextResponse("There is nothing by that hash (yet).\n", 404)
    cache: EncodingCache = request.app.state.encodings
    accepted = request.headers.get("accept-encoding", "")
    encoding, data = await cache.encoded(key, body, accepted)
    headers = {"cache-control": PRIVATELY, "vary": "accept-encoding"}
    if encoding:
        headers["content-encoding"] = encoding
    return Response(data, media_type=CODEC_TYPE, headers=headers)


class EncodingCache:
    """Compressed forms of immutable bodies, made once; a few are kept."""

    def __init__(self, capacity: int = 6) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    async def encoded(self, key: str, body: bytes, accepted: str) -> tuple[str, bytes]:
        """The best content coding the client takes, and the body in it."""
        encoding = best_encoding(accepted)
        if not encoding:
            return "", body
        kept = self._kept.get((encoding, key))
        if kept is None:
            kept = await asyncio.to_thread(_COMPRESS[encoding], body)
            self._kept[encoding, key] = kept
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return encoding, kept


def best_encoding(accepted: str) -> str:
    """zstd, gzip or nothing, of an `Accept-Encoding` value; a weight of 0 refuses."""
    offers: dict[str, float] = {}
    for item in accepted.split(","):
        name, _, weight = item.partition(";")
        text = weight.strip().removeprefix("q=")
        try:
            offers[name.strip().lower()] = float(text) if text else 1.0
        except ValueError:
            continue
    return next((name for name in _COMPRESS if offers.get(name, offers.get("*", 0.0)) > 0), "")


_COMPRESS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "zstd": lambda body: zstandard.ZstdCompressor(level=3).compress(body),
    "gzip": lambda body: gzip.compress(body, 4, mtime=0),
}


def has_page(directory: Path) -> bool:
    return (directory / "index.html").is_file()


class PageFiles(StaticFiles):
    """The built page. Files with a hash in their name never change; the rest is asked for anew."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory, html=True, check_dir=False)
        self._root = directory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await PlainTextResponse("The stream is at /stream.\n", 404)(scope, receive, send)
        elif not has_page(self._root):
            await PlainTextResponse(NO_PAGE, 503)(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if isinstance(
            response, RedirectResponse
        ):  # to the address asked for, with a slash: nothing here needs one
            raise HTTPException(404)
        hashed = path.startswith("assets/") and response.status_code in (200, 304)
        response.headers["cache-control"] = IMMUTABLE if hashed else "no-cache"
        return response
