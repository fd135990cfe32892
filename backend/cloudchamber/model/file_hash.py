"""The SHA-256 of a model's file, as `sha256sum` gives it and model hubs show it.

Of a split model it is that of its files in order, one after the other: `cat model-*.gguf | sha256sum`.
Gigabytes are read for it, so it is done by a process that reads a piece whenever it is asked to
(`python -m cloudchamber.model.file_hash`), and once for each file: `HashCache` keeps it by the file's
path, size and time. Those three, of all files, are a model's *mark*.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cloudchamber.atomic_file import replace_file
from cloudchamber.model.split_files import part_names
from cloudchamber.priority import be_modest

PIECE_BYTES: Final = 32 << 20
"""Read at once: a thirtieth of a second on a quick disk."""
KEPT: Final = 256
MORE: Final = "more"
"""The process's word for a piece that was not the last."""

_BLOCK: Final = 1 << 20
_HASH: Final = re.compile(r"[0-9a-f]{64}")


def mark_of(path: Path) -> str:
    """What tells a model's files from others that were or will be there; of a split model `path` is the
    first. Empty if they can't be looked at."""
    try:
        whole = path.absolute()
        files = [(file, file.stat()) for file in map(whole.with_name, part_names(whole.name))]
    except OSError:
        return ""
    return json.dumps([[str(file), stat.st_size, stat.st_mtime_ns] for file, stat in files]) if files else ""


def is_there(mark: str) -> bool:
    """Whether the files are still those that were marked."""
    return mark_of(Path(json.loads(mark)[0][0])) == mark


def digest(mark: str) -> str:
    """The hash of marked files; empty if they are other ones by now. Raises `OSError`."""
    *_, found = pieces(mark)
    return found


def pieces(mark: str) -> Iterator[str]:
    """`MORE` for each piece that was read, at last the hash; see `digest`."""
    found, buffer, left = hashlib.sha256(), bytearray(_BLOCK), PIECE_BYTES
    if is_there(mark):
        for name, _, _ in json.loads(mark):
            with Path(name).open("rb", buffering=0) as file:
                while count := file.readinto(buffer):
                    found.update(memoryview(buffer)[:count])
                    left -= count
                    if left <= 0:
                        left = PIECE_BYTES
                        yield MORE
    yield found.hexdigest() if is_there(mark) else ""


class HashCache:
    """Hashes by mark, in one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, mark: str) -> str:
        """The hash of marked files; empty if it is not known."""
        return self._read().get(mark, "")

    def put(self, mark: str, found: str) -> None:
        """Keep a hash. Raises `OSError`."""
        known = {**self._read(), mark: found}
        newest = dict(list(known.items())[-KEPT:])
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self.path, json.dumps(newest, indent=1).encode())

    def _read(self) -> dict[str, str]:
        try:
            known = json.loads(self.path.read_text())
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(known, dict):
            return {}
        return {mark: name for mark, name in known.items() if isinstance(name, str) and _HASH.fullmatch(name)}


def main() -> int:
    """A mark comes in as a line; then each line asks for a piece, and is answered as `pieces` has it."""
    be_modest()
    reading = pieces(sys.stdin.readline().rstrip("\n"))
    for _, answer in zip(iter(sys.stdin.readline, ""), reading, strict=False):
        print(answer, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
