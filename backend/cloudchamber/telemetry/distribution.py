"""A whole softmax in about half a byte a token: the encoding of the `Distribution` event.

Tokens whose probability matters are *listed*, with a 16-bit log probability. All the others
share 16 codes; the probability of a code is the mean of its tokens, so no mass is lost. The
top 20 are exact. Which tokens matter is decided by the error: the list is as short as keeps
the total variation from the exact softmax below `MAX_TOTAL_VARIATION`, which is measured on
the decoded result and stated in the event.

Where the codes' borders lie: quantising log probability x with cells of width w(x) costs a
token of probability p about p*w/4 in |p - mean|. With m(x) the probability mass per nat, the
sum over all tokens, the integral of m*w/4, is least for a given number of cells when w goes
as m to the power -1/2: borders at equal steps of the integral of sqrt(m) (the companding
argument of Bennett, 1948). It is then S^2/(4*16) with S that integral.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from cloudchamber.telemetry import distribution_kernel as kernel
from cloudchamber.telemetry.events import Distribution

MAX_TOTAL_VARIATION: Final = 1e-3
N_CODES: Final = 16
N_TOP: Final = 20

_TARGET: Final = 0.9 * MAX_TOTAL_VARIATION
"""Aimed at, of what the prediction says; what is measured may then differ somewhat."""
_LISTED: Final = 255
_BIN_WIDTH: Final = kernel.DEPTH / kernel.BINS

type F4 = NDArray[np.float32]
type F8 = NDArray[np.float64]
type U4 = NDArray[np.uint32]


class DistributionError(ValueError):
    """Numbers that are no probability distribution, or an encoding that contradicts itself."""


@dataclass(frozen=True, slots=True)
class Top:
    """The exact greatest probabilities, descending, at most `N_TOP`."""

    ids: U4
    p: F4


class Encoder:
    """Encodes softmaxes over a vocabulary of one size, with its working memory kept.

    Not for several threads at once.
    """

    def __init__(self, n_vocab: int) -> None:
        self.n_vocab = n_vocab
        self._weights = np.empty(n_vocab, np.float32)
        self._depth = np.empty(n_vocab, np.float32)
        self._decoded = np.empty(n_vocab, np.float32)
        self._bins = np.empty(n_vocab, np.uint16)
        self._listed = np.empty(n_vocab, np.uint32)
        self._counts = np.empty(kernel.BINS, np.int32)
        self._masses = np.empty(kernel.BINS, np.float64)

    def encode_logits(
        self,
        logits: F4,
        *,
        run_id: str,
        step: int,
        stage: Literal["model", "sampler"] = "model",
        top: Top | None = None,
    ) -> Distribution:
        """The softmax of `logits` f32[V]. `top` states the greatest exactly, else they are found.

        Raises `DistributionError` for NaN or infinite logits (-inf is probability zero).
        """
        if logits.shape != (self.n_vocab,) or logits.dtype != np.float32:
            raise DistributionError(f"{logits.dtype}{list(logits.shape)} is no f32 vector of {self.n_vocab}")
        peak, total = kernel.softmax_parts(logits, self._weights)
        if not total > 0:
            raise DistributionError("the logits are not numbers")
        np.subtract(np.float32(peak), logits, out=self._depth)

        def exact_depth(ids: U4) -> F8:
            return float(peak) - logits[ids].astype(np.float64)

        return self._encode(total, exact_depth, run_id, step, stage, top)

    def encode(
        self,
        probabilities: F4,
        *,
        run_id: str,
        step: int,
        stage: Literal["model", "sampler"] = "model",
        top: Top | None = None,
    ) -> Distribution:
        """`probabilities` f32[V]; they need not sum to 1 exactly. Raises `DistributionError`."""
        if probabilities.shape != (self.n_vocab,):
            raise DistributionError(f"a vector of {probabilities.shape} is not of {self.n_vocab} tokens")
        peak = float(probabilities.max(initial=0))
        if not (0 < peak < math.inf and float(probabilities.min()) >= 0):
            raise DistributionError("the probabilities are not numbers from 0 to 1")
        np.divide(probabilities, np.float32(peak), out=self._weights)
        with np.errstate(divide="ignore"):
            np.negative(np.log(self._weights), out=self._depth)

        def exact_depth(ids: U4) -> F8:
            with np.errstate(divide="ignore"):
                return math.log(peak) - np.log(probabilities[ids].astype(np.float64))

        total = float(self._weights.sum(dtype=np.float64))
        return self._encode(total, exact_depth, run_id, step, stage, top)

    def _encode(
        self,
        total: float,
        exact_depth: Callable[[U4], F8],
        run_id: str,
        step: int,
        stage: Literal["model", "sampler"],
        top: Top | None,
    ) -> Distribution:
        kernel.histogram(self._depth, self._weights, self._bins, self._counts, self._masses)
        if top is None:
            top = self._find_top(total, exact_depth)
        target = _TARGET
        while True:
            event = self._attempt(target, total, run_id, step, stage, top)
            if event.total_variation <= MAX_TOTAL_VARIATION or len(event.values) == self.n_vocab:
                return event
            target *= 0.5 if target > 1e-9 else 0.0

    def _attempt(
        self,
        target: float,
        total: float,
        run_id: str,
        step: int,
        stage: Literal["model", "sampler"],
        top: Top,
    ) -> Distribution:
        codes = np.empty((self.n_vocab + 1) // 2, np.uint8)
        sums = np.empty(N_CODES, np.float64)
        counts = np.empty(N_CODES, np.int32)
        codes_of_bins = _codes_of_bins(self._masses / total, target)
        n = kernel.assign(self._bins, self._weights, codes_of_bins, codes, self._listed, sums, counts)
        listed = self._listed[:n]
        self._leave_out(top.ids, codes_of_bins, sums, counts)
        means = sums / np.maximum(counts, 1) / total
        means[means < 1e-37] = 0.0  # nothing is that probable; it is what the exponential's floor leaves
        low, high, values = self._quantise(listed, total)
        blocks = (self.n_vocab + 65535) // 65536
        block_counts = np.diff(np.searchsorted(listed, np.arange(blocks + 1, dtype=np.uint32) * 65536))
        event = Distribution(
            run_id=run_id,
            step=step,
            stage=stage,
            n_vocab=self.n_vocab,
            codes=codes,
            codebook=means.astype(np.float32),
            block_counts=block_counts.astype(np.uint32),
            index_low=(listed & 0xFFFF).astype(np.uint16),
            values=values,
            low=low,
            high=high,
            top_ids=top.ids,
            top_p=top.p,
            total_variation=0.0,
        )
        decode(event, self._decoded)
        measured = kernel.distance(self._weights, 1.0 / total, self._decoded)
        object.__setattr__(event, "total_variation", float(measured))  # ours alone until it is returned
        return event

    def _leave_out(
        self, ids: U4, codes_of_bins: NDArray[np.uint8], sums: NDArray[np.float64], counts: NDArray[np.int32]
    ) -> None:
        """The exact top has values of its own: its mass is not to be counted in the codes' means."""
        codes = codes_of_bins[self._bins[ids]]
        coded = codes != _LISTED
        np.subtract.at(sums, codes[coded], self._weights[ids[coded]])
        np.subtract.at(counts, codes[coded], 1)
        sums[counts == 0] = 0.0
        np.maximum(sums, 0.0, out=sums)

    def _quantise(self, listed: U4, total: float) -> tuple[float, float, NDArray[np.uint16]]:
        """Log probabilities of the listed tokens on 16 bits between the least and the greatest."""
        if len(listed) == 0:
            return 0.0, 0.0, np.empty(0, np.uint16)
        log_p = -self._depth[listed].astype(np.float64) - math.log(total)
        np.maximum(log_p, -700.0, out=log_p)  # zero probability: exp(-700) is as good
        low, high = float(log_p.min()), float(log_p.max())
        scale = 65535 / (high - low) if high > low else 0.0
        return low, high, np.rint((log_p - low) * scale).astype(np.uint16)

    def _find_top(self, total: float, exact_depth: Callable[[U4], F8]) -> Top:
        """The greatest probabilities, from the fewest bins that hold `N_TOP` tokens. `_depth` is
        rounded to the size of the logits, so the exact one decides."""
        enough = int(np.searchsorted(np.cumsum(self._counts), min(N_TOP, self.n_vocab)))
        likely = np.flatnonzero(self._bins <= enough).astype(np.uint32)
        depth = exact_depth(likely)
        order = np.lexsort((likely, depth))[:N_TOP]
        return Top(likely[order], (np.exp(-depth[order]) / total).astype(np.float32))


