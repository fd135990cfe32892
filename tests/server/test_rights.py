"""Every route, HTTP and WebSocket, against every kind of credentials. Nobody gets more than is theirs."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import Message
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from cloudchamber.server import rights
from cloudchamber.server.admissions import Admissions
from cloudchamber.server.app import routes_of
from cloudchamber.server.auth import Auth
from cloudchamber.server.keys import OwnerKey
from cloudchamber.server.proxy import Proxies
from cloudchamber.server.reach import Reach
from cloudchamber.server.rights import RIGHTS, Needs, Right
from cloudchamber.sessions.shares import Shares
from tests.server.serving import OWNER, SECRET, DrivenSession, serving

KEPT, OTHER = "0123456789abcdef", "fedcba9876543210"
ALL = routes_of(Path())
OPEN = {"/healthz", ""}
"""What answers anybody: health, and the mount of the page's files, which hold no data."""
VALUES = {"hash": "abc", "method": "pca", "id": KEPT, "name": "manifest", "share": "0123456789abcdef"}


def path_of(route: Route | WebSocketRoute) -> str:
    return re.sub(r"{(\w+)(:\w+)?}", lambda match: VALUES[match[1]], route.path)


def needs_of(route: Route | WebSocketRoute) -> dict[str, str]:
    """The right a route says it needs."""
    guard = route.app
    assert isinstance(guard, Needs), f"{route.path} is open to all"
    return {"right": guard._right, "of": guard._of}


HTTP = [
    (method, route)
    for route in ALL
    if isinstance(route, Route) and route.path not in OPEN
    for method in sorted(route.methods or ())
]
SOCKETS = [route for route in ALL if isinstance(route, WebSocketRoute)]


class Links:
    """One link of each kind, as path prefixes."""

    def __init__(self, shares: Shares) -> None:
        def link(session: str, right: rights.Right, seconds: float = 3600) -> str:
            assert right != "owner"
            share, secret = shares.make(session=session, right=right, seconds=seconds)
            self.ids[secret] = share.id
            return f"/s/{secret}"

        self.ids: dict[str, str] = {}
        self.viewer = link("live", "viewer")
        self.controller = link("live", "controller")
        self.kept = link(KEPT, "viewer")
        self.other = link(OTHER, "viewer")
        self.expired = link("live", "controller", seconds=-1)
        self.revoked = link("live", "controller")
        shares.revoke(self.ids[self.revoked.removeprefix("/s/")])


@pytest.fixture(scope="module")
def links_and_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Links, str]]:
    page = tmp_path_factory.mktemp("page")
    (page / "index.html").write_text("<!doctype html>the page")
    shares = Shares(page / "shares.db")
    with serving(DrivenSession(), page, shares) as address:
        other = Shares(page / "shares.db")
        yield Links(other), address
        other.close()


@pytest.fixture
def links(links_and_address: tuple[Links, str]) -> Links:
    return links_and_address[0]


@pytest.fixture
def address(links_and_address: tuple[Links, str]) -> str:
    return links_and_address[1]


def status(method: str, url: str, headers: dict[str, str] | None = None) -> int:
    return httpx.request(method, url, headers=headers).status_code


def test_each_route_says_what_it_needs() -> None:
    for route in ALL:
        if isinstance(route, Mount):
            assert route.path in OPEN
        elif isinstance(route, Route | WebSocketRoute):
            assert route.path in OPEN or needs_of(route)["right"] in RIGHTS
        else:
            pytest.fail(f"{route} is of a kind this test can't judge")
    assert len(HTTP) > 12
    assert len(SOCKETS) == 2


