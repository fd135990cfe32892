"""Figures of the page: its size, and its time in a real Chromium."""

from __future__ import annotations

import gzip
from pathlib import Path

from bench.figures import Figure

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "backend/cloudchamber/server/page"
CODE = {".html", ".js", ".css", ".wgsl"}


def measure_size(rounds: int) -> list[Figure]:
    """Bytes of the built page's code as gzip sends them; fonts and pictures are not code."""
    files = [path for path in PAGE.rglob("*") if path.suffix in CODE]
    if not files:
        raise RuntimeError("there is no built page: make page")
    total = sum(len(gzip.compress(path.read_bytes(), 9)) for path in files)
    return [
        Figure(name="page code, gzip", value=total / 1000, unit="kB", reach=200, note=f"{len(files)} files")
    ]
