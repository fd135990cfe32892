"""A model and its context in llama.cpp, through the low-level bindings.

Nothing here knows of telemetry. Errors are `LoadError` and `DecodeError` with a sentence.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numba
import numpy as np
from llama_cpp import llama_cpp
from numba import types

from cloudchamber.inference.load_log import LoadLog, capture_log
from cloudchamber.inference.options import CACHE_TYPES, EngineOptions
from cloudchamber.telemetry.events import F4, I4

_FLASH: Final = {"auto": -1, "off": 0, "on": 1}
_META_BYTES: Final = 1 << 20

DECODED: Final = 0
NO_ROOM: Final = 1
ABORTED: Final = 2


class LoadError(RuntimeError):
    """The model can't be run; the text says why."""


@numba.cfunc(types.boolean(types.voidptr), cache=True)  # type: ignore[untyped-decorator]
def _abort_requested(flag: Any) -> bool:
    return bool(numba.carray(flag, 1, np.int32)[0])


class Llama:
    """One loaded model with one context and one sequence."""

    def __init__(self, model: Any, context: Any, log: LoadLog, keep_alive: Sequence[object]) -> None:
        self.model = model
        self.context = context
        self.log = log
        self.vocab = llama_cpp.llama_model_get_vocab(model)
        self.n_vocab = int(llama_cpp.llama_vocab_n_tokens(self.vocab))
        self.n_ctx = int(llama_cpp.llama_n_ctx(context))
        self.n_ubatch = int(llama_cpp.llama_n_ubatch(context))
        self._memory = llama_cpp.llama_get_memory(context)
        self._keep_alive = list(keep_alive)
        self._batch = llama_cpp.llama_batch_init(self.n_ubatch, 0, 1)
        self._tokens = _view(self._batch.token, self.n_ubatch, np.int32)
        self._positions = _view(self._batch.pos, self.n_ubatch, np.int32)
        self._outputs = _view(self._batch.logits, self.n_ubatch, np.int8)
        for i in range(self.n_ubatch):
            self._batch.n_seq_id[i] = 1
            self._batch.seq_id[i][0] = 0
        self._outputs[:] = 0
        self._piece = ctypes.create_string_buffer(256)
        self._logits: tuple[int, F4] | None = None

    # ------------------------------------------------------------------- decoding

    def decode(self, tokens: I4 | Sequence[int], position: int, *, output: bool) -> int:
        """Decode `tokens` (at most `n_ubatch`) at `position` onwards; the last one's logits
        are kept if `output`. Returns `DECODED`, `NO_ROOM`, `ABORTED` or a negative error."""
        n = len(tokens)
        self._batch.n_tokens = n
        self._tokens[:n] = tokens
        self._positions[:n] = range(position, position + n) if n > 1 else position
        self._outputs[n - 1] = output
        code = int(llama_cpp.llama_decode(self.context, self._batch))
        llama_cpp.llama_synchronize(self.context)
        self._outputs[n - 1] = 0
        return code

    def logits(self) -> F4:
        """Of the last output, f4[V]: a view that the next decode overwrites."""
        pointer = llama_cpp.llama_get_logits_ith(self.context, -1)
        address = ctypes.cast(pointer, ctypes.c_void_p).value
        if address is None:
            raise RuntimeError("llama.cpp has no logits for the last token")
        if self._logits is None or self._logits[0] != address:
            self._logits = (address, _view(pointer, self.n_vocab, np.float32))
        return self._logits[1]

    def clear(self, *, data: bool = False) -> None:
        """Empty the cache; with `data` overwrite its contents too (they may be NaN)."""
        llama_cpp.llama_memory_clear(self._memory, data)

    def set_abort_flag(self, flag: I4) -> None:
        """`llama_decode` returns `ABORTED` soon after `flag[0]` becomes non-zero."""
        callback = llama_cpp.ggml_abort_callback(_abort_requested.address)
        self._keep_alive += [callback, flag]
        llama_cpp.llama_set_abort_callback(self.context, callback, flag.ctypes.data_as(ctypes.c_void_p))

    # ------------------------------------------------------------------------ text

    def tokenize(self, text: str, *, add_special: bool) -> I4:
        """Token ids i4[T] of a text; control tokens in it are taken as such."""
        data = text.encode()
        room = len(data) + 16
        while True:
            ids = np.empty(room, np.int32)
            pointer = ids.ctypes.data_as(llama_cpp.llama_token_p)
            count = llama_cpp.llama_tokenize(self.vocab, data, len(data), pointer, room, add_special, True)
            if count >= 0:
                return ids[:count].copy()
            if -count <= room:
                raise ValueError("the text is too long to tokenize")
            room = -count

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; control tokens by their name."""
        while True:
            size = llama_cpp.llama_token_to_piece(self.vocab, token, self._piece, len(self._piece), 0, True)
            if size >= 0:
                return self._piece.raw[:size]
            self._piece = ctypes.create_string_buffer(-size)

    def ends_generation(self, token: int) -> bool:
        return bool(llama_cpp.llama_vocab_is_eog(self.vocab, token))

    def special(self, token: int) -> str:
        """Text of a special token's id, as of `llama_vocab_bos`; empty for none."""
        return "" if token < 0 else self.piece(token).decode("utf-8", "replace")

    def bos(self) -> int:
        return int(llama_cpp.llama_vocab_bos(self.vocab))

    def eos(self) -> int:
        return int(llama_cpp.llama_vocab_eos(self.vocab))

    def adds_bos(self) -> bool:
        return bool(llama_cpp.llama_vocab_get_add_bos(self.vocab))

    def chat_template(self) -> str:
        """The model's Jinja template, or an empty string."""
        template = llama_cpp.llama_model_chat_template(self.model, None)
        return template.decode("utf-8", "replace") if template else ""

    def meta(self, key: str) -> str:
        """A scalar of the GGUF's metadata as text; empty if there is none."""
        buffer = ctypes.create_string_buffer(4096)
        size = llama_cpp.llama_model_meta_val_str(self.model, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if size >= 0 else ""

    def close(self) -> None:
        if self.context is not None:
            llama_cpp.llama_batch_free(self._batch)
            llama_cpp.llama_free(self.context)
            llama_cpp.llama_model_free(self.model)
            self.context = self.model = None


def _view(pointer: Any, count: int, dtype: type[np.generic]) -> Any:
    """A NumPy view of C memory."""
    address = ctypes.cast(pointer, ctypes.c_void_p).value or 0
    size = count * np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), dtype)