@pytest.mark.parametrize(("method", "route"), HTTP, ids=lambda value: getattr(value, "path", value))
def test_nobody_gets_anything_without_right_credentials(
    method: str, route: Route, address: str, links: Links
) -> None:
    url = f"http://{address}{path_of(route)}"
    for headers in (
        {},
        {"authorization": "Bearer"},
        {"authorization": f"Basic {OWNER['authorization'].partition(' ')[2]}"},
        {"cookie": f"cloudchamber-{address.rpartition(':')[2]}=wrong"},
        {"cookie": f"cloudchamber-{address.rpartition(':')[2]}="},
        {"cookie": f"cloudchamber-{address.rpartition(':')[2]}={OWNER['authorization'].partition(' ')[2]}"},
    ):
        answer = httpx.request(method, url, headers=headers)
        assert answer.status_code == 401, (headers, answer.text)
        assert "token" not in answer.text
        assert answer.headers["www-authenticate"] == "Bearer"
    path = path_of(route)
    assert status(method, f"http://{address}/s/{'x' * 24}{path}") == 401
    assert status(method, f"http://{address}{links.expired}{path}") == 410
    assert status(method, f"http://{address}{links.revoked}{path}") == 410
    # A link's right is not raised by the owner's credentials beside it.
    assert status(method, f"http://{address}{links.expired}{path}", OWNER) == 410


@pytest.mark.parametrize(("method", "route"), HTTP, ids=lambda value: getattr(value, "path", value))
def test_a_link_reaches_as_far_as_its_right_and_no_further(
    method: str, route: Route, address: str, links: Links
) -> None:
    needs = needs_of(route)
    path = path_of(route)
    reached: dict[str, tuple[Right, set[str]]] = {
        links.viewer: ("viewer", {"live", "any"}),
        links.controller: ("controller", {"live", "any"}),
        links.kept: ("viewer", {"session", "any"}),
        links.other: ("viewer", {"any"}),
    }
    for link, (right, of) in reached.items():
        enough = RIGHTS.index(right) >= RIGHTS.index(needs["right"])
        code = status(method, f"http://{address}{link}{path}")
        assert (code != 403) == (enough and needs["of"] in of), (link, code)
        assert code != 401
    assert status(method, f"http://{address}{path}", OWNER) not in (401, 403)


async def socket_code(url: str, headers: dict[str, str] | None = None) -> tuple[int, int]:
    """How many messages came, and the close code; 0 if it stays open."""
    heard = 0
    async with connect(url, additional_headers=headers, compression=None) as socket:
        try:
            async with asyncio.timeout(0.5):
                while True:
                    await socket.recv()
                    heard += 1
        except TimeoutError:
            return heard, 0
        except ConnectionClosed:
            return heard, socket.close_code or 0


@pytest.mark.parametrize("route", SOCKETS, ids=lambda route: route.path)
def test_sockets_say_nothing_without_right_credentials(
    route: WebSocketRoute, address: str, links: Links
) -> None:
    path = path_of(route)
    live = needs_of(route)["of"] == "live"
    refused = {
        f"ws://{address}{path}": rights.CLOSE_UNAUTHORISED,
        f"ws://{address}/s/{'x' * 24}{path}": rights.CLOSE_UNAUTHORISED,
        f"ws://{address}{links.expired}{path}": rights.CLOSE_EXPIRED,
        f"ws://{address}{links.revoked}{path}": rights.CLOSE_REVOKED,
        f"ws://{address}{links.other}{path}": rights.CLOSE_FORBIDDEN,
        f"ws://{address}{links.kept if live else links.viewer}{path}": rights.CLOSE_FORBIDDEN,
    }
    for url, code in refused.items():
        assert asyncio.run(socket_code(url)) == (0, code), url
    assert asyncio.run(socket_code(f"ws://{address}{path}", {"authorization": "Bearer no"})) == (0, 4010)
    for link in [links.viewer, links.controller] if live else [links.kept]:
        assert asyncio.run(socket_code(f"ws://{address}{link}{path}"))[1] == 0
    assert asyncio.run(socket_code(f"ws://{address}{path}", OWNER))[1] == 0


def test_origins_are_judged_before_a_socket_opens_by_a_link(address: str, links: Links) -> None:
    async def run() -> int:
        try:
            async with connect(f"ws://{address}{links.viewer}/stream", origin=Origin("http://evil.example")):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    assert asyncio.run(run()) == 403


def test_deflate_is_never_negotiated(address: str, links: Links) -> None:
    async def run() -> str:
        async with connect(f"ws://{address}{links.viewer}/stream", compression="deflate") as socket:
            assert socket.response is not None
            return socket.response.headers.get("sec-websocket-extensions", "")

    assert asyncio.run(run()) == ""


