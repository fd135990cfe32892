"""What the recorder says to people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cloudchamber.sessions.retention import in_words
from cloudchamber.sessions.store_list import Room
from cloudchamber.sessions.store_schema import Fault, StoreError
from cloudchamber.telemetry.events import Problem

_HINTS: Final[dict[Fault, str]] = {
    "full": "The run goes on. Make room on the disk; the next run is kept again.",
    "read-only": "The run goes on. Choose another folder with --data.",
    "newer": "The run goes on. Update, or choose another folder with --data.",
    "damaged": "The run goes on. Move the file away and a new one is begun.",
    "busy": "The run goes on; the next one is kept again.",
    "failed": "The run goes on; the next one is kept again.",
}


def stopped(error: BaseException) -> Problem:
    """A run is not kept any further."""
    fault: Fault = error.fault if isinstance(error, StoreError) else "failed"
    return Problem(
        code="recording-stopped",
        message=f"This run is no longer recorded: {str(error).rstrip('.')}.",
        hint=_HINTS[fault],
    )


def of_room(room: Room, limit: int) -> Iterator[Problem]:
    """What people should know of the limit on the store's size."""
    used = f"Kept sessions take {_gigabytes(room.used)} of {_gigabytes(limit)}."
    if room.named:
        titles = in_words([info.title for info in room.named])
        yield Problem(
            code="sessions-go-next",
            message=f"{used} When room is needed, {titles} will be deleted.",
            hint="Pin what you want to keep, delete others, or raise the limit with --keep-size.",
        )
    elif room.stuck:
        yield Problem(
            code="sessions-go-next",
            message=f"{used} None of them can go: they are pinned, or recorded just now.",
            hint="Unpin or delete some, or raise the limit with --keep-size.",
        )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
