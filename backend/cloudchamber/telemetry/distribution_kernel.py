"""The loops over the vocabulary behind `distribution.py`, compiled.

Each is a linear pass; nothing is sorted. `exp` is a polynomial that the compiler turns into
vector code (relative error below 3e-7), since the library's scalar one would be the whole cost.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

type F4 = NDArray[np.float32]
type F8 = NDArray[np.float64]
type U1 = NDArray[np.uint8]
type U2 = NDArray[np.uint16]
type U4 = NDArray[np.uint32]
type I4 = NDArray[np.int32]

BINS = 1024
"""Of log probability, below the greatest one."""
DEPTH = 48.0
"""Nats the bins span; everything less probable falls into the last one."""

_LOG2E = np.float32(1.4426950408889634)


def _compile[F: Callable[..., Any]](function: F) -> F:
    compiled: F = numba.njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "arcp"})(function)
    return compiled


@_compile
def softmax_parts(logits: F4, weights: F4) -> tuple[float, float]:
    """Fill `weights` with exp(logit - max). Returns (max, sum of weights); NaN in, NaN out.

    Infinite logits other than -inf also come out as NaN: they are no distribution.
    """
    peak = np.float32(-np.inf)
    broken = 0
    for i in range(logits.size):
        x = logits[i]
        broken += x != x
        peak = max(peak, x)
    if broken or not (peak > -np.inf and peak < np.inf):
        return math.nan, math.nan
    bits = weights.view(np.int32)
    for i in range(logits.size):
        # exp(x) = 2^n * 2^f with f in [-1/2, 1/2]: a polynomial for 2^f, n into the exponent.
        t = max((logits[i] - peak) * _LOG2E, np.float32(-126.0))
        n = np.int32(t - np.float32(0.5))  # t <= 0, so this rounds to the nearest
        f = t - np.float32(n)
        y = np.float32(1.5403530393381609e-4)
        y = y * f + np.float32(1.3333558146428443e-3)
        y = y * f + np.float32(9.6181291076284772e-3)
        y = y * f + np.float32(5.5504108664821580e-2)
        y = y * f + np.float32(2.4022650695910072e-1)
        y = y * f + np.float32(6.9314718055994531e-1)
        weights[i] = y * f + np.float32(1.0)
        bits[i] += n << 23
    total = 0.0
    for i in range(logits.size):
        total += weights[i]
    return float(peak), total


@_compile
def histogram(depth: F4, weights: F4, bins: U2, counts: I4, masses: F8) -> None:
    """Bin every token by how far it lies below the greatest (`depth`, nats >= 0)."""
    scale = np.float32(BINS / DEPTH)
    last = np.float32(BINS - 1)
    counts[:] = 0
    masses[:] = 0.0
    for i in range(depth.size):
        bins[i] = np.uint16(min(depth[i] * scale, last))
    for i in range(depth.size):
        b = bins[i]
        counts[b] += 1
        masses[b] += weights[i]


@_compile
def assign(
    bins: U2, weights: F4, codes_of_bins: U1, codes: U1, listed: U4, sums: F8, counts: I4
) -> int:  # fmt: skip
    """Give every token its code, or the list. Returns how many are listed.

    `codes_of_bins` maps a bin to its code, 255 to the list. A listed token has code 0.
    """
    sums[:] = 0.0
    counts[:] = 0
    n = 0
    size = bins.size
    for half in range(codes.size):
        byte = 0
        for side in range(2):
            i = 2 * half + side
            if i >= size:
                break
            code = codes_of_bins[bins[i]]
            if code == 255:
                listed[n] = i
                n += 1
            else:
                sums[code] += weights[i]
                counts[code] += 1
                byte |= code << (4 * side)
        codes[half] = byte
    return n


@_compile
def expand(
    codes: U1, codebook: F4, block_counts: U4, index_low: U2, values: U2, low: float, high: float, out: F4
) -> int:  # fmt: skip
    """Decode into `out`, all but the exact top. Returns 0, or 1 if the arrays contradict."""
    size = out.size
    if codes.size == 0:
        out[:] = 0.0
    else:
        for half in range(size // 2):
            byte = codes[half]
            out[2 * half] = codebook[byte & 15]
            out[2 * half + 1] = codebook[byte >> 4]
        if size % 2:
            out[size - 1] = codebook[codes[size // 2] & 15]
    step = (high - low) / 65535.0
    at = 0
    for block in range(block_counts.size):
        for _ in range(block_counts[block]):
            if at >= index_low.size:
                return 1
            i = block * 65536 + index_low[at]
            if i >= size:
                return 1
            out[i] = math.exp(low + step * values[at])
            at += 1
    return 0 if at == index_low.size else 1


@_compile
def distance(weights: F4, scale: float, other: F4) -> float:
    """Total variation, half the sum of |weights * scale - other|."""
    total = 0.0
    for i in range(weights.size):
        total += abs(weights[i] * scale - other[i])
    return total / 2
