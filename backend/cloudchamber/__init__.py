"""Cloud Chamber: a language model's inference, made visible while it happens."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudchamber.sessions.reader import Session

__version__ = "0.1.0"


def open(session: str | PathLike[str], *, data: str | PathLike[str] | None = None) -> Session:  # noqa: A001
    """A kept session as NumPy arrays: an exported file by its path, or a session of the store by its
    id or title, the beginning of one, or `newest`. See `sessions/reader.py`."""
    from cloudchamber.sessions.reader import open_session

    return open_session(session, data=data)
