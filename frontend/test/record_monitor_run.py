"""Write `fixtures/monitor_run.json`: events of a real run of the bundled model, for the monitor's tests.

Run as `.venv/bin/python frontend/test/record_monitor_run.py`, then let Biome format it:
`npx biome format --write frontend/test/fixtures`. Arrays become plain lists, bytes too.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from cloudchamber.inference.engine import Engine
from cloudchamber.inference.options import EngineOptions
from cloudchamber.model.discovery import bundled
from cloudchamber.telemetry.commands import Generate
from cloudchamber.telemetry.events import Event, Sampling

KEPT = {"model_loaded", "run_started", "prompt_processed", "token", "run_state", "cache", "memory"}
TARGET = Path(__file__).parent / "fixtures" / "monitor_run.json"


def plain(value: Any) -> Any:
    """A JSON value; arrays as `{data, shape}`, which is how the page sees them."""
    if isinstance(value, np.ndarray):
        return {"data": value.ravel().tolist(), "shape": list(value.shape), "dtype": value.dtype.str[1:]}
    if isinstance(value, bytes):
        return list(value)
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


class Recorder:
    """Keeps what the monitor shows; of cache and memory, the newest."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def on_telemetry(self, event: Event) -> None:
        if event.kind not in KEPT:
            return
        if not event.lossless:
            self.events = [kept for kept in self.events if kept["kind"] != event.kind]
        self.events.append({"kind": event.kind, **plain(event)})


def main() -> None:
    model = bundled()
    if model is None:
        raise SystemExit("the bundled model is not installed: uv sync")
    recorder = Recorder()
    engine = Engine.load(model.path, EngineOptions(n_ctx=1024), recorder)
    engine.want(frozenset({"cache", "memory"}), [])
    sampling = Sampling(temperature=1.0, top_k=40, top_p=1.0, min_p=0.0, seed=2)
    engine.generate(Generate(prompt="Name a colour.", max_tokens=24, sampling=sampling))
    TARGET.write_text(json.dumps(recorder.events, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
