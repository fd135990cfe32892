"""The kernels of attention on queries and keys made up here, against NumPy in F64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from cloudchamber.inference.taps import product, views
from cloudchamber.inference.taps.attention import HEAD_FIELDS
from cloudchamber.inference.taps.compiled import compiled
from cloudchamber.inference.taps.history import History, Layers
from cloudchamber.inference.taps.state import KEY_BLOCK

F8 = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """A layer, and how much of a run is kept of it."""

    heads: int = 9
    kv_heads: int = 3
    size: int = 64
    positions: int = 150
    window: int = 0
    softcap: float = 0.0
    max_bias: float = 0.0
    sinks: bool = False
    kept: int = 1000
    """Queries for which there is room."""


SHAPES = {
    "groups of three": Shape(),
    "each its own keys": Shape(heads=5, kv_heads=5, size=32),
    "one for all": Shape(heads=7, kv_heads=1, size=40),
    "one for more than are worked on at once": Shape(heads=60, kv_heads=1, size=20, positions=70),
    "an odd size": Shape(heads=4, kv_heads=2, size=13),
    "wide keys": Shape(heads=6, kv_heads=1, size=576, positions=70),
    "a block exactly": Shape(positions=128),
    "window": Shape(window=37),
    "soft-cap": Shape(softcap=2.5),
    "biased": Shape(heads=6, kv_heads=2, max_bias=8.0),
    "sinks": Shape(sinks=True, window=90),
    "few queries kept": Shape(kept=31),
    "all at once": Shape(heads=6, kv_heads=2, window=70, softcap=3.0, max_bias=4.0, sinks=True, kept=77),
}


@pytest.fixture(params=list(SHAPES.values()), ids=list(SHAPES))
def shape(request: pytest.FixtureRequest) -> Shape:
    found: Shape = request.param
    return found


def slope(head: int, shape: Shape) -> float:
    """ALiBi's, as Press et al. (2021) have it for numbers of heads that are no power of two."""
    if not shape.max_bias:
        return 0.0
    power = 2 ** int(np.log2(shape.heads))
    if head < power:
        return float(2 ** (-shape.max_bias * (head + 1) / power))
    return float(2 ** (-shape.max_bias * (2 * (head - power) + 1) / (2 * power)))


