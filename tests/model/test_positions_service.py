"""Positions as the server gets them: the real process, the real cache, and their deaths."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from cloudchamber.model.embedding import embedding_hash
from cloudchamber.model.positions import METHODS
from cloudchamber.model.positions_cache import PositionsCache
from cloudchamber.model.positions_service import PositionsService
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.events import PositionsReady, Problem, Progress
from tests.model.gguf_files import random_embedding, smollm2, write_model

pytestmark = pytest.mark.timeout(600)


@dataclass
class Heard:
    """Everything a service said, in order."""

    events: list[Progress | PositionsReady | Problem] = field(default_factory=list)

    @property
    def ready(self) -> list[str]:
        return [event.method for event in self.events if isinstance(event, PositionsReady)]

    @property
    def problems(self) -> list[Problem]:
        return [event for event in self.events if isinstance(event, Problem)]

    @property
    def progress(self) -> list[Progress]:
        return [event for event in self.events if isinstance(event, Progress)]


async def start(service: PositionsService, path: Path, name: str | None = None) -> Heard:
    heard = Heard()
    say = heard.events.append
    await service.start(path, embedding_hash(path) if name is None else name, say, say, say)
    return heard


async def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def run[T](work: Coroutine[object, object, T]) -> T:
    return asyncio.run(work)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "m.gguf", random_embedding(400, 32))


@pytest.fixture(scope="module")
def filled(model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[PositionsCache, Heard]:
    """A cache that holds both layouts of `model`, and what was said while they were made."""
    cache = PositionsCache(tmp_path_factory.mktemp("cache"))

    async def fill() -> Heard:
        service = PositionsService(cache)
        heard = await start(service, model)
        await service.wait()
        return heard

    return cache, run(fill())


def test_pca_comes_first_then_umap_with_progress_between(filled: tuple[PositionsCache, Heard]) -> None:
    _, heard = filled
    assert heard.ready == ["pca", "umap"]
    assert heard.problems == []
    fractions = [event.fraction for event in heard.progress]
    assert fractions == sorted(fractions)
    assert [event.done for event in heard.progress].count(True) == 1
    assert heard.progress[-1].done
    first, second = (n for n, event in enumerate(heard.events) if isinstance(event, PositionsReady))
    assert any(isinstance(event, Progress) for event in heard.events[first:second])


def test_a_second_start_takes_both_from_the_cache_at_once(
    filled: tuple[PositionsCache, Heard], model: Path
) -> None:
    async def again() -> None:
        service = PositionsService(PositionsCache(filled[0].folder))
        name = embedding_hash(model)
        begin = time.perf_counter()
        heard = await start(service, model, name)
        assert time.perf_counter() - begin < 0.2
        assert heard.ready == ["pca", "umap"]
        assert heard.progress == []
        assert service.pid is None
        for method in METHODS:
            body = service.bytes_of(name, method)
            assert body is not None
            assert body is service.bytes_of(name, method)
            decoded = codec.decode(body)
            assert decoded["method"] == method
            assert decoded["points"].shape == (400, 3)
            assert decoded["radius"].shape == (400,)
        assert service.bytes_of("0" * 32, "pca") is None
        assert service.bytes_of("../../etc/passwd", "pca") is None

    run(again())


def test_only_what_is_missing_is_made_again(
    filled: tuple[PositionsCache, Heard], model: Path, tmp_path: Path
) -> None:
    name = embedding_hash(model)
    umap = filled[0].read(name, "umap")
    assert umap is not None
    cache = PositionsCache(tmp_path)
    cache.write(name, "umap", umap)
    cache.write(name, "pca", b"damaged")
    (damaged,) = tmp_path.glob("*pca*")
    damaged.write_bytes(damaged.read_bytes()[:-1])

    async def repair() -> None:
        service = PositionsService(cache)
        heard = await start(service, model)
        assert heard.ready == ["umap"]
        await service.wait()
        assert heard.ready == ["umap", "pca"]
        assert cache.read(name, "pca") == filled[0].read(name, "pca")
        assert cache.read(name, "umap") == umap

    run(repair())


def test_what_was_prepared_is_told_at_the_start(
    filled: tuple[PositionsCache, Heard], model: Path, tmp_path: Path
) -> None:
    name = embedding_hash(model)
    umap = filled[0].read(name, "umap")
    assert umap is not None
    PositionsCache(tmp_path).write(name, "umap", umap)

    async def prepare() -> None:
        service = PositionsService(PositionsCache(tmp_path))
        await service.prepare(model)
        await service.wait()
        heard = await start(service, model)
        assert heard.ready == ["umap", "pca"]
        assert heard.progress[-1].done
        assert service.pid is None

    run(prepare())


def test_a_cache_that_cannot_be_written_costs_only_a_notice(model: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")

    async def go() -> None:
        service = PositionsService(PositionsCache(blocked / "cache"))
        heard = await start(service, write_model(tmp_path / "few.gguf", random_embedding(20, 32)))
        await service.wait()
        assert heard.ready == ["pca"]
        assert heard.problems == []
        assert "can't be kept" in heard.progress[-1].message

    run(go())


def test_a_killed_process_is_told_and_the_pca_stays(tmp_path: Path) -> None:
    async def go() -> None:
        service = PositionsService(PositionsCache(tmp_path))
        heard = await start(service, smollm2())
        await until(lambda: "pca" in heard.ready and service.pid is not None)
        assert service.pid is not None
        os.kill(service.pid, signal.SIGKILL)
        await service.wait()
        (problem,) = heard.problems
        assert "SIGKILL" in problem.message
        assert "keeps the simple layout" in problem.message
        assert heard.progress[-1].done
        assert service.bytes_of(embedding_hash(smollm2()), "pca") is not None
        again = await start(service, smollm2())
        await until(lambda: again.ready == ["pca"] and service.pid is not None)
        await service.close()

    run(go())


def test_another_model_and_the_end_cancel_the_work(tmp_path: Path, model: Path) -> None:
    async def go() -> None:
        service = PositionsService(PositionsCache(tmp_path))
        first = await start(service, smollm2())
        await until(lambda: service.pid is not None)
        pid = service.pid
        assert pid is not None
        await start(service, model)
        await until(lambda: service.pid not in (None, pid))
        assert gone(pid)
        said = len(first.events)
        other = service.pid
        assert other is not None
        await service.close()
        assert gone(other)
        assert service.pid is None
        assert len(first.events) == said
        assert first.problems == []

    run(go())


_SERVER = """
import asyncio, sys
from pathlib import Path
from cloudchamber.model.positions_cache import PositionsCache
from cloudchamber.model.positions_service import PositionsService

