"""What llama.cpp says while it loads, and the figures in it.

No bound function tells how much memory a context reserved, on which device, or whether
flash attention came on: the log does.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from llama_cpp import llama_cpp

_MIB: Final = 1 << 20
_BUFFER: Final = re.compile(r"^\s*(\S+)\s+(model|KV|RS|compute|output) buffer size =\s*([\d.]+) MiB")
_CACHE: Final = re.compile(
    r"size =\s*[\d.]+ MiB \(\s*(\d+) cells,.*K \((\w+)\):\s*([\d.]+) MiB, V \((\w+)\):\s*([\d.]+) MiB"
)
_WIDTHS: Final = re.compile(r"n_embd_([kv])_gqa\s*=\s*(\d+|\[[\d, ]+\])")
_LAYER_DEVICE: Final = re.compile(r"layer\s+(\d+) assigned to device (\S+), is_swa = (\d)")
_CACHE_LAYER: Final = re.compile(r"layer\s+(\d+): dev = (\S+)")
_FLASH: Final = re.compile(
    r"(?:flash_attn\s*=\s*(\w+))|(?:Flash Attention(?: was auto, set to)? (enabled|disabled))"
)

_LEVEL_WARN: Final = 3
_LEVEL_ERROR: Final = 4
_LEVEL_CONTINUE: Final = 5


@dataclass(frozen=True, slots=True)
class CacheBlock:
    """One KV cache llama.cpp reserved; models with sliding windows may have two."""

    cells: int
    layers: tuple[int, ...]
    key_type: str
    key_bytes: int
    value_type: str
    value_bytes: int


@dataclass(slots=True)
class LoadLog:
    """Figures read from the log of one load. Bytes are as printed: to 0.01 MiB."""

    buffers: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    """Use (model, KV, RS, compute, output) -> device -> bytes."""
    caches: list[CacheBlock] = field(default_factory=list)
    windowed: dict[int, bool] = field(default_factory=dict)
    """Layer -> whether llama.cpp gives it a sliding window."""
    widths: dict[str, list[int]] = field(default_factory=dict)
    """Elements of a cell's row: `k` and `v` -> one number for all layers, or one for each."""
    flash_attention: bool = False
    complaints: list[str] = field(default_factory=list)
    """Warnings and errors, newest last."""
    _pending: list[int] = field(default_factory=list)

    def feed(self, level: int, line: str) -> None:
        if level in (_LEVEL_WARN, _LEVEL_ERROR) and line.strip():
            self.complaints = [*self.complaints[-19:], line.strip()]
        _, _, rest = line.partition(": ")
        if match := _BUFFER.match(rest):
            device, use, size = match.groups()
            held = self.buffers[use]
            held[device] = held.get(device, 0) + round(float(size) * _MIB)
        elif match := _LAYER_DEVICE.search(rest):
            self.windowed[int(match[1])] = match[3] == "1"
        elif match := _CACHE_LAYER.search(rest):
            self._pending.append(int(match[1]))
        elif match := _CACHE.search(rest):
            cells, key_type, key_mib, value_type, value_mib = match.groups()
            self.caches.append(
                CacheBlock(
                    cells=int(cells),
                    layers=tuple(self._pending),
                    key_type=key_type,
                    key_bytes=round(float(key_mib) * _MIB),
                    value_type=value_type,
                    value_bytes=round(float(value_mib) * _MIB),
                )
            )
            self._pending = []
        elif match := _WIDTHS.match(rest):
            self.widths[match[1]] = [int(number) for number in re.findall(r"\d+", match[2])]
        elif match := _FLASH.search(rest):
            self.flash_attention = (match[1] or match[2]) == "enabled"

    def bytes_of(self, *uses: str) -> int:
        return sum(size for use in uses for size in self.buffers.get(use, {}).values())


class LogCapture:
    """Routes llama.cpp's log to a `LoadLog`, and its warnings and errors to stderr.

    The log is one for the whole process; so is the newest capture.
    """

    def __init__(self) -> None:
        self.log = LoadLog()
        self._level = 0
        self._partial = ""
        self._callback = llama_cpp.llama_log_callback(self._on_text)

    def start(self) -> LoadLog:
        """Begin a new load. A program that uses llama.cpp itself may have taken the log meanwhile."""
        self.log = LoadLog()
        llama_cpp.llama_log_set(self._callback, ctypes.c_void_p(0))
        return self.log

    def _on_text(self, level: int, text: bytes, _user_data: Any) -> None:
        if level != _LEVEL_CONTINUE:
            self._level = level
        *lines, self._partial = (self._partial + text.decode("utf-8", "replace")).split("\n")
        for line in lines:
            self.log.feed(self._level, line)
            if self._level in (_LEVEL_WARN, _LEVEL_ERROR):
                print(line, file=sys.stderr, flush=True)


_capture: LogCapture | None = None


def capture_log() -> LogCapture:
    """The process's one log capture, made on first use (llama.cpp keeps a pointer to it)."""
    global _capture
    if _capture is None:
        _capture = LogCapture()
    return _capture
