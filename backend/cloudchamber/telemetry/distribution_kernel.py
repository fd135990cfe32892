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

N_CODES = 16
"""Values that the tokens which are not listed share."""
LISTED = 255
"""In the place of a code: each of these tokens has a value of its own."""

_LOG2E = np.float32(1.4426950408889634)
_INFINITY = 0x7F800000
"""Bits of a float32, and its place among all of them in order."""
_LOWEST_KEY = ~_INFINITY
"""Place of -infinity."""
_LEAST = -700.0
"""For zero probability: exp(-700) is as good."""
_LEAST_P = math.exp(_LEAST)


def _compile[F: Callable[..., Any]](function: F) -> F:
    compiled: F = numba.njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "arcp"})(function)
    return compiled


@_compile
def greatest(logits: F4) -> float:
    """The greatest of f4[V]; NaN where one is NaN or +infinity, or all are -infinity.

    By their bits, as integers in the same order as the numbers: this becomes vector code, which a
    maximum of floats does not.
    """
    bits = logits.view(np.int32)
    highest, least = np.int32(_LOWEST_KEY), np.int32(_INFINITY)
    for i in range(bits.size):
        key = bits[i] ^ ((bits[i] >> np.int32(31)) & np.int32(0x7FFFFFFF))
        highest = max(highest, key)
        least = min(least, key)
    # A NaN lies beyond the infinity of its sign.
    if highest >= _INFINITY or least < _LOWEST_KEY or highest == _LOWEST_KEY:
        return math.nan
    return float(np.int32(highest ^ ((highest >> np.int32(31)) & np.int32(0x7FFFFFFF))).view(np.float32))


@_compile
def _exponentials(logits: F4, peak: np.float32, weights: F4) -> float:
    """`weights` = exp(logit - peak). Returns their sum."""
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
        power = np.int32((n + np.int32(127)) << np.int32(23)).view(np.float32)
        weights[i] = (y * f + np.float32(1.0)) * power
    total = 0.0
    for i in range(logits.size):
        total += weights[i]
    return total


@_compile
def softmax_parts(logits: F4, weights: F4) -> tuple[float, float]:
    """Fill `weights` with exp(logit - max). Returns (max, sum of weights); NaN in, NaN out.

    Infinite logits other than -inf also come out as NaN: they are no distribution.
    """
    peak = greatest(logits)
    if peak != peak:
        return math.nan, math.nan
    return peak, _exponentials(logits, np.float32(peak), weights)


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
def measure(logits: F4, depth: F4, weights: F4, bins: U2, counts: I4, masses: F8) -> tuple[float, float]:
    """`softmax_parts`, what each token lies below the greatest (`depth`, nats) and their `histogram`."""
    peak, total = softmax_parts(logits, weights)
    if total > 0:
        least = np.float32(peak)
        for i in range(logits.size):
            depth[i] = least - logits[i]
        histogram(depth, weights, bins, counts, masses)
    return peak, total


@_compile
def code_bins(masses: F8, total: float, target: float, codes_of_bins: U1) -> None:
    """Code of each bin, most probable bin first, or `LISTED`: the fewest bins whose tokens must be
    listed for the rest, in `N_CODES` codes, to keep the predicted error below `target`."""
    width = DEPTH / BINS
    tail = 0.0  # S of the tokens from a bin on; see `distribution.py`
    first = BINS
    for b in range(BINS - 1, -1, -1):
        longer = tail + math.sqrt(masses[b] / total * width)
        if longer * longer / (8 * N_CODES) > target:  # half of the sum of |p - mean|
            break
        tail, first = longer, b
    codes_of_bins[:first] = LISTED
    rest = tail
    for b in range(first, BINS):
        code = int((tail - rest) * (N_CODES / tail)) if tail > 0 else 0
        codes_of_bins[b] = min(max(code, 0), N_CODES - 1)
        rest -= math.sqrt(masses[b] / total * width)


@_compile
def codebook(
    codes_of_bins: U1, masses: F8, counts: I4, total: float, bins: U2, weights: F4, exact: U4, means: F4
) -> None:  # fmt: skip
    """Mean probability of each code's tokens. Those in `exact` have values of their own: their
    mass is not to be counted."""
    sums = np.zeros(N_CODES, np.float64)
    tokens = np.zeros(N_CODES, np.int64)
    for b in range(BINS):
        code = codes_of_bins[b]
        if code != LISTED:
            sums[code] += masses[b]
            tokens[code] += counts[b]
    for token in exact:
        code = codes_of_bins[bins[token]]
        if code != LISTED:
            sums[code] -= weights[token]
            tokens[code] -= 1
    for code in range(N_CODES):
        mean = sums[code] / tokens[code] / total if tokens[code] > 0 else 0.0
        # Nothing is that probable; it is what the exponential's floor leaves.
        means[code] = mean if mean > 1e-37 else 0.0


