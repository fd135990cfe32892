"""A session that shows a model running: the supervisor's events, positions, other models."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from cloudchamber.inference.options import EngineOptions
from cloudchamber.inference.supervisor import Supervisor
from cloudchamber.model.discovery import FoundModel, discover
from cloudchamber.model.file_hash import mark_of
from cloudchamber.model.positions import Method
from cloudchamber.model.positions_service import PositionsService
from cloudchamber.model.vocabulary import read_vocabulary
from cloudchamber.server.run_tokens import RunTokens
from cloudchamber.server.session import RefusedError, SessionState
from cloudchamber.sessions.compactor import Compactor
from cloudchamber.sessions.recorder import Recorder
from cloudchamber.sessions.store import Store
from cloudchamber.telemetry.commands import (
    Command,
    Generate,
    GetDistribution,
    GetFlow,
    GetTokens,
    Load,
    Question,
    Want,
)
from cloudchamber.telemetry.events import F4, Event, ModelLoaded, Part, Problem, RunStarted, TokenGenerated
from cloudchamber.telemetry.hub import Hub, Survivors
from cloudchamber.telemetry.messages import (
    AttentionReply,
    DistributionReply,
    FlowReply,
    HeadHistoryReply,
    Message,
    MomentReply,
    Rejected,
    TokensReply,
)
from cloudchamber.telemetry.pacer import Pacer

log = logging.getLogger("cloudchamber.session")

DEFAULT_PROMPT: Final = "Tell me a story about a lighthouse keeper who listens to the stars."
DEFAULT_TOKENS: Final = 256
"""Of the default prompt's answer: a small model soon repeats itself."""
ANSWER_SECONDS: Final = 10.0
ROLLOUT_SECONDS: Final = 120.0
"""A rollout's first answer, of a long run on a slow machine that goes on decoding."""
KEPT_VOCABULARIES: Final = 2


