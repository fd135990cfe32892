"""Figures of the page: its size, and its time and memory in a real Chromium."""

from __future__ import annotations

import gzip
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from bench.figures import Figure, percentile
from bench.product import Server
from bench.wide_model import VOCABULARY, write_wide_model

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "backend/cloudchamber/server/page"
RECORDING = ROOT / "playwright/fixtures/smollm2.chamber"
CODE = {".html", ".js", ".css", ".wgsl"}
MEBIBYTE = 1 << 20
SECONDS = 20
VIEWPORT = (640, 360)
"""Small, because the renderer may be software: it decides how long a frame takes, not the scripts."""


def measure_size(rounds: int) -> list[Figure]:
    """Bytes of the built page's code as gzip sends them; fonts and pictures are not code."""
    files = [path for path in PAGE.rglob("*") if path.suffix in CODE]
    if not files:
        raise RuntimeError("there is no built page: make page")
    total = sum(len(gzip.compress(path.read_bytes(), 9)) for path in files)
    return [
        Figure(name="page code, gzip", value=total / 1000, unit="kB", reach=200, note=f"{len(files)} files")
    ]


def watch_page(url: str, seconds: float) -> dict[str, Any]:
    """What `page.mjs` measures of the page at `url`."""
    words = ["node", "bench/page.mjs", url, str(seconds), *map(str, VIEWPORT)]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if said.returncode:
        raise RuntimeError(f"the page could not be measured: {said.stderr[-2000:]}")
    measured: dict[str, Any] = json.loads(said.stdout)
    return measured


def measure_latency(rounds: int) -> list[Figure]:
    """From a frame's making at the server to its submission to the GPU, on a recorded run."""
    with Server("--replay", str(RECORDING)) as server:
        server.wait()
        measured = watch_page(server.url, seconds=6)
    latency = measured["latency"]
    return [
        Figure(
            name="latency, server to GPU queue, p99",
            value=percentile(latency, 99),
            unit="ms",
            reach=60,
            note=f"{len(latency)} frames; p50 {percentile(latency, 50):.0f} ms; software renderer at "
            f"{VIEWPORT[0]}×{VIEWPORT[1]}",
        )
    ]


def measure_wide(rounds: int) -> list[Figure]:
    """Scripts and buffers with 262,144 particles while a real model of that vocabulary streams."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wide.gguf"
        write_wide_model(path)
        with Server(str(path)) as server:
            server.wait()
            measured = watch_page(server.url, SECONDS)
    if measured["particles"] != VOCABULARY:
        raise RuntimeError(f"the page shows {measured['particles']:,} particles, not {VOCABULARY:,}")
    if measured["tokens"] < SECONDS:
        raise RuntimeError(f"only {measured['tokens']} tokens came in {SECONDS} s")
    script = measured["script"]
    asked = ", ".join(measured["asked"]) or "nothing"
    return [
        Figure(
            name="JavaScript per frame, 262,144 particles, p95",
            value=percentile(script, 95),
            unit="ms",
            reach=2,
            note=f"{len(script)} frames, {measured['tokens']} tokens; p50 {percentile(script, 50):.2f} ms; "
            f"{measured['allocated'] / 1000 / len(script):.0f} kB allocated a frame",
        ),
        Figure(
            name="largest GPU buffer, 262,144 particles",
            value=measured["largestBuffer"] / MEBIBYTE,
            unit="MiB",
            reach=16,
            note=f"limits and features asked for: {asked}",
        ),
    ]
