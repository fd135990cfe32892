"""Every family of architectures: what the taps say against tensors read the slow way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.inference.taps.driver import Session, session, tokens

TinyModel = Callable[[str], Path]
Vector = NDArray[np.float64]

WITH_ATTENTION = ["llama", "mixtral", "qwen2", "qwen3moe", "gemma3", "gpt_oss", "deepseek2", "phi3"]
WITH_EXPERTS = ["mixtral", "qwen3moe", "gpt_oss", "deepseek2"]
WINDOWED = {"gemma3": [0, 1, 2, 3, 4], "gpt_oss": [0, 2]}

# What llama.cpp calls the contributions to the residual stream, where it names them.
ATTENTION_OUT = {"llama": "attn_out", "mixtral": "attn_out", "gemma3": "attn_post_norm"}
MLP_OUT = {
    "llama": "ffn_out", "mixtral": "ffn_moe_out", "qwen2": "ffn_out", "qwen3moe": "ffn_moe_out",
    "gemma3": "ffn_post_norm", "gpt_oss": "ffn_moe_out", "phi3": "ffn_out",
}  # fmt: skip

PROMPT, STEPS = tokens(40), tokens(3, seed=4)
# Without flash attention both sides have the same Q and K, in F16, and differ by the order of
# sums. With it, its F16 sums of V change the residual stream a little before the next layer.
SAME_GRAPH, OTHER_GRAPH = 5e-4, 1e-2


def run(one: Session) -> None:
    one.decode(PROMPT)
    for token in STEPS:
        one.decode([token])


def full_row(one: Session, layer: int, position: int) -> NDArray[np.float32]:
    """The slow callback's softmax row of a position, [H, position + 1]."""
    parts = one.watcher.seen[f"kq_soft_max-{layer}"]
    rows = np.concatenate(
        [part[0][:, :, : position + 1] for part in parts if part.shape[3] > position], axis=1
    )
    return rows[:, position - (len(PROMPT) + len(STEPS) - rows.shape[1])]


@pytest.mark.parametrize("flash", [True, False], ids=["flash", "plain"])
@pytest.mark.parametrize("family", WITH_ATTENTION)
def test_rows_are_those_of_the_graph(family: str, flash: bool, tiny_model: TinyModel) -> None:
    path = tiny_model(family)
    limit = OTHER_GRAPH if flash else SAME_GRAPH
    slow_options = {"flash": False, "capture": False, "watch": ["kq_soft_max"]}
    with session(path, **slow_options) as slow, session(path, flash=flash) as one:
        run(slow)
        run(one)
        assert one.taps.lost == 0
        for layer in range(one.n_layer):
            heads = int(one.taps.history.layers.heads[layer]["n_head"])
            for head in range(heads):
                event = one.taps.attention_rows("r", layer, head)
                weights, sinks = event.weights.astype(np.float32), event.sink
                assert weights.shape == (43, 43)
                for position in (0, 1, 17, 39, 40, 42):
                    expected = full_row(slow, layer, position)[head]
                    got = weights[position, : position + 1]
                    assert np.abs(got - expected).max() < limit
                    assert np.all(weights[position, position + 1 :] == 0)
                    assert abs(sinks[position] - (1 - expected.sum())) < limit
                assert np.allclose(weights.sum(1) + sinks, 1, atol=2e-3)
                if family != "gpt_oss":
                    assert np.all(sinks == 0)
                else:
                    assert sinks.max() > 0.01


@pytest.mark.parametrize("family", WITH_ATTENTION)
def test_summary_is_of_the_newest_row(family: str, tiny_model: TinyModel) -> None:
    with session(tiny_model(family), flash=True) as one:
        run(one)
        summary = one.taps.head_summary("r")
        assert summary is not None
        assert summary.position == 42
        for layer in range(one.n_layer):
            for head in range(int(one.taps.history.layers.heads[layer]["n_head"])):
                weights, sink, _, _ = one.taps.attention_block(layer, head, "head", 42, 43, 0, 0, 1024)
                row = weights[0].astype(np.float64)
                p = row / row.sum()
                entropy = -np.sum(p[p > 0] * np.log(p[p > 0]))
                assert summary.entropy[layer, head] == pytest.approx(entropy, abs=1e-4)
                assert row[summary.peak[layer, head]] == pytest.approx(row.max(), abs=1e-6)
                assert summary.peak_weight[layer, head] == pytest.approx(row.max(), abs=1e-5)
                assert summary.sink[layer, head] == pytest.approx(sink[0], abs=1e-5)


@pytest.mark.parametrize("family", sorted(WINDOWED))
def test_windows_come_from_the_mask(family: str, tiny_model: TinyModel) -> None:
    with session(tiny_model(family), flash=True) as one:
        run(one)
        for layer in range(one.n_layer):
            weights = one.taps.attention_rows("r", layer, 0).weights
            first = int(np.argmax(weights[42] > 0))
            assert first == (43 - 16 if layer in WINDOWED[family] else 0)


