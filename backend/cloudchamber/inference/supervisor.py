"""Keeps one worker process, passes commands down and events up, and survives its death.

Everything runs on the server's event loop. However a worker ends, the listeners get a
`Problem` in plain words, the run it was in is over, and another model can be loaded.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, cast

from cloudchamber.inference import deaths, wire
from cloudchamber.inference.child import Child, spawn
from cloudchamber.inference.logits_log import LogitsReader
from cloudchamber.inference.options import EngineOptions
from cloudchamber.inference.refusal import refusal
from cloudchamber.inference.watch import watch
from cloudchamber.telemetry import messages, typed
from cloudchamber.telemetry.commands import (
    QUESTIONS,
    Command,
    Generate,
    Pause,
    Question,
    Resume,
    Step,
    Stop,
    Want,
)
from cloudchamber.telemetry.events import (
    Event,
    ModelInfo,
    ModelLoaded,
    Problem,
    Progress,
    RunStarted,
    RunState,
)
from cloudchamber.telemetry.messages import Message, Rejected

_log = logging.getLogger(__name__)

State = Literal["idle", "starting", "ready", "failed", "dead"]

STOP_PATIENCE: Final = 15.0
"""Seconds a run may take to obey a stop."""
_ACTIVE: Final = ("prefill", "running", "paused")


class Supervisor:
    """Owner of the worker. Methods are for the event loop's thread."""

    def __init__(
        self,
        options: EngineOptions,
        on_event: Callable[[Event], None],
        on_reply: Callable[[int, Message], None],
    ) -> None:
        self.options = options
        self.state: State = "idle"
        self.model: ModelInfo | None = None
        self.logits: LogitsReader | None = None
        """Exact logits of the current run's tokens; None until a model is loaded."""
        self._on_event = on_event
        self._on_reply = on_reply
        self._worker: Child | None = None
        self._assignment: tuple[Path, str] | None = None
        self._want = Want(parts=[])
        self._turn = asyncio.Lock()
        self._reviving: asyncio.Task[None] | None = None
        self._stop_timer: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the worker, if there is one."""
        return self._worker.process.pid if self._worker is not None else None

    # ----------------------------------------------------------------- loading, ending

    async def accepts(self, path: Path) -> bool:
        """Whether a file may be a model, by its header. If it can't be, that becomes a `Problem`,
        and what runs goes on."""
        problem = await asyncio.to_thread(refusal, path)
        if problem is None:
            return True
        _log.warning("%s was not loaded: %s", path, problem.message)
        if self.state == "idle":
            self.state = "failed"
        self._on_event(problem)
        return False

    async def load(self, path: Path, model_id: str) -> bool:
        """Load a model in a fresh worker, ending the one before. True once it is ready.

        Never raises for a bad model: that becomes a `Problem` event.
        """
        async with self._turn:
            await self._end_worker("Another model is being loaded.")
            self._assignment = (path, model_id)
            self.state = "starting"
            self.model = None
            try:
                worker = await self._start()
            except OSError as error:
                self.state = "failed"
                self._problem("worker-start", f"No worker process could be started: {error.strerror}.", "")
                return False
            self._worker = worker
        await worker.settled.wait()
        return worker is self._worker and self.model is not None

    async def close(self) -> None:
        """End the worker and wait for it."""
        if self._reviving is not None:
            self._reviving.cancel()
        async with self._turn:
            await self._end_worker("The server is shutting down.")
            self.state = "idle"

    async def _start(self) -> Child:
        assert self._assignment is not None
        path, model_id = self._assignment
        worker = await spawn()
        worker.writer.write(wire.frame({"path": str(path), "model_id": model_id, "options": self.options}))
        worker.writer.write(wire.frame(self._want))
        worker.tasks = [
            asyncio.create_task(self._listen(worker)),
            asyncio.create_task(self._hear(worker)),
            asyncio.create_task(watch(worker, self._fail)),
        ]
        return worker

    async def _end_worker(self, why: str) -> None:
        """End the worker on purpose; nobody is told but that its run stopped."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        worker.ended = True
        with contextlib.suppress(ProcessLookupError):
            worker.process.kill()
        await worker.process.wait()
        self._close_run(worker, "stopped", "stopped", f"Stopped. {why}")
        self._release(worker)

    def _release(self, worker: Child) -> None:
        """Free what a dead worker held here, and answer those who wait for it."""
        current = asyncio.current_task()
        for task in worker.tasks:
            if task is not current:
                task.cancel()
        worker.writer.close()
        if self.logits is not None and self.logits.fd == worker.logits_fd:
            self.logits = None
        os.close(worker.logits_fd)
        for request in sorted(worker.asked):
            self._on_reply(
                request, Rejected(request=request, message="The model ended before it could answer.")
            )
        worker.asked.clear()
        self._cancel_stop_timer()
        worker.settled.set()

    # ----------------------------------------------------------------------- commands

    def send(self, command: Command) -> None:
        """Pass a command to the worker. A `Generate` starts a fresh one if the last died."""
        if isinstance(command, Want):
            self._want = command
        worker = self._worker
        if worker is None:
            self._send_to_nobody(command)
            return
        if isinstance(command, QUESTIONS):
            worker.asked.add(cast(Question, command).request)
        elif isinstance(command, Stop) and worker.run_id:
            self._expect_stop(worker)
        worker.writer.write(wire.frame(command))

    def _send_to_nobody(self, command: Command) -> None:
        if isinstance(command, QUESTIONS):
            request = cast(Question, command).request
            self._on_reply(request, Rejected(request=request, message="No model is loaded."))
        elif isinstance(command, Generate) and self.state == "dead" and self._reviving is None:
            self._reviving = asyncio.create_task(self._revive(command))
        elif isinstance(command, (Generate, Pause, Resume, Step)):
            self._problem("no-model", "No model is loaded.", "Choose a model and load it.")

    async def _revive(self, command: Generate) -> None:
        """Load the model whose worker died again, and make the run."""
        assert self._assignment is not None
        try:
            if await self.load(*self._assignment):
                self.send(command)
        finally:
            self._reviving = None

    def _expect_stop(self, worker: Child) -> None:
        self._cancel_stop_timer()

        def give_up() -> None:
            if worker is self._worker and worker.run_id:
                self._fail(worker, "stuck", "The run did not stop when told to, so its process was ended.")

        self._stop_timer = asyncio.get_running_loop().call_later(STOP_PATIENCE, give_up)

    def _cancel_stop_timer(self) -> None:
        if self._stop_timer is not None:
            self._stop_timer.cancel()
            self._stop_timer = None

    # ------------------------------------------------------------------------- events

    async def _listen(self, worker: Child) -> None:
        """Take the worker's messages in order until it ends."""
        try:
            async for message in wire.read_messages(worker.reader):
                self._take(worker, message)
        except (wire.WireError, ValueError):
            _log.exception("the worker sent something unreadable")
            self._fail(worker, "worker-failed", "The worker process sent something unreadable and was ended.")
        await self._bury(worker)

    def _take(self, worker: Child, message: dict[str, Any]) -> None:
        if worker.ended:
            return
        worker.heard_at = asyncio.get_running_loop().time()
        if message.get("kind") in messages.KINDS:
            reply = typed.message(message)
            request = int(message.get("request", 0))
            worker.asked.discard(request)
            self._on_reply(request, reply)
            return
        event = typed.event(message)
        self._follow(worker, event)
        self._on_event(event)

    def _follow(self, worker: Child, event: Event) -> None:
        """Know what the worker is at, from what it says."""
        match event:
            case Progress(task="load"):
                worker.loading = not event.done
                worker.progress_at = asyncio.get_running_loop().time()
            case Progress(task="prefill"):
                worker.prefilling = not event.done
            case ModelLoaded():
                self.model = event.model
                self.logits = LogitsReader(worker.logits_fd, event.model.n_vocab, self.options.spool)
                self.state = "ready"
                worker.settled.set()
            case RunStarted():
                worker.run_id = event.run_id
                worker.at_work = True
                if self.logits is not None:
                    self.logits.begin_run(event.run_id)
            case RunState():
                worker.at_work = event.phase in ("prefill", "running")
                if event.phase not in _ACTIVE:
                    worker.run_id = ""
                    self._cancel_stop_timer()
            case Problem(code="load-failed"):
                worker.explained = True
            case _:
                pass

    async def _hear(self, worker: Child) -> None:
        """Keep the tail of what the worker and llama.cpp print, and put it in the log."""
        assert worker.process.stdout is not None
        while True:
            try:
                line = await worker.process.stdout.readline()
            except ValueError:  # a line beyond the reader's limit
                continue
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip()
            worker.said.append(text)
            _log.info("worker %s: %s", worker.process.pid, text)

    # ------------------------------------------------------------------------- deaths

    def _fail(self, worker: Child, code: str, message: str) -> None:
        """End a worker that misbehaves, saying why."""
        if not worker.ended and not worker.explained:
            worker.explained = True
            self._problem(code, message, "Load the model again, or choose another.")
        with contextlib.suppress(ProcessLookupError):
            worker.process.kill()

    async def _bury(self, worker: Child) -> None:
        """The worker closed its end: find out how it died and say so."""
        try:
            returncode = await asyncio.wait_for(worker.process.wait(), 2.0)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                worker.process.kill()
            returncode = await worker.process.wait()
        if worker.ended:
            return
        worker.ended = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(worker.tasks[1], 0.5)
        loaded = worker.settled.is_set()
        problem = deaths.explain(returncode, worker.said, loading=not loaded)
        if worker is self._worker:
            self._worker = None
            self.state = "dead" if loaded else "failed"
        if worker.loading:
            self._on_event(Progress(task="load", fraction=1.0, message="", done=True))
        if not worker.explained:
            _log.error("worker %s ended with %s: %s", worker.process.pid, returncode, problem.message)
            self._on_event(problem)
        self._close_run(worker, "failed", "error", problem.message)
        self._release(worker)

    def _close_run(
        self,
        worker: Child,
        phase: Literal["failed", "stopped"],
        reason: Literal["error", "stopped"],
        message: str,
    ) -> None:
        if worker.prefilling:
            self._on_event(Progress(task="prefill", fraction=1.0, message="", done=True))
        if worker.run_id:
            self._on_event(RunState(run_id=worker.run_id, phase=phase, reason=reason, message=message))
            worker.run_id = ""

    def _problem(self, code: str, message: str, hint: str) -> None:
        self._on_event(Problem(code=code, message=message, hint=hint))
