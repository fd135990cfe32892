"""A real run, recorded by the real server: what is kept is what a viewer got."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from cloudchamber.inference.options import EngineOptions
from cloudchamber.model.discovery import bundled
from cloudchamber.server.live import LiveSession
from cloudchamber.sessions.archive import Frames, Manifest, Timeline, Tokens, decode
from cloudchamber.sessions.store import Store
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.events import PARTS
from tests.server.serving import OWNER, Client, serving, viewer

pytestmark = pytest.mark.anyio

STEPS = 40


async def test_what_is_kept_is_what_a_viewer_got(tmp_path: Path) -> None:
    store = Store(tmp_path / "data" / "sessions.db")
    session = LiveSession(EngineOptions(n_ctx=256), model=bundled(), autostart=False, store=store)
    with serving(session, tmp_path) as address:
        url = f"http://{address}/api/sessions"
        got: list[bytes] = []
        async with viewer(address) as socket, httpx.AsyncClient(headers=OWNER, timeout=60) as http:
            client = Client(socket)
            await client.hello(parts=sorted(set(PARTS) - {"attention"}))
            while session.state != "ready":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            await client.say("generate", prompt="Once upon a time", raw=True, max_tokens=STEPS)
            async with asyncio.timeout(150):
                while not _is_over(got):
                    data = await socket.recv()
                    assert isinstance(data, bytes)
                    got.append(data)
                listed: list[dict[str, object]] = []
                while not (listed and listed[0]["complete"]):
                    await asyncio.sleep(0.1)
                    listed = (await http.get(url)).json()["sessions"]
            (info,) = listed
            assert info["title"] == "Once upon a time"
            assert info["steps"] == STEPS

            async def part[T](cls: type[T], name: str) -> T:
                answer = await http.get(
                    f"{url}/{info['id']}/parts/{name}", headers={"accept-encoding": "gzip"}
                )
                assert answer.status_code == 200, name
                return decode(cls, answer.content)

            manifest = await part(Manifest, "manifest")
            chunks = [await part(Frames, f"frames/{n}") for n in range(len(manifest.frame_chunks))]
            tokens = await part(Tokens, "tokens/0")
            timeline = await part(Timeline, "timeline")

    assert manifest.finished is not None
    assert manifest.finished.phase == "finished"
    stored = [frame.data for chunk in chunks for frame in chunk]
    same = [data for data in stored if data in got]
    # But for a chunk's first, which holds more, and for those that a slow viewer skips.
    assert len(same) > len(stored) // 2
    told = [event for data in got for event in codec.decode(data).get("events", ())]
    viewed = [event for event in told if event["kind"] == "token"]
    assert [token.token_id for token in tokens.tokens] == [event["token_id"] for event in viewed]
    assert timeline.p.tolist() == pytest.approx([event["probability"] for event in viewed])
    assert (timeline.time[1:] >= timeline.time[:-1]).all()
    kinds = {event["kind"] for data in stored for event in codec.decode(data)["state"]}
    assert {"distribution", "heads", "layers", "cache", "memory"} <= kinds


def test_a_server_that_was_told_to_keep_nothing_says_so(tmp_path: Path) -> None:
    for record in (False, True):
        store = Store(tmp_path / f"{record}" / "sessions.db")
        session = LiveSession(EngineOptions(), autostart=False, store=store, record=record)
        with serving(session, tmp_path) as address:
            listed = httpx.get(f"http://{address}/api/sessions", headers=OWNER).json()
        assert (listed["sessions"], listed["recording"]) == ([], record)


def _is_over(got: list[bytes]) -> bool:
    """Whether the newest frame tells of the run's end."""
    events = codec.decode(got[-1]).get("events", ()) if got else ()
    return any(event["kind"] == "run_state" and event["phase"] == "finished" for event in events)
