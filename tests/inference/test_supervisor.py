"""The worker and its keeper: whatever the model does, the server hears of it and goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
import pytest

from cloudchamber.inference.options import EngineOptions
from cloudchamber.inference.supervisor import Supervisor
from cloudchamber.telemetry.commands import Generate, GetAttention, Pause, Resume, Step, Stop, Want
from cloudchamber.telemetry.events import (
    AttentionWeights,
    Event,
    LayerActivation,
    ModelLoaded,
    Problem,
    Progress,
    RunStarted,
    RunState,
    Sampling,
    TokenGenerated,
)
from cloudchamber.telemetry.messages import AttentionReply, Message, Rejected

E = TypeVar("E")
GREEDY = Sampling(temperature=0)
ENDLESS = Generate(prompt="1, 2, 3, 4, 5, 6,", raw=True, sampling=GREEDY)
OPTIONS = EngineOptions(n_ctx=512)


class Ear:
    """What a server would hear."""

    def __init__(self) -> None:
        self.events: list[Event | Message] = []
        self._arrived = asyncio.Condition()
        self.supervisor = Supervisor(OPTIONS, self._hear, lambda _request, reply: self._hear(reply))

    def _hear(self, event: Event | Message) -> None:
        self.events.append(event)
        self._changed.set()

    @property
    def _changed(self) -> asyncio.Event:
        if not hasattr(self, "_event"):
            self._event = asyncio.Event()
        return self._event

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def wait_for(
        self, kind: type[E], test: Callable[[E], bool] = lambda _: True, seconds: float = 60
    ) -> E:
        async with asyncio.timeout(seconds):
            while True:
                for event in self.all(kind):
                    if test(event):
                        return event
                self._changed.clear()
                await self._changed.wait()

    async def phase(self, phase: str, seconds: float = 60) -> RunState:
        return await self.wait_for(RunState, lambda state: state.phase == phase, seconds)


@asynccontextmanager
async def listening() -> AsyncIterator[Ear]:
    ear = Ear()
    try:
        yield ear
    finally:
        await ear.supervisor.close()


def test_a_run_in_a_worker(smollm2: Path) -> None:
    async def scene() -> None:
        async with listening() as ear:
            keeper = ear.supervisor
            keeper.send(Want(parts=["layers", "attention"], attention=[(4, 2)]))
            assert await keeper.load(smollm2, "real")
            assert keeper.state == "ready"
            assert ear.all(ModelLoaded)[0].model.id == "real"
            assert ear.all(ModelLoaded)[0].model.rope.kind == "normal"
            assert ear.all(Progress)[-1].done
            keeper.send(ENDLESS)
            token = await ear.wait_for(TokenGenerated, lambda token: token.step == 4)
            assert keeper.logits is not None
            p = keeper.logits.probabilities(token.run_id, token.step)
            assert p is not None
            np.testing.assert_allclose(np.sort(p)[::-1][:20], token.top_p, rtol=1e-6)
            survivors = keeper.logits.survivors(token.run_id, token.step)
            assert survivors is not None
            assert survivors.ids.tolist() == [token.token_id]

            keeper.send(GetAttention(request=9, layer=3, head=1))
            reply = await ear.wait_for(AttentionReply)
            assert (reply.request, reply.layer, reply.head) == (9, 3, 1)
            np.testing.assert_allclose(reply.weights.sum(1), 1, atol=1e-4)
            keeper.send(GetAttention(request=10, layer=300, head=1))
            assert (await ear.wait_for(Rejected)).request == 10

            keeper.send(Pause())
            await ear.phase("paused")
            held = len(ear.all(TokenGenerated))
            made_at = ear.all(TokenGenerated)[-1].position - 1
            assert ear.all(LayerActivation)[-1].position == made_at
            assert ear.all(AttentionWeights)[-1].layer == 4
            keeper.send(Step())
            await ear.wait_for(TokenGenerated, lambda token: token.step == held)
            keeper.send(Resume())
            await ear.wait_for(TokenGenerated, lambda token: token.step == held + 3)
            keeper.send(Stop())
            await ear.phase("stopped")
            assert [token.step for token in ear.all(TokenGenerated)] == list(
                range(len(ear.all(TokenGenerated)))
            )

            # A new prompt stops the run before it.
            ear.events.clear()
            keeper.send(ENDLESS)
            await ear.wait_for(TokenGenerated)
            keeper.send(Generate(prompt="Hello", max_tokens=3, sampling=GREEDY))
            await ear.phase("stopped")
            await ear.phase("finished")
            assert len({started.run_id for started in ear.all(RunStarted)}) == 2

    asyncio.run(scene())


def test_a_killed_worker_is_told_and_replaced(smollm2: Path) -> None:
    async def scene() -> None:
        async with listening() as ear:
            keeper = ear.supervisor
            await keeper.load(smollm2, "real")
            keeper.send(ENDLESS)
            await ear.wait_for(TokenGenerated, lambda token: token.step == 3)
            began = time.monotonic()
            assert keeper.pid is not None
            os.kill(keeper.pid, signal.SIGKILL)
            state = await ear.phase("failed")
            assert time.monotonic() - began < 5
            assert state.reason == "error"
            problem = ear.all(Problem)[-1]
            assert problem.code == "out-of-memory"
            assert problem.message == state.message
            assert problem.hint
            assert keeper.state == "dead"
            keeper.send(GetAttention(request=3, layer=0, head=0))
            assert ear.all(Rejected)[-1].request == 3
            # The next prompt brings a fresh worker.
            ear.events.clear()
            keeper.send(Generate(prompt="Hello", max_tokens=2, sampling=GREEDY))
            await ear.phase("finished")
            assert len(ear.all(TokenGenerated)) == 2

    asyncio.run(scene())


def test_bad_files_become_sentences_and_another_model_loads(
    tmp_path: Path, smollm2: Path, tiny_model: Callable[[str], Path]
) -> None:
    whole = tiny_model("llama").read_bytes()
    files = {
        "empty": b"",
        "noise": os.urandom(5000),
        "cut": whole[: len(whole) // 2],
        "crafted": _with(whole, "llama.block_count", 1 << 20),
    }

    async def scene() -> None:
        async with listening() as ear:
            for name, data in files.items():
                path = tmp_path / f"{name}.gguf"
                path.write_bytes(data)
                ear.events.clear()
                began = time.monotonic()
                assert not await ear.supervisor.load(path, name)
                assert time.monotonic() - began < 30
                (problem,) = ear.all(Problem)
                assert problem.message.endswith((".", "?")), name
                assert problem.hint.endswith("."), name
                assert "Traceback" not in problem.message
                assert ear.supervisor.state == "failed"
                assert ear.all(Progress)[-1].done
            assert not await ear.supervisor.load(tmp_path / "absent.gguf", "absent")
            ear.events.clear()
            assert await ear.supervisor.load(tiny_model("llama"), "tiny")
            ear.supervisor.send(Generate(prompt="the cat", raw=True, max_tokens=2, sampling=GREEDY))
            await ear.phase("finished")

    asyncio.run(scene())


def _with(data: bytes, name: str, value: int) -> bytes:
    """The same file with another 32-bit number in its metadata."""
    key = name.encode()
    at = data.index(key) + len(key) + 4
    return data[:at] + value.to_bytes(4, "little") + data[at + 4 :]


def test_an_abort_inside_llama_cpp(tmp_path: Path, tiny_model: Callable[[str], Path]) -> None:
    """llama.cpp asserts that no more experts are used than there are; then one while it runs."""
    path = tmp_path / "aborts.gguf"
    path.write_bytes(_with(tiny_model("mixtral").read_bytes(), "llama.expert_used_count", 7))

    async def scene() -> None:
        async with listening() as ear:
            began = time.monotonic()
            assert not await ear.supervisor.load(path, "aborts")
            assert time.monotonic() - began < 30
            (problem,) = ear.all(Problem)
            assert problem.code == "aborted"
            assert "while loading the model" in problem.message
            assert "n_expert_used" in problem.message
            assert "/" not in problem.message
            ear.events.clear()
            await ear.supervisor.load(tiny_model("llama"), "tiny")
            ear.supervisor.send(ENDLESS)
            await ear.wait_for(TokenGenerated)
            assert ear.supervisor.pid is not None
            began = time.monotonic()
            os.kill(ear.supervisor.pid, signal.SIGABRT)
            await ear.phase("failed")
            assert time.monotonic() - began < 5
            assert ear.all(Problem)[-1].code == "aborted"
            assert ear.all(Problem)[-1].message.startswith("llama.cpp gave up")

    asyncio.run(scene())


def test_nan_weights_are_named(tmp_path: Path, tiny_model: Callable[[str], Path]) -> None:
    data = bytearray(tiny_model("llama").read_bytes())
    # The last tensor's last numbers.
    data[-256:] = np.full(64, np.nan, np.float32).tobytes()
    path = tmp_path / "nan.gguf"
    path.write_bytes(data)

    async def scene(check: bool) -> Ear:
        ear = Ear()
        ear.supervisor.options = EngineOptions(n_ctx=512, check_tensors=check)
        loaded = await ear.supervisor.load(path, "nan")
        assert loaded is not check
        if loaded:
            ear.supervisor.send(Generate(prompt="the cat", raw=True, max_tokens=50, sampling=GREEDY))
            await ear.wait_for(RunState, lambda state: state.phase in ("failed", "finished"))
        await ear.supervisor.close()
        return ear

    checked = asyncio.run(scene(check=True))
    assert checked.all(Problem)[0].code == "load-failed"
    unchecked = asyncio.run(scene(check=False))
    assert unchecked.all(RunState)[-1].phase == "failed"
    assert [problem.code for problem in unchecked.all(Problem)] == ["nan"]


def test_loading_another_model_ends_the_run(smollm2: Path, tiny_model: Callable[[str], Path]) -> None:
    async def scene() -> None:
        async with listening() as ear:
            keeper = ear.supervisor
            await keeper.load(tiny_model("llama"), "one")
            first = keeper.pid
            keeper.send(Generate(prompt="the cat", raw=True, sampling=GREEDY))
            await ear.wait_for(TokenGenerated)
            slow = asyncio.create_task(keeper.load(smollm2, "two"))
            await asyncio.sleep(0.3)
            assert await keeper.load(tiny_model("qwen2"), "three")
            assert not await slow
            assert ear.all(RunState)[-1].phase in ("stopped", "finished")
            assert ear.all(ModelLoaded)[-1].model.id == "three"
            assert not ear.all(Problem)
            assert first is not None
            assert not psutil.pid_exists(first)

    asyncio.run(scene())


def test_a_load_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that never gives its bytes: a FIFO nobody writes to."""
    path = tmp_path / "hang.gguf"
    os.mkfifo(path)
    monkeypatch.setattr("cloudchamber.inference.watch.LOAD_SILENCE", 3.0)

    async def scene() -> None:
        async with listening() as ear:
            assert not await asyncio.wait_for(ear.supervisor.load(path, "hang"), 60)
            assert ear.all(Problem)[-1].code in ("load-hang", "load-failed")
            assert ear.supervisor.state == "failed"

    asyncio.run(scene())


