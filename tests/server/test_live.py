"""The real model behind the real server: a run, its questions, another model, a death."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection

from cloudchamber.inference.options import EngineOptions
from cloudchamber.model.discovery import FoundModel, bundled
from cloudchamber.server.live import DEFAULT_PROMPT, LiveSession
from cloudchamber.telemetry import codec, distribution, typed
from cloudchamber.telemetry.events import PARTS, Distribution
from tests.server.serving import OWNER, Client, serving, viewer

pytestmark = pytest.mark.anyio

V = 49_152


@pytest.fixture(scope="module")
def session() -> LiveSession:
    return LiveSession(EngineOptions(n_ctx=512), model=bundled())


@pytest.fixture(scope="module")
def address(session: LiveSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    page: Path = tmp_path_factory.mktemp("page")
    (page / "index.html").write_text("<!doctype html>the page")
    with serving(session, page) as address:
        yield address


async def get(url: str, **options: Any) -> httpx.Response:
    async with httpx.AsyncClient(headers=OWNER) as client:
        return await client.get(url, **options)


class Watcher(Client):
    """A client that reads events and state one by one, whatever frames they came in."""

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__(socket)
        self._read: deque[dict[str, Any]] = deque()
        self.biggest = 0

    async def next(self) -> dict[str, Any]:
        while not self._read:
            data = await asyncio.wait_for(self.socket.recv(), 60)
            assert isinstance(data, bytes)
            self.biggest = max(self.biggest, len(data))
            message = codec.decode(data)
            if message["kind"] == "frame":
                self._read.extend((*message["events"], *message["state"]))
            else:
                assert message["kind"] in ("delivery", "welcome"), message
        return self._read.popleft()

    async def until(self, kind: str, **fields: Any) -> dict[str, Any]:
        while True:
            event = await self.next()
            if event["kind"] == kind and all(event[name] == value for name, value in fields.items()):
                return event


async def test_the_first_viewer_finds_a_run_and_nothing_is_lost(address: str, session: LiveSession) -> None:
    async with viewer(address) as socket:
        client = Watcher(socket)
        await client.hello(parts=list(PARTS))
        await client.say("want", parts=list(PARTS), attention=[[3, 5]])
        model = (await client.until("model_loaded"))["model"]
        started = await client.until("run_started")
        assert started["prompt"] == DEFAULT_PROMPT
        steps: list[int] = []
        kinds: set[str] = set()
        parts = {"distribution", "attention", "heads", "layers", "cache", "memory"}
        # Memory is told but once a second, which is longer than twelve tokens may take.
        while len(steps) < 12 or not parts <= kinds:
            event = await client.next()
            kinds.add(event["kind"])
            if event["kind"] == "token":
                steps.append(event["step"])
            elif event["kind"] == "distribution" and event["stage"] == "model":
                whole = distribution.decode(_distribution(event))
                assert whole.sum() == pytest.approx(1, abs=2e-3)
                assert event["total_variation"] <= 1e-3
        assert steps == list(range(len(steps)))
        assert client.biggest <= 64 << 10
        await client.say("stop")
        await client.until("run_state", phase="stopped")

        body = await get(f"http://{address}/api/vocabulary/{model['vocabulary_hash']}")
        vocabulary = codec.decode(body.content)
        assert vocabulary["size"] == V
        assert body.headers["content-encoding"] in ("zstd", "gzip")
        assert body.headers["cache-control"].endswith("immutable")
        health = await get(f"http://{address}/healthz")
        assert (health.status_code, health.json()["state"]) == (200, "ready")


async def test_pause_step_and_questions_while_paused(address: str) -> None:
    async with viewer(address) as socket:
        client = Watcher(socket)
        await client.hello(parts=["distribution", "layers", "memory"])
        await client.until("model_loaded")
        await client.say("generate", prompt="The sea was", raw=True, sampling={"seed": 3})
        run = await client.until("run_started", prompt="The sea was")
        await client.until("token", step=2, run_id=run["run_id"])
        await client.say("pause")
        await client.until("run_state", phase="paused")
        await client.say("step")
        token = await client.until("token")
        encoded = await client.until("distribution", step=token["step"], stage="model")
        await client.say("get_distribution", request=77, step=token["step"])
        reply = await client.hear("distribution_reply")
        assert reply["request"] == 77
        exact = reply["probabilities"]
        np.testing.assert_allclose(exact[token["top_ids"]], token["top_p"], rtol=1e-5)
        decoded = distribution.decode(_distribution(encoded))
        assert np.abs(decoded.astype(float) - exact).sum() / 2 <= 1e-3
        await client.say("get_attention", request=78, layer=3, head=5)
        rows = await client.hear("attention_reply")
        assert rows["request"] == 78
        np.testing.assert_allclose(rows["weights"].sum(1) + rows["sink"], 1, atol=2e-2)
        await client.say("want", parts=["attention"], attention=[[7, 1]])
        attention = await client.until("attention")
        assert (attention["layer"], attention["head"]) == (7, 1)
        await check_moment(client, token)
        await client.say("get_distribution", request=79, step=100_000)
        refused = await client.hear("rejected")
        assert refused["request"] == 79
        await client.say("stop")
        await client.until("run_state", phase="stopped")


@pytest.mark.parametrize("phase", ["running", "paused"])
async def test_a_newly_selected_head_comes_within_100_ms(address: str, phase: str) -> None:
    """From the choice to its rows at the socket, the median of seven."""
    async with viewer(address) as socket:
        client = Watcher(socket)
        await client.hello(parts=["attention"])
        await client.until("model_loaded")
        prompt = f"The sea was {phase}"
        await client.say("generate", prompt=prompt, raw=True, sampling={"seed": 3})
        run = await client.until("run_started", prompt=prompt)
        await client.until("token", step=20, run_id=run["run_id"])
        if phase == "paused":
            await client.say("pause")
            await client.until("run_state", phase="paused")
        took = []
        for layer in range(3, 24, 3):
            began = time.perf_counter()
            await client.say("want", parts=["attention"], attention=[[layer, layer % 9]])
            rows = await client.until("attention", layer=layer)
            took.append(time.perf_counter() - began)
            assert rows["head"] == layer % 9
        assert statistics.median(took) < 0.1, took
        await client.say("stop")
        await client.until("run_state", phase="stopped")


async def check_moment(client: Watcher, token: dict[str, Any]) -> None:
    """The past is told while the run is paused, and two kinds of question go side by side."""
    await client.say("get_flow", request=80, mode="rollout")
    await client.say("get_head_history", request=81, layer=3, head=5)
    await client.say("get_tokens", request=82, start=1, stop=3)
    answers: dict[str, dict[str, Any]] = {}
    while len(answers) < 3:
        answer = await client.hear("flow_reply", "head_history_reply", "tokens_reply")
        answers[answer["kind"]] = answer
    tokens = answers["tokens_reply"]
    assert (answers["flow_reply"]["request"], answers["head_history_reply"]["request"]) == (80, 81)
    assert [t["step"] for t in tokens["tokens"]] == [1, 2]
    assert (tokens["run_id"], tokens["request"]) == (token["run_id"], 82)
    await client.say("get_moment", request=83, step=1)
    moment = await client.hear("moment_reply")
    assert (moment["request"], moment["step"]) == (83, 1)
    state = {(event["kind"], event.get("stage", "")): event for event in moment["state"]}
    kinds = [("distribution", "model"), ("distribution", "sampler"), ("heads", ""), ("layers", "")]
    assert state.keys() == {*kinds, ("cache", ""), ("memory", "")}
    assert state["memory", ""]["process_resident"] > state["memory", ""]["weights"] > 0
    then = tokens["tokens"][0]
    assert state["heads", ""]["position"] == state["layers", ""]["position"] == then["position"] - 1
    assert state["cache", ""]["seq_len"].max() == then["position"]
    whole = distribution.decode(_distribution(state["distribution", "model"]))
    np.testing.assert_allclose(whole[then["top_ids"]], then["top_p"], rtol=1e-6)
    left = distribution.decode(_distribution(state["distribution", "sampler"]))
    assert (left > 0).sum() == then["sampled_count"]
    await client.say("get_moment", request=84, step=100_000)
    assert (await client.hear("rejected"))["request"] == 84


def _distribution(mapping: dict[str, Any]) -> Distribution:
    event = typed.event(mapping)
    assert isinstance(event, Distribution)
    return event


async def test_the_worker_is_killed_and_the_viewer_goes_on(address: str, session: LiveSession) -> None:
    async with viewer(address) as socket:
        client = Watcher(socket)
        await client.hello()
        await client.say("generate", prompt="The sea was deep", raw=True)
        run = await client.until("run_started", prompt="The sea was deep")
        await client.until("token", run_id=run["run_id"])
        pid = session._supervisor.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        problem = await client.until("problem")
        assert problem["message"]
        await client.until("run_state", phase="failed")
        assert (await get(f"http://{address}/healthz")).json()["state"] == "dead"
        await client.say("generate", prompt="Again", raw=True, max_tokens=2)
        await client.until("model_loaded")
        await client.until("run_state", phase="finished")


async def test_a_model_is_loaded_by_its_id_and_a_wrong_id_is_told(address: str) -> None:
    models = (await get(f"http://{address}/api/models")).json()["models"]
    assert models[0]["source"] == "bundled"
    async with viewer(address) as socket:
        client = Watcher(socket)
        await client.hello()
        await client.until("model_loaded")
        await client.say("load", model="../../etc/passwd")
        assert (await client.until("problem", code="model-missing"))["hint"]
        await client.say("load", model=models[0]["id"])
        await client.until("model_loaded")


async def test_a_file_that_is_no_model_is_refused_and_the_model_goes_on(
    address: str, session: LiveSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(b"GGUF\x03\x00\x00\x00 and no more")
    found = [FoundModel(id="cut", name="cut", path=path, bytes=20, source="lmstudio")]
    monkeypatch.setattr("cloudchamber.server.live.discover", lambda: found)
    async with viewer(address) as socket:
        client = Watcher(socket)
        await client.hello()
        await client.until("model_loaded")
        before = session._supervisor.pid
        await client.say("load", model="cut")
        assert "cut.gguf" in (await client.until("problem", code="model-refused"))["message"]
        assert session._supervisor.pid == before
        await client.say("generate", prompt="On and", raw=True, max_tokens=2)
        await client.until("run_started", prompt="On and")
        await client.until("run_state", phase="finished")


async def test_positions_are_offered_and_served(address: str) -> None:
    async with viewer(address) as socket:
        client = Watcher(socket)
        await client.hello()
        ready = await client.until("positions_ready")
    url = f"http://{address}/api/positions/{ready['embedding_hash']}/{ready['method']}"
    response = await get(url, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in response.headers
    body = codec.decode(response.content)
    assert body["points"].shape == (V, 3)
    assert body["radius"].shape == (V,)
    assert (await get(url.replace(ready["embedding_hash"], "0" * 32))).status_code == 404
    assert (await get(url.rpartition("/")[0] + "/tsne")).status_code == 404


def test_nothing_is_left_when_the_server_ends(tmp_path: Path) -> None:
    import psutil

    before = set(psutil.Process().children(recursive=True))
    session = LiveSession(EngineOptions(n_ctx=256), model=bundled(), autostart=False)
    with serving(session, tmp_path) as address:
        assert httpx.get(f"http://{address}/healthz").status_code == 503
    assert set(psutil.Process().children(recursive=True)) <= before
