"""Where what is kept lives: the platform's data folder, unless told otherwise."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import platformdirs

VARIABLE: Final = "CLOUDCHAMBER_DATA"
"""Environment variable that names another folder."""
FILE: Final = "sessions.db"
SPOOL: Final = "spool"
"""Folder beside the file, where runs leave what their sessions are completed from."""


def data_folder(chosen: Path | None = None) -> Path:
    """The folder for sessions: `chosen`, else `CLOUDCHAMBER_DATA`, else the platform's."""
    if chosen is not None:
        return chosen
    named = os.environ.get(VARIABLE, "")
    return Path(named) if named else platformdirs.user_data_path("cloudchamber")


def store_path(folder: Path | None = None) -> Path:
    """The store's file; see `data_folder`."""
    return data_folder(folder) / FILE
