"""How capture behaves over a run: batches, budgets, quantised caches, other devices, losses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import llama_cpp.llama_cpp as llama
import numpy as np
import pytest
from numpy.typing import NDArray

from cloudchamber.inference.taps import CaptureError, ggml
from cloudchamber.inference.taps.wanted import ATTENTION, NORMS
from tests.inference.taps.driver import Session, session, tokens

TinyModel = Callable[[str], Path]
PROMPT = tokens(150)


def rows(one: Session, layer: int = 1, head: int = 2) -> NDArray[np.float32]:
    """All rows of a head, F32."""
    return one.taps.attention_block(layer, head, "head", 0, 0, 0, 0, 4096)[0]


def test_a_prompt_in_many_batches_is_one_run(tiny_model: TinyModel) -> None:
    """150 tokens go through in three graphs; the rows are those of one."""
    path = tiny_model("llama")
    with session(path, flash=True, n_ubatch=64) as many, session(path, flash=True, n_ubatch=256) as whole:
        many.decode(PROMPT)
        whole.decode(PROMPT)
        assert many.taps.lost == whole.taps.lost == 0
        assert np.abs(rows(many, 0) - rows(whole, 0)).max() < 1e-5
        assert np.abs(rows(many, 2) - rows(whole, 2)).max() < 2e-2
        a, b = many.taps.layer_activation("r", 100), whole.taps.layer_activation("r", 100)
        assert a is not None
        assert b is not None
        assert np.allclose(a.attention_norm[:2], b.attention_norm[:2], rtol=1e-2)


def test_keys_are_the_same_whenever_they_are_looked_at(tiny_model: TinyModel) -> None:
    """One token at a time over two borders of a block, rows of one layer asked for now and then,
    those of another once at the end: the same as when every token's are."""
    path = tiny_model("llama")
    with session(path, flash=True) as seldom, session(path, flash=True) as often:
        for one in (seldom, often):
            one.decode(PROMPT[:10])
        for at in range(10, 140):
            for one in (seldom, often):
                one.decode(PROMPT[at : at + 1])
            often.taps.head_summary("r")
            if at % 23 == 0:
                assert np.array_equal(rows(seldom, 1), rows(often, 1))
        for layer in range(seldom.n_layer):
            assert np.array_equal(rows(seldom, layer), rows(often, layer))


def test_only_asked_for_tokens_have_a_last_layer(tiny_model: TinyModel) -> None:
    """llama.cpp drops the other tokens before the last layer's sum; they stay unknown."""
    with session(tiny_model("llama"), flash=True) as one:
        one.decode(PROMPT[:20], outputs=[7, 19])
        for position in range(20):
            event = one.taps.layer_activation("r", position)
            assert event is not None
            assert np.isfinite(event.output_norm[:2]).all()
            assert np.isfinite(event.output_norm[2]) == (position in (7, 19))
        alone = one.taps.layer_activation("r", 7)
        one.clear()
        one.decode(PROMPT[:20], outputs=range(20))
        together = one.taps.layer_activation("r", 7)
        assert alone is not None
        assert together is not None
        assert np.allclose(alone.mlp_norm, together.mlp_norm, rtol=1e-3)


def test_other_devices_are_read_through_ggml(tiny_model: TinyModel) -> None:
    """The way a GPU's tensors are fetched gives the same numbers as reading in place."""
    for family in ("llama", "gpt_oss", "deepseek2"):
        path = tiny_model(family)
        with session(path, flash=True) as near, session(path, flash=True) as far:
            far.taps._memory.record["copy_always"] = 1
            for one in (near, far):
                one.decode(PROMPT[:50])
                one.decode(PROMPT[50:51])
            # The first batch may find the scratch too small; it grows and the next one fits.
            far.clear()
            far.decode(PROMPT[:50])
            far.decode(PROMPT[50:51])
            assert far.taps._memory.record["losses"] == 0
            assert np.array_equal(rows(near), rows(far))
            a, b = near.taps.layer_activation("r"), far.taps.layer_activation("r")
            assert a is not None
            assert b is not None
            assert np.array_equal(a.output_norm, b.output_norm)
            assert np.array_equal(a.residual_change, b.residual_change)
            if family != "llama":
                mine, theirs = near.taps.expert_routing("r"), far.taps.expert_routing("r")
                assert mine is not None
                assert theirs is not None
                assert np.array_equal(mine.chosen, theirs.chosen)
                assert np.array_equal(mine.weights, theirs.weights)


