"""What a hook may count on: everything in order, before the run's end, and answers while it is told."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from cloudchamber.inference.engine import Engine
from cloudchamber.telemetry.commands import Generate, GetAttention
from cloudchamber.telemetry.events import (
    Event,
    LayerActivation,
    RunState,
    Sampling,
    TokenGenerated,
)
from tests.inference.listening import Listener

GREEDY = Sampling(temperature=0)
COUNTING = Generate(prompt="1, 2, 3, 4, 5, 6,", raw=True, max_tokens=24, sampling=GREEDY)
ENDLESS = Generate(prompt="1, 2, 3, 4, 5, 6,", raw=True, sampling=GREEDY)


def test_a_slow_hook_hears_everything_in_order_and_before_the_end(
    engine: Engine, heard: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.want(["layers"])
    heard.clear()
    hear = heard.on_telemetry

    def slowly(event: Event) -> None:
        time.sleep(0.06 if isinstance(event, TokenGenerated) else 0)
        hear(event)

    monkeypatch.setattr(heard, "on_telemetry", slowly)
    engine.generate(COUNTING)
    tokens = heard.all(TokenGenerated)
    assert [token.step for token in tokens] == list(range(24))
    assert heard.events[-1] is heard.ending()
    # State is said before the token that was chosen from it, and is of no later moment.
    held = tokens[0].position
    for event in heard.events:
        if isinstance(event, TokenGenerated):
            held = event.position + 1
        elif isinstance(event, LayerActivation):
            assert event.position < held


@pytest.mark.parametrize("steps", [0, 3])
def test_a_pause_and_a_step_leave_nothing_unsaid(engine: Engine, heard: Listener, steps: int) -> None:
    heard.reactions.append(lambda event: time.sleep(0.02) if event.kind == "token" else None)
    thread = threading.Thread(target=engine.generate, args=(ENDLESS,), daemon=True)
    thread.start()
    heard.wait_for(TokenGenerated, lambda token: token.step == 5)
    engine.pause()
    heard.wait_for(RunState, lambda state: state.phase == "paused")
    said = heard.all(TokenGenerated)[-1].step
    for number in range(1, steps + 1):
        engine.step()
        heard.wait_for(TokenGenerated, lambda token, last=said + number: token.step == last)  # type: ignore[misc]
    engine.stop()
    thread.join(10)
    assert not thread.is_alive()
    steps_said = [token.step for token in heard.all(TokenGenerated)]
    assert steps_said == list(range(said + steps + 1))
    assert engine.distribution(steps_said[-1]).sum() == pytest.approx(1, abs=1e-5)
    assert heard.events[-1] is heard.ending()


def test_a_hook_may_ask_of_the_run_while_it_is_told_a_token(engine: Engine, heard: Listener) -> None:
    engine.want(["heads"])
    rows: list[float] = []
    p: list[float] = []

    def ask(event: Event) -> None:
        if isinstance(event, TokenGenerated):
            reply = engine.attention(GetAttention(request=1, layer=3, head=1))
            assert reply.query_stop == event.position
            rows.append(float(reply.weights[-1].sum() + reply.sink[-1]))
            p.append(float(engine.distribution(event.step)[event.token_id]) / event.probability)

    heard.reactions.append(ask)
    thread = threading.Thread(target=engine.generate, args=(COUNTING,), daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    np.testing.assert_allclose(rows, 1, atol=1e-4)
    np.testing.assert_allclose(p, 1, rtol=1e-5)
    assert len(rows) == 24


def test_what_a_hook_raises_ends_the_run_and_not_the_engine(engine: Engine, heard: Listener) -> None:
    def refuse(event: Event) -> None:
        if isinstance(event, TokenGenerated) and event.step == 3:
            raise RuntimeError("enough")

    heard.reactions.append(refuse)
    with pytest.raises(RuntimeError, match="enough"):
        engine.generate(COUNTING)
    heard.clear()
    engine.generate(COUNTING)
    assert len(heard.tokens()) == 24
    assert heard.ending().reason == "length"


def test_the_end_of_a_decode_is_told_before_what_came_of_it(
    engine: Engine, heard: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that what the token before left to others is done while nothing decodes."""
    order: list[str] = []
    heard.reactions.append(lambda event: order.append("token") if event.kind == "token" else None)
    monkeypatch.setattr(engine, "on_decoded", lambda: order.append("decoded"))
    engine.generate(COUNTING)
    assert order == ["decoded", "token"] * 24