@pytest.mark.parametrize(
    "reach", [Reach(names=("cloud.example",)), Reach(prefix="/cloud"), Reach(proxies=Proxies(["10.0.0.1"]))]
)
def test_who_comes_from_elsewhere_without_a_link_is_told_of_no_model(reach: Reach, tmp_path: Path) -> None:
    shares = Shares()
    links = Links(shares)
    with serving(DrivenSession(), tmp_path, shares, reach) as address:
        for prefix, model in (("", ""), (links.revoked, ""), (links.kept, ""), (links.viewer, "Tiny")):
            assert httpx.get(f"http://{address}{prefix}/healthz").json()["model"] == model


def test_the_page_and_health_are_open(address: str, links: Links) -> None:
    for prefix in ("", links.viewer, f"/s/{'x' * 24}", links.revoked):
        assert "the page" in httpx.get(f"http://{address}{prefix}/").text
        health = httpx.get(f"http://{address}{prefix}/healthz").json()
        assert health.keys() == {"version", "model", "state", "page"}
        assert health["model"] == "Tiny"
    slashless = httpx.get(f"http://{address}{links.viewer}?step=3")
    assert slashless.status_code == 303
    assert str(httpx.URL(str(slashless.url)).join(slashless.headers["location"])) == (
        f"http://{address}{links.viewer}/?step=3"
    )


def test_a_link_in_a_link_is_none(address: str, links: Links) -> None:
    assert status("GET", f"http://{address}{links.expired}{links.controller}/api/access") == 404


# ---------------------------------------------------------------------------- the owner's key


def test_the_key_in_the_address_becomes_a_cookie_and_leaves(address: str) -> None:
    secret = OWNER["authorization"].partition(" ")[2]
    with httpx.Client(base_url=f"http://{address}") as client:
        answer = client.get("/", params={"view": "hud", "token": secret, "step": "3"})
        assert answer.status_code == 303
        assert answer.headers["location"] == "./?view=hud&step=3"
        cookie = answer.headers["set-cookie"]
        assert f"cloudchamber-{address.rpartition(':')[2]}=" in cookie
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert "Path=/" in cookie
        assert secret not in cookie
        assert "Secure" not in cookie  # over http, and loopback
        assert client.get("/api/access").json() == {"right": "owner", "session": "", "expires": None}
    wrong = httpx.get(f"http://{address}/?token=wrong")
    assert (wrong.status_code, "set-cookie" in wrong.headers) == (303, False)


def test_a_cookie_that_another_program_put_beside_ours_takes_nothing_away(address: str) -> None:
    """Cookies are of a host name, whatever the port."""
    name, ours = f"cloudchamber-{address.rpartition(':')[2]}", OwnerKey(SECRET).cookie
    for cookies in (f"{name}=x; {name}={ours}", f"{name}={ours}; {name}=x", f"a=b;{name}=;{name}={ours}"):
        assert status("GET", f"http://{address}/api/access", {"cookie": cookies}) == 200
    assert status("GET", f"http://{address}/api/access", {"cookie": f"{name}=x; x{name}={ours}"}) == 401


def test_who_guesses_is_made_to_wait_and_who_knows_is_not_let_in_then(tmp_path: Path) -> None:
    with serving(DrivenSession(), tmp_path) as address:
        guessed = [status("GET", f"http://{address}/?token={n}") for n in range(14)]
        assert guessed == [303] * 10 + [429] * 4
        assert status("GET", f"http://{address}/api/access", {"authorization": "Bearer x"}) == 429
        # By cookie nobody guesses: it has 256 bits.
        assert status("GET", f"http://{address}/api/access") == 401


def test_who_asks_too_much_by_a_link_is_slowed_and_the_owner_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cloudchamber.server import auth

    monkeypatch.setitem(auth.REQUESTS, "viewer", (0.01, 5))
    shares = Shares(tmp_path / "shares.db")
    _, secret = shares.make(session="live", right="viewer", seconds=60)
    with serving(DrivenSession(), tmp_path, shares) as address:
        codes = [status("GET", f"http://{address}/s/{secret}/api/access") for _ in range(8)]
        assert codes == [200] * 5 + [429] * 3
        assert status("GET", f"http://{address}/api/access", OWNER) == 200


