"""The bare loop that the product is held against: llama.cpp alone, decoding greedily.

`python -m bench.bare MODEL FLASH THREADS CONTEXT` loads once; each line `START TOKENS` on its
standard input is answered with the tokens per second of decoding TOKENS tokens after a
prompt of START.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from llama_cpp import llama_cpp


class BareLoop:
    """A model and a context with nothing attached."""

    def __init__(self, path: Path, flash: bool, threads: int, n_ctx: int) -> None:
        silent = llama_cpp.llama_log_callback(lambda *_: None)
        llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
        self._silent = silent
        llama_cpp.llama_backend_init()
        model = llama_cpp.llama_model_load_from_file(
            str(path).encode(), llama_cpp.llama_model_default_params()
        )
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_threads = params.n_threads_batch = threads
        params.flash_attn_type = 1 if flash else 0
        self.context: Any = llama_cpp.llama_init_from_model(model, params)
        self.n_vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
        self.sampler = llama_cpp.llama_sampler_init_greedy()

    def _decode(self, tokens: list[int]) -> None:
        array = (llama_cpp.llama_token * len(tokens))(*tokens)
        if llama_cpp.llama_decode(self.context, llama_cpp.llama_batch_get_one(array, len(tokens))):
            raise RuntimeError("llama_decode failed")

    def tokens_per_second(self, start: int, count: int) -> float:
        """Decode `count` tokens one by one after a prompt of `start` tokens."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)
        self._decode([1000 + (i * 37) % (self.n_vocab - 1000) for i in range(start)])
        token = llama_cpp.llama_sampler_sample(self.sampler, self.context, -1)
        started = time.perf_counter()
        for _ in range(count):
            self._decode([token])
            token = llama_cpp.llama_sampler_sample(self.sampler, self.context, -1)
        return count / (time.perf_counter() - started)


class BareProcess:
    """A `BareLoop` in a process of its own, so that neither side can slow the other."""

    def __init__(self, path: Path, flash: bool, threads: int, n_ctx: int) -> None:
        words = [str(path), str(int(flash)), str(threads), str(n_ctx)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.bare", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tokens_per_second(self, start: int, count: int) -> float:
        """See `BareLoop.tokens_per_second`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{start} {count}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def main(model: str, flash: str, threads: str, n_ctx: str) -> None:
    loop = BareLoop(Path(model), flash == "1", int(threads), int(n_ctx))
    for line in sys.stdin:
        start, count = line.split()
        print(loop.tokens_per_second(int(start), int(count)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
