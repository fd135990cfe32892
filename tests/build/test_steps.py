"""The runner of steps that set-up and tests go through."""

from __future__ import annotations

import threading
import time

import pytest

import check
from steps import Log, Schedule, Step, StepError, report


def fail(log: Log) -> None:
    raise StepError("no")


def test_a_step_waits_for_what_it_needs() -> None:
    done: list[str] = []

    def slowly(_: Log) -> None:
        time.sleep(0.05)
        done.append("first")

    steps = [Step("second", lambda _: done.append("second"), needs=["first"]), Step("first", slowly)]
    assert report(Schedule(steps).run()) == 0
    assert done == ["first", "second"]


def test_what_needs_a_failed_step_is_not_run_and_the_others_are() -> None:
    done: list[str] = []
    steps = [
        Step("broken", fail),
        Step("after", lambda _: done.append("after"), needs=["broken"]),
        Step("last", lambda _: done.append("last"), needs=["after"]),
        Step("beside", lambda _: done.append("beside")),
    ]
    results = Schedule(steps).run()
    assert done == ["beside"]
    assert {name: result.state for name, result in results.items()} == {
        "broken": "failed",
        "after": "not run",
        "last": "not run",
        "beside": "done",
    }
    assert report(results) == 1


def test_steps_run_side_by_side_and_a_step_alone_does_not() -> None:
    running: set[str] = set()
    seen: list[set[str]] = []
    together = threading.Barrier(2, timeout=5)

    def beside(name: str) -> None:
        running.add(name)
        together.wait()
        running.discard(name)

    def alone(_: Log) -> None:
        seen.append(set(running))
        time.sleep(0.05)
        seen.append(set(running))

    steps = [
        Step("a", lambda _: beside("a")),
        Step("alone", alone, alone=True),
        Step("b", lambda _: beside("b")),
    ]
    assert report(Schedule(steps).run()) == 0
    assert seen == [set(), set()]


def test_a_failing_command_fails_its_step(capsys: pytest.CaptureFixture[str]) -> None:
    results = Schedule([Step("sh", lambda log: log.run(["sh", "-c", "echo hello; exit 3"]))]).run()
    assert results["sh"].state == "failed"
    assert "exit code 3" in results["sh"].message
    assert "sh │ hello" in capsys.readouterr().out


def test_a_missing_program_is_a_sentence() -> None:
    results = Schedule([Step("x", lambda log: log.run(["cloudchamber-no-such-program"]))]).run()
    assert (
        results["x"].message
        == "cloudchamber-no-such-program could not be started: No such file or directory."
    )


def test_closing_lines_are_found_under_colour_and_noise() -> None:
    closing = check.matching(r"^\s+\d+ (passed|failed)")
    lines = ["  3 passed (1s)", "noise", "\x1b[31m  1 failed\x1b[0m", "  12 passed (2.1m)", "", "bye"]
    assert closing(lines) == ["1 failed", "12 passed (2.1m)"]