@pytest.mark.parametrize(("kind", "limit"), [(8, 0.02), (0, 2e-3)], ids=["q8_0", "f32"])
def test_caches_of_other_types(kind: int, limit: float, tiny_model: TinyModel) -> None:
    """Keys are dequantised; an 8-bit cache changes attention itself by about a hundredth."""
    path = tiny_model("llama")
    with session(path, flash=True, type_k=kind) as one, session(path, flash=True) as half:
        one.decode(PROMPT[:60])
        half.decode(PROMPT[:60])
        assert one.taps.lost == 0
        assert np.abs(rows(one, 0) - rows(half, 0)).max() < limit
        if kind == 8:
            assert not np.array_equal(rows(one, 0), rows(half, 0))


def test_queries_have_a_budget(tiny_model: TinyModel) -> None:
    """With room for 32 queries the newest 32 rows are there, over all keys; older are NaN."""
    each = 3 * 4 * 32 * 2
    path = tiny_model("llama")
    with session(path, flash=True, query_bytes=32 * each) as one, session(path, flash=True) as whole:
        for some in (one, whole):
            some.decode(PROMPT[:90])
            some.decode(PROMPT[90:91])
        kept, all_rows = rows(one), rows(whole)
        assert np.isnan(kept[:59]).all()
        assert np.array_equal(kept[59:], all_rows[59:])
        event = one.taps.attention_rows("r", 1, 2, 0)
        assert event.query_start == 59
        assert event.weights.shape == (32, 91)
        assert one.taps.head_summary("r") is not None
        assert one.taps.head_summary("r", 20) is None


def test_slices_are_reduced_by_maximum(tiny_model: TinyModel) -> None:
    with session(tiny_model("llama"), flash=True) as one:
        one.decode(PROMPT)
        full = rows(one)
        weights, sink, query_block, key_block = one.taps.attention_block(1, 2, "head", 10, 140, 5, 105, 40)
        assert (query_block, key_block) == (4, 3)
        assert weights.shape == (33, 34)
        assert sink.shape == (33,)
        padded = np.zeros((132, 102), np.float32)
        padded[:130, :100] = full[10:140, 5:105]
        assert np.array_equal(weights, padded.reshape(33, 4, 34, 3).max((1, 3)))


def test_heads_are_joined(tiny_model: TinyModel) -> None:
    with session(tiny_model("llama"), flash=True) as one:
        one.decode(PROMPT[:70])
        heads = np.stack([rows(one, 1, head) for head in range(4)])
        mean = one.taps.attention_block(1, 0, "mean", 0, 0, 0, 0, 4096)[0]
        most = one.taps.attention_block(1, 0, "max", 0, 0, 0, 0, 4096)[0]
        assert np.allclose(mean, heads.mean(0), atol=1e-6)
        assert np.array_equal(most, heads.max(0))


def test_a_run_can_go_back(tiny_model: TinyModel) -> None:
    """Decoding again from an earlier position replaces what followed."""
    path = tiny_model("gemma3")
    with session(path, flash=True) as one, session(path, flash=True) as straight:
        one.decode(PROMPT[:40])
        llama.llama_memory_seq_rm(llama.llama_get_memory(one.context), 0, 25, -1)
        one.length = 25
        one.decode(PROMPT[60:70])
        straight.decode(PROMPT[:25])
        straight.decode(PROMPT[60:70])
        assert one.taps.history.length == 35
        assert np.abs(rows(one, 2) - rows(straight, 2)).max() < 1e-5


def test_a_failed_decode_leaves_no_trace(tiny_model: TinyModel) -> None:
    with session(tiny_model("llama"), flash=True) as one:
        one.decode(PROMPT[:10])
        one.taps.before_decode(10, 5)
        assert one.taps.history.length == 10
        assert rows(one).shape == (10, 10)


def test_what_can_not_be_had_is_refused_in_words(tiny_model: TinyModel) -> None:
    with session(tiny_model("llama"), flash=True) as one:
        one.decode(PROMPT[:10])
        with pytest.raises(CaptureError, match="no layer 9"):
            one.taps.attention_rows("r", 9, 0)
        with pytest.raises(CaptureError, match="no head 4"):
            one.taps.attention_block(0, 4, "head", 0, 0, 0, 0, 64)
        with pytest.raises(CaptureError, match="no queries from 30"):
            one.taps.attention_block(0, 0, "head", 30, 0, 0, 0, 64)


def test_a_recorder_is_given_what_it_reads_whoever_looks(tiny_model: TinyModel) -> None:
    with session(tiny_model("llama"), flash=True) as one:
        for recorded, has_rows in ((NORMS, False), (NORMS | ATTENTION, True)):
            one.clear()
            one.taps.recorded = recorded
            one.taps.set_wanted(frozenset())
            one.decode(PROMPT[:10])
            layers = one.taps.layer_activation("r")
            assert layers is not None
            assert np.isfinite(layers.output_norm).all()
            assert np.isfinite(rows(one)).all() == has_rows


