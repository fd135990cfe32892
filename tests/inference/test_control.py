"""The door between the thread that decodes and those that look."""

from __future__ import annotations

import threading
import time

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
