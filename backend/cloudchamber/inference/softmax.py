"""One look at a step's logits: the softmax's normaliser, its entropy, its top, its candidates.

Compiled, and nothing is allocated: this runs for every token, over the whole vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numba
import numpy as np
from numpy.typing import NDArray

from cloudchamber.telemetry.distribution_kernel import greatest
from cloudchamber.telemetry.events import F4, U4

TOP: Final = 20
MAX_SHORTLIST: Final = 128
"""Keeping so many of the greatest in order costs little; more is better sorted at once."""

CANDIDATE: Final = np.dtype([("id", "<i4"), ("logit", "<f4"), ("p", "<f4")])
"""llama.cpp's `llama_token_data`."""

Candidates = NDArray[np.void]
F8 = NDArray[np.float64]

# exp(x) = 2^n exp(r): Cody-Waite reduction and a degree-11 Taylor polynomial in Horner form,
# |r| <= ln2/2, which is below 1 ulp of float64 and, unlike a call of libm, vectorises.
_LOG2E: Final = 1.4426950408889634
_LN2_HIGH: Final = 6.93145751953125e-1
_LN2_LOW: Final = 1.42860682030941723212e-6
_LOWEST: Final = -700.0
_BLOCK: Final = 64
"""Logits looked at together for whether one of them is among the greatest."""


@numba.njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _exp(x: float) -> float:
    """e^x for -700 <= x <= 0."""
    n = np.floor(x * _LOG2E + 0.5)
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    e = 1.0 / 39916800.0
    e = e * r + 1.0 / 3628800.0
    e = e * r + 1.0 / 362880.0
    e = e * r + 1.0 / 40320.0
    e = e * r + 1.0 / 5040.0
    e = e * r + 1.0 / 720.0
    e = e * r + 1.0 / 120.0
    e = e * r + 1.0 / 24.0
    e = e * r + 1.0 / 6.0
    e = e * r + 0.5
    e = e * r + 1.0
    e = e * r + 1.0
    power: float = np.int64((np.int64(n) + 1023) << 52).view(np.float64)
    result: float = e * power
    return result


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fill(logits: F4, candidates: Candidates) -> None:
    """Write all candidates in order of id."""
    for i in range(logits.size):
        candidates[i].id = i
        candidates[i].logit = logits[i]
        candidates[i].p = 0.0


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fill_from(ids: U4, logits: F4, candidates: Candidates) -> None:
    """Write some candidates, in descending order of logit."""
    for i in range(ids.size):
        candidates[i].id = ids[i]
        candidates[i].logit = logits[i]
        candidates[i].p = 0.0


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})  # type: ignore[untyped-decorator]
def _sums(logits: F4, greatest: float) -> tuple[float, float]:
    """Sums over the vocabulary, in float64: of e^y and of y e^y, with y = logit - greatest."""
    total = 0.0
    weighted = 0.0
    for i in range(logits.size):
        y = max(np.float64(logits[i]) - greatest, _LOWEST)
        e = _exp(y)
        total += e
        weighted += y * e
    return total, weighted


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _figures(logits: F4, top: F4, top_p: F4) -> tuple[float, float]:
    """Sum of e^(logit - greatest) and the entropy in nats; `top_p` becomes the probabilities of the
    greatest logits `top`, which descend."""
    greatest = np.float64(top[0])
    total, weighted = _sums(logits, greatest)
    for i in range(top.size):
        top_p[i] = math.exp(np.float64(top[i]) - greatest) / total
    return total, max(0.0, math.log(total) - weighted / total)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _insert(x: float, token: int, held: int, ids: U4, values: F4) -> int:
    """Into the greatest so far, in order; the least of them falls out if there is no room."""
    at = min(held, ids.size - 1)
    while at > 0 and values[at - 1] < x:
        values[at] = values[at - 1]
        ids[at] = ids[at - 1]
        at -= 1
    values[at] = x
    ids[at] = token
    return min(held + 1, ids.size)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _top(logits: F4, ids: U4, values: F4) -> int:
    """The greatest logits in descending order; equal ones by id. Returns how many."""
    size = min(ids.size, logits.size)
    held = 0
    for i in range(size):
        held = _insert(logits[i], i, held, ids[:size], values)
    for start in range(size, logits.size, _BLOCK):
        block = logits[start : start + _BLOCK]
        # Nearly all are below the least of them, and counting becomes vector code.
        above = 0
        for i in range(block.size):
            above += block[i] > values[size - 1]
        if above == 0:
            continue
        for i in range(block.size):
            if block[i] > values[size - 1]:
                _insert(block[i], start + i, size, ids[:size], values)
    return held


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _rank(logits: F4, chosen: int) -> int:
    """1 + the tokens before `chosen`: more probable, or as probable with a lower id."""
    x = logits[chosen]
    rank = 1
    for i in range(logits.size):
        rank += logits[i] > x
    for i in range(chosen):
        rank += logits[i] == x
    return rank


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})  # type: ignore[untyped-decorator]
def _survivors(candidates: Candidates, ids: U4, p: F4) -> tuple[float, float]:
    """Softmax of the candidates the samplers left, into `ids` and `p`.

    Returns its entropy in nats and its greatest logit's probability.
    """
    greatest = -np.inf
    for i in range(candidates.size):
        greatest = max(greatest, np.float64(candidates[i].logit))
    total = 0.0
    weighted = 0.0
    for i in range(candidates.size):
        y = max(np.float64(candidates[i].logit) - greatest, _LOWEST)
        e = _exp(y)
        ids[i] = candidates[i].id
        p[i] = e
        total += e
        weighted += y * e
    for i in range(candidates.size):
        p[i] = p[i] / total
    return max(0.0, np.log(total) - weighted / total), 1.0 / total


