"""Writing a session's file; its format is told in `container_format`."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cloudchamber.sessions.archive import Archive
from cloudchamber.sessions.container_format import (
    END_MAGIC,
    FOOTER,
    HEADER,
    MAGIC,
    MAX_PART,
    VERSION,
    ContainerError,
    check_names,
    pack,
    seal,
)
from cloudchamber.telemetry import codec

type Progress = Callable[[int, int], None]
"""Called with the parts done and the parts there are."""


def write_container(
    path: Path, archive: Archive, names: Iterable[str] | None = None, progress: Progress | None = None
) -> int:
    """Write the parts of `archive` (those in `names`, in that order) to a file at `path`.

    The file appears whole or not at all. The same parts make the same bytes. Returns its size.
    Raises `ContainerError` for a part that is not there or can't be kept, `OSError`.
    """
    chosen = list(archive.names() if names is None else names)
    check_names(chosen)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            _write(file, archive, chosen, progress or (lambda _done, _all: None))
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return size


def _write(file: BinaryIO, archive: Archive, names: list[str], progress: Progress) -> None:
    header = HEADER.pack(MAGIC, VERSION)
    file.write(header)
    columns: list[tuple[int, int, int, bytes]] = []
    for done, name in enumerate(names):
        progress(done, len(names))
        body = archive.part(name)
        if body is None:
            raise ContainerError(f"The session does not hold the part {name}.")
        if len(body) > MAX_PART:
            raise ContainerError(f"The part {name} is larger than a file can hold.")
        coding, stored = pack(body)
        file.write(stored)
        columns.append((coding, len(stored), len(body), hashlib.sha256(stored).digest()))
    index = codec.encode(
        {
            "names": np.frombuffer("\n".join(names).encode(), np.uint8),
            "coding": np.array([column[0] for column in columns], np.uint8),
            "stored": np.array([column[1] for column in columns], np.uint32),
            "raw": np.array([column[2] for column in columns], np.uint32),
            "sha256": np.frombuffer(b"".join(c[3] for c in columns), np.uint8).reshape(len(columns), 32),
        }
    )
    file.write(index)
    file.write(FOOTER.pack(len(index), seal(header, index), END_MAGIC))
    progress(len(names), len(names))


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
