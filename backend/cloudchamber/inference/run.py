"""One run: the prompt goes in, tokens come out, and everything is said as it happens."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from cloudchamber.inference.control import Control
from cloudchamber.inference.llama import ABORTED, DECODED, NO_ROOM, Llama
from cloudchamber.inference.logits_log import LogitsWriter
from cloudchamber.inference.sampler import PENALTY_WINDOW, Choice, Sampler
from cloudchamber.inference.softmax import NotFiniteError, SoftmaxScratch
from cloudchamber.inference.state import StateEmitter
from cloudchamber.inference.taps.capture import Capture
from cloudchamber.sessions.spool import SpoolWriter
from cloudchamber.telemetry.events import (
    F4,
    I4,
    Event,
    Problem,
    Progress,
    PromptProcessed,
    RunPhase,
    RunState,
    Sampling,
    TokenGenerated,
)

_RATE_TOKENS: Final = 16
_ENDINGS: Final = {
    "end": "The model ended its text.",
    "length": "The number of tokens asked for is reached.",
    "stopped": "Stopped.",
}


@dataclass(slots=True)
class Ending(Exception):  # noqa: N818 - most endings are no errors
    """Why a run ends."""

    phase: RunPhase
    reason: str
    message: str
    problem: Problem | None = None


@dataclass(slots=True)
class Bench:
    """What the runs of one engine share."""

    llama: Llama
    capture: Capture
    control: Control
    state: StateEmitter
    scratch: SoftmaxScratch
    logits: LogitsWriter
    spool: SpoolWriter | None
    """What the run leaves to its session; None where none is kept."""
    emit: Callable[[Event], None]
    decoded: Callable[[], None]
    """Called when a decode has just ended."""
    prefill_chunk: int


@dataclass(slots=True)
class Run:
    """A run in progress."""

    bench: Bench
    run_id: str
    prompt: I4
    """Token ids i4[T]."""
    max_tokens: int
    sampling: Sampling
    positions: int = 0
    """Held in the context."""
    _times: deque[float] = field(default_factory=lambda: deque(maxlen=_RATE_TOKENS))
    _logits_kept: bool = True

    def execute(self) -> None:
        """Run to the end, whatever it is."""
        sampler = Sampler(self.sampling, self.bench.scratch)
        try:
            seconds = self._prefill()
            for token in self.prompt[-PENALTY_WINDOW:].tolist():
                sampler.accept(token)
            self._generate(sampler, seconds)
        except Ending as ending:
            self._end(ending)
        finally:
            sampler.close()

    # --------------------------------------------------------------------- the prompt

    def _prefill(self) -> float:
        """Decode the prompt in pieces. Returns the seconds in the decodes."""
        total = len(self.prompt)
        self._check_fit(total)
        self._say("prefill", "", f"Reading {total:,} prompt tokens.")
        seconds = 0.0
        chunk = self.bench.prefill_chunk
        for start in range(0, total, chunk):
            if not self.bench.control.checkpoint(self._pause, self._resume_prefill):
                raise _stopped()
            piece = self.prompt[start : start + chunk]
            seconds += self._decode(piece, output=start + chunk >= total)
            self.bench.state.emit_due()
            self._progress(self.positions / total, done=self.positions == total)
        self.bench.emit(PromptProcessed(run_id=self.run_id, n_tokens=total, seconds=seconds))
        self._say("running", "", "")
        return seconds

    def _check_fit(self, total: int) -> None:
        n_ctx = self.bench.llama.n_ctx
        if total > n_ctx:
            message = (
                f"The prompt has {total:,} tokens and the context holds {n_ctx:,}. "
                "Shorten it, or start with a larger context (--ctx)."
            )
            raise Ending("finished", "context", message)
        if total == 0:
            raise Ending(
                "finished", "end", "The prompt is empty, and this model starts with no token of its own."
            )

    def _progress(self, fraction: float, *, done: bool) -> None:
        message = f"{self.positions:,} of {len(self.prompt):,} prompt tokens"
        self.bench.emit(Progress(task="prefill", fraction=fraction, message=message, done=done))

    # --------------------------------------------------------------------- the tokens

    def _generate(self, sampler: Sampler, prompt_seconds: float) -> None:
        seconds = prompt_seconds
        step = 0
        if self.bench.control.stopping:
            raise _stopped()
        while True:
            logits = self.bench.llama.logits()
            choice = self._choose(sampler, logits)
            ends = self.bench.llama.ends_generation(choice.token)
            self.bench.state.emit_due()
            self._keep(choice, logits, step)
            self._tell(choice, logits, step, seconds, eog=ends)
            step += 1
            if ends:
                raise Ending("finished", "end", _ENDINGS["end"])
            if self.max_tokens and step >= self.max_tokens:
                raise Ending("finished", "length", _ENDINGS["length"])
            if self.positions >= self.bench.llama.n_ctx:
                raise self._context_full()
            # Here, so that a pause shows the pass that made the newest token, everywhere.
            if not self.bench.control.checkpoint(self._pause, self._resume):
                raise _stopped()
            seconds = self._decode(np.array([choice.token], np.int32), output=True)
            self._times.append(seconds)

    def _choose(self, sampler: Sampler, logits: F4) -> Choice:
        try:
            self.bench.scratch.pick(logits, sampler.shortlist)
        except NotFiniteError as error:
            raise _broken_numbers() from error
        return sampler.choose(greedy=self.sampling.temperature <= 0)

    # Between two decodes, all on this thread: the cores are llama.cpp's while it decodes, and a
    # thread of ours beside its own would keep one of them waiting, and with it the others.

    def _tell(self, choice: Choice, logits: F4, step: int, seconds: float, *, eog: bool) -> None:
        """Measure the whole distribution and say the token."""
        bench = self.bench
        stats = bench.scratch.stats(logits)
        data = bench.llama.piece(choice.token)
        bench.emit(
            TokenGenerated(
                run_id=self.run_id,
                step=step,
                position=self.positions,
                token_id=choice.token,
                token_text=data.decode("utf-8", "replace"),
                token_bytes=data,
                probability=stats.probability(logits[choice.token]),
                rank=bench.scratch.rank(logits, choice.token),
                entropy=stats.entropy,
                sampled_probability=choice.probability,
                sampled_entropy=choice.entropy,
                sampled_count=len(choice.ids),
                top_ids=stats.top_ids,
                top_p=stats.top_p,
                decode_seconds=seconds,
                tokens_per_sec=self._rate(),
                eog=eog,
            )
        )

    def _rate(self) -> float:
        return len(self._times) / sum(self._times) if self._times else 0.0

    def _keep(self, choice: Choice, logits: F4, step: int) -> None:
        """Write the exact logits; a full disk costs the history, not the run."""
        spooled = 0
        if self.bench.spool is not None:
            spooled = self.bench.spool.chosen(step, logits, self.bench.capture.hidden_state())
        try:
            self.bench.logits.write(step, logits, choice.ids, choice.p, spooled)
        except OSError as error:
            if self._logits_kept:
                self._logits_kept = False
                message = f"The exact distributions can't all be kept: {error.strerror or error}."
                hint = "Free some disk space; the run itself goes on."
                self.bench.emit(Problem(code="logits-log", message=message, hint=hint))

    def _decode(self, tokens: I4, *, output: bool) -> float:
        """Decode at the end of the context. Returns the seconds it took."""
        bench = self.bench
        with bench.control.decoding():
            bench.capture.before_decode(self.positions, len(tokens))
            began = time.perf_counter()
            code = bench.llama.decode(tokens, self.positions, output=output)
            seconds = time.perf_counter() - began
            bench.decoded()
            if code == DECODED:
                bench.capture.after_decode()
                if bench.spool is not None:
                    bench.spool.decoded(self.positions, len(tokens))
        if code != DECODED:
            raise self._failure(code)
        self.positions += len(tokens)
        bench.state.hold(self.positions)
        return seconds

    def _failure(self, code: int) -> Ending:
        if code == ABORTED:
            return _stopped()
        if code == NO_ROOM:
            return self._context_full()
        message = f"llama.cpp could not decode (code {code})."
        problem = Problem(code="decode", message=message, hint="Start a new run, or load the model again.")
        return Ending("failed", "error", message, problem)

    def _context_full(self) -> Ending:
        message = (
            f"The context of {self.bench.llama.n_ctx:,} tokens is full. "
            "To go on further, start with a larger context (--ctx)."
        )
        return Ending("finished", "context", message)

    # ------------------------------------------------------------------------- phases

    def _pause(self) -> None:
        self.bench.state.settle()
        self._say("paused", "", "Paused.")

    def _resume(self) -> None:
        self._say("running", "", "")

    def _resume_prefill(self) -> None:
        self._say("prefill", "", "Reading the prompt.")

    def _end(self, ending: Ending) -> None:
        if self.positions < len(self.prompt) and self.positions:
            self._progress(self.positions / len(self.prompt), done=True)
        self.bench.state.settle()
        if ending.problem is not None:
            self.bench.emit(ending.problem)
        self._say(ending.phase, ending.reason, ending.message)

    def _say(self, phase: RunPhase, reason: str, message: str) -> None:
        self.bench.emit(RunState(run_id=self.run_id, phase=phase, reason=reason, message=message))  # type: ignore[arg-type]


def _stopped() -> Ending:
    return Ending("stopped", "stopped", _ENDINGS["stopped"])


def _broken_numbers() -> Ending:
    message = "The model computed NaN or infinity instead of probabilities."
    hint = "Its file may be damaged or its quantisation unsound; load it again or another one."
    return Ending("failed", "error", message, Problem(code="nan", message=message, hint=hint))
