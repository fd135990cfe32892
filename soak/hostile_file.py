"""An exported file, cut off at every byte and with every bit turned: does a reader show what is wrong?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure
from cloudchamber.sessions.container import open_container
from cloudchamber.sessions.container_format import ContainerError
from cloudchamber.sessions.container_writer import write_container
from cloudchamber.sessions.from_recording import MemoryArchive
from soak.hostile_session import small_session


def measure(minutes: float) -> list[Figure]:
    """The parts that were shown and are not those that were written."""
    parts = small_session()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.cloudchamber"
        write_container(path, MemoryArchive(parts))
        good = path.read_bytes()
    if _shown(good) != parts:
        raise RuntimeError("the file that nothing was done to can't be read")
    wrong = tried = 0
    for damaged in _damaged(good):
        tried += 1
        wrong += sum(parts.get(name) != body for name, body in _shown(damaged).items())
    note = f"{tried:,} files: {len(good):,} bytes cut off at each of them, and each bit turned"
    return [
        Figure(
            name="exported file, damaged: wrong data shown as right", value=wrong, unit="", reach=0, note=note
        )
    ]


def _damaged(good: bytes) -> Iterator[bytes]:
    for length in range(len(good)):
        yield good[:length]
    for at in range(len(good)):
        for bit in range(8):
            yield good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :]


def _shown(data: bytes) -> dict[str, bytes | None]:
    """All that a reader gets to see, part by part; what is refused is not seen."""
    seen: dict[str, bytes | None] = {}
    try:
        held = open_container(data)
    except ContainerError:
        return seen
    for name in held.names():
        try:
            seen[name] = held.part(name)
        except ContainerError:
            continue
    return seen