# ------------------------------------------------------------------------------ loading


def load_model(
    path: Path, options: EngineOptions, on_progress: Callable[[float], None]
) -> tuple[Any, LoadLog]:
    """Load the weights. Raises `LoadError`; a crafted file can abort the process."""
    capture = capture_log()
    log = capture.start()
    llama_cpp.llama_backend_init()
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = options.gpu_layers
    params.check_tensors = options.check_tensors

    def progress(fraction: float, _user_data: Any) -> bool:
        on_progress(fraction)
        return True

    params.progress_callback = llama_cpp.llama_progress_callback(progress)
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    if not model:
        raise LoadError(f"{path.name} can't be loaded: {_complaint(log)}")
    if llama_cpp.llama_model_has_encoder(model) or not llama_cpp.llama_model_has_decoder(model):
        llama_cpp.llama_model_free(model)
        raise LoadError(f"{path.name} is an encoder; it makes no text token by token")
    if llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model)) == 0:
        llama_cpp.llama_model_free(model)
        raise LoadError(f"{path.name} has no vocabulary")
    return model, log


def make_context(model: Any, log: LoadLog, options: EngineOptions, capture: Any | None = None) -> Llama:
    """A context with the options' settings. `capture` brings the eval callback and outlives it."""
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = options.context_for(int(llama_cpp.llama_model_n_ctx_train(model)))
    params.n_ubatch = min(options.n_ubatch, params.n_ctx)
    params.n_batch = params.n_ubatch
    params.n_threads = params.n_threads_batch = options.thread_count()
    params.type_k = CACHE_TYPES[options.cache_type_k]
    params.type_v = CACHE_TYPES[options.cache_type_v]
    params.flash_attn_type = _FLASH[options.flash_attention]
    params.swa_full = not options.rotating_cache
    if capture is not None:
        params.cb_eval = capture.callback
        params.cb_eval_user_data = capture.user_data
    context = llama_cpp.llama_init_from_model(model, params)
    if not context:
        raise LoadError(f"no context of {params.n_ctx:,} tokens can be made: {_complaint(log)}")
    return Llama(model, context, log, [params, capture])


def _complaint(log: LoadLog) -> str:
    """llama.cpp's most telling words on why it failed."""
    said = [line for line in log.complaints if "error" in line.lower()] or log.complaints
    if not said:
        return "llama.cpp gave no reason"
    _, _, reason = said[0].partition("error loading model: ")
    return reason or said[0]
