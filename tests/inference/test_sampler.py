"""llama.cpp's samplers on our candidates, against the same stages written in NumPy."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from cloudchamber.inference.sampler import Sampler, settle_seed
from cloudchamber.inference.softmax import SoftmaxScratch
from cloudchamber.telemetry.events import F4, Sampling

SIZE = 1000


def some_logits(seed: int = 3) -> F4:
    return np.random.default_rng(seed).normal(0, 3, SIZE).astype(np.float32)


def softmax(x: np.ndarray) -> np.ndarray:
    weights = np.exp(x.astype(np.float64) - x.max())
    p: np.ndarray = weights / weights.sum()
    return p


def by_numpy(logits: F4, s: Sampling, history: list[int]) -> dict[int, float]:
    """Probability of each token that is left."""
    x = logits.astype(np.float64)
    if s.repeat_penalty != 1:
        for token in set(history[-64:]):
            x[token] = x[token] / s.repeat_penalty if x[token] > 0 else x[token] * s.repeat_penalty
    if s.temperature == 0:
        return {int(x.argmax()): 1.0}
    ids = np.argsort(-x, kind="stable")
    if s.top_k:
        ids = ids[: s.top_k]
    if s.top_p < 1:
        mass = np.cumsum(softmax(x[ids]))
        ids = ids[: int(np.searchsorted(mass, s.top_p)) + 1]
    if s.min_p > 0:
        p = softmax(x[ids])
        ids = ids[p >= s.min_p * p.max()]
    return dict(zip(ids.tolist(), softmax(x[ids] / s.temperature).tolist(), strict=True))


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(seed=1),
        Sampling(temperature=1, top_k=0, top_p=1, min_p=0, seed=1),
        Sampling(temperature=0.3, top_k=5, top_p=1, min_p=0, seed=1),
        Sampling(temperature=2, top_k=0, top_p=0.7, min_p=0, seed=1),
        Sampling(temperature=1, top_k=0, top_p=1, min_p=0.2, seed=1),
        Sampling(temperature=0.8, repeat_penalty=1.7, seed=1),
        Sampling(temperature=0, seed=1),
        Sampling(temperature=0, repeat_penalty=5, seed=1),
    ],
)
@pytest.mark.parametrize("shortened", [False, True])
def test_what_is_left_matches_numpy(sampling: Sampling, shortened: bool) -> None:
    scratch = SoftmaxScratch(SIZE)
    sampler = Sampler(sampling, scratch)
    history: list[int] = []
    for step in range(8):
        logits = some_logits(step % 3)
        scratch.measure(logits, sampler.shortlist if shortened else 0)
        choice = sampler.choose(greedy=sampling.temperature == 0)
        expected = by_numpy(logits, sampling, history)
        assert dict(zip(choice.ids.tolist(), choice.p.tolist(), strict=True)) == pytest.approx(
            expected, rel=1e-4
        )
        assert choice.probability == pytest.approx(expected[choice.token], rel=1e-4)
        p = np.array(list(expected.values()))
        assert choice.entropy == pytest.approx(max(0.0, -(p * np.log(p)).sum()), abs=1e-4)
        history.append(choice.token)
    sampler.close()


@pytest.mark.parametrize("top_k", [1, 7, 40, 128])
def test_a_shortlist_changes_no_choice(top_k: int) -> None:
    """The same draws from the whole vocabulary and from what top-k leaves of it."""
    sampling = Sampling(temperature=1.4, top_k=top_k, top_p=0.99, min_p=0, seed=5)
    scratch = SoftmaxScratch(SIZE)
    chosen: list[list[int]] = []
    for shortened in (False, True):
        sampler = Sampler(sampling, scratch)
        assert sampler.shortlist == top_k
        tokens = []
        for step in range(100):
            scratch.measure(some_logits(step), sampler.shortlist if shortened else 0)
            tokens.append(sampler.choose(greedy=False).token)
        chosen.append(tokens)
    assert chosen[0] == chosen[1]


def test_tokens_are_drawn_as_often_as_their_probability_says() -> None:
    sampling = Sampling(temperature=1, top_k=4, top_p=1, min_p=0, seed=99)
    scratch = SoftmaxScratch(SIZE)
    sampler = Sampler(sampling, scratch)
    counts: Counter[int] = Counter()
    for _ in range(4000):
        scratch.measure(some_logits())
        counts[sampler.choose(greedy=False).token] += 1
    for token, p in by_numpy(some_logits(), sampling, []).items():
        assert counts[token] / 4000 == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 4000))


def test_a_seed_of_zero_is_drawn_and_told() -> None:
    seeds = {settle_seed(Sampling(seed=0)).seed for _ in range(5)}
    assert len(seeds) == 5
    assert all(0 < seed < 0xFFFFFFFF for seed in seeds)
    assert settle_seed(Sampling(seed=42)).seed == 42
    assert settle_seed(Sampling(seed=0xFFFFFFFF)).seed == 0xFFFFFFFE
