"""Being there while a kept session is looked at: who is told what, and whom the end of a link cuts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from cloudchamber.server import closing, rights, session_watch
from cloudchamber.sessions import retention
from cloudchamber.sessions.store import Store
from tests.server.serving import OWNER, Client, DrivenSession, serving
from tests.sessions.runs import batch, head, session_id

pytestmark = pytest.mark.anyio

ONE, TWO = session_id(1), session_id(2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "sessions.db")
    for number in (1, 2):
        store.begin(head(number)).result()
        store.append(session_id(number), batch(number, 0, 5)).result()
        store.finish(session_id(number)).result()
    yield store
    store.close()


@pytest.fixture
def address(store: Store, tmp_path: Path) -> Iterator[str]:
    session = DrivenSession()
    session.store = store
    with serving(session, tmp_path) as address:
        yield address


async def ask(address: str, method: str, path: str, **words: object) -> httpx.Response:
    async with httpx.AsyncClient(headers=OWNER) as client:
        return await client.request(method, f"http://{address}/api/{path}", json=words or None)


async def link_to(address: str, session: str) -> dict[str, str]:
    made: dict[str, str] = (await ask(address, "POST", "shares", session=session)).json()
    return made


def watching(address: str, session: str, link: str = "") -> connect:
    prefix = link.partition("?")[0]
    headers = {} if link else OWNER
    url = f"ws://{address}/{prefix}api/sessions/{session}/watch"
    return connect(url, compression=None, additional_headers=headers)


async def code_of(client: Client) -> int:
    try:
        async with asyncio.timeout(5):
            while True:
                await client.socket.recv()
    except ConnectionClosed:
        return client.socket.close_code or 0


async def test_each_is_told_its_right_and_how_many_there_are(address: str) -> None:
    link = await link_to(address, ONE)
    async with watching(address, ONE) as owner, watching(address, TWO) as elsewhere:
        one, other = Client(owner), Client(elsewhere)
        welcome = await one.hear()
        assert (welcome["kind"], welcome["right"], welcome["control"]) == ("welcome", "owner", False)
        assert (welcome["session"], welcome["resumed"]) == (ONE, True)
        assert (await one.hear())["viewers"] == 1
        assert [(await other.hear())["kind"], (await other.hear())["viewers"]] == ["welcome", 1]
        async with watching(address, ONE, link["path"]) as guest:
            assert (await Client(guest).hear())["right"] == "viewer"
            assert (await one.hear("delivery"))["viewers"] == 2
            (share,) = (await ask(address, "GET", "shares")).json()["shares"]
            assert share["viewers"] == 1
        assert (await one.hear("delivery"))["viewers"] == 1
        with pytest.raises(TimeoutError):
            await other.hear(within=0.2)


async def test_what_somebody_looks_at_does_not_go_for_want_of_room(
    address: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "NOTICE_SECONDS", 0.0)
    store.keep_bytes = 1
    link = await link_to(address, ONE)
    assert {info.id for info in store.make_room().named} == {ONE, TWO}
    async with watching(address, ONE, link["path"]) as guest:
        await Client(guest).hear()
        listed = (await ask(address, "GET", "sessions")).json()["sessions"]
        assert {info["id"]: info["goes_next"] for info in listed} == {ONE: False, TWO: True}
        assert [info.id for info in store.make_room().removed] == [TWO]
        assert store.make_room().removed == []
    async with asyncio.timeout(5):
        while any(ask() for ask in store.in_use):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert [info.id for info in store.make_room().named] == [ONE]
    assert [info.id for info in store.make_room().removed] == [ONE]


async def test_the_end_of_a_link_cuts_who_came_by_it_within_a_second_and_nobody_else(address: str) -> None:
    ended, other = await link_to(address, ONE), await link_to(address, ONE)
    async with (
        watching(address, ONE, ended["path"]) as one,
        watching(address, ONE, ended["path"]) as two,
        watching(address, ONE, other["path"]) as three,
        watching(address, ONE) as owner,
    ):
        began = time.monotonic()
        assert (await ask(address, "DELETE", f"shares/{ended['id']}")).status_code == 204
        assert [await code_of(Client(socket)) for socket in (one, two)] == [rights.CLOSE_REVOKED] * 2
        assert time.monotonic() - began < 1
        while (await Client(owner).hear("delivery"))["viewers"] != 2:
            pass
        # With the session its links go.
        assert (await ask(address, "DELETE", f"sessions/{ONE}")).status_code == 204
        assert await code_of(Client(three)) == rights.CLOSE_REVOKED


async def test_a_viewer_has_nothing_to_say(address: str) -> None:
    async with watching(address, ONE) as socket:
        await Client(socket).say("stop")
        assert await code_of(Client(socket)) == session_watch.CLOSE_TOLD


async def test_there_is_room_for_so_many_and_for_the_owner(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_watch, "MAX_VIEWERS", 2)
    link = (await link_to(address, ONE))["path"]
    async with watching(address, ONE, link) as one, watching(address, TWO) as two:
        assert [(await Client(socket).hear())["kind"] for socket in (one, two)] == ["welcome"] * 2
        async with watching(address, ONE, link) as three:
            assert await code_of(Client(three)) == closing.CLOSE_CROWDED
        async with watching(address, ONE) as owner:
            assert (await Client(owner).hear())["kind"] == "welcome"
        await one.close()
        await asyncio.sleep(0.2)
        async with watching(address, ONE, link) as three:
            assert (await Client(three).hear())["kind"] == "welcome"