class LiveSession:
    """Owns everything that runs beside the server. One event loop."""

    control = True

    def __init__(
        self,
        options: EngineOptions,
        *,
        model: FoundModel | None = None,
        autostart: bool = True,
        store: Store | None = None,
        record: bool = True,
    ) -> None:
        """What `store` holds can be looked at; it is closed when the session ends. If `record`,
        every run is kept in it."""
        self.hub = Hub()
        self.store = store
        keeping = store if record else None
        self._recorder = None if keeping is None else Recorder(self.hub, keeping, self)
        self._compactor = None if keeping is None else Compactor(keeping, self.hub.publish)
        if keeping is not None:
            options = replace(options, spool=str(keeping.spools))
        self._supervisor = Supervisor(options, self._on_event, self._on_reply)
        self._positions = PositionsService()
        self._first = model
        self._path: Path | None = None
        self._mark = self._mark_before = ""
        """Of the loaded model's files, and as they were before that; see `model/file_hash.py`."""
        self._autostart = autostart
        self._greeted = False
        self._run: tuple[str, int] = ("", -1)
        self._tokens = RunTokens()
        self._requests = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._paths: OrderedDict[str, Path] = OrderedDict()
        self._vocabularies: OrderedDict[str, bytes] = OrderedDict()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loading: asyncio.Task[Any] | None = None
        self._considering = asyncio.Lock()

    # ----------------------------------------------------------------- life

    async def start(self) -> None:
        self.hub.on_demand = self._on_demand
        self._spawn(Pacer(self.hub).run())
        if self._recorder is not None and self._compactor is not None:
            self._recorder.on_complete = self._compactor.look
            self._recorder.model_mark = lambda: self._mark
            self._compactor.make_room = self._recorder.room.between_runs
            self._compactor.is_loading = lambda: self.state == "starting"
            self._spawn(self._recorder.start())
            self._spawn(self._compactor.run())
        self._spawn(self._prepare_distributions())
        if self._first is not None:
            self._begin_loading(self._first)

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._recorder is not None:
            await self._recorder.close()
        await self._positions.close()
        await self._supervisor.close()
        self._tokens.close()
        if self.store is not None:
            await asyncio.to_thread(self.store.close)

    async def _prepare_distributions(self) -> None:
        await asyncio.to_thread(_compile_distributions)
        self.hub.use_logits(_Logits(self._supervisor))

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("A task of the session failed.", exc_info=error)

    @property
    def state(self) -> SessionState:
        state = self._supervisor.state
        if state == "idle":
            return "empty" if self._loading is None else "starting"
        return state

    @property
    def records(self) -> bool:
        return self._recorder is not None

    @property
    def model_name(self) -> str:
        return self.hub.model.model.name if self.hub.model else ""

    # --------------------------------------------------------------- loading

    def _begin_loading(self, model: FoundModel) -> None:
        self._loading = self._spawn(self._load(model))

    async def _load(self, model: FoundModel) -> None:
        async with self._considering:  # so that the one asked for last is loaded last
            if not await self._supervisor.accepts(model.path):
                return
        self._spawn(self._positions.prepare(model.path))
        self._path, self._mark_before = model.path, await asyncio.to_thread(mark_of, model.path)
        await self._supervisor.load(model.path, model.id)

    async def _load_by_id(self, model_id: str) -> None:
        for model in await asyncio.to_thread(discover):
            if model.id == model_id:
                self._begin_loading(model)
                return
        if self._first is not None and self._first.id == model_id:
            self._begin_loading(self._first)
            return
        message = "That model is no longer there."
        self.hub.publish(Problem(code="model-missing", message=message, hint="Choose another from the list."))

    def _model_loaded(self, event: ModelLoaded) -> None:
        assert self._path is not None
        self._mark = self._mark_before if mark_of(self._path) == self._mark_before else ""
        self._paths[event.model.vocabulary_hash] = self._path
        self._paths.move_to_end(event.model.vocabulary_hash)
        while len(self._paths) > KEPT_VOCABULARIES:
            self._paths.popitem(last=False)
        if event.model.embedding_hash:
            name, say = event.model.embedding_hash, self.hub.publish
            self._spawn(self._positions.start(self._path, name, say, say, say))
        if self._greeted:
            self._start_default()

    # ---------------------------------------------------------------- events

    def _on_event(self, event: Event) -> None:
        self.hub.publish(event)
        self._tokens.take(event)
        if self._compactor is not None:
            self._compactor.hear(event)
        if isinstance(event, TokenGenerated):
            self._run = (event.run_id, event.step)
        elif isinstance(event, RunStarted):
            self._run = (event.run_id, -1)
            self._autostart = False
        elif isinstance(event, ModelLoaded):
            self._model_loaded(event)

    def _on_demand(self, parts: frozenset[Part], heads: frozenset[tuple[int, int]]) -> None:
        self._supervisor.send(Want(parts=sorted(parts), attention=sorted(heads)))

    def _on_reply(self, request: int, message: Message) -> None:
        waiting = self._waiting.pop(request, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    # -------------------------------------------------------------- commands

    def greet(self) -> None:
        self._greeted = True
        if self.state == "ready":
            self._start_default()

    def _start_default(self) -> None:
        """Something to look at for the first viewer, once, if nobody asked for anything yet."""
        if self._autostart:
            self._autostart = False
            self._supervisor.send(Generate(prompt=DEFAULT_PROMPT, max_tokens=DEFAULT_TOKENS))

    def obey(self, command: Command) -> None:
        if isinstance(command, Load):
            self._spawn(self._load_by_id(command.model))
            return
        revives = isinstance(command, Generate) and self.state == "dead"
        if self.state != "ready" and not revives:
            raise RefusedError(_NOT_READY[self.state])
        if isinstance(command, Generate):
            self._autostart = False
        self._supervisor.send(command)

    async def ask(self, command: Question) -> Message:
        if isinstance(command, GetDistribution):
            return self._distribution(command)
        if isinstance(command, GetTokens):
            tokens = self._tokens.range(command.start, command.stop)
            return TokensReply(request=command.request, run_id=self._tokens.run_id, tokens=tokens)
        reply = await self._ask_worker(command)
        if isinstance(reply, MomentReply):
            reply = self._with_distributions(reply)
        return replace(reply, request=command.request)

    async def _ask_worker(
        self, command: Question
    ) -> AttentionReply | MomentReply | HeadHistoryReply | FlowReply:
        if self.state != "ready":
            raise RefusedError(_NOT_READY[self.state])
        request = next(self._requests)
        waiting: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[request] = waiting
        try:
            self._supervisor.send(replace(command, request=request))
            long = isinstance(command, GetFlow) and command.mode == "rollout"
            async with asyncio.timeout(ROLLOUT_SECONDS if long else ANSWER_SECONDS):
                reply = await waiting
        except TimeoutError:
            raise RefusedError("The model's process did not answer.") from None
        finally:
            self._waiting.pop(request, None)
        if isinstance(reply, Rejected):
            raise RefusedError(reply.message)
        assert isinstance(reply, (AttentionReply, MomentReply, HeadHistoryReply, FlowReply))
        return reply

    def _with_distributions(self, reply: MomentReply) -> MomentReply:
        """The worker has not said what the logits are: they are read here."""
        if reply.run_id != self._tokens.run_id or reply.step >= len(self._tokens):
            raise RefusedError(f"Step {reply.step:,} of this run is not kept.")
        return replace(reply, state=[*self.hub.distributions(self._tokens[reply.step]), *reply.state])

    def _distribution(self, command: GetDistribution) -> Message:
        run_id, newest = self._run
        probabilities = None
        if command.step <= newest and self._supervisor.logits is not None:
            probabilities = self._supervisor.logits.probabilities(run_id, command.step)
        if probabilities is None:
            raise RefusedError(f"Step {command.step:,} of this run is not kept.")
        return DistributionReply(
            request=command.request, run_id=run_id, step=command.step, probabilities=probabilities
        )

    # ---------------------------------------------------------------- bodies

    async def models(self) -> list[dict[str, object]]:
        found = await asyncio.to_thread(discover)
        if self._first is not None and all(model.id != self._first.id for model in found):
            found.insert(0, self._first)
        return [
            {"id": model.id, "name": model.name, "bytes": model.bytes, "source": model.source}
            for model in found
        ]

    async def vocabulary(self, vocabulary_hash: str) -> bytes | None:
        body = self._vocabularies.get(vocabulary_hash)
        path = self._paths.get(vocabulary_hash)
        if body is None and path is not None:
            body = (await asyncio.to_thread(read_vocabulary, path)).encode()
            self._vocabularies[vocabulary_hash] = body
            while len(self._vocabularies) > KEPT_VOCABULARIES:
                self._vocabularies.popitem(last=False)
        return body

    async def positions(self, embedding_hash: str, method: Method) -> bytes | None:
        return await asyncio.to_thread(self._positions.bytes_of, embedding_hash, method)


def _compile_distributions() -> None:
    from cloudchamber.telemetry import distribution

    distribution.warm_up()


class _Logits:
    """The current worker's logits, whichever that is: a reader is void when its worker ends."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def logits(self, run_id: str, step: int) -> F4 | None:
        reader = self._supervisor.logits
        return None if reader is None else reader.logits(run_id, step)

    def survivors(self, run_id: str, step: int) -> Survivors | None:
        reader = self._supervisor.logits
        return None if reader is None else reader.survivors(run_id, step)


_NOT_READY: Final[dict[SessionState, str]] = {
    "starting": "The model is still loading.",
    "failed": "The model could not be loaded; choose another.",
    "dead": "The model's process has ended; load it again.",
    "empty": "No model is loaded; choose one.",
}