@_compile
def assign(bins: U2, codes_of_bins: U1, codes: U1, listed: U4) -> int:
    """Give every token its code, or the list. Returns how many are listed.

    `codes_of_bins` maps a bin to its code, `LISTED` to the list. A listed token has code 0.
    """
    # Written without branches, since which tokens are listed can't be foretold: `listed` is always
    # written, and what does not belong there is written over.
    n: Any = 0
    size = bins.size
    for half in range(size // 2):
        low, high = codes_of_bins[bins[2 * half]], codes_of_bins[bins[2 * half + 1]]
        listed[n] = 2 * half
        n += np.int64(low == LISTED)
        listed[n] = 2 * half + 1
        n += np.int64(high == LISTED)
        low = np.uint8(0) if low == LISTED else low
        high = np.uint8(0) if high == LISTED else high
        codes[half] = low | high << 4
    if size % 2:
        low = codes_of_bins[bins[size - 1]]
        listed[n] = size - 1
        n += np.int64(low == LISTED)
        codes[size // 2] = np.uint8(0) if low == LISTED else low
    return int(n)


@_compile
def list_tokens(
    listed: U4, log_p: F8, block_counts: U4, index_low: U2, values: U2
) -> tuple[float, float]:  # fmt: skip
    """Where the listed tokens are, ascending, and their log probabilities on 16 bits between the
    least and the greatest, which are returned. `log_p` f8[listed] is given its floor."""
    low, high = math.inf, -math.inf
    block_counts[:] = 0
    for i in range(listed.size):
        block_counts[listed[i] >> 16] += 1
        index_low[i] = listed[i] & 0xFFFF
        log_p[i] = max(log_p[i], _LEAST)
        low, high = min(low, log_p[i]), max(high, log_p[i])
    if listed.size == 0:
        return 0.0, 0.0
    scale = 65535 / (high - low) if high > low else 0.0
    for i in range(listed.size):
        values[i] = np.uint16(np.rint((log_p[i] - low) * scale))
    return low, high


@_compile
def logs(p: F4) -> F8:
    """Natural logarithms; of zero, one that is as good as none."""
    log_p = np.empty(p.size, np.float64)
    for i in range(p.size):
        log_p[i] = math.log(max(np.float64(p[i]), _LEAST_P))
    return log_p


@_compile
def listed_distance(p: F4, values: U2, low: float, high: float, exact: NDArray[np.intp]) -> float:
    """Half the sum of |p - decoded|, where all tokens with any probability are listed; those that
    `exact` indexes are decoded without error."""
    step = (high - low) / 65535.0
    total = 0.0
    for i in range(p.size):
        total += abs(math.exp(low + step * values[i]) - p[i])
    for i in exact:
        total -= abs(math.exp(low + step * values[i]) - p[i])
    return max(total, 0.0) / 2


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


@_compile
def attempt(
    target: float, total: float, depth: F4, weights: F4, bins: U2, counts: I4, masses: F8,
    top_ids: U4, top_p: F4,
    codes_of_bins: U1, listed: U4, log_p: F8, decoded: F4,
    codes: U1, means: F4, block_counts: U4, index_low: U2, values: U2,
) -> tuple[int, float, float, float]:  # fmt: skip
    """Encode for a predicted error below `target`, and decode again. Fills the last two lines of
    parameters, of which `listed`, `log_p`, `index_low` and `values` have room for the vocabulary.
    Returns how many tokens are listed, the least and the greatest of their log probabilities, and
    the total variation of what was decoded."""
    code_bins(masses, total, target, codes_of_bins)
    n = assign(bins, codes_of_bins, codes, listed)
    codebook(codes_of_bins, masses, counts, total, bins, weights, top_ids, means)
    shift = -math.log(total)
    for i in range(n):
        log_p[i] = shift - np.float64(depth[listed[i]])
    low, high = list_tokens(listed[:n], log_p[:n], block_counts, index_low, values)
    expand(codes, means, block_counts, index_low[:n], values[:n], low, high, decoded)
    for i in range(top_ids.size):
        decoded[top_ids[i]] = top_p[i]
    return n, low, high, distance(weights, 1.0 / total, decoded)