def test_a_run_that_hangs_is_ended_and_the_next_one_runs(
    smollm2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker stopped in the middle of a run says nothing and uses no processor, as one that deadlocks."""
    monkeypatch.setattr("cloudchamber.inference.watch.RUN_SILENCE", 3.0)
    monkeypatch.setattr("cloudchamber.inference.watch.LOOK", 0.1)

    async def scene() -> None:
        async with listening() as ear:
            assert await ear.supervisor.load(smollm2, "smollm2")
            ear.supervisor.send(ENDLESS)
            await ear.wait_for(TokenGenerated)
            ear.supervisor.send(Pause())
            await ear.phase("paused")
            await asyncio.sleep(4)
            assert not ear.all(Problem), "a pause is not a hang"
            ear.events.clear()
            ear.supervisor.send(Resume())
            await ear.wait_for(TokenGenerated)
            assert ear.supervisor.pid is not None
            os.kill(ear.supervisor.pid, signal.SIGSTOP)
            problem = await ear.wait_for(Problem, seconds=20)
            assert problem.code == "stuck"
            assert "standstill" in problem.message
            assert (await ear.phase("failed")).reason == "error"
            ear.events.clear()
            ear.supervisor.send(ENDLESS)
            await ear.wait_for(TokenGenerated)

    asyncio.run(scene())


def test_a_server_that_stalls_loses_nothing(smollm2: Path) -> None:
    async def scene() -> None:
        async with listening() as ear:
            await ear.supervisor.load(smollm2, "real")
            ear.supervisor.send(
                Want(parts=["layers", "heads", "cache", "attention"], attention=[(0, 0), (1, 1)])
            )
            ear.supervisor.send(Generate(prompt="1, 2, 3,", raw=True, max_tokens=120, sampling=GREEDY))
            await ear.wait_for(TokenGenerated)
            for _ in range(3):
                time.sleep(1.0)  # noqa: ASYNC251 - the stall is the point
                await asyncio.sleep(0.05)
            await ear.phase("finished")
            assert [token.step for token in ear.all(TokenGenerated)] == list(range(120))

    asyncio.run(scene())


def test_a_worker_dies_with_its_server(tiny_model: Callable[[str], Path]) -> None:
    """The server is killed in a way that lets it do nothing about it."""
    program = f"""
        import asyncio, sys
        from pathlib import Path
        from cloudchamber.inference.options import EngineOptions
        from cloudchamber.inference.supervisor import Supervisor
        from cloudchamber.telemetry.commands import Generate

        async def main():
            keeper = Supervisor(EngineOptions(n_ctx=512), lambda event: None, lambda request, reply: None)
            await keeper.load(Path({str(tiny_model("llama"))!r}), "tiny")
            keeper.send(Generate(prompt="the cat", raw=True))
            print(keeper.pid, flush=True)
            await asyncio.sleep(60)

        asyncio.run(main())
    """
    server = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    worker = psutil.Process(int(server.stdout.readline()))
    family = [worker, *worker.children(recursive=True)]
    server.kill()
    server.wait()
    _, alive = psutil.wait_procs(family, timeout=5)
    assert not alive


def test_close_leaves_nothing(tiny_model: Callable[[str], Path]) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    files = psutil.Process().num_fds()

    async def scene() -> None:
        async with listening() as ear:
            await ear.supervisor.load(tiny_model("llama"), "tiny")
            ear.supervisor.send(ENDLESS)
            await ear.wait_for(TokenGenerated)

    asyncio.run(scene())
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before
    assert psutil.Process().num_fds() <= files + 1
