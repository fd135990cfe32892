"""What a token leaves to be done, done while the next one is decoded.

Between two decodes only what the next one needs is waited for: its token. The rest (figures of
the whole softmax, writing logits, telling the hook) is left to one thread of its own, which
works while llama.cpp computes and holds no interpreter lock. The generating thread waits for
it before it touches again what that reads, so nothing is ever done out of order or twice at a
time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Aftermath:
    """One thread, at most one task at a time. `put` and `flush` are for the generating thread."""

    def __init__(self) -> None:
        self._task: Callable[[], None] | None = None
        self._error: BaseException | None = None
        self._begin = threading.Lock()
        self._begin.acquire()
        self._done = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="aftermath", daemon=True)
        self._thread.start()

    def put(self, task: Callable[[], None]) -> None:
        """Have `task` done beside what follows. Raises what the last task raised."""
        self.flush()
        self._task = task
        self._done.acquire()
        self._begin.release()

    def flush(self) -> None:
        """Wait until all is done. Raises what the task raised, once."""
        with self._done:
            error, self._error = self._error, None
        if error is not None:
            raise error

    def is_here(self) -> bool:
        """Whether the caller is the task."""
        return threading.current_thread() is self._thread

    def close(self) -> None:
        """End the thread. What its last task raised is dropped."""
        if self._closed:
            return
        self._closed = True
        with self._done:
            self._begin.release()
        self._thread.join()

    def _work(self) -> None:
        while True:
            self._begin.acquire()
            if self._closed:
                return
            task, self._task = self._task, None
            assert task is not None
            try:
                task()
            except BaseException as error:  # raised again where it is waited for
                self._error = error
            finally:
                self._done.release()