def test_experts_are_read_whatever_is_wanted(tiny_model: TinyModel) -> None:
    """A load since the start is only true if nothing was left out."""
    with session(tiny_model("mixtral"), flash=True) as one:
        one.taps.set_wanted(frozenset())
        one.decode(PROMPT[:10])
        one.decode(PROMPT[10:11])
        event, layers = one.taps.expert_routing("r"), one.taps.layer_activation("r")
        assert event is not None
        # The last layer routes only the tokens whose output is asked for, the last of each decode.
        assert event.counts.sum(axis=1).tolist() == [22, 22, 4]
        assert layers is not None
        assert np.isnan(layers.output_norm).all()


@pytest.mark.parametrize("family", ["llama", "gemma3", "gpt_oss", "deepseek2"])
def test_who_begins_to_look_late_sees_the_truth_from_then_on(tiny_model: TinyModel, family: str) -> None:
    """Nothing is read while nobody looks, twice; the keys of that time are fetched, and the rows of
    queries from then on are those of a run that was looked at throughout."""
    path = tiny_model(family)
    with session(path, flash=True) as late, session(path, flash=True) as early:
        for one in (late, early):
            one.decode(PROMPT[:20])
        late.taps.set_wanted(frozenset())
        for at in range(20, 90):
            if at == 50:
                late.taps.set_wanted(frozenset({"memory"}))
            if at == 55:
                late.taps.set_wanted(frozenset())
            for one in (late, early):
                one.decode(PROMPT[at : at + 1])
        late.taps.set_wanted(frozenset({"attention"}))
        for one in (late, early):
            one.decode(PROMPT[90:93])
            one.decode(PROMPT[93:94])
        unseen = [*range(20, 50), *range(55, 90)]
        seen = [at for at in range(94) if at not in unseen]
        for layer in range(late.n_layer):
            ours, theirs = rows(late, layer, 0), rows(early, layer, 0)
            assert np.array_equal(ours[seen], theirs[seen])
            assert np.isnan(ours[unseen]).all()
        assert late.taps.lost == early.taps.lost == 0


def test_an_overwritten_tensor_is_noticed_and_recovered_from(tiny_model: TinyModel) -> None:
    """A plan that looks too late must not show what happens to be in the memory by then."""
    with session(tiny_model("llama"), flash=True) as one:
        one.decode(PROMPT[:10])
        good = one.taps.layer_activation("r")
        plan = one.taps.plans[0]
        last = int(np.flatnonzero(plan.point[:, 1])[-1])
        for node in np.flatnonzero(plan.point[:, 1])[:-1]:
            plan.point[node] = 0
        plan.point[last] = 0, len(plan.actions), 7
        plan.slots[:, 2] = last
        one.clear()
        one.decode(PROMPT[:10])
        late = one.taps.layer_activation("r")
        assert one.taps.lost == 1
        assert late is not None
        assert np.isnan(late.output_norm[0])
        assert np.isnan(rows(one)).all()
        one.clear()
        one.decode(PROMPT[:10])  # recorded and studied anew
        one.clear()
        one.decode(PROMPT[:10])
        again = one.taps.layer_activation("r")
        assert again is not None
        assert good is not None
        assert np.array_equal(again.output_norm, good.output_norm)
        assert np.isfinite(rows(one)).all()


def test_an_unknown_graph_is_studied(tiny_model: TinyModel) -> None:
    with session(tiny_model("llama"), flash=True) as one:
        one.taps.plans[0].signature[40] ^= 1
        one.decode(PROMPT[:10])
        assert one.taps.lost == 1
        one.clear()
        one.decode(PROMPT[:10])
        one.clear()
        one.decode(PROMPT[:10])
        assert one.taps.lost == 2
        assert len(one.taps.plans) == 2
        assert np.isfinite(rows(one)).all()


def test_one_look_a_layer(tiny_model: TinyModel, smollm2: Path) -> None:
    """The sum after attention is where Q and the layer's input are still whole."""
    with session(tiny_model("llama"), flash=True) as one:
        assert [plan.n_points for plan in one.taps.plans] == [4]
    with session(smollm2, flash=True, n_ctx=64) as one:
        assert [plan.n_points for plan in one.taps.plans] == [31]


def test_layout_is_checked() -> None:
    ggml.check_layout()


def test_a_wide_model_within_its_budget(tiny_model: TinyModel) -> None:
    """64 layers x 64 heads x 8192: a token's queries take 128 KiB here, so 8 MiB hold 64."""
    with session(tiny_model("wide"), flash=True, n_ctx=8192, query_bytes=8 << 20) as one:
        one.decode(PROMPT)
        one.decode(PROMPT[:1])
        assert one.taps.lost == 0
        assert len(one.taps.history.query_position) == 64
        summary = one.taps.head_summary("r")
        assert summary is not None
        assert summary.entropy.shape == (64, 64)
        assert np.isfinite(summary.entropy).all()
        event = one.taps.attention_rows("r", 63, 63, 0)
        assert event.query_start == 151 - 64
