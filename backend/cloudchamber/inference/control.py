"""Who may do what when: the run's controls, and a door for visitors between two decodes.

The thread that generates is the only one to touch the model while it decodes. Other threads
set flags (pause, step, stop) without waiting, or come in as visitors to read the capture:
a visitor waits for the decode in progress, and the generating thread lets all waiting
visitors go first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np


class Control:
    """Flags of one run, and the door."""

    def __init__(self) -> None:
        self.abort_flag = np.zeros(1, np.int32)
        """Read by the compiled abort callback while the model decodes."""
        self._condition = threading.Condition()
        self._active = False
        self._decoding = False
        self._visitors = 0
        self._paused = False
        self._steps = 0

    # ------------------------------------------------------------ from any thread

    @property
    def stopping(self) -> bool:
        return bool(self.abort_flag[0])

    @property
    def paused(self) -> bool:
        return self._paused

    def pause(self) -> None:
        self._set(paused=True)

    def resume(self) -> None:
        self._set(paused=False)

    def step(self) -> None:
        """One more token, then pause."""
        with self._condition:
            if self._active:
                self._paused = True
                self._steps += 1
                self._condition.notify_all()

    def stop(self) -> None:
        """Abort the decode in progress and end the run. Without a run, nothing."""
        if self._active:
            # Before the lock: a visitor may hold it.
            self.abort_flag[0] = 1
        with self._condition:
            self._condition.notify_all()

    def _set(self, *, paused: bool) -> None:
        with self._condition:
            if self._active:
                self._paused = paused
                self._steps = 0
                self._condition.notify_all()

    @contextmanager
    def visit(self) -> Iterator[None]:
        """Be in the room while no decode goes on."""
        with self._condition:
            self._visitors += 1
            try:
                while self._decoding:
                    self._condition.wait()
                yield
            finally:
                self._visitors -= 1
                self._condition.notify_all()

    # -------------------------------------------------- from the generating thread

    def reserve(self) -> None:
        """A run is about to begin; from here on `stop` counts. Done twice, it is once."""
        with self._condition:
            if not self._active:
                self._active = True
                self._paused = False
                self._steps = 0
                self.abort_flag[0] = 0

    def release(self) -> None:
        """The run is over."""
        with self._condition:
            self._active = False
            self._paused = False
            self.abort_flag[0] = 0

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Keep visitors out; those who wait at the door go first."""
        with self._condition:
            while self._visitors:
                self._condition.wait()
            self._decoding = True
        try:
            yield
        finally:
            with self._condition:
                self._decoding = False
                self._condition.notify_all()

    def checkpoint(self, on_pause: Callable[[], None], on_resume: Callable[[], None]) -> bool:
        """Wait while paused. False: the run is to stop.

        `on_pause` is called before waiting, `on_resume` when a wait ended with `resume`.
        """
        if not self._paused:
            return not self.stopping
        with self._condition:
            if self._steps:
                self._steps -= 1
                return not self.stopping
        on_pause()
        with self._condition:
            while self._paused and not self._steps and not self.stopping:
                self._condition.wait()
            stepping = self._paused and self._steps > 0
            self._steps -= stepping
        if self.stopping:
            return False
        if not stepping:
            on_resume()
        return True
