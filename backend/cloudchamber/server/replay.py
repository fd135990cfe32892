"""A session that shows a recording, at its own pace, through the same hub as a live one."""

from __future__ import annotations

import asyncio
from typing import Final

from cloudchamber.model.positions import Method
from cloudchamber.server.recorded_rows import RecordedRows
from cloudchamber.server.run_tokens import RunTokens
from cloudchamber.server.session import RefusedError, SessionState
from cloudchamber.sessions.store import Store
from cloudchamber.telemetry import codec, typed
from cloudchamber.telemetry.commands import (
    Command,
    GetAttention,
    GetFlow,
    GetHeadHistory,
    GetMoment,
    GetTokens,
    Question,
)
from cloudchamber.telemetry.events import (
    CacheStatus,
    Distribution,
    Event,
    ExpertRouting,
    HeadSummary,
    LayerActivation,
    MemoryUsage,
    ModelLoaded,
    RunStarted,
)
from cloudchamber.telemetry.hub import Hub
from cloudchamber.telemetry.memory_readings import MemoryReadings
from cloudchamber.telemetry.messages import Message, MomentReply, TokensReply
from cloudchamber.telemetry.pacer import Pacer
from cloudchamber.telemetry.recording import Recording

NOT_HELD: Final = "The recording does not hold that."
ONLY_WATCHED: Final = "This is a recording: it can be watched, not changed or asked."


class ReplaySession:
    """Plays once, from when the first viewer arrives. What it showed stays."""

    control = False
    records = False
    store: Store | None = None

    def __init__(self, recording: Recording) -> None:
        self.hub = Hub()
        self._recording = recording
        self._tokens = RunTokens()
        self._rows = RecordedRows()
        self._state: dict[tuple[str, int], Event] = {}
        """Of the run so far, by kind and the step or position it is of."""
        self._memory = MemoryReadings()
        self._begin = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def state(self) -> SessionState:
        return "replay"

    @property
    def model_name(self) -> str:
        return str(self._recording.header.get("model", ""))

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(Pacer(self.hub).run()), asyncio.create_task(self._play())]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tokens.close()

    async def _play(self) -> None:
        await self._begin.wait()
        loop = asyncio.get_running_loop()
        start = loop.time()
        for time, data in self._recording.frames:
            await asyncio.sleep(start + time - loop.time())
            self._show(data)

    def _show(self, data: bytes) -> None:
        """One recorded frame becomes one frame."""
        frame = codec.decode(data)
        for mapping in (*frame["events"], *frame["state"]):
            event = typed.event(mapping)
            self.hub.publish(event)
            self._keep(event)
        self.hub.make_frame()

    def _keep(self, event: Event) -> None:
        self._tokens.take(event)
        self._rows.take(event)
        match event:
            case RunStarted():
                self._state.clear()
                self._memory.begin_run()
                self._rows.clear()
            case Distribution():
                self._state[event.stage, event.step] = event
            case HeadSummary() | LayerActivation() | ExpertRouting():
                self._state[event.kind, event.position] = event
            case MemoryUsage():
                self._memory.add(self._held, event)
            case CacheStatus():
                self._state["cache", int(event.seq_len.max(initial=0))] = event
            case _:
                pass

    def greet(self) -> None:
        self._begin.set()

    def obey(self, command: Command) -> None:
        raise RefusedError(ONLY_WATCHED)

    async def ask(self, command: Question) -> Message:
        match command:
            case GetTokens():
                tokens = self._tokens.range(command.start, command.stop)
                return TokensReply(request=command.request, run_id=self._tokens.run_id, tokens=tokens)
            case GetMoment() if command.step < len(self._tokens):
                return self._moment(command)
        reply = self._past(command)
        if reply is None:
            raise RefusedError(NOT_HELD)
        return reply

    def _past(self, command: Question) -> Message | None:
        """Of attention; None where the recording does not hold it."""
        run_id, held = self._tokens.run_id, self._held
        match command:
            case GetAttention():
                return self._rows.attention(command, run_id, held)
            case GetHeadHistory():
                return self._rows.history(command, run_id, held)
            case GetFlow():
                return self._rows.flow(command, run_id, held)
        return None

    @property
    def _held(self) -> int:
        """Positions that were decoded when the newest token was chosen."""
        return self._tokens[len(self._tokens) - 1].position if len(self._tokens) else 0

    def _moment(self, command: GetMoment) -> MomentReply:
        step, position = command.step, self._tokens[command.step].position
        keys = [("model", step), ("sampler", step), ("cache", position)]
        keys += [(kind, position - 1) for kind in ("heads", "layers", "experts")]
        state = [self._state[key] for key in keys if key in self._state]
        if (memory := self._memory.at(position)) is not None:
            state.append(memory)
        if not state:
            raise RefusedError(NOT_HELD)
        return MomentReply(request=command.request, run_id=self._tokens.run_id, step=step, state=state)

    async def models(self) -> list[dict[str, object]]:
        return []

    async def vocabulary(self, vocabulary_hash: str) -> bytes | None:
        model = self._model()
        known = model is not None and model.model.vocabulary_hash == vocabulary_hash
        return (self._recording.vocabulary or None) if known else None

    async def positions(self, embedding_hash: str, method: Method) -> bytes | None:
        model = self._model()
        known = model is not None and model.model.embedding_hash == embedding_hash
        return self._recording.positions.get(method) if known else None

    def _model(self) -> ModelLoaded | None:
        return self.hub.model
