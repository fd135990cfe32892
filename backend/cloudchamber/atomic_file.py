"""Files that are there whole or not at all, whenever a process or a disk fails."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Final

PART_PREFIX: Final = ".part-"
"""Begins the name of what is being written; a process that was killed leaves it."""


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` where `path` is, in a folder that exists. Raises `OSError`."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=PART_PREFIX)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
