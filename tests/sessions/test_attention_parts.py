"""All heads' rows from a spool against the rows that the engine computes while it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cloudchamber.sessions import archive
from cloudchamber.sessions.archive import QUERIES_PER_PART, Attention
from cloudchamber.sessions.attention_parts import (
    attending_layers,
    attention_chunks,
    attention_part,
    read_layer,
)
from tests.sessions.spooled import Spooled, run_and_spool

TinyModel = Callable[[str], Path]
FAMILIES = ["llama", "mixtral", "qwen2", "gemma3", "gpt_oss", "deepseek2", "phi3"]


def check(run: Spooled) -> int:
    """Every row of every head; returns how many there were."""
    rows = 0
    with run.open() as spool:
        positions = spool.positions
        layers = attending_layers(spool)
        assert sorted({layer for layer, _ in run.rows}) == layers
        for layer in layers:
            read = read_layer(spool, layer, positions)
            for chunk, made in attention_chunks(read, range(-(-positions // QUERIES_PER_PART))):
                part = archive.decode(Attention, archive.encode(made))
                assert (part.query_start, part.keys) == (64 * chunk, 64 * chunk + part.rows)
                assert part.error <= 1 / 510 + 1e-7
                for head in range(part.heads):
                    weights, sink = run.rows[layer, head]
                    there = slice(part.query_start, part.query_start + part.rows)
                    wanted, scale = weights[there, : part.keys], part.scale[:, head]
                    kept = part.weights[:, head] * scale[:, None]
                    assert (np.abs(kept - wanted) <= scale[:, None] * 0.5001 + 1e-9).all()
                    np.testing.assert_array_equal(part.sink[:, head], sink[there])
                    rows += part.rows
    return rows


def test_every_row_of_the_real_model(smollm2: Path, tmp_path: Path) -> None:
    run = run_and_spool(smollm2, tmp_path, tokens=60)
    with run.open() as spool:
        positions, steps = spool.positions, spool.steps
    assert steps == len(run.heard.tokens())
    assert positions >= steps + 15
    assert check(run) == 30 * 9 * positions


@pytest.mark.parametrize("family", FAMILIES)
def test_every_row_of_every_family(tiny_model: TinyModel, tmp_path: Path, family: str) -> None:
    run = run_and_spool(tiny_model(family), tmp_path, tokens=30)
    assert check(run) > 0


def test_a_model_without_attention_leaves_steps_alone(tiny_model: TinyModel, tmp_path: Path) -> None:
    run = run_and_spool(tiny_model("mamba"), tmp_path, tokens=5)
    with run.open() as spool:
        assert (spool.steps, attending_layers(spool)) == (5, [])
        assert spool.positions > 5
        assert np.isfinite(spool.norms(spool.positions)[:, :, 2]).any()


def test_attention_can_be_left_out(tiny_model: TinyModel, tmp_path: Path) -> None:
    run = run_and_spool(tiny_model("llama"), tmp_path, tokens=5, attention=False)
    with run.open() as spool:
        assert (spool.steps, attending_layers(spool)) == (5, [])
        assert spool.positions > 5
        assert np.isfinite(spool.norms(spool.positions)[:, :, 2]).any()
        assert spool.step_records(0, 5)[0].all()


def test_a_query_that_was_not_captured_has_no_rows(tiny_model: TinyModel, tmp_path: Path) -> None:
    run = run_and_spool(tiny_model("llama"), tmp_path, tokens=5)
    with run.open() as spool:
        layer = read_layer(spool, 0, spool.positions)
    layer.first[0, 3] = -1
    part = attention_part(layer, 0, layer.positions)
    assert np.isnan(part.scale[3]).all()
    assert (part.weights[3] == 0).all()
    assert np.isfinite(part.scale[[2, 4]]).all()
    assert part.error > 0