def made_up(shape: Shape) -> tuple[History, F8, F8]:
    """A layer with attention after one without, and its exact rows [H, n, n] and sinks [H, n]."""
    random, n = np.random.default_rng(5), shape.positions
    blocks = -(-n // KEY_BLOCK)
    q = random.normal(size=(n, shape.heads, shape.size)).astype(np.float16)
    k = random.normal(size=(n, shape.kv_heads, shape.size)).astype(np.float16)
    sinks = random.normal(size=shape.heads).astype(np.float32)
    scale = 1.7 / np.sqrt(shape.size)
    heads = np.zeros(2, HEAD_FIELDS)
    heads[0]["sink_offset"] = -1
    heads[1] = (
        shape.heads, shape.kv_heads, shape.size, 0, 0, 0, 0 if shape.sinks else -1,
        scale, shape.softcap, shape.max_bias,
    )  # fmt: skip
    stride = shape.heads * shape.size
    elements = shape.kv_heads * blocks * KEY_BLOCK * shape.size
    numbers = shape.kv_heads * shape.size
    columns = {"row_offset": np.zeros(2, np.int64)}
    layers = Layers(heads, columns, sinks, 1, stride, numbers, elements, blocks, 0, 0, shape.heads)
    history = History.allocate(layers, 2, n, 2 * stride * min(shape.kept, n))
    history.first[0] = np.maximum(0, np.arange(n) + 1 - shape.window) if shape.window else 0
    for position in range(n):
        history.queries[position % len(history.queries)] = q[position].ravel().view(np.uint16)
        history.close(position, 1)
    # What lies behind the last key was never written and may be anything.
    padded = np.full((blocks * KEY_BLOCK, shape.kv_heads, shape.size), np.nan, np.float16)
    padded[:n] = k
    by_block = padded.reshape(blocks, KEY_BLOCK, shape.kv_heads, shape.size).transpose(2, 0, 3, 1)
    history.keys[:] = np.ascontiguousarray(by_block).ravel().view(np.uint16)

    rows, shares = np.zeros((shape.heads, n, n)), np.zeros((shape.heads, n))
    for head in range(shape.heads):
        own = k[:, head // (shape.heads // shape.kv_heads)].astype(np.float64)
        logits = q[:, head].astype(np.float64) @ own.T * np.float32(scale)
        if shape.softcap:
            logits = shape.softcap * np.tanh(logits / shape.softcap)
        for position in range(n):
            start = history.first[0, position]
            row = logits[position, start : position + 1]
            row = row - slope(head, shape) * (position - np.arange(start, position + 1))
            sink = float(sinks[head]) if shape.sinks else -np.inf
            e = np.exp(row - max(row.max(), sink))
            rest = np.exp(sink - max(row.max(), sink))
            rows[head, position, start : position + 1] = e / (e.sum() + rest)
            shares[head, position] = rest / (e.sum() + rest)
    return history, rows, shares


def close(got: NDArray[np.float32], expected: F8) -> None:
    np.testing.assert_allclose(got, expected, atol=3e-6, rtol=2e-4)


def test_rows_of_a_head_and_of_heads_joined(shape: Shape) -> None:
    history, rows, sinks = made_up(shape)
    n, oldest = shape.positions, history.oldest_query()
    assert (oldest > 0) == (shape.kept < n)
    for mode, expected, share in (
        ("head", rows[shape.heads - 1], sinks[shape.heads - 1]),
        ("mean", rows.mean(0), sinks.mean(0)),
        ("max", rows.max(0), sinks.max(0)),
    ):
        head = shape.heads - 1
        weights, sink, _, _ = views.attention_block(history, 1, head, mode, (0, n), (0, n), n)  # type: ignore[arg-type]
        assert np.isnan(weights[:oldest]).all()
        assert np.isnan(sink[:oldest]).all()
        close(weights[oldest:], expected[oldest:])
        close(sink[oldest:], share[oldest:])
    close(views.mean_rows(history, 1, n - 5, n), rows.mean(0)[n - 5 :])
    close(views.mean_rows(history, 1, n - 1, n), rows.mean(0)[n - 1 :])


def test_cells_are_the_greatest_of_several(shape: Shape) -> None:
    history, rows, sinks = made_up(shape)
    n, oldest = shape.positions, history.oldest_query()
    queries, keys = (n // 2 + 1, n), (7, n - 3)
    weights, sink, per_row, per_column = views.attention_block(history, 1, 1, "head", queries, keys, 9)
    assert (per_row, per_column) == (-(-(n - queries[0]) // 9), -(-(n - 10) // 9))
    for r in range(len(weights)):
        start = queries[0] + r * per_row
        of_row = range(max(start, oldest), min(start + per_row, n))
        if not of_row:
            assert np.isnan(weights[r]).all()
            continue
        assert sink[r] == pytest.approx(sinks[1, of_row].max(), abs=3e-6)
        for c in range(weights.shape[1]):
            cell = rows[1, of_row][:, keys[0] + c * per_column : min(keys[0] + (c + 1) * per_column, keys[1])]
            assert weights[r, c] == pytest.approx(cell.max(), abs=3e-6)


def test_rows_in_brief(shape: Shape) -> None:
    history, rows, sinks = made_up(shape)
    n, oldest = shape.positions, history.oldest_query()
    shown = rows / rows.sum(2, keepdims=True)
    entropy = -np.sum(shown * np.log(np.where(shown > 0, shown, 1)), axis=2)
    summary = views.head_summary(history, "r", n - 1)
    assert summary is not None
    assert np.isnan(summary.entropy[0]).all()  # without attention
    np.testing.assert_allclose(summary.entropy[1], entropy[:, -1], atol=1e-4)
    np.testing.assert_array_equal(summary.peak[1], rows[:, -1].argmax(1))
    close(summary.peak_weight[1], rows[:, -1].max(1))
    close(summary.sink[1], sinks[:, -1])
    for head in (0, shape.heads - 1):
        of_head = views.head_history(history, 1, head, 3, n)
        assert np.isnan(of_head[0][: max(0, oldest - 3)]).all()
        kept = slice(max(0, oldest - 3), None)
        np.testing.assert_allclose(of_head[0][kept], entropy[head, 3:][kept], atol=1e-4)
        close(of_head[1][kept], rows[head].max(1)[3:][kept])
        close(of_head[2][kept], sinks[head, 3:][kept])


@pytest.mark.parametrize(("rows", "lanes", "vectors"), [(4, 8, 2), (4, 16, 4), (1, 8, 2)])
def test_a_tile_of_any_processor(rows: int, lanes: int, vectors: int) -> None:
    tile = product.make_tile(rows, lanes, vectors)
    random, size, at = np.random.default_rng(1), 19, KEY_BLOCK - lanes * vectors
    q, keys = random.normal(size=(rows + 1, size)), random.normal(size=(size, KEY_BLOCK))
    out = np.full((rows + 1, 100), 7, np.float32)

    @compiled()
    def once(q: object, keys: object, out: object) -> None:
        tile(q, size, size, keys, at, out, 105, 100)

    once(q.astype(np.float32), keys.astype(np.float32), out)
    expected = np.full_like(out, 7)
    expected[1:, 5 : 5 + lanes * vectors] = (q[1:] @ keys)[:, at : at + lanes * vectors]
    np.testing.assert_allclose(out, expected, atol=1e-5)
