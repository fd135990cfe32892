"""Figures of the page: its size, and its time and memory in a real Chromium."""

from __future__ import annotations

import gzip
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.figures import Figure, percentile
from bench.product import Server
from bench.wide_model import VOCABULARY, write_wide_model
from soak.crowd_process import stage

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "backend/cloudchamber/server/page"
RECORDING = ROOT / "playwright/fixtures/smollm2.chamber"
CODE = {".html", ".js", ".css", ".wgsl"}
NAMED = {
    ".html": re.compile(r'(?:src|href)="([^"]+)"'),
    ".js": re.compile(r"""(?:\bfrom|\bimport)\s*["'`](\./[^"'`]+\.js)["'`]"""),
}
"""What a file makes a browser load at once."""
MEBIBYTE = 1 << 20
SECONDS = 20
WARM = 5
"""Seconds of a page's life that do not count: it compiles its scripts and shaders."""
VIEWPORT = (640, 360)
"""Small, because the renderer may be software: it decides how long a frame takes, not the scripts."""


def measure_size(rounds: int) -> list[Figure]:
    """Bytes of the built page's code that a visit loads, as gzip sends them.

    Fonts and pictures are not code. What is loaded only when a dialog or a replay asks
    for it (the writer of films, say) is told in the note.
    """
    files = {path for path in PAGE.rglob("*") if path.suffix in CODE}
    if not files:
        raise RuntimeError("there is no built page: make page")
    first = loaded_at_once(PAGE / "index.html") & files
    later = f"{gzipped(files - first):.0f} kB more in {len(files - first)} files, when they are asked for"
    return [
        Figure(name="page code a visit loads, gzip", value=gzipped(first), unit="kB", reach=200, note=later)
    ]


def gzipped(files: Iterable[Path]) -> float:
    """Kilobytes of the files, each compressed by itself."""
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in files) / 1000


def loaded_at_once(page: Path) -> set[Path]:
    """The page, what its tags name, and what those import statically; not what `import()` names."""
    found: set[Path] = set()
    waiting = [page]
    while waiting:
        path = waiting.pop().resolve()
        if path in found or not path.is_file():
            continue
        found.add(path)
        if path.suffix in (".html", ".js"):
            names = NAMED[path.suffix].findall(path.read_text())
            waiting += [path.parent / name for name in names]
    return found


def watch_page(
    url: str,
    seconds: float,
    *,
    idle_gpu: bool = False,
    viewport: tuple[int, int] = VIEWPORT,
    prompt: str = "",
) -> dict[str, Any]:
    """What `page.mjs` measures of the page at `url`, of a run of `prompt` if there is one."""
    mode = "idle-gpu" if idle_gpu else "draw"
    return run_script("page.mjs", url, str(WARM), str(seconds), *map(str, viewport), mode, prompt)


def run_script(name: str, *words: str) -> dict[str, Any]:
    """What a script of this folder prints as JSON. Raises `RuntimeError` with what it says."""
    command = ["node", f"bench/{name}", *words]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if said.returncode:
        raise RuntimeError(f"the page could not be measured: {said.stderr[-2000:]}")
    measured: dict[str, Any] = json.loads(said.stdout)
    return measured


def renderer(measured: dict[str, Any], *, idle_gpu: bool = False) -> str:
    """Words on what drew."""
    if not measured["asked"]["software"]:
        return "real GPU"
    return "software GPU, its work left out" if idle_gpu else "software GPU"


def measure_start(rounds: int) -> list[Figure]:
    """A second `make run`: the set-up's look round, the server's start, the page's first frame."""
    seconds: list[float] = []
    for _ in range(rounds):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "build/bootstrap.py", "python", "node", "page"], cwd=ROOT, check=True)
        with Server("--no-autostart") as server:
            server.wait_to_listen()
            ready = time.perf_counter() - begin
            words = ["node", "bench/first_frame.mjs", server.url, *map(str, VIEWPORT)]
            said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
        seconds.append(ready + float(said.stdout))
    return [
        Figure(
            name="second start to the page's first frame",
            value=statistics.median(seconds),
            unit="s",
            reach=3,
            note=f"slowest of {rounds}: {max(seconds):.1f} s; in a browser that is open already",
        )
    ]