async def main():
    service = PositionsService(PositionsCache(Path(sys.argv[2])))
    nothing = lambda _: None
    await service.start(Path(sys.argv[1]), "0" * 32, nothing, nothing)
    while service.pid is None:
        await asyncio.sleep(0.01)
    print(service.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def test_the_process_does_not_outlive_a_killed_server(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _SERVER, str(smollm2()), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        assert not gone(pid)
        server.kill()
    deadline = time.monotonic() + 60
    while not gone(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_model_without_an_embedding_has_no_positions(tmp_path: Path) -> None:
    async def go() -> None:
        service = PositionsService(PositionsCache(tmp_path))
        heard = await start(service, tmp_path / "any.gguf", "")
        await service.prepare(tmp_path / "missing.gguf")
        assert heard.events == []
        assert service.pid is None

    run(go())


def test_a_file_that_cannot_be_read_is_a_problem_in_words(tmp_path: Path) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"GGUF\x03\x00\x00\x00")

    async def go() -> None:
        service = PositionsService(PositionsCache(tmp_path / "cache"))
        heard = await start(service, path, "0" * 32)
        await service.wait()
        (problem,) = heard.problems
        assert "bad.gguf: the file ends" in problem.message
        assert "Traceback" not in problem.message
        assert heard.ready == []
        assert heard.progress[-1].done

    run(go())


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_every_thread_of_the_process_yields_once_the_pca_is_there(tmp_path: Path) -> None:
    def niceness(pid: int) -> set[int]:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return {os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in tasks}

    async def go() -> None:
        service = PositionsService(PositionsCache(tmp_path))
        heard = await start(service, smollm2())
        await until(lambda: any("neighbours" in event.message for event in heard.progress))
        assert service.pid is not None
        assert niceness(service.pid) == {19}
        await service.close()

    run(go())
