"""Graphs that compute into memory of ours: the same numbers as by looking in as they run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cloudchamber.inference.taps import ggml
from cloudchamber.inference.taps.homes import MOST_TOKENS, find_homes
from cloudchamber.inference.taps.roles import find_roles
from cloudchamber.inference.taps.state import PLAN_FIELDS
from cloudchamber.inference.taps.wanted import wanted_tensors
from tests.inference.taps.driver import Session, session, tokens

TinyModel = Callable[[str], Path]
FAMILIES = ["llama", "mixtral", "qwen2", "qwen3moe", "gemma3", "gpt_oss", "deepseek2", "phi3", "mamba"]
PROMPT = tokens(30)


def look_in(one: Session) -> None:
    """Have every graph looked into as it runs."""
    one.taps._memory.arrays["plans"][:, PLAN_FIELDS.index("n_late")] = 0


def ran_in_one_go(one: Session, count: int) -> bool:
    """Whether a decode of `count` tokens ends with nothing read yet."""
    seen: list[int] = []
    finish = one.taps._finish

    def look(state: int) -> int:
        seen.append(int(one.taps._memory.record["late"]))
        return int(finish(state))

    one.taps._finish = look
    one.decode(tokens(count, seed=9))
    one.taps._finish = finish
    return seen == [1]


@pytest.mark.parametrize("flash", [True, False], ids=["flash", "plain"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_numbers_either_way(family: str, flash: bool, tiny_model: TinyModel) -> None:
    path = tiny_model(family)
    with session(path, flash=flash) as late, session(path, flash=flash) as split:
        look_in(split)
        for one in (late, split):
            one.decode(PROMPT)
            for count in (1, 3, 1, 1, MOST_TOKENS, 1):
                one.decode(tokens(count, seed=count))
        assert ran_in_one_go(late, 1)
        assert not ran_in_one_go(split, 1)
        assert late.taps.lost == split.taps.lost == 0
        a, b = late.taps.history, split.taps.history
        end = late.length
        assert np.array_equal(a.norms[:end], b.norms[:end], equal_nan=True)
        if a.layers.n_head:
            assert np.array_equal(a.queries[:end], b.queries[:end])
        assert np.array_equal(a.first[:, :end], b.first[:, :end])
        if a.layers.n_expert:
            for name in ("probabilities", "chosen", "weights"):
                first = getattr(a, name)[:end], getattr(b, name)[:end]
                assert np.array_equal(*first, equal_nan=name != "chosen")
        for layer in np.flatnonzero(a.layers.heads["n_head"]):
            rows = [one.taps.attention_rows("r", int(layer), 0).weights for one in (late, split)]
            assert np.array_equal(rows[0], rows[1])


@pytest.mark.parametrize("family", FAMILIES)
def test_capture_changes_no_token(family: str, tiny_model: TinyModel) -> None:
    """200 greedy tokens, bit for bit."""
    check_logits(tiny_model(family), 200)


def test_capture_changes_no_token_of_a_real_model(smollm2: Path) -> None:
    check_logits(smollm2, 200)


def check_logits(path: Path, count: int) -> None:
    with session(path, flash=True) as one, session(path, flash=True, capture=False) as bare:
        token = PROMPT
        for _ in range(count):
            one.decode(token)
            bare.decode(token)
            a, b = one.logits(), bare.logits()
            assert np.array_equal(a, b)
            token = [int(a.argmax())]
        assert one.taps.lost == 0


def test_large_graphs_are_looked_into(tiny_model: TinyModel) -> None:
    with session(tiny_model("llama"), flash=True) as one:
        assert ran_in_one_go(one, MOST_TOKENS)
        assert not ran_in_one_go(one, MOST_TOKENS + 1)


def test_too_small_a_home_is_noticed_and_made_larger(tiny_model: TinyModel) -> None:
    with session(tiny_model("llama"), flash=True) as one, session(tiny_model("llama"), flash=True) as good:
        one.taps._memory.record["home_bytes"] = 700
        for each in (one, good):
            each.decode(PROMPT)
            each.decode(PROMPT[:1])
        assert one.taps.lost == 1
        assert np.array_equal(one.logits(), good.logits())
        for each in (one, good):
            each.decode(PROMPT[1:2])
        assert one.taps.lost == 1
        assert np.array_equal(one.logits(), good.logits())
        assert np.array_equal(one.taps.history.norms[31], good.taps.history.norms[31])


def test_a_graph_that_turns_out_another_is_not_disturbed(tiny_model: TinyModel) -> None:
    """From the node on that no plan knows, views still follow what was given a home."""
    with session(tiny_model("llama"), flash=True) as one, session(tiny_model("llama"), flash=True) as good:
        for each in (one, good):
            each.decode(PROMPT)
        plan = one.taps.plans[0]
        first_home = int(np.flatnonzero(plan.slot[:, 2])[1])
        plan.signature[first_home + 1] ^= 1
        for each in (one, good):
            each.decode(PROMPT[:1])
        assert one.taps.lost == 1
        assert np.array_equal(one.logits(), good.logits())


def test_what_is_written_over_in_place_has_no_home(tiny_model: TinyModel) -> None:
    with session(tiny_model("llama"), flash=True) as one:
        one.taps._memory.record["trace_wanted"] = 1
        look_in(one)
        one.decode(PROMPT)
        graph = one.taps._recorded_graph()
        wanted = wanted_tensors(find_roles(graph, one.n_layer))
        homes = find_homes(graph, wanted)
        assert homes is not None
        root = graph.nodes[int(np.flatnonzero(homes)[1])]
        after = next(n for n, node in enumerate(graph.nodes) if node.view_src == root.address)
        object.__setattr__(graph.nodes[after], "op", ggml.OPS["SCALE"])
        assert find_homes(graph, wanted) is None
