"""The one connection that writes the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw

from cloudchamber.sessions.store_schema import open_writer


class Writer:
    """Opened with the first change; anew where its file has been moved or deleted since: what went on
    being written there would be lost, and nobody would be told. For one thread."""

    def __init__(self, path: Path, gone: Callable[[], None]) -> None:
        """`gone` is called before a file is begun in place of one that is no more there."""
        self._path = path
        self._gone = gone
        self._db: apsw.Connection | None = None
        self._file: tuple[int, int] | None = None

    def connection(self) -> apsw.Connection:
        """Raises what opening raises, and what `gone` does."""
        if self._db is not None and self._file != _file_at(self._path):
            self.close()
            self._gone()
        if self._db is None:
            self._db = open_writer(self._path)
            self._file = _file_at(self._path)
        return self._db

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def _file_at(path: Path) -> tuple[int, int] | None:
    """What tells the file that is there from any other; None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
