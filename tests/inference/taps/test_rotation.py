"""What is said of RoPE is what turned the graph's own queries."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cloudchamber.telemetry.events import Rotation
from tests.inference.taps.driver import session, tokens

COUNT = 24


def angles(rotation: Rotation, positions: NDArray[np.int64]) -> tuple[NDArray[np.float64], float]:
    """[positions, pairs] and the scale of cos and sin, as the schema's text and YaRN's paper say."""
    pairs = np.arange(rotation.dimensions // 2)
    frequency = rotation.base ** (-2 * pairs / rotation.dimensions)
    full = positions[:, None] * frequency / (rotation.factors if rotation.factors.size else 1)
    slow = rotation.frequency_scale * full
    if rotation.extrapolation == 0:
        return slow, rotation.attention_factor

    def pair(turns: float) -> float:
        ratio = rotation.original_context / (turns * 2 * math.pi)
        return rotation.dimensions * math.log(ratio) / (2 * math.log(rotation.base))

    low = max(0, math.floor(pair(rotation.beta_fast)))
    high = min(rotation.dimensions - 1, math.ceil(pair(rotation.beta_slow)))
    ramp = np.clip((pairs - low) / max(0.001, high - low), 0, 1)
    mix = (1 - ramp) * rotation.extrapolation
    scale = rotation.attention_factor * (1 + 0.1 * math.log(1 / rotation.frequency_scale))
    return slow * (1 - mix) + full * mix, scale


def turned(x: NDArray[np.float32], rotation: Rotation) -> NDArray[np.float64]:
    """Queries [tokens, heads, d] of positions from 0 on, turned."""
    angle, scale = angles(rotation, np.arange(len(x)))
    cos, sin = scale * np.cos(angle)[:, None], scale * np.sin(angle)[:, None]
    half = rotation.dimensions // 2
    first = slice(0, half) if rotation.pairing == "halves" else slice(0, 2 * half, 2)
    second = slice(half, 2 * half) if rotation.pairing == "halves" else slice(1, 2 * half, 2)
    out = x.astype(np.float64)
    out[..., first] = x[..., first] * cos - x[..., second] * sin
    out[..., second] = x[..., first] * sin + x[..., second] * cos
    return out


@pytest.mark.parametrize("family", ["llama", "qwen2", "gemma3", "gpt_oss", "phi3"])
def test_the_constants_turn_the_graphs_queries(family: str, tiny_model: Callable[[str], Path]) -> None:
    path = tiny_model(family)
    with (
        session(path, flash=True) as one,
        session(path, flash=True, capture=False, watch=["Qcur"]) as slow,
    ):
        slow.decode(tokens(COUNT))
        names = ("Qcur", "Qcur_normed")
        rotations = one.taps.rotations
        shape = one.taps.history.layers.heads[0]
        heads, size = int(shape["n_head"]), int(shape["size"])
        assert sorted(layer for r in rotations for layer in r.layers.tolist()) == list(range(one.n_layer))
        for rotation in rotations:
            for layer in rotation.layers:
                named = [a for name in names for a in slow.watcher.seen.get(f"{name}-{layer}", [])]
                stages = [a.reshape(COUNT, heads, size) for a in named if a.size == COUNT * heads * size]
                # After the turn there may be a scale, and before it a bias or a norm.
                assert any(close(turned(a, rotation), b) for a, b in permutations(stages, 2))


def close(expected: NDArray[np.float64], found: NDArray[np.float32]) -> bool:
    return bool(np.abs(expected - found).max() < 2e-4 * np.abs(found).max())


def test_a_model_that_does_not_turn_says_so(tiny_model: Callable[[str], Path]) -> None:
    with session(tiny_model("mamba"), flash=True) as one:
        assert one.taps.rotations == []
