"""How a connection ends: with which code, and with which of its parts."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

CLOSE_PROTOCOL: Final = 4000
"""The viewer speaks another version of the protocol."""
CLOSE_NO_HELLO: Final = 4001
"""The first message was not a hello, or none came in `HELLO_SECONDS`."""
CLOSE_BEHIND: Final = 4002
"""Too many events were waiting for a viewer that reads too slowly; it resumes by number."""
CLOSE_CROWDED: Final = 4003
"""As many as may be are there already; there is always room for an owner."""


class ClosedError(Exception):
    """The connection is to be closed, with a code and the reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


async def until_first_ends(*parts: Coroutine[Any, Any, None]) -> None:
    """Do all at once until one ends, and raise what that raised."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
