"""How often something may be done: token buckets, one or one for each of many."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable


class Bucket:
    """Lets `burst` through at once and `rate` a second in the long run."""

    def __init__(self, rate: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._now = now
        self._left = burst
        self._time = now()

    def take(self) -> float:
        """Take one; the seconds to wait before acting on it, 0 if there was one to take."""
        self._fill()
        self._left -= 1
        return max(0.0, -self._left / self._rate)

    def try_take(self) -> bool:
        """Take one if there is one."""
        self._fill()
        if self._left < 1:
            return False
        self._left -= 1
        return True

    @property
    def empty(self) -> bool:
        """Whether there is none to take."""
        self._fill()
        return self._left < 1

    def _fill(self) -> None:
        now = self._now()
        self._left = min(self._burst, self._left + (now - self._time) * self._rate)
        self._time = now


class Buckets:
    """A bucket for each key; the least lately used are forgotten beyond `capacity`."""

    def __init__(
        self, rate: float, burst: float, capacity: int = 4096, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._now = rate, burst, now
        self._capacity = capacity
        self._buckets: OrderedDict[Hashable, Bucket] = OrderedDict()

    def of(self, key: Hashable) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self._rate, self._burst, self._now)
            while len(self._buckets) > self._capacity:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket
