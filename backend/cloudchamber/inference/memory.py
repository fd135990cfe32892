"""Where the bytes are: the KV cache layer by layer, and memory by use and by device."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import psutil
from llama_cpp._ggml import libggml
from numpy.typing import NDArray

from cloudchamber.inference.load_log import CacheBlock, LoadLog
from cloudchamber.inference.options import CACHE_TYPES
from cloudchamber.inference.rotating_cells import RotatingCells
from cloudchamber.telemetry.events import I4, U1, U2, U4, U8, CacheStatus, DeviceMemory, MemoryUsage

_ROUNDING: Final = 1 << 14
"""The log prints mebibytes to two places."""
_CPU: Final = 0

libggml.ggml_row_size.restype = ctypes.c_size_t
libggml.ggml_row_size.argtypes = [ctypes.c_int, ctypes.c_int64]
libggml.ggml_backend_dev_count.restype = ctypes.c_size_t
libggml.ggml_backend_dev_get.restype = ctypes.c_void_p
libggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
libggml.ggml_backend_dev_name.restype = ctypes.c_char_p
libggml.ggml_backend_dev_name.argtypes = [ctypes.c_void_p]
libggml.ggml_backend_dev_type.restype = ctypes.c_int
libggml.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
libggml.ggml_backend_dev_memory.restype = None
libggml.ggml_backend_dev_memory.argtypes = [
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_size_t),
    ctypes.POINTER(ctypes.c_size_t),
]


def row_bytes(type_name: str, width: int) -> int:
    """Bytes of `width` elements of a KV cache type."""
    return int(libggml.ggml_row_size(CACHE_TYPES[type_name.lower()], width))


# ----------------------------------------------------------------------------- KV cache


@dataclass(frozen=True, slots=True)
class _Constants:
    """What a layout says the same of every time."""

    held: NDArray[np.bool_]
    windows: U4
    layer: U2
    still: U1
    no_positions: I4
    total: int


@dataclass(frozen=True)
class CacheLayout:
    """What each layer of the cache reserves; a row per layer, as in `CacheStatus`."""

    windows: I4
    """0 looks back at all, -1 has no attention."""
    cells: U4
    key_bytes: U8
    value_bytes: U8
    chunked: bool
    """Windows begin at multiples of their size (llama4) and do not slide."""

    rotating: Sequence[int] = ()
    """Layers whose cells are taken anew once their tokens have left the window."""

    def rotating_cells(self) -> RotatingCells | None:
        """A map for the rotating layers, which share one; None where there are none."""
        if not self.rotating:
            return None
        layer = self.rotating[0]
        return RotatingCells(int(self.cells[layer]), int(self.windows[layer]), chunked=self.chunked)

    def status(self, run_id: str, used: int, rotating: RotatingCells | None = None) -> CacheStatus:
        """The cache with `used` positions in it; `rotating` says where those of the rotating
        layers are."""
        constants = self._constants
        held, windows = constants.held, constants.windows
        if self.chunked:
            first = np.uint32(used) // np.maximum(windows, 1) * windows
        else:
            first = np.maximum(np.int64(used) + 1 - windows, 0)
        offset = np.minimum(np.where(windows > 0, first, 0), used).astype(np.uint32)
        seq_len = np.where(held, np.minimum(used, self.cells), 0).astype(np.uint32)
        write_head, turns = seq_len, constants.still
        if rotating is not None:
            layers = list(self.rotating)
            write_head, turns = seq_len.copy(), turns.copy()
            turns[layers] = 1
            seq_len[layers] = rotating.used
            write_head[layers] = rotating.next()
        return CacheStatus(
            run_id=run_id,
            layer=constants.layer,
            seq_len=seq_len,
            max_len=self.cells,
            offset=np.where(held, offset, 0).astype(np.uint32),
            window=windows,
            write_head=write_head,
            key_bytes=self.key_bytes,
            value_bytes=self.value_bytes,
            memory_bytes=constants.total,
            rotating=turns,
            cell_positions=constants.no_positions if rotating is None else rotating.positions.copy(),
        )

    @functools.cached_property
    def _constants(self) -> _Constants:
        n = self.cells.size
        return _Constants(
            held=self.cells > 0,
            windows=np.maximum(self.windows, 0).astype(np.uint32),
            layer=np.arange(n, dtype=np.uint16),
            still=np.zeros(n, np.uint8),
            no_positions=np.zeros(0, np.int32),
            total=int(self.key_bytes.sum() + self.value_bytes.sum()),
        )


def cache_layout(
    log: LoadLog, n_layer: int, n_swa: int, architecture: str, *, rotating: bool = False
) -> CacheLayout:
    """Read the layout from the load log. `rotating`: windowed layers were given a cache of their
    own that keeps no more than they need."""
    cells = np.zeros(n_layer, np.uint32)
    key_bytes = np.zeros(n_layer, np.uint64)
    value_bytes = np.zeros(n_layer, np.uint64)
    windows = np.full(n_layer, -1, np.int32)
    for block in log.caches:
        layers = [layer for layer in block.layers if layer < n_layer]
        if not layers:
            continue
        cells[layers] = block.cells
        key_bytes[layers] = _shares(block, layers, log.widths.get("k", []), block.key_type, block.key_bytes)
        value_bytes[layers] = _shares(
            block, layers, log.widths.get("v", []), block.value_type, block.value_bytes
        )
        windows[layers] = [n_swa if log.windowed.get(layer) else 0 for layer in layers]
    turning = np.flatnonzero((windows > 0) & (cells > 0)).tolist() if rotating else []
    return CacheLayout(windows, cells, key_bytes, value_bytes, architecture == "llama4", turning)


def _shares(block: CacheBlock, layers: Sequence[int], widths: Sequence[int], kind: str, total: int) -> U8:
    """Bytes of each layer. The widths' exact figure where it agrees with the log's total;
    else (the cache may be laid out in another way) equal parts of that total."""
    if total and widths and kind.lower() in CACHE_TYPES:
        width_of = [widths[layer] if len(widths) > layer else widths[0] for layer in layers]
        exact = np.array([block.cells * row_bytes(kind, width) for width in width_of], np.uint64)
        if abs(int(exact.sum()) - total) <= _ROUNDING:
            return exact
    return np.full(len(layers), total // len(layers), np.uint64)


# ------------------------------------------------------------------------------- memory


@dataclass(frozen=True, slots=True)
class _Device:
    handle: int
    name: str
    is_cpu: bool

    def free_and_total(self) -> tuple[int, int]:
        if self.is_cpu:  # ggml says that all of it is free
            memory = psutil.virtual_memory()
            return memory.available, memory.total
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        libggml.ggml_backend_dev_memory(self.handle, ctypes.byref(free), ctypes.byref(total))
        return free.value, total.value


def _devices() -> list[_Device]:
    found = []
    for i in range(libggml.ggml_backend_dev_count()):
        handle = libggml.ggml_backend_dev_get(i)
        name = (libggml.ggml_backend_dev_name(handle) or b"").decode("utf-8", "replace")
        found.append(_Device(handle, name, libggml.ggml_backend_dev_type(handle) == _CPU))
    return found


class MemoryAccount:
    """Bytes by use and by device, as the load log printed them, and the system's counts."""

    def __init__(self, log: LoadLog) -> None:
        self._devices = _devices()
        self._weights = self._by_device(log, "model")
        self._cache = self._by_device(log, "KV", "RS")
        self._compute = self._by_device(log, "compute", "output")
        self._process = psutil.Process()

    def _by_device(self, log: LoadLog, *uses: str) -> dict[str, int]:
        held = dict.fromkeys((device.name for device in self._devices), 0)
        for use in uses:
            for buffer, size in log.buffers.get(use, {}).items():
                name = self._owner(buffer)
                held[name] = held.get(name, 0) + size
        return held

    def _owner(self, buffer: str) -> str:
        """The device of a buffer type: `CUDA0` and `MTL0_Mapped` are their device's, while
        `CPU_Mapped`, `CPU_REPACK` and `CUDA_Host` are memory of the host."""
        for device in self._devices:
            if not device.is_cpu and buffer.split("_")[0] == device.name:
                return device.name
        cpus: list[Any] = [device.name for device in self._devices if device.is_cpu]
        return str(cpus[0]) if cpus else buffer

    def usage(self) -> MemoryUsage:
        """Now."""
        devices = []
        on_gpu = 0
        for device in self._devices:
            free, total = device.free_and_total()
            parts = (self._weights[device.name], self._cache[device.name], self._compute[device.name])
            devices.append(
                DeviceMemory(
                    name=device.name,
                    free=free,
                    total=total,
                    weights=parts[0],
                    cache=parts[1],
                    compute=parts[2],
                )
            )
            on_gpu += 0 if device.is_cpu else sum(parts)
        return MemoryUsage(
            gpu_allocated=on_gpu,
            weights=sum(self._weights.values()),
            cache_total=sum(self._cache.values()),
            activations=sum(self._compute.values()),
            process_resident=self._process.memory_info().rss,
            system_total=psutil.virtual_memory().total,
            devices=devices,
        )
