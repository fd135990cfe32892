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
from typing import Final, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from cloudchamber.telemetry import distribution_kernel as kernel
from cloudchamber.telemetry.events import Distribution

MAX_TOTAL_VARIATION: Final = 1e-3
N_CODES: Final = kernel.N_CODES
N_TOP: Final = 20

_TARGET: Final = 0.9 * MAX_TOTAL_VARIATION
"""Aimed at, of what the prediction says; what is measured may then differ somewhat."""

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
        self._log_p = np.empty(n_vocab, np.float64)
        self._index_low = np.empty(n_vocab, np.uint16)
        self._values = np.empty(n_vocab, np.uint16)
        self._counts = np.empty(kernel.BINS, np.int32)
        self._masses = np.empty(kernel.BINS, np.float64)
        self._codes_of_bins = np.empty(kernel.BINS, np.uint8)

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
        peak, total = kernel.measure(
            logits, self._depth, self._weights, self._bins, self._counts, self._masses
        )
        if not total > 0:
            raise DistributionError("the logits are not numbers")

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

        kernel.histogram(self._depth, self._weights, self._bins, self._counts, self._masses)
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
        codes, codebook = np.empty((self.n_vocab + 1) // 2, np.uint8), np.empty(N_CODES, np.float32)
        block_counts = _block_counts(self.n_vocab)
        listed, low, high, measured = kernel.attempt(
            target, total, self._depth, self._weights, self._bins, self._counts, self._masses, top.ids, top.p,
            self._codes_of_bins, self._listed, self._log_p, self._decoded,
            codes, codebook, block_counts, self._index_low, self._values,
        )  # fmt: skip
        return Distribution(
            run_id=run_id,
            step=step,
            stage=stage,
            n_vocab=self.n_vocab,
            codes=codes,
            codebook=codebook,
            block_counts=block_counts,
            index_low=self._index_low[:listed].copy(),
            values=self._values[:listed].copy(),
            low=low,
            high=high,
            top_ids=top.ids,
            top_p=top.p,
            total_variation=measured,
        )

    def _find_top(self, total: float, exact_depth: Callable[[U4], F8]) -> Top:
        """The greatest probabilities, from the fewest bins that hold `N_TOP` tokens. `_depth` is
        rounded to the size of the logits, so the exact one decides."""
        enough = int(np.searchsorted(np.cumsum(self._counts), min(N_TOP, self.n_vocab)))
        likely = np.flatnonzero(self._bins <= enough).astype(np.uint32)
        depth = exact_depth(likely)
        order = np.lexsort((likely, depth))[:N_TOP]
        return Top(likely[order], (np.exp(-depth[order]) / total).astype(np.float32))


def encode_sparse(
    ids: U4, probabilities: F4, *, n_vocab: int, run_id: str, step: int, stage: Literal["model", "sampler"]
) -> Distribution:
    """A distribution in which few tokens have any probability: `codes` stays empty.

    `ids` u32[S], distinct; `probabilities` f32[S] in the same order.
    """
    order = np.argsort(ids)
    p = probabilities[order]
    best = np.argsort(-p, kind="stable")[:N_TOP]
    tokens = _list(ids[order], kernel.logs(p), n_vocab)
    return Distribution(
        run_id=run_id,
        step=step,
        stage=stage,
        n_vocab=n_vocab,
        codes=np.empty(0, np.uint8),
        codebook=np.zeros(N_CODES, np.float32),
        **tokens,
        top_ids=ids[order[best]],
        top_p=p[best],
        total_variation=kernel.listed_distance(p, tokens["values"], tokens["low"], tokens["high"], best),
    )


class _Listed(TypedDict):
    """The fields of a `Distribution` that say which tokens are listed, and their probabilities."""

    block_counts: U4
    index_low: NDArray[np.uint16]
    values: NDArray[np.uint16]
    low: float
    high: float


def _block_counts(n_vocab: int) -> U4:
    """Room for how many listed tokens there are in each 65,536 of the vocabulary."""
    return np.empty((n_vocab + 65535) // 65536, np.uint32)


def _list(tokens: U4, log_p: F8, n_vocab: int) -> _Listed:
    """`tokens` ascend."""
    block_counts = _block_counts(n_vocab)
    index_low, values = np.empty(len(tokens), np.uint16), np.empty(len(tokens), np.uint16)
    low, high = kernel.list_tokens(tokens, log_p, block_counts, index_low, values)
    return {"block_counts": block_counts, "index_low": index_low, "values": values, "low": low, "high": high}


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