def measure_latency(rounds: int) -> list[Figure]:
    """From a frame's making at the server to its submission to the GPU, on a recorded run.

    The real server shows it over and over at its own pace, and nothing is computed beside it. Twice:
    as it is, and, where the GPU is software and takes the cores of the page itself, with its work
    left out. What comes while the GPU is behind goes to it before the picture that shows it: how late
    that picture is, is a figure of its own.
    """
    figures = []
    for mode in ("draw", "idle-gpu"):
        with stage(None) as server:
            words = [server.page, str(WARM), str(SECONDS), *map(str, VIEWPORT), mode]
            measured = run_script("latency.mjs", *words)
        latency = measured["latency"]
        in_page = measured["inPage"]
        figures.append(
            Figure(
                name=f"server to GPU queue, p99, {renderer(measured, idle_gpu=mode == 'idle-gpu')}",
                value=percentile(latency, 99),
                unit="ms",
                reach=60,
                note=f"{len(latency)} frames; p50 {percentile(latency, 50):.0f} ms, of it in the page "
                f"p99 {percentile(in_page, 99):.0f} ms; {VIEWPORT[0]}×{VIEWPORT[1]}",
            )
        )
        drawn, rate = measured["drawn"], measured["frames"] / SECONDS
        figures.append(
            Figure(
                name=f"server to the picture of it, p99, {renderer(measured, idle_gpu=mode == 'idle-gpu')}",
                value=percentile(drawn, 99),
                unit="ms",
                reach=60,
                note=f"p50 {percentile(drawn, 50):.0f} ms; {rate:.0f} pictures a second",
            )
        )
        if not measured["asked"]["software"]:
            break
    return figures


def measure_quiet(rounds: int) -> list[Figure]:
    """What scripts allocate while frames are drawn and no message comes, beyond WebGPU's own objects.

    Those every frame has to make anew: an encoder, a command buffer, the canvas' texture and its view, some
    seventeen passes. A bare page makes the same ones, and nothing else, in the same browser. What the page
    asks for beyond them, some 110 B, are the frame's time and two or three more numbers with a fraction that
    the engine puts on the heap, 12 bytes each, to hand them to a function that it does not build in; in every
    eighth frame a promise that the GPU has done with it; and once or twice a second the words for a screen
    reader and the page's address. The reach leaves a dozen numbers more. An object for each panel, a list for
    each token or item, or a panel that hands on a fraction for all it draws would be above it.
    """
    with Server("--replay", str(RECORDING)) as server:
        server.wait()
        measured = run_script("quiet.mjs", server.url, str(SECONDS / 2), *map(str, VIEWPORT))
    ours, bare = measured["ours"], measured["bare"]
    frames = max(1, ours["frames"])
    value, against = ours["bytes"] / frames, bare["bytes"] / max(1, bare["frames"])
    most = ", ".join(f"{name} {size / frames:.0f} B" for name, size in ours["functions"][:3])
    beyond = f"{value - against:.0f} B beyond {measured['objects']:.0f} objects"
    return [
        Figure(
            name="heap asked for by a frame without messages, beyond WebGPU's objects",
            value=value,
            unit="B",
            against=against,
            beyond=True,
            reach=250,
            note=f"{beyond}; {frames} frames; most by {most}",
        )
    ]


def measure_wide(rounds: int) -> list[Figure]:
    """Scripts and buffers with 262,144 particles while a real model of that vocabulary streams."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wide.gguf"
        write_wide_model(path)
        with Server(str(path), "--no-autostart", "--threads", "1") as server:
            server.wait()
            measured = watch_page(server.url, SECONDS, idle_gpu=True, prompt="the cat sat on")
    if measured["particles"] != VOCABULARY:
        raise RuntimeError(f"the page shows {measured['particles']:,} particles, not {VOCABULARY:,}")
    if measured["tokens"] < SECONDS:
        raise RuntimeError(f"only {measured['tokens']} tokens came in {SECONDS} s")
    script = measured["script"]
    asked = ", ".join(measured["asked"]["names"]) or "nothing"
    return [
        Figure(
            name="JavaScript per frame, 262,144 particles, p95",
            value=percentile(script, 95),
            unit="ms",
            reach=2,
            note=f"thread time; {len(script)} frames, {measured['tokens']} tokens; p50 "
            f"{percentile(script, 50):.2f} ms; {measured['allocatedPerFrame'] / 1000:.1f} kB allocated "
            f"a frame, messages included; {renderer(measured, idle_gpu=True)}",
        ),
        Figure(
            name="largest GPU buffer, 262,144 particles",
            value=measured["asked"]["largestBuffer"] / MEBIBYTE,
            unit="MiB",
            reach=16,
            note=f"limits and features asked for: {asked}",
        ),
    ]
