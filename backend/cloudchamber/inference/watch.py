"""Whether a worker gets on: a load or a run that hangs is noticed, and a slow one left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from cloudchamber.inference.child import Child

LOAD_SILENCE: Final = 30.0
"""Seconds a load may show no sign of life: no progress, no processor time, no memory taken."""
LOAD_STALL: Final = 600.0
"""Seconds a load may be busy without progress."""
RUN_SILENCE: Final = 30.0
"""Seconds a run may neither say anything nor show a sign of life."""
RUN_STALL: Final = 600.0
"""Seconds a run may be busy without saying anything: as long as a batch of a prompt, or a token, may take."""
LOOK: Final = 1.0
"""Seconds between two looks."""

Fail = Callable[[Child, str, str], None]
"""Ends the worker, with a problem's code and message."""


async def watch(child: Child, fail: Fail) -> None:
    """Look after a worker until it ends."""
    await _watch_load(child, fail)
    await _watch_runs(child, fail)


async def _watch_load(child: Child, fail: Fail) -> None:
    loop = asyncio.get_running_loop()
    alive_at, sign = loop.time(), child.vital_sign()
    while not child.settled.is_set():
        await asyncio.sleep(LOOK)
        now, newest = loop.time(), child.vital_sign()
        if newest != sign:
            alive_at, sign = now, newest
        if now - alive_at > LOAD_SILENCE or now - child.progress_at > LOAD_STALL:
            fail(child, "load-hang", "Loading the model came to a standstill, so it was ended.")
            return


async def _watch_runs(child: Child, fail: Fail) -> None:
    loop = asyncio.get_running_loop()
    alive_at, sign = loop.time(), child.vital_sign()
    while not child.ended:
        await asyncio.sleep(LOOK)
        now = loop.time()
        if not child.at_work:
            # The time of a pause is not the run's.
            alive_at = child.heard_at = now
            continue
        if now - child.heard_at < min(RUN_SILENCE, RUN_STALL) / 2:
            # It speaks: there is no need to ask the system about it.
            alive_at = now
            continue
        newest = child.vital_sign()
        if newest != sign:
            alive_at, sign = now, newest
        if now - alive_at > RUN_SILENCE or now - child.heard_at > RUN_STALL:
            fail(child, "stuck", "The run came to a standstill, so its process was ended.")
            return
