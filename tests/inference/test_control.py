"""The door between the thread that decodes and those that look."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

from cloudchamber.inference.control import Control


def test_visitors_wait_for_the_decode_and_then_go_first() -> None:
    control = Control()
    control.reserve()
    order: list[str] = []
    decoding = threading.Event()

    def generate() -> None:
        for i in range(20):
            with control.decoding():
                decoding.set()
                time.sleep(0.02)
                order.append(f"decoded {i}")

    thread = threading.Thread(target=generate)
    thread.start()
    for _ in range(3):
        decoding.clear()
        decoding.wait()
        seen = len(order)
        with control.visit():
            order.append("visit")
            # The decode in progress ended, and no other began.
            assert seen <= len(order) - 1 <= seen + 2
            held = len(order)
            time.sleep(0.05)
            assert len(order) == held
    thread.join()
    assert order.count("visit") == 3
    assert order[-1] == "decoded 19"


def test_the_generating_thread_may_visit_itself() -> None:
    control = Control()
    control.reserve()
    with control.visit(), control.visit():
        pass
    with control.decoding():
        pass


def test_an_errand_is_the_generating_threads_between_its_decodes() -> None:
    control = Control()
    control.reserve()
    order: list[str] = []
    began = threading.Event()

    def generate() -> None:
        for i in range(30):
            with control.decoding():
                began.set()
                time.sleep(0.005)
                order.append(f"decoded {i}")
            time.sleep(0.001)
        control.release()

    thread = threading.Thread(target=generate)
    thread.start()
    began.wait()
    on: list[int | None] = []

    def step() -> bool:
        order.append("step")
        on.append(threading.current_thread().ident)
        return len(on) == 4

    control.errand(step)
    assert on == [thread.ident] * 4
    steps = [i for i, what in enumerate(order) if what == "step"]
    assert [b - a for a, b in itertools.pairwise(steps)] == [2, 2, 2]  # a decode after each
    with pytest.raises(ValueError, match="no"):
        control.errand(lambda: int("no") == 0)
    thread.join(5)
    assert order[-1] == "decoded 29"


def test_an_errand_is_ones_own_while_nothing_is_decoded() -> None:
    control = Control()
    on: list[int | None] = []

    def step() -> bool:
        on.append(threading.current_thread().ident)
        return len(on) % 3 == 0

    control.errand(step)
    control.reserve()
    with control.decoding():
        pass
    control.pause()

    def rest() -> None:
        control.checkpoint(lambda: None, lambda: None)
        control.release()

    # The run pauses, and then it is over, with an errand waiting.
    for _ in range(2):
        thread = threading.Thread(target=rest)
        threading.Timer(0.05, thread.start).start()
        control.errand(step)
        control.resume()
        while thread.ident is None:
            time.sleep(0.001)
        thread.join(5)
        assert not thread.is_alive()
        control.reserve()
        with control.decoding():
            pass
    assert on == [threading.get_ident()] * 9
    control.release()


def test_a_stop_is_seen_even_while_a_visitor_is_in() -> None:
    control = Control()
    control.reserve()
    with control.visit():
        thread = threading.Thread(target=control.stop)
        thread.start()
        deadline = time.monotonic() + 5
        while not control.stopping and time.monotonic() < deadline:
            time.sleep(0.001)
        assert control.stopping
    thread.join(5)


def test_steps_are_counted() -> None:
    control = Control()
    control.reserve()
    control.step()
    control.step()
    said: list[str] = []

    def checkpoint() -> bool:
        return control.checkpoint(lambda: said.append("paused"), lambda: said.append("resumed"))

    assert checkpoint()
    assert checkpoint()
    assert said == []
    timer = threading.Timer(0.1, control.resume)
    timer.start()
    assert checkpoint()
    assert said == ["paused", "resumed"]
    control.stop()
    assert not checkpoint()
    control.release()
    assert not control.stopping