def _codes_of_bins(masses: NDArray[np.float64], target: float) -> NDArray[np.uint8]:
    """Code of each bin, or `_LISTED`; `masses` f64[bins] sums to 1, most probable bin first."""
    roots = np.sqrt(masses * _BIN_WIDTH)
    tail = np.cumsum(roots[::-1])[::-1]  # S of the tokens from each bin on
    predicted = tail * tail / (8 * N_CODES)  # half of the sum of |p - mean|
    first = int(np.searchsorted(-predicted, -target))  # the first bin whose tail is good enough
    codes = np.full(len(masses), _LISTED, np.uint8)
    if first < len(masses):
        reached = tail[first] - tail[first:]
        whole = tail[first] if tail[first] > 0 else 1.0
        codes[first:] = np.minimum(reached * (N_CODES / whole), N_CODES - 1)
    return codes


def encode_sparse(
    ids: U4, probabilities: F4, *, n_vocab: int, run_id: str, step: int, stage: Literal["model", "sampler"]
) -> Distribution:
    """A distribution in which few tokens have any probability: `codes` stays empty.

    `ids` u32[S], distinct; `probabilities` f32[S] in the same order.
    """
    order = np.argsort(ids)
    listed = ids[order].astype(np.uint32)
    best = np.argsort(-probabilities, kind="stable")[:N_TOP]
    with np.errstate(divide="ignore"):
        log_p = np.maximum(np.log(probabilities[order].astype(np.float64)), -700.0)
    low, high = (float(log_p.min()), float(log_p.max())) if len(log_p) else (0.0, 0.0)
    scale = 65535 / (high - low) if high > low else 0.0
    blocks = (n_vocab + 65535) // 65536
    block_counts = np.diff(np.searchsorted(listed, np.arange(blocks + 1, dtype=np.uint32) * 65536))
    event = Distribution(
        run_id=run_id,
        step=step,
        stage=stage,
        n_vocab=n_vocab,
        codes=np.empty(0, np.uint8),
        codebook=np.zeros(N_CODES, np.float32),
        block_counts=block_counts.astype(np.uint32),
        index_low=(listed & 0xFFFF).astype(np.uint16),
        values=np.rint((log_p - low) * scale).astype(np.uint16),
        low=low,
        high=high,
        top_ids=ids[best].astype(np.uint32),
        top_p=probabilities[best].astype(np.float32),
        total_variation=0.0,
    )
    decoded = decode(event)[listed]
    error = float(np.abs(decoded - probabilities[order]).sum()) / 2
    object.__setattr__(event, "total_variation", error)
    return event


def decode(event: Distribution, out: F4 | None = None) -> F4:
    """Probabilities f32[V] of the event. Raises `DistributionError` if its arrays contradict."""
    if out is None:
        out = np.empty(event.n_vocab, np.float32)
    fits = (
        len(event.codes) in (0, (event.n_vocab + 1) // 2)
        and len(event.codebook) == N_CODES
        and len(event.index_low) == len(event.values)
        and len(event.top_ids) == len(event.top_p)
        and (len(event.top_ids) == 0 or int(event.top_ids.max()) < event.n_vocab)
    )
    if not fits or kernel.expand(
        event.codes,
        event.codebook,
        event.block_counts,
        event.index_low,
        event.values,
        event.low,
        event.high,
        out,
    ):
        raise DistributionError("the arrays of the distribution contradict each other")
    out[event.top_ids] = event.top_p
    return out


def warm_up() -> None:
    """Compile what isn't in the cache on disk, so that the first token does not wait for it."""
    Encoder(64).encode_logits(np.linspace(0, 9, 64, dtype=np.float32), run_id="", step=0)
