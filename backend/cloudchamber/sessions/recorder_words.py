"""What the recorder says to people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cloudchamber.sessions.retention import in_words
from cloudchamber.sessions.store_room import Room
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


def no_room(room: Room, limit: int) -> Problem:
    """A run is not kept any further, for the limit's sake."""
    why = "none of them can go: they are pinned, looked at, or this run's own"
    if not room.stuck:
        why = "those that go next were named less than a minute ago"
    return Problem(
        code="recording-stopped",
        message=f"This run is no longer recorded: {_used(room, limit)}, and {why}.",
        hint="The run goes on, and what was recorded is kept. "
        "Unpin or delete some, or raise the limit with --keep-size.",
    )


def of_room(room: Room, limit: int) -> Iterator[Problem]:
    """What people should know of the limit on the store's size."""
    used = f"K{_used(room, limit)[1:]}."
    if room.named:
        titles = in_words([info.title for info in room.named])
        yield Problem(
            code="sessions-go-next",
            message=f"{used} When room is needed, in a minute or later, {titles} will be deleted.",
            hint="Pin what you want to keep, delete others, or raise the limit with --keep-size.",
        )
    elif room.stuck:
        yield Problem(
            code="sessions-go-next",
            message=f"{used} None of them can go: they are pinned, or recorded just now.",
            hint="Unpin or delete some, or raise the limit with --keep-size.",
        )


def of_completing(room: Room, limit: int) -> Iterator[str]:
    """What went, and what will, while a session is completed without a page that would say so."""
    if room.removed:
        titles = in_words([info.title for info in room.removed], len(room.removed))
        yield f"Deleted, so that kept sessions stay within {_size(limit)}: {titles}."
    for problem in of_room(room, limit):
        yield f"{problem.message} {problem.hint}"


def _used(room: Room, limit: int) -> str:
    return f"kept sessions take {_size(room.used)} of {_size(limit)}"


def _size(size: int) -> str:
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e7 else f"{size / 1e6:.1f} MB"
