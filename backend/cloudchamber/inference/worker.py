"""The child process in which a model runs: `python -m cloudchamber.inference.worker FD FD`.

llama.cpp may abort, be killed for its memory or hang; here it takes nobody with it. Four
threads: the main one loads and generates; one reads commands and obeys pause, step and stop
at once; two answer questions between two decodes, one of them those that may take seconds.
When the server is gone, so is this.
"""

from __future__ import annotations

import faulthandler
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from cloudchamber.inference.engine import Engine
from cloudchamber.inference.llama import LoadError
from cloudchamber.inference.options import EngineOptions
from cloudchamber.inference.past import RequestError
from cloudchamber.inference.refusal import load_hint, sentence
from cloudchamber.inference.wire import Channel
from cloudchamber.telemetry import typed
from cloudchamber.telemetry.commands import (
    Command,
    Generate,
    GetAttention,
    GetFlow,
    GetHeadHistory,
    GetMoment,
    Pause,
    Resume,
    Step,
    Stop,
    Want,
)
from cloudchamber.telemetry.events import Event, Problem, TokenGenerated
from cloudchamber.telemetry.messages import Rejected

EXIT_LOAD_FAILED: Final = 3
_QUICK: Final = 1 / 30
"""Seconds of a decode that is over before a frame of the server's is late for it."""
AT_ONCE: Final = 8
"""Questions answered between two decodes: they keep the next one waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The first message a worker gets: what to load, and how."""

    path: str
    model_id: str
    options: EngineOptions


class Worker:
    """Hook of the engine, and obeyer of commands."""

    def __init__(self, channel: Channel, logits_fd: int) -> None:
        self._channel = channel
        self._logits_fd = logits_fd
        self._engine: Engine | None = None
        self._lock = threading.Lock()
        self._next: Generate | None = None
        self._wake = threading.Event()
        self._questions: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._long_questions: queue.SimpleQueue[Command] = queue.SimpleQueue()

    def on_telemetry(self, event: Event) -> None:
        """Pass an event up. Blocks when the server can't keep up, and ends with it.

        What comes of a token that was quickly made goes up when the next decode has ended: while
        one goes on, a server that wakes would take a core from it and keep the others waiting.
        """
        quick = isinstance(event, TokenGenerated) and event.decode_seconds < _QUICK
        if quick or event.part is not None:
            self._channel.hold(event)
        else:
            self._send(event)

    def _send(self, message: Any) -> None:
        try:
            self._channel.send(message)
        except OSError:
            _leave()

    def _flush(self) -> None:
        try:
            self._channel.flush()
        except OSError:
            _leave()

    # ---------------------------------------------------------------- the main thread

    def run(self) -> None:
        """Load what the server says, then make the runs it asks for, for ever."""
        first = self._channel.receive()
        if first is None:
            _leave()
        assignment = typed.build(Assignment, first)
        # From here on the server's end is watched, also while loading.
        threading.Thread(target=self._read_commands, name="commands", daemon=True).start()
        self._engine = self._load(assignment)
        self._engine.on_decoded = self._flush
        for name, work in (("answers", self._answer), ("long answers", self._answer_long)):
            threading.Thread(target=work, name=name, daemon=True).start()
        while True:
            self._wake.wait()
            self._wake.clear()
            self._run_next()

    def _load(self, assignment: Assignment) -> Engine:
        try:
            return Engine.load(
                Path(assignment.path),
                assignment.options,
                self,
                model_id=assignment.model_id,
                logits_fd=self._logits_fd,
            )
        except (LoadError, MemoryError) as error:
            self._send(Problem(code="load-failed", message=sentence(error), hint=load_hint(error)))
            sys.exit(EXIT_LOAD_FAILED)

    def _run_next(self) -> None:
        engine = self._engine
        assert engine is not None
        with self._lock:
            command, self._next = self._next, None
            if command is not None:
                engine.reserve()
        if command is not None:
            engine.generate(command)

    # ------------------------------------------------------------ the other two threads

    def _read_commands(self) -> None:
        try:
            while (message := self._channel.receive()) is not None:
                self._obey(typed.command(message))
        except Exception:
            traceback.print_exc()
        _leave()

    def _obey(self, command: Command) -> None:
        """Never waits, so that a stop is never behind something slow."""
        engine = self._engine
        match command:
            case Generate():
                with self._lock:
                    self._next = command
                    if engine is not None:
                        engine.stop()
                self._wake.set()
            case Stop():
                with self._lock:
                    self._next = None
                    if engine is not None:
                        engine.stop()
            case Want() | GetAttention() | GetMoment():
                self._questions.put(command)
            case GetFlow() | GetHeadHistory():
                self._long_questions.put(command)
            case Pause() | Resume() | Step() if engine is not None:
                {Pause: engine.pause, Resume: engine.resume, Step: engine.step}[type(command)]()
            case _:
                pass

    def _answer(self) -> None:
        """What has been asked by the time a decode ends is answered before the next: the parts of a
        matrix, which are asked for together, would wait for a decode each."""
        engine = self._engine
        assert engine is not None
        while True:
            commands = [self._questions.get()]
            with engine.between_decodes():
                with suppress(queue.Empty):
                    while len(commands) < AT_ONCE:
                        commands.append(self._questions.get_nowait())
                answers = [self._answer_to(command, engine) for command in commands]
            self._flush()
            for answer in answers:
                if answer is not None:
                    self._send(answer)

    def _answer_long(self) -> None:
        """Each finds its own times between decodes."""
        engine = self._engine
        assert engine is not None
        while True:
            answer = self._answer_to(self._long_questions.get(), engine)
            if answer is not None:
                self._send(answer)

    def _answer_to(self, command: Command, engine: Engine) -> object | None:
        try:
            match command:
                case Want():
                    engine.want(command.parts, command.attention)
                case GetAttention():
                    return engine.attention(command)
                case GetMoment():
                    return engine.past.moment(command)
                case GetHeadHistory():
                    return engine.past.head_history(command)
                case GetFlow():
                    return engine.past.flow(command)
                case _:
                    pass
        except RequestError as error:
            return Rejected(request=getattr(command, "request", 0), message=sentence(error))
        except Exception:
            traceback.print_exc()
            text = "The worker could not answer; its log says more."
            return Rejected(request=getattr(command, "request", 0), message=text)
        return None


def _leave() -> NoReturn:
    """The server is gone: end now, whatever the other threads are at."""
    os._exit(0)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    socket_fd, logits_fd = int(sys.argv[1]), int(sys.argv[2])
    channel = Channel(socket.socket(fileno=socket_fd))
    Worker(channel, logits_fd).run()


if __name__ == "__main__":
    main()