@pytest.mark.parametrize("family", [*WITH_ATTENTION, "mamba"])
def test_norms_are_those_of_the_residual_stream(family: str, tiny_model: TinyModel) -> None:
    parts = [f"{table.get(family, '?')}-" for table in (ATTENTION_OUT, MLP_OUT)]
    names = ["l_out-", "embd", "inp_scaled", *parts]
    path = tiny_model(family)
    slow_options = {"flash": True, "capture": False, "watch": names}
    with session(path, **slow_options) as slow, session(path, flash=True) as one:
        run(slow)
        run(one)
        event = one.taps.layer_activation("r")
        assert event is not None
        assert one.taps.lost == 0

        def last(name: str) -> Vector:
            row: Vector = slow.watcher.last(name).reshape(-1, 128)[-1].astype(np.float64)
            return row

        before = last("inp_scaled" if "inp_scaled" in slow.watcher.seen else "embd")
        for layer in range(one.n_layer):
            out = last(f"l_out-{layer}")
            assert event.output_norm[layer] == pytest.approx(np.linalg.norm(out), rel=1e-4)
            change = np.linalg.norm(out - before) / np.linalg.norm(before)
            assert event.residual_change[layer] == pytest.approx(change, rel=1e-3)
            if family in ATTENTION_OUT:
                part = np.linalg.norm(last(f"{ATTENTION_OUT[family]}-{layer}"))
                assert event.attention_norm[layer] == pytest.approx(part, rel=2e-3)
            if family in MLP_OUT:
                part = np.linalg.norm(last(f"{MLP_OUT[family]}-{layer}"))
                assert event.mlp_norm[layer] == pytest.approx(part, rel=2e-3)
            before = out
        steps = np.stack([event.attention_norm, event.mlp_norm])
        assert np.isnan(steps).all() if family == "mamba" else np.isfinite(steps).all()


@pytest.mark.parametrize("family", WITH_EXPERTS)
def test_routing_is_the_routers(family: str, tiny_model: TinyModel) -> None:
    path = tiny_model(family)
    slow_options = {"flash": True, "capture": False, "watch": ["ffn_moe_"]}
    with session(path, **slow_options) as slow, session(path, flash=True) as one:
        run(slow)
        run(one)
        event = one.taps.expert_routing("r")
        assert event is not None
        assert event.layer.tolist() == ([1, 2] if family == "deepseek2" else list(range(one.n_layer)))
        for row, layer in enumerate(event.layer):
            seen = slow.watcher.seen
            chosen = slow.watcher.last(f"ffn_moe_topk-{layer}").reshape(-1, 2)[-1]
            name = "ffn_moe_probs" if f"ffn_moe_probs-{layer}" in seen else "ffn_moe_logits"
            routed = slow.watcher.last(f"{name}-{layer}").reshape(-1, 6)[-1]
            last = next(n for n in ("scaled", "norm", "softmax") if f"ffn_moe_weights_{n}-{layer}" in seen)
            weights = slow.watcher.last(f"ffn_moe_weights_{last}-{layer}").reshape(-1, 2)[-1]
            assert event.chosen[row].tolist() == chosen.tolist()
            assert np.allclose(event.probabilities[row], routed, atol=1e-4)
            assert np.allclose(event.weights[row], weights, atol=1e-4)


@pytest.mark.parametrize("family", WITH_EXPERTS)
def test_routing_of_every_position_and_the_load_since_the_start(family: str, tiny_model: TinyModel) -> None:
    path = tiny_model(family)
    slow_options = {"flash": True, "capture": False, "watch": ["ffn_moe_"]}
    with session(path, **slow_options) as slow, session(path, flash=True) as one:
        run(slow)
        run(one)
        events = [one.taps.expert_routing("r", position) for position in range(one.length)]
        assert all(event is not None for event in events)
        newest = events[-1]
        assert newest is not None
        for row, layer in enumerate(newest.layer):
            seen = slow.watcher.seen
            # [tokens, k] of all decodes; in the last layer of a prompt only its last token's.
            theirs = np.concatenate([a.reshape(-1, 2) for a in seen[f"ffn_moe_topk-{layer}"]])
            mine = np.array([event.chosen[row] for event in events if event is not None])
            routed = mine[:, 0] >= 0
            assert mine[routed].tolist() == theirs.tolist()
            if layer < one.n_layer - 1:
                assert routed.all()
            name = "ffn_moe_probs" if f"ffn_moe_probs-{layer}" in seen else "ffn_moe_logits"
            given = np.concatenate([a.reshape(-1, 6) for a in seen[f"{name}-{layer}"]])
            kept = np.array([event.probabilities[row] for event in events if event is not None])
            assert np.allclose(kept[routed], given, atol=1e-4)
            assert np.isnan(kept[~routed]).all()
            # The load: asked for in any order, it is of all positions up to the one asked for.
            for position in (len(mine) - 1, 3, len(mine) // 2, len(mine) - 1):
                event = one.taps.expert_routing("r", position)
                assert event is not None
                chosen = mine[: position + 1]
                expected = np.bincount(chosen[chosen >= 0].ravel(), minlength=6)
                assert event.counts[row].tolist() == expected.tolist()
        one.clear()
        run(one)
        again = one.taps.expert_routing("r")
        assert again is not None
        assert np.array_equal(again.counts, newest.counts)


def test_mamba_says_what_it_lacks(tiny_model: TinyModel) -> None:
    with session(tiny_model("mamba"), flash=True) as one:
        run(one)
        assert set(one.taps.lacks) == {"attention", "attention_out", "mlp_out", "router"}
        assert one.taps.head_summary("r") is None
        assert one.taps.expert_routing("r") is None
        with pytest.raises(Exception, match="no attention"):
            one.taps.attention_rows("r", 0, 0)


@pytest.mark.parametrize("family", ["llama", "gemma3", "deepseek2"])
def test_attention_families_lack_only_the_router(family: str, tiny_model: TinyModel) -> None:
    with session(tiny_model(family), flash=True) as one:
        assert set(one.taps.lacks) == (set() if family == "deepseek2" else {"router"})
