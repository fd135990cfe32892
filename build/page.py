"""The built page: what it is made of, whether it is fresh, and making it.

Standard library only: the wheel hook and the set-up both use it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "backend/cloudchamber/server/page"
STAMP = PAGE / ".inputs"
"""Hash of what the built page was made from, left beside it."""
INSTALL = ("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
"""Command that puts in the page's tools; to be run in `ROOT`."""
BUILD = (str(ROOT / "node_modules/.bin/vite"), "build", "--logLevel", "warn")
"""Command that builds the page; to be run in `ROOT/frontend`."""
INPUTS = ("package-lock.json", "frontend", "wgsl")
IGNORED = {"node_modules", "test", ".vite", ".vitest"}


def sources() -> Iterator[Path]:
    """Every file the page is built from, in a fixed order."""
    for name in INPUTS:
        top = ROOT / name
        if top.is_file():
            yield top
        for path in sorted(top.rglob("*")) if top.is_dir() else ():
            if path.is_file() and not IGNORED.intersection(path.relative_to(ROOT).parts):
                yield path


def inputs_hash() -> str:
    """Content hash of the page's sources: names and bytes."""
    digest = hashlib.sha256()
    for path in sources():
        digest.update(str(path.relative_to(ROOT).as_posix()).encode())
        digest.update(b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_built() -> bool:
    """There is a page, fresh or not."""
    return (PAGE / "index.html").is_file()


def is_fresh() -> bool:
    """The page there is was built from the sources as they are now."""
    return is_built() and STAMP.is_file() and STAMP.read_text().strip() == inputs_hash()


def mark_fresh() -> None:
    """Note what the page just built was made from."""
    STAMP.write_text(inputs_hash() + "\n")
