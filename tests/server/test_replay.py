"""A recorded run, made by the real model and played through the real stream."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from cloudchamber.inference.options import EngineOptions
from cloudchamber.model.discovery import bundled
from cloudchamber.server.record import write_recording
from cloudchamber.server.replay import ReplaySession
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.commands import Generate
from cloudchamber.telemetry.events import Sampling
from cloudchamber.telemetry.recording import Recording, read_recording
from tests.server.serving import Client, serving, viewer

pytestmark = pytest.mark.anyio

TOKENS = 6


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Layouts come from the cache on disk, or are computed, which takes a minute."""
    path: Path = tmp_path_factory.mktemp("recording") / "run"
    command = Generate(prompt="Once", raw=True, max_tokens=TOKENS, sampling=Sampling(seed=5))
    model = bundled()
    assert model is not None
    write_recording(path, model, EngineOptions(n_ctx=256), command, [(3, 5)], print)
    assert path.stat().st_size < 3_000_000
    return read_recording(path)


def recorded(recording: Recording) -> list[dict[str, Any]]:
    frames = [codec.decode(data) for _, data in recording.frames]
    return [event for frame in frames for event in (*frame["events"], *frame["state"])]


def test_a_recording_holds_all_that_a_page_needs(recording: Recording) -> None:
    events = recorded(recording)
    kinds = {event["kind"] for event in events}
    assert {"model_loaded", "positions_ready", "run_started", "token", "distribution", "attention"} <= kinds
    assert [event["step"] for event in events if event["kind"] == "token"] == list(range(TOKENS))
    assert events[0]["kind"] == "model_loaded"
    assert codec.decode(recording.vocabulary)["size"] == 49_152
    assert recording.positions.keys() == {"pca", "umap"}
    times = [time for time, _ in recording.frames]
    assert times == sorted(times)
    assert times[1] < 5  # the layouts were not waited for in it


async def test_it_is_played_at_its_own_pace_and_only_watched(recording: Recording, tmp_path: Path) -> None:
    whole = recorded(recording)
    parts = ["distribution", "sampled", "attention", "heads", "layers", "cache", "memory"]
    with serving(ReplaySession(recording), tmp_path) as address:
        async with viewer(address) as socket:
            client = Client(socket)
            welcome = await client.hello(parts=parts)
            assert welcome["control"] is False
            await client.say("want", parts=parts, attention=[[3, 5]])
            began = asyncio.get_running_loop().time()
            seen: list[dict[str, Any]] = []
            while not any(event.get("phase") == "finished" for event in seen):
                frame = await client.hear("frame")
                seen += (*frame["events"], *frame["state"])
            took = asyncio.get_running_loop().time() - began
            assert took == pytest.approx(recording.frames[-1][0], abs=1.0)
            steps = [event["step"] for event in seen if event["kind"] == "token"]
            assert steps == list(range(TOKENS))
            for kind in ("distribution", "layers"):
                assert len([e for e in seen if e["kind"] == kind]) >= 0.8 * len(
                    [e for e in whole if e["kind"] == kind]
                )
            await client.say("generate", prompt="More")
            assert "recording" in (await client.hear("rejected"))["message"]
            await client.say("get_distribution", request=4, step=0)
            assert (await client.hear("rejected"))["request"] == 4
        model = whole[0]["model"]
        async with httpx.AsyncClient(base_url=f"http://{address}") as http:
            for path in (
                f"/api/vocabulary/{model['vocabulary_hash']}",
                f"/api/positions/{model['embedding_hash']}/pca",
                f"/api/positions/{model['embedding_hash']}/umap",
            ):
                assert (await http.get(path)).status_code == 200
            assert (await http.get("/api/vocabulary/other")).status_code == 404
            assert (await http.get("/healthz")).json()["state"] == "replay"
