"""Who may do what when: the run's controls, and a door for visitors between two decodes.

The thread that generates is the only one to touch the model while it decodes. Other threads
set flags (pause, step, stop) without waiting, or come in as visitors to read the capture:
a visitor waits for the decode in progress, and the generating thread lets all waiting
visitors go first. What is asked for again and again is an errand, which the generating thread
does itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np


class _Errand:
    """A piece of work in steps; `step` says when it is done."""

    def __init__(self, step: Callable[[], bool]) -> None:
        self._step = step
        self.done = False
        self.error: Exception | None = None

    def go_on(self) -> None:
        try:
            self.done = self._step()
        except Exception as error:  # belongs to who asked, on another thread
            self.error, self.done = error, True


class Control:
    """Flags of one run, and the door."""

    def __init__(self) -> None:
        self.abort_flag = np.zeros(1, np.int32)
        """Read by the compiled abort callback while the model decodes."""
        self._condition = threading.Condition()
        self._active = False
        self._decoding = False
        self._visitors = 0
        self._generating = False
        """The generating thread is on its way from one decode to the next."""
        self._errands: list[_Errand] = []
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

    def errand(self, step: Callable[[], bool]) -> None:
        """Have `step` called until it is true, each time while no decode goes on. Raises what it
        raises.

        While a run decodes, the generating thread calls it, once before each decode. A visitor
        would have to be woken first, beside a thread of llama.cpp's that spins until the next
        graph comes: that takes milliseconds on two cores, and the next decode waits for it.
        """
        errand = _Errand(step)
        with self._condition:
            self._errands.append(errand)
        while not errand.done:
            with self._condition:
                if errand.done:
                    break
                if self._generating:
                    self._condition.wait()
                    continue
                with self.visit():
                    self._go_on(errand)
        if errand.error is not None:
            raise errand.error

    def _go_on(self, errand: _Errand) -> None:
        if not errand.done:
            errand.go_on()
        if errand.done and errand in self._errands:
            self._errands.remove(errand)
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
            self._rest()

    def _rest(self) -> None:
        """No decode comes next: who has an errand must see to it."""
        self._generating = False
        self._condition.notify_all()

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Keep visitors out; those who wait at the door go first, and errands go on by a step."""
        with self._condition:
            while self._visitors:
                self._condition.wait()
            self._generating = True
            for errand in self._errands.copy():
                self._go_on(errand)
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
            self._rest()
            while self._paused and not self._steps and not self.stopping:
                self._condition.wait()
            stepping = self._paused and self._steps > 0
            self._steps -= stepping
        if self.stopping:
            return False
        if not stepping:
            on_resume()
        return True