def test_who_has_no_right_is_slowed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cloudchamber.server import auth

    monkeypatch.setitem(auth.REQUESTS, None, (0.01, 6))
    with serving(DrivenSession(), tmp_path) as address:
        codes = [status("GET", f"http://{address}{path}") for path in ("/healthz", "/api/access") * 2]
        assert codes == [503, 401] * 2  # there is no page
        assert asyncio.run(socket_code(f"ws://{address}/stream"))[1] == rights.CLOSE_UNAUTHORISED
        assert status("GET", f"http://{address}/s/{'x' * 24}/api/access") == 401
        assert status("GET", f"http://{address}/s/{'y' * 24}/api/access") == 429
        with pytest.raises(InvalidStatus, match="429"):
            asyncio.run(socket_code(f"ws://{address}/stream"))
        assert status("GET", f"http://{address}/api/access", OWNER) == 200


def test_guesses_from_one_network_count_together() -> None:
    """With IPv6 whoever has one address has 2^64."""
    guess = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b"token=x"}

    async def statuses(clients: list[str]) -> list[int]:
        said: list[int] = []

        async def send(message: Message) -> None:
            said.extend([message["status"]] if "status" in message else [])

        auth = Auth(no_app, key=OwnerKey(), admissions=Admissions(Shares()))
        for client in clients:
            await auth({**guess, "client": (client, 1), "scheme": "http"}, no_app, send)
        return said

    async def no_app(*_: object) -> Any:
        raise AssertionError

    same = [f"2001:db8::{n:x}:{n:x}" for n in range(12)]
    assert asyncio.run(statuses(same)) == [303] * 10 + [429] * 2
    others = [f"2001:db8:0:{n:x}::1" for n in range(12)] + [f"10.0.0.{n}" for n in range(12)]
    assert asyncio.run(statuses(others)) == [303] * 24


def test_a_link_holds_so_many_sockets_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cloudchamber.server import auth, closing

    monkeypatch.setattr(auth, "SOCKETS", 3)
    shares = Shares(tmp_path / "shares.db")
    _, secret = shares.make(session="live", right="viewer", seconds=60)
    with serving(DrivenSession(), tmp_path, shares) as address:
        link, owner = f"ws://{address}/s/{secret}/stream", f"ws://{address}/stream"

        async def run() -> list[int]:
            held = [await connect(link, compression=None) for _ in range(3)]
            codes = [(await socket_code(link))[1], (await socket_code(owner, OWNER))[1]]
            await held[0].close()
            await asyncio.sleep(0.2)  # the server is told of it, too
            codes.append((await socket_code(link))[1])
            for socket in held:
                await socket.close()
            return codes

        assert asyncio.run(run()) == [closing.CLOSE_CROWDED, 0, 0]


def test_no_secret_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("INFO")  # what --verbose shows
    shares = Shares(tmp_path / "shares.db")
    _, secret = shares.make(session="live", right="viewer", seconds=60)
    _, over = shares.make(session="live", right="viewer", seconds=-1)
    with serving(DrivenSession(), tmp_path, shares) as address:
        for link in (secret, over):
            asyncio.run(socket_code(f"ws://{address}/s/{link}/stream"))
            httpx.get(f"http://{address}/s/{link}/api/access")
            with pytest.raises(InvalidStatus):
                asyncio.run(socket_code(f"ws://{address}/s/{link}/stream", {"origin": "http://evil.example"}))
            with pytest.raises(InvalidStatus):
                asyncio.run(socket_code(f"ws://{address}/s/{link}/elsewhere"))
        asyncio.run(socket_code(f"ws://{address}/stream?token={SECRET}", OWNER))
        httpx.get(f"http://{address}/?token={SECRET}")
        time.sleep(0.1)
    theirs = ("httpx", "httpcore", "websockets.client", "asyncio")  # the client's side of this test
    said = [record.getMessage() for record in caplog.records if not record.name.startswith(theirs)]
    captured = capfd.readouterr()
    assert any("startup complete" in text for text in said)  # uvicorn's is read
    assert not any(record.levelname == "ERROR" for record in caplog.records)  # a refusal is none
    for text in (*said, captured.out, captured.err):
        assert not any(word in text for word in (secret, over, SECRET))
