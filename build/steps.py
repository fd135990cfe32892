"""A few named steps, some of which wait for others, run side by side with plain progress.

Standard library only and Python 3.9, because it runs before anything is installed.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SILENCE = 20.0
"""Seconds without a line after which a step says that it is still there."""


class StepError(Exception):
    """A step could not be done; the text says why and what to do."""


class Log:
    """What one step says, line by line, with its name before each line."""

    _lock = threading.Lock()

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: list[str] = []
        self.spoke = time.monotonic()

    def say(self, line: str) -> None:
        """Print a line; the step's name stands before it."""
        self.spoke = time.monotonic()
        with Log._lock:
            print(f"{self.name:>10} │ {line}", flush=True)

    def run(
        self,
        command: Sequence[str],
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
        failure: str = "",
    ) -> None:
        """Run a command, passing on its lines.

        Raises:
            StepError: it could not be started or ended with an exit code other than 0.
        """
        try:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise StepError(f"{command[0]} could not be started: {error.strerror}.") from error
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line.rstrip())
            self.say(line.rstrip())
        if process.wait() != 0:
            raise StepError(
                failure or f"`{' '.join(map(str, command))}` failed with exit code {process.returncode}."
            )


@dataclass
class Step:
    """One thing to do. `work` raises `StepError` when it can't be done."""

    name: str
    work: Callable[[Log], None]
    needs: Sequence[str] = ()
    alone: bool = False
    """Nothing else runs beside it: it measures time, or needs the whole machine."""
    while_waiting: str = "still at it"
    closing: Callable[[Sequence[str]], Sequence[str]] = field(default=lambda _: ())
    """The lines of the output that sum it up."""


@dataclass
class Result:
    """How a step went."""

    state: str
    """`done`, `failed`, or `not run`."""
    message: str = ""
    seconds: float = 0.0
    closing: Sequence[str] = ()
    lines: Sequence[str] = ()
    """All that it said."""


class Schedule:
    """Runs steps as soon as what they need is done, and all of them even when one fails."""

    def __init__(self, steps: Sequence[Step], side_by_side: int = 3) -> None:
        self.steps = list(steps)
        self.results: dict[str, Result] = {}
        self.side_by_side = side_by_side
        self._running: dict[str, tuple[Step, Log]] = {}
        self._changed = threading.Condition()

    def run(self) -> dict[str, Result]:
        """Run all steps; the result of each by its name."""
        waiting = list(self.steps)
        with self._changed:
            while waiting or self._running:
                for step in list(waiting):
                    broken = [n for n in step.needs if n in self.results and self.results[n].state != "done"]
                    if broken:
                        waiting.remove(step)
                        self.results[step.name] = Result("not run", f"it needs {' and '.join(broken)}")
                    elif self._may_start(step):
                        waiting.remove(step)
                        self._start(step)
                if waiting or self._running:
                    self._changed.wait(timeout=1.0)
                    self._break_silence()
        return self.results

    def _may_start(self, step: Step) -> bool:
        if any(need not in self.results for need in step.needs):
            return False
        if any(other.alone for other, _ in self._running.values()):
            return False
        return not self._running if step.alone else len(self._running) < self.side_by_side

    def _start(self, step: Step) -> None:
        log = Log(step.name)
        self._running[step.name] = (step, log)
        threading.Thread(target=self._perform, args=(step, log), daemon=True).start()

    def _perform(self, step: Step, log: Log) -> None:
        started = time.monotonic()
        try:
            step.work(log)
            result = Result("done")
        except StepError as failure:
            result = Result("failed", str(failure))
            log.say(str(failure))
        except Exception as error:  # a fault of ours: the others should still finish and report
            result = Result("failed", f"{type(error).__name__}: {error}")
            log.say(result.message)
        result.seconds = time.monotonic() - started
        result.closing = step.closing(log.lines)
        result.lines = log.lines
        with self._changed:
            self.results[step.name] = result
            del self._running[step.name]
            self._changed.notify()

    def _break_silence(self) -> None:
        for step, log in self._running.values():
            if time.monotonic() - log.spoke > SILENCE:
                log.say(f"… {step.while_waiting}")


def report(results: Mapping[str, Result]) -> int:
    """Say which steps failed; the exit code."""
    bad = {name: result for name, result in results.items() if result.state != "done"}
    for name, result in bad.items():
        print(f"{name}: {result.state}: {result.message}", file=sys.stderr, flush=True)
    return 1 if bad else 0
