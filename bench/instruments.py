"""Figures of the instruments: scripts with all of them on, how soon a choice is a picture, memory."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench import decode
from bench.decode import prompt_of
from bench.figures import Figure, percentile
from bench.page import MEBIBYTE, SECONDS, renderer, run_script, watch_page
from bench.product import Server, Viewer
from cloudchamber.telemetry.commands import GetFlow
from soak.crowd_process import stage
from tests import tiny_models

SCREEN = (1920, 1080)
"""The cockpit with all its instruments. Its pixels are left out where the renderer is software."""
CHANGES = 40
ROLLOUT_EVERY = 0.25
ROLLOUT_SHARE = 1 / 20
ROLLOUT_SLOWEST = 2.0
"""Seconds between two questions of the flow at least, of the time for their answers, and at most."""
LONG = 10_000
SHORT = 1_000
"""Tokens after which the page's memory is compared."""
BIG_PROMPT = "the cat sat on a mat and " * 98
"""About 1,080 tokens of the tiny models: more than a matrix holds exactly."""


def measure_scripts(rounds: int) -> list[Figure]:
    """Scripts of the whole cockpit: SmolLM2's recorded run as the server shows it, with nothing
    computed beside it; SmolLM2 live, on the page's own cores, where a frame takes in what came of
    several; and 64 layers of 64 heads."""
    with stage(None) as server:
        recorded = watch_page(server.page, SECONDS, idle_gpu=True, viewport=SCREEN)
    with Server("--no-autostart", "--threads", "1") as server:
        server.wait()
        small = watch_page(server.url, SECONDS, idle_gpu=True, viewport=SCREEN, prompt=prompt_of(32))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.gguf"
        tiny_models.write("wide", path)
        with Server(str(path), "--no-autostart", "--ctx", "8192") as server:
            server.wait()
            big = watch_page(server.url, SECONDS, idle_gpu=True, viewport=SCREEN, prompt=BIG_PROMPT)
    figures = []
    for name, reach, measured in (
        ("all instruments, SmolLM2's recorded run", 3, recorded),
        ("all instruments, SmolLM2 beside the page", 3, small),
        ("64 layers × 64 heads", 4, big),
    ):
        script = measured["script"]
        if not measured["latency"]:  # a recorded run begins anew, and its tokens with it
            raise RuntimeError(f"nothing of a run came in {SECONDS} s")
        note = f"thread time; {len(script)} frames; p50 {percentile(script, 50):.2f} ms; " + (
            renderer(measured, idle_gpu=True)
        )
        figures.append(
            Figure(
                name=f"JavaScript per frame, {name}, p95",
                value=percentile(script, 95),
                unit="ms",
                reach=reach,
                note=note,
            )
        )
    largest = big["asked"]["largestBuffer"] / MEBIBYTE
    figures.append(
        Figure(name="largest GPU buffer, 64 layers × 64 heads", value=largest, unit="MiB", reach=128)
    )
    return figures


def measure_choice(rounds: int) -> list[Figure]:
    """From a key that chooses another layer or head to the frame with its whole matrix, as SmolLM2 writes."""
    with Server("--no-autostart", "--threads", "1") as server:
        server.wait()
        measured = run_script("select.mjs", server.url, str(CHANGES), prompt_of(32))
    times = [change["ms"] for change in measured["found"]]
    longest = max(change["length"] for change in measured["found"])
    return [
        Figure(
            name="layer or head chosen to its matrix drawn, p95",
            value=percentile(times, 95),
            unit="ms",
            reach=150,
            note=f"{len(times)} heads, up to {longest} positions; p50 {percentile(times, 50):.0f} ms; "
            + renderer(measured, idle_gpu=True),
        )
    ]


class Cockpit(Viewer):
    """A viewer that asks as the page does with every instrument open and the flow through all layers:
    `PACE`, `SHARE` and `SLOWEST` of `flow_feed.ts`."""

    lead = 150
    """The first answer takes rows of every position so far from between the decodes; later ones, the new."""
    request = 0
    asked_at = 0.0
    due = 0.0

    def _read(self) -> bytes:
        now = time.perf_counter()
        if self.connected and now >= self.due:
            self.asked_at, self.due = now, now + ROLLOUT_EVERY
            self.request += 1
            self.send(GetFlow(request=self.request, mode="rollout"))
        data = super()._read()
        if b"flow_reply" in data:
            took = time.perf_counter() - self.asked_at
            self.due = self.asked_at + max(ROLLOUT_EVERY, min(took / ROLLOUT_SHARE, ROLLOUT_SLOWEST))
        return data


def measure_open(rounds: int) -> list[Figure]:
    """Decode speed with every instrument open, against bare llama.cpp: as the page opens them, which asks
    nothing but the stream's parts and one head's rows; and with the flow rolled out through all layers,
    which takes every head's newest row in every layer, between two decodes."""
    opened = decode.measure(rounds, Viewer, "decode with every instrument open")
    rolled = decode.measure(rounds, Cockpit, "decode with the flow rolled out")
    return [figure for figure in (*opened, *rolled) if figure.at_least]


def measure_memory(rounds: int) -> list[Figure]:
    """The page's memory after a long run of a real, tiny model, against that after a short one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "endless.gguf"
        tiny_models.write("endless", path)
        with Server(str(path), "--no-autostart", "--ctx", str(LONG + 4096), "--threads", "1") as server:
            server.wait()
            measured = run_script("memory.mjs", server.url, "the cat sat", str(SHORT), str(LONG))
    short, long = (found["heap"] + found["arrays"] + found["dom"] for found in measured["found"])
    counts = [found["tokens"] for found in measured["found"]]
    return [
        Figure(
            name="page memory after a long run ÷ a short one",
            value=long / MEBIBYTE,
            unit="MiB",
            against=short / MEBIBYTE,
            ratio=long / short,
            reach=1.1,
            note=f"after {counts[1]:,} and {counts[0]:,} tokens; script heap, arrays and DOM, collected",
        )
    ]
