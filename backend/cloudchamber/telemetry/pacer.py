"""When frames are made: at once after quiet, at a steady rate while things happen, seldom else."""

from __future__ import annotations

import asyncio
from typing import Final

from cloudchamber.telemetry.hub import Hub

FRAME_RATE: Final = 29.5
"""Frames a second while things happen. Half a frame under 30, so that no second measured at a
socket holds more than 30 or less than 29, whatever the scheduler's jitter (up to 17 ms)."""
PERIOD: Final = 1 / FRAME_RATE
HEARTBEAT: Final = 2.0
"""Seconds of quiet after which an empty frame says that the server lives."""
SLACK: Final = PERIOD / 2
"""While tokens come fast, a frame waits so long for the next one, to be sealed, and as long again for the one
after, to be delivered: what arrives was sent between two decodes, when a core has time to make frames, but
not for the whole of it. Both fit in a period, and a frame's delay varies by no more than one of them."""
LINGER: Final = 0.002
"""After quiet, wait so long for the rest of what belongs to the first event."""


class Pacer:
    """Makes a hub's frames. Deadlines are absolute: a late frame does not delay the next."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._news = asyncio.Event()
        hub.on_change = self._news.set

    async def run(self) -> None:
        """Never returns; cancel it."""
        loop = asyncio.get_running_loop()
        deadline = 0.0
        while True:
            await asyncio.sleep(deadline - loop.time())
            busy, fast = self._hub.has_news(), False
            if busy:
                fast = await self._arrival()
            elif await self._wait(deadline + HEARTBEAT - loop.time()):
                await asyncio.sleep(LINGER)
            self._hub.seal()
            late = max(0.0, loop.time() - deadline)  # timers of uvloop may be early by a millisecond
            if fast:
                await self._arrival()
            self._hub.deliver()
            # A busy server's frames stay on the grid of the deadlines, be one late or missed;
            # after quiet the grid begins anew.
            on_grid = busy or late < PERIOD
            deadline += PERIOD * (1 + late // PERIOD) if on_grid else late + PERIOD

    async def _arrival(self) -> bool:
        """Until more has come, or not much longer. True for more."""
        self._news.clear()
        try:
            async with asyncio.timeout(SLACK):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def _wait(self, seconds: float) -> bool:
        """Until there is news, or so long. True for news."""
        loop = asyncio.get_running_loop()
        end = loop.time() + max(seconds, 0.0)
        while (left := end - loop.time()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._news.wait()
            except TimeoutError:
                return False
            self._news.clear()
            if self._hub.has_news():
                return True
        return False
