"""llama.cpp's own samplers, run on our candidates so that what they leave can be read."""

from __future__ import annotations

import ctypes
import secrets
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from llama_cpp import llama_cpp

from cloudchamber.inference.softmax import CANDIDATE, MAX_SHORTLIST, Candidates, SoftmaxScratch
from cloudchamber.telemetry.events import F4, U4, Sampling

PENALTY_WINDOW: Final = 64
"""Tokens the repetition penalty looks back on."""
_MAX_SEED: Final = 0xFFFFFFFE
"""llama.cpp takes 0xFFFFFFFF for "draw one"."""


def settle_seed(sampling: Sampling) -> Sampling:
    """The same settings with the seed that will be used: a drawn one for 0."""
    seed = sampling.seed or 1 + secrets.randbelow(_MAX_SEED)
    return replace(sampling, seed=min(seed % (1 << 32) or 1, _MAX_SEED))


def _shortlist(sampling: Sampling) -> int:
    """What top-k would leave first. The penalty comes before it and may reorder them all."""
    if sampling.repeat_penalty != 1.0:
        return 0
    if sampling.temperature <= 0:
        return 1
    return sampling.top_k if sampling.top_k <= MAX_SHORTLIST else 0


@dataclass(frozen=True, slots=True)
class Choice:
    """The token chosen and what it was chosen among.

    `ids` u4[n] and `p` f4[n] are views that the next choice overwrites.
    """

    token: int
    probability: float
    entropy: float
    ids: U4
    p: F4


class Sampler:
    """A chain in llama.cpp's usual order: penalty, top-k, top-p, min-p, temperature, draw."""

    def __init__(self, sampling: Sampling, scratch: SoftmaxScratch) -> None:
        self._scratch = scratch
        self.shortlist = _shortlist(sampling)
        """How many of the greatest logits can be chosen at all; 0 where it can't be known."""
        self._array = llama_cpp.llama_token_data_array()
        self._array_ref = ctypes.byref(self._array)
        self._pointer = scratch.candidates.ctypes.data_as(llama_cpp.llama_token_data_p)
        self._address = scratch.candidates.ctypes.data
        chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        if chain is None:
            raise MemoryError("no memory for the samplers")
        self._chain = chain
        for stage in self._stages(sampling, scratch.candidates.size):
            llama_cpp.llama_sampler_chain_add(chain, stage)

    @staticmethod
    def _stages(sampling: Sampling, n_vocab: int) -> list[llama_cpp.llama_sampler_p]:
        stages = []
        if sampling.repeat_penalty != 1.0:
            stages.append(
                llama_cpp.llama_sampler_init_penalties(
                    n_vocab, PENALTY_WINDOW, sampling.repeat_penalty, 0.0, 0.0
                )
            )
        if sampling.temperature <= 0:
            return [*stages, llama_cpp.llama_sampler_init_greedy()]
        if sampling.top_k > 0:
            stages.append(llama_cpp.llama_sampler_init_top_k(sampling.top_k))
        if sampling.top_p < 1:
            stages.append(llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1))
        if sampling.min_p > 0:
            stages.append(llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1))
        stages.append(llama_cpp.llama_sampler_init_temp(sampling.temperature))
        return [*stages, llama_cpp.llama_sampler_init_dist(sampling.seed)]

    def accept(self, token: int) -> None:
        """Tell the penalty of a token of the text so far."""
        llama_cpp.llama_sampler_accept(self._chain, token)

    def choose(self, *, greedy: bool) -> Choice:
        """Choose among the candidates that `SoftmaxScratch.measure` filled in, and accept it."""
        array = self._array
        array.data = self._pointer
        array.size = self._scratch.count
        array.selected = -1
        array.sorted = False
        llama_cpp.llama_sampler_apply(self._chain, self._array_ref)
        if not 0 <= array.selected < array.size:
            raise RuntimeError("the samplers chose no token")
        left = self._left(greedy)
        ids, p, entropy = self._scratch.survivors(left)
        at = 0 if greedy else array.selected
        token = int(ids[at])
        self.accept(token)
        return Choice(token, float(p[at]), entropy, ids, p)

    def _left(self, greedy: bool) -> Candidates:
        """The candidates that are left, wherever llama.cpp put them."""
        array = self._array
        address = ctypes.cast(array.data, ctypes.c_void_p).value
        if address == self._address:
            left: Candidates = self._scratch.candidates[: array.size]
        else:
            size = array.size * CANDIDATE.itemsize
            left = np.frombuffer((ctypes.c_char * size).from_address(address or 0), CANDIDATE)
        return left[array.selected : array.selected + 1] if greedy else left

    def close(self) -> None:
        """Free the chain."""
        if self._chain is not None:
            llama_cpp.llama_sampler_free(self._chain)
            self._chain = None
