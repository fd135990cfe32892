"""Positions for the server: from the cache, or from a process that computes them.

The server calls `start` for each model it loads and is told when the PCA and then the UMAP
can be fetched. One process at most is at work; it is killed when another model comes or the
server ends, and its death harms nothing but the layout it was making.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import struct
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cloudchamber.model.embedding import embedding_hash
from cloudchamber.model.header import GgufError
from cloudchamber.model.positions import METHODS, Method
from cloudchamber.model.positions_cache import CacheError, PositionsCache
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.events import PositionsReady, Problem, Progress

log = logging.getLogger(__name__)

type OnProgress = Callable[[Progress], None]
type OnReady = Callable[[PositionsReady], None]
type OnProblem = Callable[[Problem], None]

KEPT_IN_MEMORY: Final = 6
MAX_MESSAGE_BYTES: Final = 256 << 20

_STDERR_LINES: Final = 20
_ONE_THREAD: Final = {
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
}
"""For the process's linear algebra: its threads wait by spinning, beside a model that decodes."""


class PositionsService:
    """Where the tokens of the loaded model stand, as bytes ready to be served."""

    def __init__(self, cache: PositionsCache | None = None) -> None:
        self._cache = cache or PositionsCache()
        self._bodies: OrderedDict[tuple[str, Method], bytes] = OrderedDict()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._job: _Job | None = None
        self._starting = asyncio.Lock()

    async def prepare(self, path: Path) -> None:
        """Begin early with a model that is only now being loaded, and tell nobody yet.

        `start` then takes over what is done. Work on an earlier model is cancelled. A file
        that can't be read is left for `start` to complain of.
        """
        async with self._starting:
            await self._cancel()
            try:
                name = await asyncio.to_thread(embedding_hash, path)
            except GgufError:
                return
            if name:
                await self._begin(path, name)

    async def start(
        self,
        path: Path,
        embedding_hash: str,
        on_progress: OnProgress,
        on_ready: OnReady,
        on_problem: OnProblem | None = None,
    ) -> None:
        """Make positions of a model available and tell of them; returns once the cached ones are.

        What is missing is computed in the background. A model without an embedding (an empty
        hash) has no positions. Work on an earlier model is cancelled.
        """
        listeners = _Listeners(on_progress, on_ready, on_problem or _log_problem)
        async with self._starting:
            if not self._has_begun(embedding_hash):
                await self._cancel()
                if embedding_hash:
                    await self._begin(path, embedding_hash)
            if self._job is not None:
                self._job.tell(listeners)

    def _has_begun(self, embedding_hash: str) -> bool:
        """A job for this embedding is at work, or is done and lacks nothing."""
        job, task = self._job, self._task
        if job is None or job.embedding_hash != embedding_hash:
            return False
        return not job.missing or (task is not None and not task.done())

    async def _begin(self, path: Path, embedding_hash: str) -> None:
        """Take what is cached, and set a process to work on the rest."""
        job = self._job = _Job(path, embedding_hash)
        for method in METHODS:
            body = await asyncio.to_thread(self._find, embedding_hash, method)
            if body is None:
                job.missing.append(method)
            else:
                self._keep(embedding_hash, method, body)
                job.say(PositionsReady(embedding_hash=embedding_hash, method=method))
        if job.missing:
            self._task = asyncio.create_task(self._compute(job), name="positions")

    def bytes_of(self, embedding_hash: str, method: Method) -> bytes | None:
        """Encoded positions, the same object each time; None if there are none (yet)."""
        body = self._find(embedding_hash, method)
        if body is not None:
            self._keep(embedding_hash, method, body)
        return body

    async def cancel(self) -> None:
        """Kill the process, if one is at work, and wait until it is gone."""
        async with self._starting:
            await self._cancel()

    async def _cancel(self) -> None:
        task, self._task, self._job = self._task, None, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def close(self) -> None:
        await self.cancel()

    @property
    def pid(self) -> int | None:
        """Of the process at work."""
        return self._process.pid if self._process is not None else None

    async def wait(self) -> None:
        """Wait until nothing is being computed."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def _find(self, embedding_hash: str, method: Method) -> bytes | None:
        body = self._bodies.get((embedding_hash, method))
        return body if body is not None else self._cache.read(embedding_hash, method)

    def _keep(self, embedding_hash: str, method: Method, body: bytes) -> None:
        self._bodies[embedding_hash, method] = body
        self._bodies.move_to_end((embedding_hash, method))
        while len(self._bodies) > KEPT_IN_MEMORY:
            self._bodies.popitem(last=False)

    async def _compute(self, job: _Job) -> None:
        last = ""
        try:
            failure = await self._run(job)
        except OSError as error:
            failure = f"its process could not be started: {error.strerror or error}"
        except (codec.CodecError, struct.error, KeyError, ValueError) as error:
            failure = f"its process said something unexpected: {error}"
        if failure:
            job.say(_problem(failure, job.missing))
            last = "The layout of the vocabulary could not be computed"
        job.say(Progress(task="positions", fraction=1.0, message=last or job.notice, done=True))

    async def _run(self, job: _Job) -> str:
        """Run the process to its end; why it failed, or an empty string."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cloudchamber.model.projection", str(job.path), *job.missing),
            env={**os.environ, **_ONE_THREAD},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self._process = process
        errors: deque[str] = deque(maxlen=_STDERR_LINES)
        drain = asyncio.create_task(_drain(process.stderr, errors))
        try:
            failure = await self._read(process.stdout, job)
            code = await process.wait()
            await drain
        finally:
            self._process = None
            drain.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code != 0 and errors:
            log.warning("the layout process ended with code %d:\n%s", code, "\n".join(errors))
        return failure or ("" if code == 0 else _death(code))

    async def _read(self, stdout: asyncio.StreamReader | None, job: _Job) -> str:
        """Pass on what the process says until it ends; the failure it told of, if any."""
        assert stdout is not None
        while True:
            try:
                (length,) = struct.unpack("<I", await stdout.readexactly(4))
                if length > MAX_MESSAGE_BYTES:
                    raise ValueError(f"a message of {length:,} bytes")
                message = codec.decode(await stdout.readexactly(length))
            except asyncio.IncompleteReadError:
                return ""
            if message["kind"] == "failed":
                return str(message["message"])
            await self._take(message, job)

    async def _take(self, message: dict[str, Any], job: _Job) -> None:
        if message["kind"] == "progress":
            fraction, text = float(message["fraction"]), str(message["message"])
            job.say(Progress(task="positions", fraction=fraction, message=text, done=False))
        elif message["kind"] == "positions" and message["method"] in job.missing:
            method, body = message["method"], bytes(message["body"])
            job.missing.remove(method)
            self._keep(job.embedding_hash, method, body)
            job.say(PositionsReady(embedding_hash=job.embedding_hash, method=method))
            try:
                await asyncio.to_thread(self._cache.write, job.embedding_hash, method, body)
            except CacheError as error:
                job.notice = f"The layout can't be kept for the next start: {error}"
                log.warning("%s", job.notice)


