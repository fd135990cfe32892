"""Where what is kept lives: the platform's data folder, unless told otherwise."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import platformdirs

VARIABLE: Final = "CLOUDCHAMBER_DATA"
"""Environment variable that names another folder."""
FILE: Final = "sessions.db"
SPOOL: Final = "spool"
"""Folder beside the file, where runs leave what their sessions are completed from."""

LIMIT: Final = "keep-size"
"""File with the limit, in bytes, that the newest server keeps what is there to."""
ENDED: Final = "ended"
"""A file in a run's spool: nothing more is to be written there."""


def end_spool(folder: Path) -> None:
    """Have who writes a run's spool write no more; what is there stays."""
    with suppress(OSError):  # without a spool, or on a disk so full that it has ended already
        (folder / ENDED).touch()


def spooled_bytes(folder: Path) -> dict[str, int]:
    """Bytes on disk that each run in a folder of spools takes, by its id."""
    sizes: dict[str, int] = {}
    for file in folder.glob("*/*"):
        with suppress(OSError):  # a spool goes when its session has all of it
            sizes[file.parent.name] = sizes.get(file.parent.name, 0) + 512 * file.stat().st_blocks
    return sizes


def data_folder(chosen: Path | None = None) -> Path:
    """The folder for sessions: `chosen`, else `CLOUDCHAMBER_DATA`, else the platform's."""
    if chosen is not None:
        return chosen
    named = os.environ.get(VARIABLE, "")
    return Path(named) if named else platformdirs.user_data_path("cloudchamber")


def store_path(folder: Path | None = None) -> Path:
    """The store's file; see `data_folder`."""
    return data_folder(folder) / FILE


def remember_limit(folder: Path, limit: int) -> None:
    """Let other commands keep to a server's limit, in bytes."""
    with suppress(OSError):  # then they keep to the usual one
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LIMIT).write_text(f"{limit}\n")


def remembered_limit(folder: Path) -> int | None:
    """The limit, in bytes, that the newest server keeps the folder to, if it is known."""
    try:
        text = (folder / LIMIT).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None
