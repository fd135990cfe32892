"""Write `fixtures/memory.json`: the memory of real runs, and the lengths that NumPy gives the bars of it.

Run as `.venv/bin/python frontend/test/record_memory.py`, then let Biome format it:
`npx biome format --write frontend/test/fixtures`. The weights' share comes from the model file's
tensors, that of the cache from its layers' cells: neither from the event that the page reads.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from gguf import GGUFReader
from record_monitor_run import plain

sys.path.insert(0, str(Path(__file__).parents[2]))

from cloudchamber.inference.engine import Engine
from cloudchamber.inference.options import EngineOptions
from cloudchamber.model.discovery import bundled
from cloudchamber.telemetry.commands import Generate
from cloudchamber.telemetry.events import CacheStatus, Event, MemoryUsage, Sampling
from tests import tiny_models

TARGET: Final = Path(__file__).parent / "fixtures" / "memory.json"


class Recorder:
    """Keeps the newest of cache and memory, and what is lossless."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_telemetry(self, event: Event) -> None:
        if event.kind in {"progress", "distribution"}:
            return
        if not event.lossless:
            self.events = [kept for kept in self.events if kept.kind != event.kind]
        self.events.append(event)

    def newest(self, kind: type[Any]) -> Any:
        return next(event for event in reversed(self.events) if isinstance(event, kind))


def expected(path: Path, memory: MemoryUsage, cache: CacheStatus) -> dict[str, Any]:
    """Shares of the bars, on a machine whose weights are in the host's memory.

    `process`: weights, cache, compute, and what is resident beyond them, of the greater of resident and
    their sum. `resident_at`: where the resident size ends on that bar.
    `devices`: weights, cache, compute, and other use, of each device's memory.
    """
    reader = GGUFReader(path)
    weights = sum(int(tensor.n_bytes) for tensor in reader.tensors)
    kv = int(cache.key_bytes.sum() + cache.value_bytes.sum())
    parts = np.array([weights, kv, memory.activations], float)
    whole = max(memory.process_resident, parts.sum())
    process = np.append(parts, max(memory.process_resident - parts.sum(), 0)) / whole
    devices = []
    for device in memory.devices:
        own = np.array([weights, kv, device.compute], float)
        other = max(device.total - device.free - own.sum(), 0)
        devices.append((np.append(own, other) / device.total).tolist())
    return {
        "tensor_bytes": weights,
        "process": process.tolist(),
        "resident_at": memory.process_resident / whole,
        "devices": devices,
    }


def record(path: Path, options: EngineOptions, prompt: str) -> dict[str, Any]:
    recorder = Recorder()
    with Engine.load(path, options, recorder) as engine:
        engine.want(frozenset({"cache", "memory"}), [])
        engine.generate(Generate(prompt=prompt, max_tokens=8, sampling=Sampling(temperature=0.8, seed=2)))
    memory, cache = recorder.newest(MemoryUsage), recorder.newest(CacheStatus)
    events = [{"kind": event.kind, **plain(event)} for event in recorder.events]
    return {"events": events, "expected": expected(path, memory, cache)}


def main() -> None:
    model = bundled()
    if model is None:
        raise SystemExit("the bundled model is not installed: uv sync")
    runs = {"smollm2": record(model.path, EngineOptions(n_ctx=1024), "Name a colour.")}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gemma3.gguf"
        tiny_models.write("gemma3", path)
        runs["gemma3"] = record(path, EngineOptions(n_ctx=8192, n_ubatch=64), "the cat sat on a mat")
    TARGET.write_text(json.dumps(runs, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
