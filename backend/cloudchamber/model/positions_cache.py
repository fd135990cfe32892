"""Positions kept on disk, so that a second start has them at once.

One file per embedding, method and version of the algorithm: a mark, a checksum, and the very
bytes that are served. A file that is not whole counts as absent. Files are replaced, never
changed, so a reader always sees a whole one.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from pathlib import Path
from typing import Final

import platformdirs

from cloudchamber.atomic_file import replace_file
from cloudchamber.model.positions import Method

ALGORITHM: Final = 1
"""Count up when the same embedding would be laid out differently."""
KEPT_FILES: Final = 64

_MARK: Final = b"positions 1\n"
_DIGEST_BYTES: Final = 16
_HASH: Final = re.compile(r"[0-9a-f]{32}")


class CacheError(OSError):
    """Positions could not be kept; the text says why."""


class PositionsCache:
    """Encoded positions by embedding hash and method, in one folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or platformdirs.user_cache_path("cloudchamber") / "positions"

    def read(self, embedding_hash: str, method: Method) -> bytes | None:
        """The encoded positions, or None if they are not there or not whole."""
        path = self._path(embedding_hash, method)
        if path is None:
            return None
        try:
            stored = path.read_bytes()
        except OSError:
            return None
        head = len(_MARK) + _DIGEST_BYTES
        body = stored[head:]
        if not stored.startswith(_MARK) or stored[len(_MARK) : head] != _digest(body):
            return None
        return body

    def write(self, embedding_hash: str, method: Method, body: bytes) -> None:
        """Keep encoded positions. Raises `CacheError` when the disk is full or forbids it."""
        path = self._path(embedding_hash, method)
        if path is None:
            raise CacheError(f"{embedding_hash!r} is not the hash of an embedding")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            replace_file(path, _MARK + _digest(body) + body)
        except OSError as error:
            raise CacheError(f"{self.folder} can't be written: {error.strerror or error}") from error
        self._prune()

    def _path(self, embedding_hash: str, method: Method) -> Path | None:
        if _HASH.fullmatch(embedding_hash) is None:
            return None
        return self.folder / f"{embedding_hash}-{method}-{ALGORITHM}"

    def _prune(self) -> None:
        """Drop the oldest files beyond `KEPT_FILES`, and parts of writes that were cut off."""
        with contextlib.suppress(OSError):
            files = sorted(self.folder.iterdir(), key=lambda file: file.stat().st_mtime, reverse=True)
            for file in files[KEPT_FILES:]:
                file.unlink(missing_ok=True)


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()
