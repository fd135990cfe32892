"""What is told of a run's past is what was told while it was the present."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cloudchamber.inference import state
from cloudchamber.inference.engine import Engine
from cloudchamber.inference.options import EngineOptions
from cloudchamber.inference.past import RequestError
from cloudchamber.telemetry.commands import Generate, GetAttention, GetFlow, GetHeadHistory, GetMoment
from cloudchamber.telemetry.events import (
    CacheStatus,
    Event,
    ExpertRouting,
    HeadSummary,
    LayerActivation,
    MemoryUsage,
    RunState,
    Sampling,
    TokenGenerated,
)
from tests.inference.listening import Listener

TOKENS = 20
RUN = Generate(prompt="the cat sat on a mat", raw=True, max_tokens=TOKENS, sampling=Sampling(seed=4))
OPTIONS = EngineOptions(n_ctx=256, threads=1, state_hz=1e6)


@pytest.fixture(params=["mixtral", "gemma3", "gpt_oss", "mamba"])
def played(
    request: pytest.FixtureRequest, tiny_model: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Engine, Listener]]:
    """A run that is over, of which every state was told."""
    monkeypatch.setattr(state, "_HEADS_SHARE", math.inf)  # heads with every token, whatever they cost
    monkeypatch.setattr(state, "_MEMORY_SECONDS", 0)
    heard = Listener()
    with Engine.load(tiny_model(request.param), OPTIONS, heard) as engine:
        engine.want(["heads", "layers", "experts", "cache", "memory"])
        engine.generate(RUN)
        yield request.param, engine, heard


def vars_of(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in type(event).__dataclass_fields__}


def same(one: Event, other: Event) -> None:
    assert type(one) is type(other)
    for name, left in vars_of(one).items():
        right = vars_of(other)[name]
        if isinstance(left, np.ndarray):
            np.testing.assert_array_equal(left, right, err_msg=name)
        else:
            assert left == right


def test_every_moment_is_as_it_was(played: tuple[str, Engine, Listener]) -> None:
    family, engine, heard = played
    tokens = heard.all(TokenGenerated)
    assert tokens
    for token in tokens:
        reply = engine.past.moment(GetMoment(request=5, step=token.step))
        assert (reply.request, reply.run_id, reply.step) == (5, token.run_id, token.step)
        now = {type(event): event for event in reply.state}
        attends = family != "mamba"
        assert (HeadSummary in now) == attends
        assert (ExpertRouting in now) == (family in ("mixtral", "gpt_oss"))
        for kind in (HeadSummary, LayerActivation, ExpertRouting):
            then = [e for e in heard.all(kind) if vars_of(e)["position"] == token.position - 1]
            if kind in now:
                assert then
                same(now[kind], then[-1])
        before = heard.events[: heard.events.index(token)]
        assert now[MemoryUsage] is [event for event in before if isinstance(event, MemoryUsage)][-1]
        cache = now[CacheStatus]
        assert isinstance(cache, CacheStatus)
        if attends:
            assert cache.seq_len.max() == token.position
    for step in (len(tokens), 10_000):
        with pytest.raises(RequestError, match="no step"):
            engine.past.moment(GetMoment(request=1, step=step))


def test_flow_is_the_attention_that_is_told_elsewhere(played: tuple[str, Engine, Listener]) -> None:
    family, engine, heard = played
    past = engine.past
    newest = heard.all(TokenGenerated)[-1].position - 1
    if family == "mamba":
        with pytest.raises(RequestError, match="attention"):
            past.flow(GetFlow(request=1, mode="rollout"))
        with pytest.raises(RequestError, match="attention"):
            past.flow(GetFlow(request=1, mode="mean", layer=1))
        with pytest.raises(RequestError, match="attention"):
            past.head_history(GetHeadHistory(request=1, layer=0, head=0))
        return
    for position in (0, 7, newest):
        rows = engine.attention(
            GetAttention(request=1, layer=1, head=2, query_start=position, query_stop=position + 1)
        )
        flow = past.flow(GetFlow(request=3, position=position, mode="head", layer=1, head=2))
        assert (flow.request, flow.position, len(flow.weights)) == (3, position, position + 1)
        np.testing.assert_array_equal(flow.weights, rows.weights[0])
        assert flow.sink == rows.sink[0]
    mean = past.flow(GetFlow(request=3, mode="mean", layer=1))
    assert mean.position == newest
    each = [
        past.flow(GetFlow(request=3, mode="head", layer=1, head=head)).weights
        for head in range(engine.info.n_head)
    ]
    np.testing.assert_allclose(mean.weights, np.mean(each, axis=0), atol=1e-6)
    rolled = past.flow(GetFlow(request=3, mode="rollout"))
    assert rolled.weights.sum() + rolled.sink == pytest.approx(1, abs=1e-3)
    assert (rolled.sink > 0) == (family == "gpt_oss")
    with pytest.raises(RequestError, match="holds"):
        past.flow(GetFlow(request=1, position=newest + 1, mode="mean"))


def test_a_head_over_time_is_the_summaries_one_after_the_other(
    played: tuple[str, Engine, Listener],
) -> None:
    family, engine, heard = played
    if family == "mamba":
        return
    summaries = {event.position: event for event in heard.all(HeadSummary)}
    reply = engine.past.head_history(GetHeadHistory(request=1, layer=2, head=1))
    assert reply.start == 0
    for position, event in summaries.items():
        assert reply.entropy[position] == pytest.approx(event.entropy[2, 1], abs=1e-4)
        assert reply.peak_weight[position] == pytest.approx(event.peak_weight[2, 1], rel=1e-4)
        assert reply.sink[position] == pytest.approx(event.sink[2, 1], abs=1e-5)
    part = engine.past.head_history(GetHeadHistory(request=1, layer=2, head=1, start=4, stop=9))
    assert part.start == 4
    np.testing.assert_allclose(part.entropy, reply.entropy[4:9], atol=1e-5)
    with pytest.raises(RequestError):
        engine.past.head_history(GetHeadHistory(request=1, layer=2, head=1, start=9, stop=9))
    with pytest.raises(RequestError, match="no head"):
        engine.past.head_history(GetHeadHistory(request=1, layer=2, head=99))


def test_the_past_is_told_while_the_run_goes_on(tiny_model: Callable[[str], Path]) -> None:
    heard = Listener()
    with Engine.load(tiny_model("llama"), OPTIONS, heard) as engine:
        engine.want(["heads"])
        endless = Generate(prompt="the cat", raw=True, sampling=Sampling(temperature=0))
        thread = threading.Thread(target=engine.generate, args=(endless,), daemon=True)
        thread.start()
        heard.wait_for(TokenGenerated, lambda token: token.step == 5)
        first = engine.past.moment(GetMoment(request=1, step=2))
        rolled = engine.past.flow(GetFlow(request=1, mode="rollout", position=6))
        heard.wait_for(TokenGenerated, lambda token: token.step == 30)
        later = engine.past.moment(GetMoment(request=1, step=2))
        for then, now in zip(first.state, later.state, strict=True):
            same(then, now)
        again = engine.past.flow(GetFlow(request=1, mode="rollout", position=6))
        np.testing.assert_array_equal(rolled.weights, again.weights)
        engine.stop()
        thread.join(10)
        assert heard.all(RunState)[-1].phase in ("stopped", "finished")
        # The next run's past is its own.
        heard.clear()
        engine.generate(RUN)
        last = heard.all(TokenGenerated)[-1]
        assert engine.past.moment(GetMoment(request=1, step=0)).run_id == last.run_id
        assert engine.past.flow(GetFlow(request=1, mode="rollout")).position == last.position - 1


def test_a_rollout_that_is_too_long_is_refused(tiny_model: Callable[[str], Path]) -> None:
    heard = Listener()
    with Engine.load(tiny_model("llama"), OPTIONS, heard) as engine:
        engine.want(["heads"])
        engine.generate(RUN)
        assert engine.past._rollout is not None
        engine.past._rollout.most = 5
        with pytest.raises(RequestError, match="at most 5 positions"):
            engine.past.flow(GetFlow(request=1, mode="rollout"))
        assert len(engine.past.flow(GetFlow(request=1, mode="rollout", position=4)).weights) == 5
