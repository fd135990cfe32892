"""A recorded run, made by the real model and played through the real stream."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from cloudchamber.inference.options import EngineOptions
from cloudchamber.model.discovery import bundled
from cloudchamber.server.record import write_recording
from cloudchamber.server.replay import ReplaySession
from cloudchamber.server.session import RefusedError
from cloudchamber.telemetry import codec, typed
from cloudchamber.telemetry.commands import (
    Generate,
    GetAttention,
    GetDistribution,
    GetFlow,
    GetHeadHistory,
    GetMoment,
    GetTokens,
)
from cloudchamber.telemetry.events import (
    AttentionWeights,
    Event,
    HeadSummary,
    LayerActivation,
    Sampling,
    TokenGenerated,
)
from cloudchamber.telemetry.messages import (
    AttentionReply,
    FlowReply,
    Frame,
    HeadHistoryReply,
    MomentReply,
    TokensReply,
)
from cloudchamber.telemetry.recording import Recording, read_recording
from tests.server.serving import OWNER, Client, serving, viewer
from tests.telemetry import samples

pytestmark = pytest.mark.anyio

TOKENS = 6
PROMPT = "Once upon a time there was a lamp by the sea. " * 12


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Layouts come from the cache on disk, or are computed, which takes a minute."""
    path: Path = tmp_path_factory.mktemp("recording") / "run"
    command = Generate(prompt=PROMPT, raw=True, max_tokens=TOKENS, sampling=Sampling(seed=5))
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
        async with httpx.AsyncClient(base_url=f"http://{address}", headers=OWNER) as http:
            for path in (
                f"/api/vocabulary/{model['vocabulary_hash']}",
                f"/api/positions/{model['embedding_hash']}/pca",
                f"/api/positions/{model['embedding_hash']}/umap",
            ):
                assert (await http.get(path)).status_code == 200
            assert (await http.get("/api/vocabulary/other")).status_code == 404
            assert (await http.get("/healthz")).json()["state"] == "replay"


async def test_a_recording_answers_what_it_holds() -> None:
    def frame(number: int, events: list[Event], state: list[Event]) -> bytes:
        return codec.encode(Frame(number=number, time=0.0, first_seq=1, events=events, state=state))

    steps = [frame(2 + i, [samples.token(i)], [samples.layers(2 + i)] if i != 1 else []) for i in range(3)]
    played = [frame(1, [samples.model_loaded(), samples.run_started()], []), *steps]
    session = ReplaySession(Recording(frames=[(0.0, data) for data in played]))
    for data in played:
        session._show(data)
    tokens = await session.ask(GetTokens(request=4, start=1, stop=9))
    assert isinstance(tokens, TokensReply)
    assert ([token.step for token in tokens.tokens], tokens.run_id) == ([1, 2], "run")
    moment = await session.ask(GetMoment(request=5, step=2))
    assert isinstance(moment, MomentReply)
    (layers,) = moment.state
    assert isinstance(layers, LayerActivation)
    assert layers.position == 4 == samples.token(2).position - 1
    for question in (
        GetMoment(request=6, step=1),  # that frame was skipped
        GetMoment(request=6, step=3),
        GetDistribution(request=6, step=0),
        GetFlow(request=6),
    ):
        with pytest.raises(RefusedError, match="does not hold"):
            await session.ask(question)
    await session.close()


def _played(recording: Recording) -> ReplaySession:
    """A session that has shown all of it."""
    session = ReplaySession(recording)
    for _, data in recording.frames:
        session._show(data)
    return session


async def test_a_recording_answers_what_it_holds_of_attention(recording: Recording) -> None:
    session = _played(recording)
    events = [typed.event(event) for event in recorded(recording)]
    rows = {
        event.query_start + row: (event.weights[row].astype(np.float32), event.sink[row])
        for event in events
        if isinstance(event, AttentionWeights)
        for row in range(len(event.weights))
    }
    held = max(event.position for event in events if isinstance(event, TokenGenerated))
    assert rows.keys() >= set(range(held - 1))  # the prompt's too, however many
    position = max(query for query in rows if query < held)
    flow = await session.ask(GetFlow(request=1, position=position, layer=3, head=5))
    assert isinstance(flow, FlowReply)
    np.testing.assert_array_equal(flow.weights, rows[position][0][: position + 1])
    assert flow.weights.sum() + flow.sink == pytest.approx(1, abs=1e-2)

    asked = GetAttention(request=2, layer=3, head=5, query_start=1, max_size=2)
    block = await session.ask(asked)
    assert isinstance(block, AttentionReply)
    assert (block.query_stop, block.key_stop) == (held, held)
    size = block.query_block
    for r, cells in enumerate(block.weights):
        queries = [q for q in range(1 + r * size, min(1 + (r + 1) * size, held)) if q in rows]
        for c, cell in enumerate(cells):
            keys = range(c * block.key_block, min((c + 1) * block.key_block, held))
            expected = [float(rows[q][0][k]) if k <= q else 0.0 for q in queries for k in keys]
            assert cell == (pytest.approx(max(expected)) if expected else pytest.approx(np.nan, nan_ok=True))

    history = await session.ask(GetHeadHistory(request=3, layer=3, head=5))
    assert isinstance(history, HeadHistoryReply)
    said = {event.position: event for event in events if isinstance(event, HeadSummary)}
    for at, entropy in enumerate(history.entropy):
        summary = said.get(history.start + at)
        assert np.isnan(entropy) if summary is None else entropy == summary.entropy[3, 5]
    assert np.isfinite(history.entropy).any()

    for question in (
        GetFlow(request=4, layer=3, head=6),
        GetFlow(request=4, mode="rollout"),
        GetAttention(request=4, layer=3, head=6),
        GetAttention(request=4, layer=3, head=5, mode="mean"),
        GetHeadHistory(request=4, layer=30, head=0),
    ):
        with pytest.raises(RefusedError, match="does not hold"):
            await session.ask(question)
    await session.close()
