"""A bare context to hold the taps against: with `Capture`, or with a slow callback in Python
that keeps every named tensor it is asked for."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np
from numpy.typing import NDArray

from cloudchamber.inference.taps import Capture, ggml

Tensors = dict[str, NDArray[np.float32]]


@llama.llama_log_callback  # type: ignore[untyped-decorator]
def _quiet(level: int, text: bytes, user_data: ctypes.c_void_p) -> None: ...


class Watcher:
    """Observes nodes by the beginning of their name and keeps them, rows of all ubatches joined.

    Slow, in Python, through `ggml_backend_tensor_get`: nothing is shared with the taps.
    """

    def __init__(self, prefixes: Sequence[str]) -> None:
        self.prefixes = tuple(prefixes)
        self.seen: dict[str, list[NDArray[Any]]] = {}
        self.callback = llama.ggml_backend_sched_eval_callback(self._look)

    def _look(self, tensor: int, ask: bool, user_data: int | None) -> bool:
        record = ggml.TensorRecord.at(tensor)
        wanted = record.name.startswith(self.prefixes) and "(" not in record.name
        if ask or not wanted:
            return wanted
        raw = ggml.read_tensor(tensor, record.n_bytes)
        kind = {ggml.F32: "<f4", ggml.I32: "<i4"}[record.type]
        array = np.ndarray(record.ne[::-1], kind, raw, strides=record.nb[::-1]).copy()
        self.seen.setdefault(record.name, []).append(array)
        return True

    def last(self, name: str) -> NDArray[Any]:
        """The newest array of that name, axes as NumPy's: [stream, head, token, n]."""
        return self.seen[name][-1]


class Session:
    """A model with one context."""

    def __init__(
        self,
        path: Path,
        *,
        flash: bool,
        n_ctx: int = 512,
        n_ubatch: int = 64,
        watch: Sequence[str] = (),
        capture: bool = True,
        type_k: int = ggml.F16,
        query_bytes: int = 1 << 30,
    ) -> None:
        llama.llama_log_set(_quiet, ctypes.c_void_p(0))
        llama.llama_backend_init()
        self.model = llama.llama_model_load_from_file(str(path).encode(), llama.llama_model_default_params())
        assert self.model
        self.n_layer, self.n_vocab = (
            llama.llama_model_n_layer(self.model),
            llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(self.model)),
        )
        params = llama.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = n_ctx, n_ctx, n_ubatch
        params.n_threads = params.n_threads_batch = 1
        params.flash_attn_type = int(flash)
        params.swa_full = True
        params.type_k = type_k
        self.watcher = Watcher(watch)
        self.capture: Capture | None = None
        if capture:
            width = llama.llama_model_n_embd(self.model)
            self.capture = Capture(self.n_layer, width, n_ctx, n_ubatch, query_bytes=query_bytes)
            params.cb_eval, params.cb_eval_user_data = self.capture.callback, self.capture.user_data
        else:
            params.cb_eval = self.watcher.callback
        self.context = llama.llama_init_from_model(self.model, params)
        assert self.context
        self.length = 0
        if self.capture is not None:
            self.capture.learn(self.context)

    @property
    def taps(self) -> Capture:
        assert self.capture is not None
        return self.capture

    def decode(self, tokens: Sequence[int], *, outputs: Sequence[int] | None = None) -> None:
        """Decode; `outputs` are the tokens whose logits are asked for, by default the last."""
        count = len(tokens)
        wanted = set(outputs if outputs is not None else [count - 1])
        batch = llama.llama_batch_init(count, 0, 1)
        batch.n_tokens = count
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, self.length + i, 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = i in wanted
        if self.capture is not None:
            self.capture.before_decode(self.length, count)
        status = llama.llama_decode(self.context, batch)
        llama.llama_batch_free(batch)
        assert status == 0
        if self.capture is not None:
            self.capture.after_decode()
        self.length += count

    def logits(self, index: int = -1) -> NDArray[np.float32]:
        """Logits of an output of the last decode, [V]."""
        row = llama.llama_get_logits_ith(self.context, index)
        return np.ctypeslib.as_array(row, (self.n_vocab,)).copy()

    def clear(self) -> None:
        llama.llama_memory_clear(llama.llama_get_memory(self.context), True)
        self.length = 0
        if self.capture is not None:
            self.capture.begin_run()

    def close(self) -> None:
        llama.llama_free(self.context)
        llama.llama_model_free(self.model)


@contextlib.contextmanager
def session(path: Path, **options: Any) -> Iterator[Session]:
    """A `Session` that is freed at the end."""
    opened = Session(path, **options)
    try:
        yield opened
    finally:
        opened.close()


def tokens(count: int, *, below: int = 259, seed: int = 3) -> list[int]:
    """Random token ids, bytes of the tiny tokenizer unless told otherwise."""
    return [int(t) for t in np.random.default_rng(seed).integers(3, below, count)]
