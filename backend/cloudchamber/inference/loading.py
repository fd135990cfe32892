"""What loading a model is made of, besides llama.cpp: its header, its hashes, a first decode."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from llama_cpp import llama_cpp

from cloudchamber.inference.hook import InferenceHook
from cloudchamber.inference.llama import DECODED, Llama, LoadError
from cloudchamber.inference.memory import CacheLayout, cache_layout
from cloudchamber.inference.options import EngineOptions
from cloudchamber.inference.taps.capture import Capture, CaptureError
from cloudchamber.inference.taps.rollout import Rollout
from cloudchamber.inference.taps.wanted import ATTENTION, NORMS
from cloudchamber.model.embedding import embedding_hash
from cloudchamber.model.header import GgufError, GgufHeader, read_header
from cloudchamber.model.vocabulary import read_vocabulary
from cloudchamber.telemetry.events import Progress

_SMALL_MODEL: Final = 1_000_000_000
"""Parameters up to which a whole batch of prompt tokens takes well under a second."""


def warm_up(llama: Llama, capture: Capture) -> None:
    """Decode a few tokens: it shows the capture the graphs, and pages the weights in. Raises
    `LoadError`."""
    token = max(0, llama.bos(), llama.eos())
    try:
        capture.learn(llama.context, token)
    except CaptureError as error:
        raise LoadError(str(error)) from error
    capture.before_decode(0, 1)
    if llama.decode([token], 0, output=True) == DECODED:
        capture.after_decode()
        _rehearse(capture)
    llama.clear(data=True)
    capture.begin_run()


def _rehearse(capture: Capture) -> None:
    """Compute each kind of state once: what is compiled is compiled before the first run."""
    capture.layer_activation("")
    capture.expert_routing("")
    with contextlib.suppress(CaptureError, IndexError):
        capture.head_summary("")
        layer = int(np.flatnonzero(capture.history.layers.heads["n_head"])[0])
        capture.attention_rows("", layer, 0)
        capture.attention_block(layer, 0, "head", 0, 1, 0, 1, 1)
        capture.head_history(layer, 0, 0, 1)
        rollout = Rollout([layer])
        rollout.next_rows(1, 1)
        rollout.take(capture.mean_rows(layer, 0, 1))
        rollout.row(0)


def new_capture(model: Any, options: EngineOptions) -> Capture:
    n_ctx = options.context_for(int(llama_cpp.llama_model_n_ctx_train(model)))
    capture = Capture(
        int(llama_cpp.llama_model_n_layer(model)),
        int(llama_cpp.llama_model_n_embd(model)),
        n_ctx,
        min(options.n_ubatch, n_ctx),
    )
    if options.spool:
        capture.recorded = NORMS | ATTENTION if options.spool_attention else NORMS
    return capture


def layout_of(llama: Llama, options: EngineOptions) -> CacheLayout:
    """What the model's cache reserves."""
    return cache_layout(
        llama.log,
        int(llama_cpp.llama_model_n_layer(llama.model)),
        int(llama_cpp.llama_model_n_swa(llama.model)),
        llama.meta("general.architecture"),
        rotating=options.rotating_cache,
    )


def prefill_chunk(llama: Llama) -> int:
    """Prompt tokens between two chances to pause or look. Fixed for a model, so that
    the same seed gives the same text."""
    small = llama_cpp.llama_model_n_params(llama.model) <= _SMALL_MODEL
    return llama.n_ubatch if small else min(128, llama.n_ubatch)


def read_model_header(path: Path) -> GgufHeader:
    try:
        return read_header(path)
    except GgufError as error:
        raise LoadError(str(error)) from error
    except OSError as error:
        raise LoadError(f"{path.name} can't be read: {error.strerror or error}") from error


def hashes(header: GgufHeader) -> tuple[str, str]:
    """Content hashes of the token embedding and of the vocabulary; empty where there is none."""
    try:
        return embedding_hash(header), read_vocabulary(header).hash
    except (GgufError, OSError) as error:
        raise LoadError(f"{header.path.name} can't be loaded: {error}") from error


def loading(hook: InferenceHook) -> Callable[..., None]:
    """A reporter of the load's progress that speaks at whole percents only."""
    last = -1

    def say(fraction: float, message: str, *, done: bool = False) -> None:
        nonlocal last
        percent = int(fraction * 100)
        if percent != last or done:
            last = percent
            hook.on_telemetry(Progress(task="load", fraction=fraction, message=message, done=done))

    return say
