"""How a model is run: what a person may choose when the engine is loaded."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psutil

CACHE_TYPES: Final[dict[str, int]] = {
    "f32": 0,
    "f16": 1,
    "q4_0": 2,
    "q4_1": 3,
    "q5_0": 6,
    "q5_1": 7,
    "q8_0": 8,
    "iq4_nl": 20,
    "bf16": 30,
}
"""Names a KV cache type goes by, and ggml's numbers for them."""

DEFAULT_CONTEXT: Final = 4096
_CELLS: Final = 256
MAX_THREADS: Final = 16
"""Decoding is bound by memory bandwidth; more threads than this rarely pay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Settings of a loaded model. A zero asks for the default."""

    n_ctx: int = 0
    """Cells of the KV cache. 0: the model's trained context, at most `DEFAULT_CONTEXT`."""
    threads: int = 0
    """0: one per physical core this process may use, at most `MAX_THREADS`."""
    gpu_layers: int = -1
    """Layers to offload; -1 is all of them. Without a GPU backend it means nothing."""
    cache_type_k: str = "f16"
    cache_type_v: str = "f16"
    flash_attention: Literal["auto", "on", "off"] = "auto"
    """auto: on wherever llama.cpp and the device can."""
    rotating_cache: bool = False
    """Layers with a sliding window keep no more cells than it needs and take them anew. Saves
    memory; a run can't go back then."""
    check_tensors: bool = True
    """Look for NaN and infinity in the weights while loading."""
    n_ubatch: int = 512
    """Prompt tokens computed at once."""
    state_hz: float = 30.0
    """State events (norms, attention, ...) a second, at most."""
    attention_bytes: int = 24 << 10
    """Of attention rows at a time, so that a viewer's frames stay small; what is older can be asked for."""
    logits_bytes: int = 8 << 30
    """Disk that the exact logits of a run's tokens may take; then the oldest go."""

    spool: str = ""
    """Folder in which runs leave what their sessions are completed from; empty: nowhere."""
    spool_attention: bool = True
    """Whether queries and keys are among it."""

    def __post_init__(self) -> None:
        for name in (self.cache_type_k, self.cache_type_v):
            if name not in CACHE_TYPES:
                known = ", ".join(CACHE_TYPES)
                raise ValueError(f"'{name}' is no KV cache type; known are {known}")
        if self.n_ctx < 0 or self.threads < 0 or self.n_ubatch < 1 or self.state_hz <= 0:
            raise ValueError("context, threads, batch and rate can't be negative")

    def context_for(self, n_ctx_train: int) -> int:
        """Cells to reserve for a model trained on `n_ctx_train` tokens; llama.cpp takes
        multiples of 256 only."""
        trained = min(n_ctx_train, DEFAULT_CONTEXT) if n_ctx_train > 0 else DEFAULT_CONTEXT
        return -(-(self.n_ctx or trained) // _CELLS) * _CELLS

    def thread_count(self) -> int:
        return self.threads or default_threads()


def default_threads() -> int:
    """Physical cores, within this process's affinity and its container's CPU quota."""
    physical = psutil.cpu_count(logical=False) or 1
    count = min(physical, available_cores(), MAX_THREADS)
    return max(1, count)


def available_cores() -> int:
    """Cores the scheduler and the control group let this process use."""
    has_affinity = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    quota = _cgroup_cores(Path("/sys/fs/cgroup/cpu.max"))
    return max(1, min(cores, quota)) if quota else cores


def _cgroup_cores(path: Path) -> int:
    """Whole cores of a control group's CPU quota, rounded up; 0 where there is none."""
    try:
        quota, period = path.read_text().split()
        return 0 if quota == "max" else -(-int(quota) // int(period))
    except (OSError, ValueError):
        return 0
