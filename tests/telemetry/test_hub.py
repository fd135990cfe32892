"""The hub: events exactly once and in order, state newest, frames shared, wants obeyed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudchamber.telemetry import codec, typed
from cloudchamber.telemetry.event_log import EventLog
from cloudchamber.telemetry.events import Event, PositionsReady, Progress, TokenGenerated
from cloudchamber.telemetry.hub import EVENTS_PER_FRAME, Hub, Reader
from cloudchamber.telemetry.messages import Frame
from cloudchamber.telemetry.state_store import ATTENTION_BYTES, Want
from tests.telemetry import samples

ALL = Want(frozenset({"layers", "attention", "cache", "distribution", "sampled"}), ((0, 0), (1, 1)))


def reader(want: Want = ALL) -> Reader:
    return Reader(wake=lambda: None, want=want)


def frames(hub: Hub, of: Reader) -> list[Frame]:
    """Everything there is for a reader now."""
    out = []
    while (data := hub.next_frame(of)) is not None:
        frame = typed.message(codec.decode(data))
        assert isinstance(frame, Frame)
        out.append(frame)
    return out


def steps(of: list[Frame]) -> list[int]:
    return [event.step for frame in of for event in frame.events if isinstance(event, TokenGenerated)]


def numbers(of: list[Frame]) -> list[int]:
    return [frame.first_seq + i for frame in of for i in range(len(frame.events))]


def state(of: list[Frame], kind: str) -> list[Any]:
    return [event for frame in of for event in frame.state if event.kind == kind]


@given(
    st.lists(st.sampled_from(["token", "frame", "seal", "deliver", "read", "slow read", "run"]), max_size=60)
)
def test_every_reader_gets_each_event_once_and_in_order(actions: list[str]) -> None:
    hub = Hub()
    quick, slow = reader(), reader()
    hub.join(quick)
    hub.join(slow)
    sent = 0
    got: list[Frame] = []
    late: list[Frame] = []
    for action in [*actions, "frame", "read", "slow read"]:
        if action == "token":
            hub.publish(samples.token(sent))
            sent += 1
        elif action == "run":
            hub.publish(samples.run_started(f"r{sent}"))
        elif action == "frame":
            hub.make_frame()
        elif action == "seal":
            hub.seal()
        elif action == "deliver":
            hub.deliver()
        elif action == "read":
            got += frames(hub, quick)
        else:
            late += frames(hub, slow)
    for received in (got, late):
        assert steps(received) == list(range(sent))
        assert numbers(received) == list(range(1, hub.log.next_seq))


def test_nothing_goes_out_before_its_frame() -> None:
    hub, one = Hub(), reader()
    hub.join(one)
    hub.publish(samples.token(0))
    assert hub.has_news()
    assert frames(hub, one) == []
    hub.make_frame()
    assert not hub.has_news()
    assert steps(frames(hub, one)) == [0]


def test_a_sealed_frame_is_told_before_the_next_event_is_taken() -> None:
    hub = Hub()
    received: list[Frame] = []
    one = Reader(wake=lambda: received.extend(frames(hub, one)), want=ALL)
    hub.join(one)
    hub.publish(samples.layers(1))
    hub.seal()
    assert not received
    hub.publish(samples.layers(2))
    assert [event.position for event in state(received, "layers")] == [1]
    hub.deliver()
    assert len(received) == 1
    hub.seal()
    hub.seal()
    hub.deliver()
    assert [event.position for event in state(received, "layers")] == [1, 2]
    assert (one.skipped, len(received)) == (0, 3)


def test_state_is_the_newest_and_skips_are_counted() -> None:
    hub, one, other = Hub(), reader(), reader()
    hub.join(one)
    hub.join(other)
    for position in range(10):
        hub.publish(samples.layers(position))
        hub.make_frame()
        assert [event.position for event in state(frames(hub, one), "layers")] == [position]
        if position == 0:
            frames(hub, other)
    assert [event.position for event in state(frames(hub, other), "layers")] == [9]
    assert (one.skipped, other.skipped) == (0, 8)


def test_state_that_was_skipped_comes_though_it_is_not_of_the_newest_frame() -> None:
    hub, one = Hub(), reader()
    hub.join(one)
    hub.publish(samples.layers(5))
    hub.make_frame()
    hub.publish(samples.attention(0, 0, 5))
    hub.make_frame()
    received = frames(hub, one)
    assert len(received) == 1
    assert [event.kind for event in received[0].state] == ["layers", "attention"]


def test_frames_are_encoded_once_for_those_who_want_the_same() -> None:
    hub = Hub()
    same = [reader(), reader(), reader(Want(frozenset({"layers"})))]
    for one in same:
        hub.join(one)
    hub.publish(samples.layers(1))
    hub.publish(samples.attention(1, 1, 0))
    hub.make_frame()
    first, second, third = (hub.next_frame(one) for one in same)
    assert first is second
    assert third != first


def test_only_wanted_heads_come_and_new_ones_at_once() -> None:
    hub, one, other = Hub(), reader(Want(frozenset({"attention"}), ((0, 0),))), reader()
    asked: list[Any] = []
    hub.on_demand = lambda parts, heads: asked.append((parts, heads))
    hub.join(one)
    hub.join(other)
    hub.publish(samples.attention(0, 0, 4))
    hub.publish(samples.attention(1, 1, 4))
    hub.make_frame()
    assert [event.layer for event in state(frames(hub, one), "attention")] == [0]
    hub.set_want(one, Want(frozenset({"attention"}), ((1, 1),)))
    assert [event.layer for event in state(frames(hub, one), "attention")] == [1]
    assert asked[-1] == (ALL.parts, frozenset({(0, 0), (1, 1)}))
    hub.leave(other)
    assert asked[-1] == (frozenset({"attention"}), frozenset({(1, 1)}))
    hub.leave(one)
    assert asked[-1] == (frozenset(), frozenset())


def test_heads_of_many_viewers_are_taken_in_turn() -> None:
    hub = Hub()
    asked: list[Any] = []
    hub.on_demand = lambda parts, heads: asked.append(heads)
    hub.join(reader(Want(frozenset({"attention"}), tuple((0, head) for head in range(16)))))
    hub.join(reader(Want(frozenset({"attention"}), ((7, 7), (8, 8)))))
    assert len(asked[-1]) == 16
    assert {(7, 7), (8, 8), (0, 0)} <= asked[-1]


def test_attention_rows_between_two_frames_are_joined() -> None:
    hub, one = Hub(), reader()
    hub.join(one)
    hub.publish(samples.attention(0, 0, 0, rows=3))
    hub.publish(samples.attention(0, 0, 3))
    hub.publish(samples.attention(0, 0, 4, rows=2))
    hub.make_frame()
    (event,) = state(frames(hub, one), "attention")
    assert (event.query_start, event.weights.shape, event.sink.shape) == (0, (6, 6), (6,))
    np.testing.assert_allclose(event.weights.astype(float).sum(1), 1, atol=3e-3)
    assert np.all(np.triu(event.weights, 1) == 0)


def test_attention_of_a_long_prompt_is_cut_to_its_newest_rows() -> None:
    hub, one = Hub(), reader()
    hub.join(one)
    hub.publish(samples.attention(0, 0, 0, rows=900))
    hub.publish(samples.attention(1, 1, 0, rows=900))
    hub.make_frame()
    data = hub.next_frame(one)
    assert data is not None
    assert len(data) < ATTENTION_BYTES + 2048
    frame = typed.message(codec.decode(data))
    assert isinstance(frame, Frame)
    for event in state([frame], "attention"):
        assert event.query_start + len(event.weights) == 900


def test_a_new_run_forgets_the_state_of_the_last() -> None:
    hub = Hub()
    hub.publish(samples.run_started("a"))
    hub.publish(samples.layers(3, "a"))
    hub.publish(Progress(task="positions", fraction=0.5, message="", done=False))
    hub.publish(samples.run_started("b"))
    hub.make_frame()
    one = reader()
    hub.join(one)
    assert [event.kind for frame in frames(hub, one) for event in frame.state] == ["progress"]


def test_a_viewer_that_comes_late_is_told_what_still_holds() -> None:
    hub = Hub()
    told: list[Event] = [samples.model_loaded(), PositionsReady(embedding_hash="e", method="pca")]
    for event in [*told, samples.run_started("a"), samples.token(0, "a")]:
        hub.publish(event)
    hub.publish(samples.run_started("b"))
    hub.publish(samples.token(0, "b"))
    hub.make_frame()
    one = reader()
    assert not hub.join(one)
    received = frames(hub, one)
    kinds = [event.kind for frame in received for event in frame.events]
    assert kinds == ["model_loaded", "positions_ready", "run_started", "token"]
    assert numbers(received) == [3, 4, 5, 6]
    assert one.seq == 6


def test_resuming_goes_on_after_the_last_event_and_only_in_its_session() -> None:
    hub = Hub()
    for step in range(5):
        hub.publish(samples.token(step))
    hub.make_frame()
    one, other, future = reader(), reader(), reader()
    assert hub.join(one, session=hub.session, seq=3)
    assert steps(frames(hub, one)) == [3, 4]
    assert not hub.join(other, session="another", seq=3)
    assert steps(frames(hub, other)) == [0, 1, 2, 3, 4]
    assert not hub.join(future, session=hub.session, seq=6)


def test_many_events_come_in_several_frames() -> None:
    hub, one = Hub(), reader()
    hub.join(one)
    for step in range(2 * EVENTS_PER_FRAME + 10):
        hub.publish(samples.token(step))
    hub.publish(samples.layers(1))
    hub.make_frame()
    received = frames(hub, one)
    assert [len(frame.events) for frame in received] == [EVENTS_PER_FRAME, EVENTS_PER_FRAME, 10]
    assert [len(frame.state) for frame in received] == [0, 0, 1]


class Logits:
    """Rows of logits by step, and two survivors each."""

    def __init__(self) -> None:
        self.reads = 0

    def logits(self, run_id: str, step: int) -> Any:
        self.reads += 1
        return np.random.default_rng(step).normal(0, 3, 1000).astype(np.float32)

    def survivors(self, run_id: str, step: int) -> Any:
        class Two:
            ids = np.array([step, step + 1], np.uint32)
            p = np.array([0.75, 0.25], np.float32)

        return Two()


def test_distributions_are_encoded_for_the_newest_step_if_wanted() -> None:
    hub, logits = Hub(), Logits()
    hub.use_logits(logits)
    hub.publish(samples.model_loaded(1000))
    uninterested, one = reader(Want(frozenset({"layers"}))), reader()
    hub.join(uninterested)
    hub.publish(samples.run_started())
    hub.publish(samples.token(0))
    hub.make_frame()
    assert logits.reads == 0
    hub.join(one)
    assert hub.has_news()  # though no token came
    hub.publish(samples.token(1))
    hub.publish(samples.token(2))
    hub.make_frame()
    received = state(frames(hub, one), "distribution")
    assert [(event.step, event.stage) for event in received] == [(2, "model"), (2, "sampler")]
    assert logits.reads == 1
    assert state(frames(hub, uninterested), "distribution") == []
    hub.make_frame()
    assert logits.reads == 1


@pytest.mark.parametrize("capacity", [4, 9])
def test_a_full_log_still_opens_without_a_gap(capacity: int) -> None:
    log = EventLog(capacity)
    log.append(samples.model_loaded())
    log.append(samples.run_started())
    for step in range(20):
        log.append(samples.token(step))
    first, opening = log.opening()
    assert [event.kind for event in opening] == ["model_loaded", "run_started"]
    next_first, events = log.after(first + len(opening) - 1, log.last_seq, 100)
    assert next_first == first + len(opening)
    assert next_first + len(events) == log.next_seq
    assert len(events) == capacity
    assert log.can_resume(log.first_seq - 1)
    assert not log.can_resume(log.first_seq - 2)
