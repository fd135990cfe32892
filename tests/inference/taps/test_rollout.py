"""Heads over time and attention rolled out, against NumPy from the rows of every head."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cloudchamber.inference.taps import Capture
from cloudchamber.inference.taps.rollout import Rollout
from tests.inference.taps.driver import session, tokens

TinyModel = Callable[[str], Path]
FAMILIES = ["llama", "gemma3", "gpt_oss", "mixtral"]


def attention(taps: Capture, layer: int, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exact rows of all heads [H, n, n], and their sinks [H, n]."""
    count = int(taps.history.layers.heads[layer]["n_head"])
    blocks = [taps.attention_block(layer, head, "head", 0, n, 0, n, n)[:2] for head in range(count)]
    return (
        np.array([weights for weights, _ in blocks], np.float64),
        np.array([sink for _, sink in blocks], np.float64),
    )


def by_hand(taps: Capture, n: int) -> NDArray[np.float64]:
    """The product of I/2 + M/2 over all layers, [n, n]."""
    product = np.eye(n)
    for layer in range(taps.n_layer):
        weights, _ = attention(taps, layer, n)
        product = (np.eye(n) + weights.mean(0)) / 2 @ product
    return product


def extend(rollout: Rollout, taps: Capture, count: int, most: int) -> None:
    while (wanted := rollout.next_rows(count, most)) is not None:
        layer, start, stop = wanted
        assert rollout.take(taps.mean_rows(layer, start, stop))


@pytest.mark.parametrize("family", FAMILIES)
def test_rollout_is_the_product_of_the_layers(family: str, tiny_model: TinyModel) -> None:
    with session(tiny_model(family), flash=True) as one:
        one.decode(tokens(90))
        rollout = Rollout(list(range(one.n_layer)))
        rollout.begin_run("a")
        for n in (1, 23, 90):
            extend(rollout, one.taps, n, most=7)
            expected = by_hand(one.taps, n)
            np.testing.assert_allclose(rollout.row(n - 1), expected[-1], rtol=2e-3, atol=1e-6)
        # A row of the past, after more came; and of a run that grows.
        np.testing.assert_allclose(rollout.row(11), by_hand(one.taps, 12)[-1], rtol=2e-3, atol=1e-6)
        one.decode(tokens(1, seed=8))
        extend(rollout, one.taps, 91, most=64)
        whole = rollout.row(90)
        np.testing.assert_allclose(whole, by_hand(one.taps, 91)[-1], rtol=2e-3, atol=1e-6)
        sinks = family == "gpt_oss"
        assert whole.sum() < 0.99 if sinks else whole.sum() == pytest.approx(1, abs=1e-3)


def test_another_run_begins_anew(tiny_model: TinyModel) -> None:
    with session(tiny_model("llama"), flash=True) as one:
        rollout = Rollout(list(range(one.n_layer)))
        for run, seed in (("a", 1), ("b", 2)):
            one.clear()
            one.decode(tokens(40, seed=seed))
            rollout.begin_run(run)
            extend(rollout, one.taps, 40, most=16)
            np.testing.assert_allclose(rollout.row(39), by_hand(one.taps, 40)[-1], rtol=2e-3, atol=1e-6)


def test_rollout_knows_what_it_has_no_room_for() -> None:
    assert Rollout([0, 1], budget=2 * 50 * 50).most == 50


def test_rows_that_are_gone_are_not_taken(tiny_model: TinyModel) -> None:
    path = tiny_model("llama")
    with session(path, flash=True, query_bytes=2 * 3 * 4 * 32 * 20) as one:
        one.decode(tokens(60))
        rollout = Rollout(list(range(one.n_layer)))
        assert rollout.next_rows(60, 60) == (0, 0, 60)
        assert not rollout.take(one.taps.mean_rows(0, 0, 60))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_heads_history_is_that_of_its_rows(family: str, tiny_model: TinyModel) -> None:
    with session(tiny_model(family), flash=True) as one:
        one.decode(tokens(80))
        for layer in range(one.n_layer):
            weights, sinks = attention(one.taps, layer, 80)
            for head in (0, len(weights) - 1):
                entropy, peak, sink = one.taps.head_history(layer, head, 5, 80)
                rows = weights[head] / weights[head].sum(1, keepdims=True)
                logs = np.log(rows, where=rows > 0, out=np.zeros_like(rows))
                np.testing.assert_allclose(entropy, -(rows * logs).sum(1)[5:], atol=2e-4)
                np.testing.assert_allclose(peak, weights[head].max(1)[5:], rtol=1e-4)
                np.testing.assert_allclose(sink, sinks[head][5:], atol=1e-5)


def test_a_history_is_open_about_what_is_gone(tiny_model: TinyModel) -> None:
    with session(tiny_model("llama"), flash=True, query_bytes=2 * 3 * 4 * 32 * 20) as one:
        one.decode(tokens(60))
        entropy, _, _ = one.taps.head_history(1, 2, 0, 60)
        oldest = one.taps.history.oldest_query()
        assert 0 < oldest < 60
        assert np.isnan(entropy[:oldest]).all()
        assert np.isfinite(entropy[oldest:]).all()