@dataclass(frozen=True, slots=True)
class Stats:
    """The full softmax of one step, in brief."""

    greatest: float
    total: float
    """Sum of e^(logit - greatest)."""
    entropy: float
    """Nats."""
    top_ids: U4
    top_p: F4

    def probability(self, logit: float) -> float:
        return math.exp(float(logit) - self.greatest) / self.total


class NotFiniteError(ArithmeticError):
    """The model computed NaN or infinity."""


class SoftmaxScratch:
    """Buffers for one vocabulary, used again for every step."""

    def __init__(self, n_vocab: int) -> None:
        self.candidates: Candidates = np.zeros(n_vocab, CANDIDATE)
        self.count = 0
        """Candidates filled in."""
        self._held = 0
        """Greatest logits found."""
        self._ids = np.zeros(MAX_SHORTLIST, np.uint32)
        self._logits = np.zeros(MAX_SHORTLIST, np.float32)
        self._survivor_ids = np.zeros(n_vocab, np.uint32)
        self._survivor_p = np.zeros(n_vocab, np.float32)

    def pick(self, logits: F4, shortlist: int = 0) -> None:
        """Fill the candidates from logits f4[V]: all that choosing a token needs.

        With a `shortlist` (at most `MAX_SHORTLIST`) only the so many greatest become
        candidates. Raises `NotFiniteError` when there is a NaN or an infinity, or nothing
        but -infinity.
        """
        if math.isnan(greatest(logits)):
            raise NotFiniteError("the model's logits are not finite numbers")
        size = max(TOP, shortlist)
        self._held = _top(logits, self._ids[:size], self._logits[:size])
        if shortlist:
            self.count = min(shortlist, self._held)
            _fill_from(self._ids[: self.count], self._logits, self.candidates)
        else:
            self.count = len(logits)
            _fill(logits, self.candidates)

    def stats(self, logits: F4) -> Stats:
        """The softmax's figures, of the logits that `pick` has seen last."""
        shown = min(TOP, self._held)
        top_p = np.empty(shown, np.float32)
        total, entropy = _figures(logits, self._logits[:shown], top_p)
        return Stats(
            greatest=float(self._logits[0]),
            total=total,
            entropy=entropy,
            top_ids=self._ids[:shown].copy(),
            top_p=top_p,
        )

    def measure(self, logits: F4, shortlist: int = 0) -> Stats:
        """`pick` and `stats` in one. Raises `NotFiniteError`."""
        self.pick(logits, shortlist)
        return self.stats(logits)

    def rank(self, logits: F4, chosen: int) -> int:
        return int(_rank(logits, chosen))

    def survivors(self, candidates: Candidates) -> tuple[U4, F4, float]:
        """Ids u4[n], probabilities f4[n] and entropy of what the samplers left.

        The arrays are views of buffers that the next step overwrites.
        """
        n = candidates.size
        entropy, _ = _survivors(candidates, self._survivor_ids, self._survivor_p)
        return self._survivor_ids[:n], self._survivor_p[:n], float(entropy)


def warm_up() -> None:
    """Compile, or take from the cache, everything above."""
    scratch: Any = SoftmaxScratch(64)
    logits = np.linspace(-1, 1, 64, dtype=np.float32)
    scratch.measure(logits, shortlist=5)
    scratch.measure(logits)
    scratch.rank(logits, 3)
    scratch.survivors(scratch.candidates)
