"""How often state is said, with a clock that is set by hand."""

from __future__ import annotations

from typing import Any, cast

from cloudchamber.inference.memory import CacheLayout, MemoryAccount
from cloudchamber.inference.state import StateEmitter
from cloudchamber.inference.taps.capture import Capture
from cloudchamber.telemetry.events import Event


class SlowHeads:
    """A capture whose summary of the heads takes `seconds` of the clock."""

    def __init__(self, seconds: float) -> None:
        self.now = 0.0
        self.seconds = seconds

    def head_summary(self, run_id: str) -> Any:
        self.now += self.seconds
        return "heads"

    def layer_activation(self, run_id: str) -> Any:
        return "layers"

    def expert_routing(self, run_id: str) -> Any:
        return None

    def set_wanted(self, *_: object) -> None: ...


def emitter(seconds: float) -> tuple[SlowHeads, StateEmitter, list[tuple[float, Event]]]:
    capture, said = SlowHeads(seconds), []
    state = StateEmitter(
        cast(Capture, capture),
        cast(CacheLayout, None),
        cast(MemoryAccount, None),
        lambda event: said.append((capture.now, event)),
        30.0,
        24 << 10,
        lambda: capture.now,
    )
    state.begin_run("r")
    state.want(frozenset({"heads", "layers"}), ())
    return capture, state, said


def count(said: list[tuple[float, Event]], what: str) -> int:
    return sum(cast(Any, event) == what for _, event in said)


def run(capture: SlowHeads, state: StateEmitter, seconds: float) -> None:
    position = 0
    until = capture.now + seconds
    while capture.now < until:
        capture.now += 0.01
        position += 1
        state.hold(position)
        state.emit_due()


def test_quick_heads_come_with_the_rest() -> None:
    capture, state, said = emitter(0.0001)
    run(capture, state, 3)
    assert count(said, "heads") == count(said, "layers") > 80


def test_slow_heads_take_a_small_share_of_the_time_and_hold_up_nothing_else() -> None:
    capture, state, said = emitter(0.01)
    run(capture, state, 10)
    assert 0.00375 < count(said, "heads") * 0.01 / 10 < 0.00525
    assert count(said, "layers") > 250


def test_a_pause_shows_the_newest_heads_even_when_they_were_left_out() -> None:
    capture, state, said = emitter(0.01)
    run(capture, state, 0.8)
    capture.now += 0.05
    state.hold(500)
    state.emit_due()
    assert cast(Any, said[-1][1]) == "layers"
    state.settle()
    assert cast(Any, said[-1][1]) == "heads"
    before = len(said)
    state.settle()
    assert len(said) == before
