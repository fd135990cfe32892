"""The map of a rotating cache's cells, against llama.cpp's own indices and masks."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import llama_cpp.llama_cpp as llama
import numpy as np
import pytest

from cloudchamber.inference import state
from cloudchamber.inference.engine import Engine
from cloudchamber.inference.options import EngineOptions
from cloudchamber.inference.rotating_cells import NoCellError, RotatingCells
from cloudchamber.inference.taps import ggml
from cloudchamber.telemetry.commands import Generate
from cloudchamber.telemetry.events import (
    AttentionWeights,
    CacheStatus,
    HeadSummary,
    PromptProcessed,
    Sampling,
)
from tests.inference.listening import Listener

WINDOW = 16
STORY = Generate(
    prompt="the cat sat on a mat and " * 24,
    raw=True,
    max_tokens=400,
    sampling=Sampling(temperature=0.9, seed=3),
)


class Indices:
    """Reads the cells of every `SET_ROWS` into the cache of a layer's keys."""

    def __init__(self, layer: int) -> None:
        self.name = f"cache_k_l{layer}"
        self.seen: list[list[int]] = []
        self.callback = llama.ggml_backend_sched_eval_callback(self._look)

    def _look(self, tensor: int, ask: bool, user_data: int | None) -> bool:
        record = ggml.TensorRecord.at(tensor)
        wanted = record.op == ggml.OPS["SET_ROWS"] and record.name.startswith(self.name)
        if ask or not wanted:
            return wanted
        where = ggml.TensorRecord.at(record.src[1])
        self.seen.append(np.frombuffer(ggml.read_tensor(record.src[1], where.n_bytes), "<i8").tolist())
        return True


def test_it_goes_round_where_the_window_has_left() -> None:
    cells = RotatingCells(8, 4)
    assert cells.place(0, 6).tolist() == [0, 1, 2, 3, 4, 5]
    assert [cells.place(p, 1).tolist() for p in (6, 7, 8)] == [[6], [7], [0]]
    # 0 went, and with it nothing: 1 to 8 are all there.
    assert cells.positions.tolist() == [8, 1, 2, 3, 4, 5, 6, 7]
    assert cells.next() == 1
    assert cells.at(7).positions.tolist() == [0, 1, 2, 3, 4, 5, 6, -1]
    cells.place(0, 1)
    assert cells.positions.tolist() == [0, -1, -1, -1, -1, -1, -1, -1]


def test_no_cell_is_an_error() -> None:
    cells = RotatingCells(4, 4)
    cells.place(0, 4)
    with pytest.raises(NoCellError):
        cells.place(4, 2)


@pytest.fixture(scope="module")
def runs(tiny_model: Callable[[str], Path]) -> dict[bool, Listener]:
    """The same long run with a full cache and with a rotating one; everything is wanted."""
    heard = {}
    for rotating in (False, True):
        heard[rotating] = listener = Listener()
        options = EngineOptions(n_ctx=1024, n_ubatch=64, state_hz=10_000, rotating_cache=rotating)
        with (
            pytest.MonkeyPatch.context() as patch,
            Engine.load(tiny_model("gemma3"), options, listener) as engine,
        ):
            patch.setattr(state, "_HEADS_SHARE", math.inf)  # heads with every token, whatever they cost
            engine.want(["cache", "heads", "attention"], [(1, 2), (5, 0)])
            engine.generate(STORY)
    return heard


def test_the_cells_are_llama_cpps_own(tiny_model: Callable[[str], Path]) -> None:
    indices = Indices(0)
    params = llama.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch = 1024, 64, 64
    params.n_threads = params.n_threads_batch = 1
    params.swa_full = False
    params.cb_eval = indices.callback
    model = llama.llama_model_load_from_file(
        str(tiny_model("gemma3")).encode(), llama.llama_model_default_params()
    )
    context = llama.llama_init_from_model(model, params)
    cells = RotatingCells(256, WINDOW)
    expected, position = [], 0
    for count in (64, 64, 64, 31, *([1] * 90), 64, 7, *([1] * 300)):
        batch = llama.llama_batch_init(count, 0, 1)
        batch.n_tokens = count
        for i in range(count):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = 5 + (position + i) % 40, position + i, 1
            batch.seq_id[i][0], batch.logits[i] = 0, i == count - 1
        assert llama.llama_decode(context, batch) == 0
        llama.llama_batch_free(batch)
        expected.append(cells.place(position, count).tolist())
        position += count
    llama.llama_free(context)
    llama.llama_model_free(model)
    assert indices.seen == expected
    assert cells.used <= len(cells) < position


def test_a_rotating_cache_says_where_its_positions_are(runs: dict[bool, Listener]) -> None:
    for cache in runs[True].all(CacheStatus)[-3:]:
        position = int(cache.seq_len[5])
        held = cache.cell_positions
        assert cache.rotating.tolist() == [1, 1, 1, 1, 1, 0]
        assert cache.max_len.tolist() == [256] * 5 + [1024]
        assert position > 256
        assert cache.seq_len[0] == (held >= 0).sum()
        kept = np.sort(held[held >= 0])
        assert kept.tolist() == list(range(position - len(kept), position))
        assert cache.offset[0] == position - WINDOW + 1
        before = held[int(cache.write_head[0])]
        assert before < cache.offset[0]
    assert runs[False].all(CacheStatus)[-1].cell_positions.size == 0


def test_a_rotating_cache_changes_nothing_else(runs: dict[bool, Listener]) -> None:
    full, rotating = runs[False], runs[True]
    # Sums in another order may in time choose another token: look where the texts are the same.
    same = [a == b for a, b in zip(rotating.tokens(), full.tokens(), strict=True)].index(False)
    end = full.all(PromptProcessed)[0].n_tokens + same
    theirs = {event.position: event for event in full.all(HeadSummary)}
    ours = [event for event in rotating.all(HeadSummary) if 256 < event.position < end]
    assert len(ours) > 100
    for event in ours:
        other = theirs[event.position]
        np.testing.assert_allclose(event.entropy, other.entropy, atol=2e-3)
        np.testing.assert_allclose(event.peak_weight, other.peak_weight, atol=2e-3)
    rows = {
        (event.layer, event.query_start): event.weights[-1].astype(np.float32)
        for event in full.all(AttentionWeights)
    }
    compared = 0
    for row in rotating.all(AttentionWeights):
        if len(row.weights) == 1 and 256 < row.query_start < end:
            np.testing.assert_allclose(row.weights[-1], rows[row.layer, row.query_start], atol=2e-3)
            compared += row.layer == 1
    assert compared > 100
