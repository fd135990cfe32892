"""How soon a replay shows another moment, in a run of more than 4,000 tokens."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.figures import Figure, percentile
from bench.page import PAGE, ROOT, renderer, run_script
from cloudchamber.sessions.from_recording import MemoryArchive
from cloudchamber.sessions.site import write_site

SEEKS = 40
TIMES = 70
"""The recorded run again and again: 4,480 tokens."""


class _Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The folder at a URL, as a static host has it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def measure_seek(rounds: int) -> list[Figure]:
    """From the wish to the frame: moments all over the run, and those beside them."""
    with tempfile.TemporaryDirectory() as name:
        parts, site = Path(name) / "parts", Path(name) / "site"
        script = ROOT / "frontend/test/make_archive.py"
        subprocess.run([sys.executable, str(script), str(parts), str(TIMES)], check=True)
        files = [path for path in parts.rglob("*") if path.is_file()]
        held = {str(path.relative_to(parts)): path.read_bytes() for path in files}
        write_site(site, MemoryArchive(held), PAGE)
        with _served(site) as url:
            measured = run_script("seek.mjs", url, str(SEEKS))
    drawn = renderer(measured, idle_gpu=True)
    figures = []
    for what, key in (("any moment", "far"), ("the token beside", "near")):
        times = measured[key]
        figures.append(
            Figure(
                name=f"replay of {measured['steps']:,} tokens: {what}, p95",
                value=percentile(times, 95),
                unit="ms",
                reach=100,
                note=f"{len(times)} seeks, to the frame's submission; p50 {percentile(times, 50):.0f} ms, "
                f"slowest {max(times):.0f} ms; parts from a static host; {drawn}",
            )
        )
    return figures