@dataclass(frozen=True, slots=True)
class _Listeners:
    on_progress: OnProgress
    on_ready: OnReady
    on_problem: OnProblem


@dataclass(slots=True)
class _Job:
    """One model's positions being made, and what there is to tell of them."""

    path: Path
    embedding_hash: str
    missing: list[Method] = field(default_factory=list)
    notice: str = ""
    _listeners: _Listeners | None = None
    _untold: list[Progress | PositionsReady | Problem] = field(default_factory=list)

    def tell(self, listeners: _Listeners) -> None:
        """Have listeners from now on; they first hear what they missed."""
        self._listeners = listeners
        untold, self._untold = self._untold, []
        for event in untold:
            self.say(event)

    def say(self, event: Progress | PositionsReady | Problem) -> None:
        if self._listeners is None:
            if isinstance(event, Progress):
                self._untold = [kept for kept in self._untold if not isinstance(kept, Progress)]
            self._untold.append(event)
        elif isinstance(event, Progress):
            self._listeners.on_progress(event)
        elif isinstance(event, PositionsReady):
            self._listeners.on_ready(event)
        else:
            self._listeners.on_problem(event)


def _death(code: int) -> str:
    if code >= 0:
        return f"its process ended with code {code}"
    with contextlib.suppress(ValueError):
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process was ended by signal {-code}"


def _problem(reason: str, missing: Sequence[Method]) -> Problem:
    stays = "The nebula keeps the simple layout it has." if "pca" not in missing else ""
    return Problem(
        code="positions",
        message=f"The vocabulary could not be laid out: {reason}. {stays}".strip(),
        hint="Load the model again to try again.",
    )


def _log_problem(problem: Problem) -> None:
    log.warning("%s", problem.message)


async def _drain(stream: asyncio.StreamReader | None, lines: deque[str]) -> None:
    """Keep the last lines of a stream, so that its writer never waits."""
    assert stream is not None
    rest = b""
    while chunk := await stream.read(4_096):
        *whole, rest = (rest + chunk).split(b"\n")
        rest = rest[-4_096:]
        lines.extend(line.decode(errors="replace") for line in whole)
