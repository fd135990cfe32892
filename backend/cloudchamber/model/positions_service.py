"""Positions for the server: from the cache, or from a process that computes them.

The server calls `start` for each model it loads and is told when the PCA and then the UMAP
can be fetched. One process at most is at work; it is killed when another model comes or the
server ends, and its death harms nothing but the layout it was making.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import struct
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

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


class PositionsService:
    """Where the tokens of the loaded model stand, as bytes ready to be served."""

    def __init__(self, cache: PositionsCache | None = None) -> None:
        self._cache = cache or PositionsCache()
        self._bodies: OrderedDict[tuple[str, Method], bytes] = OrderedDict()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(
        self,
        path: Path,
        embedding_hash: str,
        on_progress: OnProgress,
        on_ready: OnReady,
        on_problem: OnProblem | None = None,
    ) -> None:
        """Make positions of a model available; returns once the cached ones are.

        What is missing is computed in the background. A model without an embedding (an empty
        hash) has no positions. Work on an earlier model is cancelled.
        """
        await self.cancel()
        if not embedding_hash:
            return
        missing: list[Method] = []
        for method in METHODS:
            body = await asyncio.to_thread(self._find, embedding_hash, method)
            if body is None:
                missing.append(method)
            else:
                self._announce(embedding_hash, method, body, on_ready)
        if missing:
            job = _Job(path, embedding_hash, missing, on_progress, on_ready, on_problem or _log_problem)
            self._task = asyncio.create_task(self._compute(job), name="positions")

    def bytes_of(self, embedding_hash: str, method: Method) -> bytes | None:
        """Encoded positions, the same object each time; None if there are none (yet)."""
        body = self._find(embedding_hash, method)
        if body is not None:
            self._keep(embedding_hash, method, body)
        return body

    async def cancel(self) -> None:
        """Kill the process, if one is at work, and wait until it is gone."""
        task, self._task = self._task, None
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

    def _announce(self, embedding_hash: str, method: Method, body: bytes, on_ready: OnReady) -> None:
        self._keep(embedding_hash, method, body)
        on_ready(PositionsReady(embedding_hash=embedding_hash, method=method))

    async def _compute(self, job: _Job) -> None:
        last = ""
        try:
            failure = await self._run(job)
        except OSError as error:
            failure = f"its process could not be started: {error.strerror or error}"
        except (codec.CodecError, struct.error, KeyError, ValueError) as error:
            failure = f"its process said something unexpected: {error}"
        if failure:
            job.on_problem(_problem(failure, job.missing))
            last = "The layout of the vocabulary could not be computed"
        job.on_progress(Progress(task="positions", fraction=1.0, message=last or job.notice, done=True))

    async def _run(self, job: _Job) -> str:
        """Run the process to its end; why it failed, or an empty string."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cloudchamber.model.projection", str(job.path), *job.missing),
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
            job.on_progress(Progress(task="positions", fraction=fraction, message=text, done=False))
        elif message["kind"] == "positions" and message["method"] in job.missing:
            method, body = message["method"], bytes(message["body"])
            job.missing.remove(method)
            self._announce(job.embedding_hash, method, body, job.on_ready)
            try:
                await asyncio.to_thread(self._cache.write, job.embedding_hash, method, body)
            except CacheError as error:
                job.notice = f"The layout can't be kept for the next start: {error}"
                log.warning("%s", job.notice)


class _Job:
    """One model's positions being computed."""

    def __init__(
        self,
        path: Path,
        embedding_hash: str,
        missing: Sequence[Method],
        on_progress: OnProgress,
        on_ready: OnReady,
        on_problem: OnProblem,
    ) -> None:
        self.path = path
        self.embedding_hash = embedding_hash
        self.missing = list(missing)
        self.on_progress = on_progress
        self.on_ready = on_ready
        self.on_problem = on_problem
        self.notice = ""


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
