"""Share links: kept as hashes, ended by time or by hand, with whoever came by them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from cloudchamber.server import rights
from cloudchamber.sessions import retention
from cloudchamber.sessions.shares import REMEMBERED, Shares
from cloudchamber.sessions.store import Store
from cloudchamber.telemetry.commands import Generate
from tests.server.serving import OWNER, Client, DrivenSession, get, serving, viewer
from tests.sessions.runs import batch, head, session_id
from tests.telemetry import samples

pytestmark = pytest.mark.anyio


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


# ------------------------------------------------------------------------------ as kept


def test_a_link_is_found_by_its_secret_until_it_is_over(tmp_path: Path) -> None:
    clock = Clock()
    shares = Shares(tmp_path / "shares.db", now=clock)
    made, secret = shares.make(session="live", right="viewer", seconds=60)
    assert shares.of(secret) == made
    assert not made.over(clock.now + 59.9)
    assert made.over(clock.now + 60)
    assert shares.of(secret + "x") is None
    assert shares.of("") is None
    assert shares.revoke(made.id)
    assert not shares.revoke(made.id)
    found = shares.of(secret)
    assert found is not None
    assert found.revoked == clock.now
    assert shares.valid() == []


def test_secrets_are_not_in_the_file_and_are_long(tmp_path: Path) -> None:
    shares = Shares(tmp_path / "shares.db")
    secrets = {shares.make(session="live", right="viewer", seconds=60)[1] for _ in range(50)}
    shares.close()
    assert len(secrets) == 50
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in secrets:
        assert len(secret) * 6 >= 128
        assert secret.encode() not in data


def test_links_outlive_the_server_but_live_ones_are_its_own(tmp_path: Path) -> None:
    first = Shares(tmp_path / "shares.db", place="127.0.0.1:1")
    _, live = first.make(session="live", right="viewer", seconds=60)
    _, kept = first.make(session="0123456789abcdef", right="viewer", seconds=60)
    first.close()
    again = Shares(tmp_path / "shares.db", place="127.0.0.1:1")
    elsewhere = Shares(tmp_path / "shares.db", place="127.0.0.1:2")
    assert again.of(live) is not None
    assert elsewhere.of(live) is None
    assert elsewhere.of(kept) is not None
    assert len(elsewhere.valid()) == 1


def test_links_long_over_are_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    shares = Shares(tmp_path / "shares.db", now=clock)
    _, secret = shares.make(session="live", right="viewer", seconds=60)
    shares.close()
    clock.now += REMEMBERED
    assert Shares(tmp_path / "shares.db", now=clock).of(secret) is not None
    clock.now += 61
    assert Shares(tmp_path / "shares.db", now=clock).of(secret) is None


# ------------------------------------------------------------------------------ as served


@pytest.fixture
def session() -> DrivenSession:
    return DrivenSession()


@pytest.fixture
def address(session: DrivenSession, tmp_path: Path) -> Iterator[str]:
    with serving(session, tmp_path) as address:
        yield address


def make(address: str, **wish: object) -> dict[str, str]:
    answer = httpx.post(f"http://{address}/api/shares", json=wish, headers=OWNER)
    assert answer.status_code == 201, answer.text
    body: dict[str, str] = answer.json()
    return body


def by_link(address: str, path: str) -> connect:
    return connect(f"ws://{address}/{path}stream", compression=None)


async def ending(client: Client) -> tuple[int, float]:
    """The close code, and when it came."""
    with contextlib.suppress(ConnectionClosed):
        async with asyncio.timeout(10):
            while True:
                await client.socket.recv()
    return client.socket.close_code or 0, time.monotonic()


async def test_revoking_cuts_open_viewers_within_a_second_and_nobody_else(
    address: str, session: DrivenSession
) -> None:
    ended, other = make(address, right="viewer"), make(address, right="controller")
    async with (
        by_link(address, ended["path"]) as one,
        by_link(address, ended["path"]) as two,
        by_link(address, other["path"]) as three,
    ):
        viewers = [Client(socket) for socket in (one, two, three)]
        for viewer in viewers:
            await viewer.hello(parts=["layers"])
        listed = (await asyncio.to_thread(httpx.get, f"http://{address}/api/shares", headers=OWNER)).json()
        assert {share["id"]: share["viewers"] for share in listed["shares"]} == {
            ended["id"]: 2,
            other["id"]: 1,
        }
        began = time.monotonic()
        url = f"http://{address}/api/shares/{ended['id']}"
        answer = await asyncio.to_thread(httpx.delete, url, headers=OWNER)
        assert answer.status_code == 204
        for viewer in viewers[:2]:
            code, when = await ending(viewer)
            assert code == rights.CLOSE_REVOKED
            assert when - began < 1
        await viewers[2].say("ping", time=1)
        assert (await viewers[2].hear("pong"))["time"] == 1
    assert (
        await asyncio.to_thread(httpx.get, f"http://{address}/{ended['path']}api/access")
    ).status_code == 410


async def test_an_expiry_cuts_open_viewers(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from cloudchamber.server import shares_routes

    monkeypatch.setattr(shares_routes, "SHORTEST_HOURS", 0)
    share = make(address, hours=1.2 / 3600)
    async with by_link(address, share["path"]) as socket:
        client = Client(socket)
        await client.hello()
        began = time.monotonic()
        code, when = await ending(client)
    assert code == rights.CLOSE_EXPIRED
    assert when - began < 2


async def test_a_late_joiner_sees_the_newest_state_within_200_ms_and_may_not_control(
    address: str, session: DrivenSession
) -> None:
    share = make(address, right="viewer")
    session.publish(samples.run_started("r"), *(samples.token(step) for step in range(2000)))
    session.publish(samples.layers(1999))
    await asyncio.sleep(0.3)
    async with by_link(address, share["path"]) as socket:
        client = Client(socket)
        began = time.monotonic()
        welcome = await client.hello(parts=["layers"])
        assert (welcome["right"], welcome["control"]) == ("viewer", False)
        await client.say("want", parts=["layers"], attention=[])
        state: list[dict[str, object]] = []
        while not state:
            state = (await client.hear("frame"))["state"]
        assert time.monotonic() - began < 0.2
        assert state[0]["position"] == 1999
        for command in (
            {"kind": "generate", "prompt": "x"},
            {"kind": "stop"},
            {"kind": "load", "model": "m"},
        ):
            await client.say(**command)
            assert "link" in (said := (await client.hear("rejected"))["message"]) or "Only" in said
        await client.say("get_distribution", request=5, step=1)
        assert (await client.hear("rejected"))["message"] == "There is nothing to ask."
    assert session.obeyed == []


async def test_a_controller_runs_commands_and_loads_no_model(address: str, session: DrivenSession) -> None:
    share = make(address, right="controller")
    async with by_link(address, share["path"]) as socket:
        client = Client(socket)
        assert (await client.hello())["control"]
        await client.say("stop")
        await client.say("load", model="m")
        assert "Only who runs" in (await client.hear("rejected"))["message"]
    assert [command.kind for command in session.obeyed] == ["stop"]


async def test_guests_together_begin_no_run_after_run_and_the_owner_is_not_kept_waiting(
    address: str, session: DrivenSession
) -> None:
    share = make(address, right="controller")
    for _ in range(2):  # another connection is no way round it
        async with by_link(address, share["path"]) as socket:
            client = Client(socket)
            await client.hello()
            for number in range(12):
                await client.say("generate", prompt=str(number))
            await client.say("ping", time=0.0)
            await client.hear("pong")
    assert 10 <= len(session.obeyed) <= 12
    async with viewer(address) as socket:
        client = Client(socket)
        await client.hello()
        await client.say("generate", prompt="mine")
        await client.say("ping", time=0.0)
        await client.hear("pong")
    assert session.obeyed[-1] == Generate(prompt="mine")


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"right": "owner"}, "right"),
        ({"right": 1}, "right"),
        ({"hours": 0}, "a minute at least"),
        ({"hours": 1e9}, "at most"),
        ({"hours": "1"}, "number"),
        ({"hours": True}, "number"),
        ({"hours": float("nan")}, "JSON|minute"),
        ({"session": "../../etc"}, "no session"),
        ({"session": "0123456789abcdef"}, "no session"),
        ({"session": "0123456789abcdef", "right": "controller"}, "only be looked at"),
        ({"session": 5}, "named"),
        ({"path": "/etc"}, "no field"),
        ([], "object"),
    ],
)
def test_wishes_that_are_none_get_a_sentence(address: str, wish: object, says: str) -> None:
    import json
    import re

    headers = {**OWNER, "content-type": "application/json"}
    answer = httpx.post(f"http://{address}/api/shares", content=json.dumps(wish), headers=headers)
    assert answer.status_code == 400
    assert re.search(says, answer.text)
    assert httpx.get(f"http://{address}/api/shares", headers=OWNER).json()["shares"] == []


def test_bodies_that_are_no_small_json_are_refused(address: str) -> None:
    url = f"http://{address}/api/shares"
    json = {**OWNER, "content-type": "application/json"}
    assert httpx.post(url, content=b"{}", headers={**OWNER, "content-type": "text/plain"}).status_code == 400
    assert httpx.post(url, content=b"{" * 3000, headers=json).status_code == 400
    assert httpx.post(url, content=b" " * 5000, headers=json).status_code == 400


def test_a_session_that_goes_takes_its_links_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "NOTICE_SECONDS", 0)
    store = Store(tmp_path / "sessions.db")
    for number in (1, 2, 3):
        store.begin(head(number, created=1e9 + number)).result()
        store.append(session_id(number), batch(number, 0, 70, padding=30_000)).result()
        store.finish(session_id(number)).result()
    session = DrivenSession()
    session.store = store
    shares = Shares(tmp_path / "shares.db")
    with serving(session, tmp_path, shares) as address:
        links = [make(address, session=session_id(number))["path"] for number in (1, 2, 3)]

        def left() -> list[str]:
            return [link["session"] for link in get(f"http://{address}/api/shares").json()["shares"]]

        def status(link: str) -> int:
            return httpx.get(f"http://{address}/{link.partition('?')[0]}api/access").status_code

        assert sorted(left()) == [session_id(1), session_id(2), session_id(3)]
        store.keep_bytes = store.used - 1  # for want of room
        store.make_room()
        assert [info.id for info in store.make_room().removed] == [session_id(1)]
        assert httpx.delete(f"http://{address}/api/sessions/{session_id(2)}", headers=OWNER).is_success
        assert left() == [session_id(3)]
        assert [status(link) for link in links] == [410, 410, 200]
    store.close()


def test_a_qr_code_is_that_of_the_text(address: str) -> None:
    import segno

    text = "https://192.168.1.7:8844/s/AAAAAAAAAAAAAAAAAAAAAAAA/"
    rows = httpx.post(f"http://{address}/api/qr", json={"text": text}, headers=OWNER).json()["rows"]
    assert len({len(row) for row in rows} | {len(rows)}) == 1
    assert rows[0].startswith("1111111")
    assert rows == [
        "".join(map(str, row)) for row in segno.make_qr(text, error="m", boost_error=False).matrix
    ]
    for other in ({"text": "x" * 700}, {"text": "\ud800"}):
        body, headers = json.dumps(other), {**OWNER, "content-type": "application/json"}
        refused = httpx.post(f"http://{address}/api/qr", content=body, headers=headers)
        assert (refused.status_code, "JSON" in refused.text) == (400, False)
