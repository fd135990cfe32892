"""The limit on the store's size, in the middle of a real run: through worker, hub, recorder and store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cloudchamber.inference.options import EngineOptions
from cloudchamber.model.discovery import FoundModel
from cloudchamber.server.live import LiveSession
from cloudchamber.sessions import archive, recorder_room
from cloudchamber.sessions.archive import ExactDistribution, Manifest
from cloudchamber.sessions.store import Store
from cloudchamber.telemetry.commands import Generate, GetDistribution, Pause, Resume
from cloudchamber.telemetry.events import Event, Problem, RunState, Sampling, TokenGenerated
from cloudchamber.telemetry.messages import DistributionReply

pytestmark = pytest.mark.anyio

TOKENS = 700


async def test_a_run_goes_on_to_its_end_and_is_kept_up_to_where_it_was_too_much(
    tiny_model: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_room, "LOOK_SECONDS", 0.05)
    path = tiny_model("llama")
    model = FoundModel("tiny", "Tiny", path, path.stat().st_size, "file")
    store = Store(tmp_path / "sessions.db")
    session = LiveSession(EngineOptions(n_ctx=1024), model=model, autostart=False, store=store)
    assert session._compactor is not None
    session._compactor.start_after = 0
    await session.start()

    def said[E: Event](kind: type[E]) -> list[E]:
        return [
            event
            for event in session.hub.log.after(0, session.hub.log.last_seq, 10_000)[1]
            if isinstance(event, kind)
        ]

    def over() -> bool:
        return bool(said(RunState)) and said(RunState)[-1].phase in ("finished", "stopped", "failed")

    async def until(test: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not test():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    try:
        await until(lambda: session.state == "ready")
        session.obey(Generate(prompt="the cat sat", raw=True, max_tokens=TOKENS, sampling=Sampling(seed=2)))
        await until(lambda: len(said(TokenGenerated)) > 20)
        session.obey(Pause())
        await until(lambda: (listed := store.list()) != [] and listed[0].steps > 20)
        assert not over(), "the run was too quick for this test"
        store.keep_bytes = store.used // 2
        await until(lambda: store.list()[0].complete)
        session.obey(Resume())
        await until(over)
        assert said(RunState)[-1].phase == "finished"
        assert len(said(TokenGenerated)) == TOKENS
        assert [problem.code for problem in said(Problem)] == ["recording-stopped"]
        await until(lambda: not any(store.spools.iterdir()))
        (info,) = store.list()
        kept = store.archive(info.id)
        assert kept is not None
        manifest = archive.read(kept, Manifest, "manifest")
        assert manifest is not None
        assert 20 < manifest.steps < TOKENS
        assert (manifest.distribution_exact, manifest.completing) == (True, False)
        for step in (0, manifest.steps - 1, manifest.steps, TOKENS - 1):
            reply = await session.ask(GetDistribution(request=1, step=step))
            assert isinstance(reply, DistributionReply), "of the run on show nothing is missing"
            part = archive.read(kept, ExactDistribution, f"distribution/{step}")
            assert (part is None) == (step >= manifest.steps)
            if part is not None:
                np.testing.assert_array_equal(part.probabilities, reply.probabilities)
    finally:
        await session.close()
