"""Who is let in: every route against hosts and origins, on HTTP and WebSocket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from cloudchamber.server.reach import Reach
from cloudchamber.server.security import HEADERS, Gate, host_name, is_loopback, same_origin
from tests.server.serving import SECRET, Client, DrivenSession, serving, viewer

ROUTES = [
    "/",
    "/healthz",
    "/api/models",
    "/api/vocabulary/abc",
    "/api/positions/abc/pca",
    "/api/nothing",
    "/assets/a.js",
    "/../../etc/passwd",
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    page: Path = tmp_path_factory.mktemp("page")
    (page / "index.html").write_text("<!doctype html>the page")
    (page / "assets").mkdir()
    (page / "assets" / "a.js").write_text("1")
    with serving(DrivenSession(), page) as address:
        yield address


def port_of(address: str) -> str:
    return address.rpartition(":")[2]


BAD_HOSTS = ["evil.example", "evil.example:{port}", "localhost.evil.example:{port}", "192.168.0.7",
             "", "127.0.0.1.evil.example", "localhost:{port}@evil.example", "[::1",
             "localhost:99999999", "localhost:" + "9" * 5000,
             "localhost.", "127.1", "user@localhost"]  # fmt: skip
GOOD_HOSTS = ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}", "localhost"]
BAD_ORIGINS = ["http://evil.example", "null", "", "http://127.0.0.1:1", "http://localhost:{port}",
               "file://", "http://127.0.0.1", "http://127.0.0.1:{port}.evil.example",
               "ftp://127.0.0.1:{port}", "127.0.0.1:{port}"]  # fmt: skip


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("host", BAD_HOSTS)
def test_foreign_hosts_are_refused(address: str, route: str, host: str) -> None:
    response = httpx.get(f"http://{address}{route}", headers={"host": host.format(port=port_of(address))})
    assert response.status_code in (400, 403)
    assert "page" not in response.text.lower().replace("pages", "")


@pytest.mark.parametrize("host", GOOD_HOSTS)
def test_our_own_names_are_let_in(address: str, host: str) -> None:
    response = httpx.get(f"http://{address}/healthz", headers={"host": host.format(port=port_of(address))})
    assert response.status_code == 200


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("origin", BAD_ORIGINS)
def test_foreign_origins_are_refused(address: str, route: str, origin: str) -> None:
    origin = origin.format(port=port_of(address))
    response = httpx.get(f"http://{address}{route}", headers={"origin": origin})
    assert response.status_code == 403


@pytest.mark.parametrize("route", ROUTES)
def test_scripts_of_other_sites_are_refused_but_links_work(address: str, route: str) -> None:
    fetched = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert httpx.get(f"http://{address}{route}", headers=fetched).status_code == 403
    if route in ("/", "/healthz"):
        followed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
        assert httpx.get(f"http://{address}{route}", headers=followed).status_code == 200


@pytest.mark.parametrize("where", ["iframe", "object", "embed", "frame"])
def test_pages_of_other_sites_can_hold_nothing_of_it(address: str, where: str) -> None:
    """Not even to have the browser guess keys until the owner is refused."""
    framed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": where}
    assert httpx.get(f"http://{address}/?token=guess", headers=framed).status_code == 403
    followed = {**framed, "sec-fetch-dest": "document"}
    assert httpx.get(f"http://{address}/", headers=followed).status_code == 200


def test_what_follows_a_request_of_two_lengths_is_not_obeyed(address: str) -> None:
    """A proxy that believes the other one would take what follows for this client's body."""
    host, port = address.split(":")
    head = f"Host: {address}\r\nAuthorization: Bearer {SECRET}\r\n"
    hidden = f"GET /api/access HTTP/1.1\r\n{head}\r\n"
    lengths = f"Content-Length: {5 + len(hidden)}\r\nTransfer-Encoding: chunked\r\n"
    with socket.create_connection((host, int(port)), timeout=5) as made:
        made.sendall(f"POST /api/qr HTTP/1.1\r\n{head}{lengths}\r\n0\r\n\r\n{hidden}".encode())
        heard = b""
        while more := made.recv(4096):
            heard += more
    assert heard.startswith(b"HTTP/1.1 403")
    assert heard.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("path", ["//evil.example/..", "//evil.example/%2e%2e", "/.", "/assets/.."])
def test_nobody_is_sent_to_an_address_that_came_with_the_request(address: str, path: str) -> None:
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as made:
        made.sendall(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
        head = made.makefile("rb").read().lower()
    assert head.startswith(b"http/1.1 404")
    assert b"location:" not in head


@pytest.mark.parametrize("route", ROUTES)
def test_every_response_carries_the_headers_and_no_cors(address: str, route: str) -> None:
    for headers in ({}, {"host": "evil.example"}):
        response = httpx.get(f"http://{address}{route}", headers=headers)
        for name, value in HEADERS.items():
            assert response.headers[name] == value
        assert "access-control-allow-origin" not in response.headers
        assert "unsafe" not in response.headers["content-security-policy"]


async def status(address: str, **options: Any) -> int:
    try:
        async with viewer(address, **options) as socket:
            assert (await Client(socket).hello())["kind"] == "welcome"
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize("origin", BAD_ORIGINS)
def test_sockets_of_foreign_origins_are_refused_before_they_open(address: str, origin: str) -> None:
    headers = {"origin": origin.format(port=port_of(address))}
    assert asyncio.run(status(address, additional_headers=headers)) == 403


def test_sockets_of_foreign_hosts_are_refused(address: str) -> None:
    async def run() -> int:
        try:
            name, port = "evil.example", int(port_of(address))
            async with viewer(f"{name}:{port}", host="127.0.0.1", port=port):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    assert asyncio.run(run()) == 403


def test_sockets_of_our_own_page_and_of_programs_are_let_in(address: str) -> None:
    assert asyncio.run(status(address)) == 101
    assert asyncio.run(status(address, origin=f"http://{address}")) == 101


def test_a_socket_elsewhere_is_not_found(address: str) -> None:
    async def run() -> int:
        from websockets.asyncio.client import connect

        try:
            async with connect(f"ws://{address}/elsewhere"):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    assert asyncio.run(run()) == 404


def test_host_values_are_read_strictly() -> None:
    assert host_name("LocalHost:80") == "localhost"
    assert host_name("[::1]:80") == "::1"
    assert host_name("::1") == ""
    assert host_name("a:b") == ""
    assert host_name("[::1]x") == ""


def test_origins_are_compared_with_the_host_they_talk_to() -> None:
    assert same_origin("https://chamber.example", "chamber.example")
    assert same_origin("https://chamber.example", "chamber.example:443")
    assert not same_origin("https://chamber.example:8443", "chamber.example")


def test_a_server_on_the_network_takes_addresses_and_named_hosts() -> None:
    async def app(*_: object) -> None: ...

    gate = Gate(app, reach=Reach(host="0.0.0.0", names=("chamber.example",)))
    assert gate._is_ours("192.168.0.7:8844")
    assert gate._is_ours("[fe80::1]:8844")
    assert gate._is_ours("Chamber.Example")
    assert not gate._is_ours("evil.example")
    assert is_loopback("127.0.0.2")
    assert is_loopback("::1")
    assert not is_loopback("0.0.0.0")
