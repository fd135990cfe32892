"""The engine: one loaded model that generates, and says through a hook what happens.

    engine = Engine.load(path, EngineOptions(), hook)
    engine.generate(Generate(prompt="Why is the sky blue?"))

`generate` blocks its thread until the run ends; every other method may be called from any
thread while it does.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from llama_cpp import llama_cpp

from cloudchamber.inference import softmax
from cloudchamber.inference.control import Control
from cloudchamber.inference.hook import InferenceHook
from cloudchamber.inference.llama import Llama, LoadError, load_model, make_context
from cloudchamber.inference.load_log import LoadLog
from cloudchamber.inference.loading import (
    hashes,
    layout_of,
    loading,
    new_capture,
    prefill_chunk,
    read_model_header,
    warm_up,
)
from cloudchamber.inference.logits_log import LogitsReader, LogitsWriter, Survivors, open_spool
from cloudchamber.inference.memory import MemoryAccount
from cloudchamber.inference.model_info import describe
from cloudchamber.inference.options import EngineOptions
from cloudchamber.inference.past import Past, RequestError
from cloudchamber.inference.run import Bench, Run
from cloudchamber.inference.sampler import settle_seed
from cloudchamber.inference.softmax import SoftmaxScratch
from cloudchamber.inference.state import Selection, StateEmitter
from cloudchamber.inference.taps.capture import Capture, CaptureError
from cloudchamber.inference.template import ChatTemplate
from cloudchamber.model.header import GgufHeader
from cloudchamber.sessions.spool import SpoolWriter
from cloudchamber.telemetry.commands import Generate, GetAttention
from cloudchamber.telemetry.events import (
    F4,
    I4,
    Event,
    ModelInfo,
    ModelLoaded,
    Part,
    Problem,
    RunStarted,
)
from cloudchamber.telemetry.messages import AttentionReply


class Engine:
    """A loaded model. Made by `Engine.load`."""

    def __init__(self, llama: Llama, capture: Capture, header: GgufHeader, options: EngineOptions) -> None:
        self._llama = llama
        self._capture = capture
        self._header = header
        self._options = options
        self._control = Control()
        self._run_id = ""
        self._hook: InferenceHook
        self._template: ChatTemplate | None = None
        self._bench: Bench
        self._reader: LogitsReader
        self.info: ModelInfo
        self.past: Past
        """Questions about what has been."""
        self.on_decoded: Callable[[], None] = lambda: None
        """Called by the generating thread when a decode has just ended: what other processes do
        until the next one begins takes no core from llama.cpp."""

    # ---------------------------------------------------------------------- loading

    @classmethod
    def load(
        cls,
        path: Path | str,
        options: EngineOptions,
        hook: InferenceHook,
        *,
        model_id: str = "",
        logits_fd: int | None = None,
    ) -> Engine:
        """Load a GGUF and announce it to the hook.

        Raises `LoadError`. A file crafted to do so can abort the process: load files you do
        not trust in a worker (see `supervisor.py`). The engine takes over `logits_fd`.
        """
        say = loading(hook)
        say(0.0, "Reading the header")
        header = read_model_header(Path(path))
        model, log = load_model(
            header.path, options, lambda done: say(0.05 + 0.8 * done, "Loading the weights")
        )
        say(0.86, "Reserving the context")
        try:
            capture = new_capture(model, options)
            llama = make_context(model, log, options, capture)
        except LoadError:
            llama_cpp.llama_model_free(model)
            raise
        engine = cls(llama, capture, header, options)
        say(0.9, "Warming up")
        engine._prepare(hook, model_id, logits_fd)
        say(1.0, "Ready", done=True)
        hook.on_telemetry(ModelLoaded(model=engine.info))
        return engine

    def _prepare(self, hook: InferenceHook, model_id: str, logits_fd: int | None) -> None:
        """Everything that is between a context and a run."""
        llama, options = self._llama, self._options
        self._hook = hook
        softmax.warm_up()
        llama.set_abort_flag(self._control.abort_flag)
        layout = layout_of(llama, options)
        if (cells := layout.rotating_cells()) is not None:
            self._capture.rotate(cells, layout.rotating)
        warm_up(llama, self._capture)
        self._capture.set_wanted(frozenset())
        self.info = describe(
            llama, self._header, model_id, options, layout, dict(self._capture.lacks), hashes(self._header),
            self._capture.rotations,
        )  # fmt: skip
        fd = open_spool() if logits_fd is None else logits_fd
        self._logits_fd = fd
        self._reader = LogitsReader(fd, llama.n_vocab, options.spool)
        self._bench = Bench(
            llama=llama,
            capture=self._capture,
            control=self._control,
            state=StateEmitter(
                self._capture,
                layout,
                MemoryAccount(llama.log),
                self._emit,
                options.state_hz,
                options.attention_bytes,
            ),
            scratch=SoftmaxScratch(llama.n_vocab),
            logits=LogitsWriter(fd, llama.n_vocab, options.logits_bytes),
            spool=self._spool(),
            emit=self._emit,
            decoded=lambda: self.on_decoded(),
            prefill_chunk=prefill_chunk(llama),
        )
        self.past = Past(self._capture, self._control, layout, self._bench.state.memory_readings, self._emit)
        if source := llama.chat_template():
            self._template = ChatTemplate(source, llama.special(llama.bos()), llama.special(llama.eos()))

    def _spool(self) -> SpoolWriter | None:
        options = self._options
        if not options.spool:
            return None
        return SpoolWriter(
            Path(options.spool), self._capture, self._header.path, self._llama.n_vocab, self._emit,
            attention=options.spool_attention,
        )  # fmt: skip

    # ------------------------------------------------------------------------- runs

    def generate(self, command: Generate) -> None:
        """Make a run and stay until it ends. One at a time."""
        self.reserve()
        try:
            self._generate(command)
        finally:
            self._control.release()

    def _generate(self, command: Generate) -> None:
        bench = self._bench
        prompt_ids = self._prompt_ids(command)
        sampling = settle_seed(command.sampling)
        run_id = secrets.token_hex(8)
        with self._control.visit():
            bench.llama.clear(data=True)
            bench.capture.begin_run()
            bench.state.begin_run(run_id)
            self._run_id = run_id
            self.past.begin_run(run_id, len(prompt_ids), lambda: bench.state.positions)
        with contextlib.suppress(OSError):
            bench.logits.begin_run(run_id)
        if bench.spool is not None:
            bench.spool.begin_run(run_id)
        self._reader.begin_run(run_id)
        self._emit(
            RunStarted(
                run_id=run_id,
                prompt=command.prompt,
                raw=command.raw or self._template is None,
                prompt_ids=prompt_ids.astype(np.uint32),
                max_tokens=command.max_tokens,
                sampling=sampling,
            )
        )
        try:
            Run(bench, run_id, prompt_ids, command.max_tokens, sampling).execute()
        finally:
            if bench.spool is not None:
                bench.spool.close()

    def _prompt_ids(self, command: Generate) -> I4:
        """The prompt as tokens, through the chat template unless it is raw."""
        text = command.prompt
        if self._template is not None and not command.raw:
            rendered = self._template.render(text)
            if rendered.notice:
                hint = "Tick raw to send prompts as they are, or use another file of this model."
                self._emit(Problem(code="template", message=rendered.notice, hint=hint))
            text = rendered.text
        bos = self._llama.special(self._llama.bos())
        return self._llama.tokenize(text, add_special=not (bos and text.startswith(bos)))

    def reserve(self) -> None:
        """A run is about to begin: from here on `stop` counts for it."""
        self._control.reserve()

    def pause(self) -> None:
        self._control.pause()

    def resume(self) -> None:
        self._control.resume()

    def step(self) -> None:
        """One more token, then pause."""
        self._control.step()

    def stop(self) -> None:
        """End the run, in the middle of a decode if need be. Does not wait."""
        self._control.stop()

    # ------------------------------------------------------------------------ looking

    def want(self, parts: Iterable[Part], attention: Sequence[Selection] = ()) -> None:
        """Which state parts to emit, and which (layer, head) pairs' attention.

        Waits for a decode in progress. What is newly wanted is emitted at once.
        """
        valid = [pair for pair in dict.fromkeys(attention) if self._is_head(*pair)]
        with self._control.visit():
            self._bench.state.want(frozenset(parts), valid)

    def between_decodes(self) -> contextlib.AbstractContextManager[None]:
        """Waits for a decode in progress, and keeps the next from beginning."""
        return self._control.visit()

    def attention(self, command: GetAttention) -> AttentionReply:
        """Rows of one layer's attention in the current or last run. Raises `RequestError`."""
        if not self._is_head(command.layer, command.head):
            raise RequestError(f"layer {command.layer}, head {command.head} has no attention in this model")
        with self._control.visit():
            return self._attention(command)

    def _attention(self, command: GetAttention) -> AttentionReply:
        held = self._bench.state.positions
        query_stop = min(command.query_stop or held, held)
        key_stop = min(command.key_stop or query_stop, query_stop)
        if not 0 <= command.query_start < query_stop or not 0 <= command.key_start < key_stop:
            raise RequestError(f"the run holds {held} positions; the rows asked for are not among them")
        try:
            weights, sink, query_block, key_block = self._capture.attention_block(
                command.layer,
                command.head,
                command.mode,
                command.query_start,
                query_stop,
                command.key_start,
                key_stop,
                command.max_size,
            )
        except CaptureError as error:
            raise RequestError(str(error)) from error
        return AttentionReply(
            request=command.request,
            run_id=self._run_id,
            layer=command.layer,
            head=command.head,
            mode=command.mode,
            query_start=command.query_start,
            query_stop=query_stop,
            key_start=command.key_start,
            key_stop=key_stop,
            query_block=query_block,
            key_block=key_block,
            weights=weights,
            sink=sink,
        )

    def _is_head(self, layer: int, head: int) -> bool:
        info = self.info
        return 0 <= layer < info.n_layer and 0 <= head < info.n_head and int(info.windows[layer]) >= 0

    def distribution(self, step: int) -> F4:
        """The exact softmax f4[V] of a step of the newest run. Raises `RequestError`."""
        row = self._reader.probabilities(self._run_id, step)
        if row is None:
            raise RequestError(f"the distribution of step {step} is not kept")
        return row

    def survivors(self, step: int) -> Survivors:
        """What the samplers left of a step, and its probabilities. Raises `RequestError`."""
        found = self._reader.survivors(self._run_id, step)
        if found is None:
            raise RequestError(f"the samplers' result of step {step} is not kept")
        return found

    @property
    def load_log(self) -> LoadLog:
        """What llama.cpp printed of its buffers while the model was loaded."""
        return self._llama.log

    # ------------------------------------------------------------------------- ending

    def close(self) -> None:
        """Free the model. No run may be going on."""
        if self._template is not None:
            self._template.close()
        self._llama.close()
        with contextlib.suppress(OSError):
            os.close(self._logits_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _emit(self, event: Event) -> None:
        self._hook.on_telemetry(event)
