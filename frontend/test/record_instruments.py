"""Write `fixtures/instruments_*.json`: real runs with every kind of state, for the instruments' tests.

Beside the events stands what NumPy makes of them (`expected`), which the page's models must agree with.
Run as `.venv/bin/python frontend/test/record_instruments.py`, then let Biome format it:
`npx biome format --write frontend/test/fixtures`. Arrays become plain lists with their dtype.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from record_monitor_run import plain

sys.path.insert(0, str(Path(__file__).parents[2]))

from cloudchamber.inference.engine import Engine
from cloudchamber.inference.options import EngineOptions
from cloudchamber.model.discovery import bundled
from cloudchamber.telemetry.commands import Generate
from cloudchamber.telemetry.events import (
    AttentionWeights,
    CacheStatus,
    Event,
    HeadSummary,
    LayerActivation,
    ModelLoaded,
    Sampling,
)
from tests import tiny_models

FIXTURES = Path(__file__).parent / "fixtures"
KEPT = {"model_loaded", "run_started", "prompt_processed", "token", "run_state"}
SHORT = "the cat sat on a mat and the cat sat"
STATE_KEPT = 2
"""Newest state events of each kind that are written."""


def whole(value: Any) -> Any:
    """JSON knows no NaN: null instead."""
    if isinstance(value, dict):
        return {name: whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


class Recorder:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_telemetry(self, event: Event) -> None:
        if event.kind in KEPT or event.kind in {"layers", "heads", "cache", "attention", "experts"}:
            self.events.append(event)

    def newest(self, kind: type[Any]) -> Any:
        return next((event for event in reversed(self.events) if isinstance(event, kind)), None)

    def written(self) -> list[dict[str, Any]]:
        left = {event.kind: STATE_KEPT for event in self.events if not event.lossless}
        kept: list[Event] = []
        for event in reversed(self.events):
            if not event.lossless:
                left[event.kind] -= 1
                if left[event.kind] < 0:
                    continue
            kept.append(event)
        return [{"kind": event.kind, **plain(event)} for event in reversed(kept)]


def expected(recorder: Recorder) -> dict[str, Any]:
    """What the newest state means, by NumPy."""
    windows = recorder.newest(ModelLoaded).model.windows
    found: dict[str, Any] = {}
    if (layers := recorder.newest(LayerActivation)) is not None:
        norms = np.stack([layers.attention_norm, layers.mlp_norm, layers.output_norm], 1).astype(float)
        with np.errstate(all="ignore"):
            found["places"] = np.clip(np.log10(norms) / 3, 0, 1)
        known = norms.shape[0] - np.isnan(norms).sum(0)
        order = np.argsort(-np.nan_to_num(norms, nan=-1), axis=0, kind="stable")
        found["strong"] = [sorted(order[:3, b].tolist()) if known[b] > 3 else [] for b in range(3)]
    if (heads := recorder.newest(HeadSummary)) is not None:
        keys = np.full(len(windows), heads.position + 1)
        keys = np.where(windows > 0, np.minimum(windows, keys), keys)
        focus = 1 - heads.entropy.astype(float) / np.log(keys)[:, None]
        found["focus"] = np.clip(np.nan_to_num(focus), 0, 1) ** 2.1
    if (cache := recorder.newest(CacheStatus)) is not None:
        full = np.maximum(cache.max_len, 1)
        found["key_bytes_used"] = cache.key_bytes.astype(float) * cache.seq_len / full
        found["value_bytes_used"] = cache.value_bytes.astype(float) * cache.seq_len / full
    if (rows := recorder.newest(AttentionWeights)) is not None:
        found["attention"] = rows.weights[-1].astype(np.float32)
    return {name: plain(value) for name, value in found.items()}


def record(
    name: str, path: Path, head: tuple[int, int], options: EngineOptions, prompt: str, tokens: int
) -> None:
    recorder = Recorder()
    with Engine.load(path, options, recorder) as engine:
        engine.want(frozenset({"layers", "heads", "cache", "attention", "experts"}), [head])
        sampling = Sampling(temperature=0.8, seed=2)
        engine.generate(Generate(prompt=prompt, max_tokens=tokens, sampling=sampling))
    held = {"events": recorder.written(), "expected": expected(recorder)}
    target = FIXTURES / f"instruments_{name}.json"
    target.write_text(json.dumps(whole(held), ensure_ascii=False, separators=(",", ":")) + "\n")


def main() -> None:
    model = bundled()
    if model is None:
        raise SystemExit("the bundled model is not installed: uv sync")
    record("smollm2", model.path, (23, 5), EngineOptions(n_ctx=1024, state_hz=10_000), "Name a colour.", 12)
    with tempfile.TemporaryDirectory() as folder:
        for family in ("gemma3", "gpt_oss", "mamba", "mixtral"):
            path = Path(folder) / f"{family}.gguf"
            tiny_models.write(family, path)
            record(family, path, (0, 0), EngineOptions(n_ctx=256, state_hz=10_000), SHORT, 8)
        # Longer than its 256 cells: the first ones are taken again.
        tiny_models.write("gemma3", path := Path(folder) / "rotating.gguf")
        rotating = EngineOptions(n_ctx=1024, n_ubatch=64, state_hz=10_000, rotating_cache=True)
        record("rotating", path, (0, 0), rotating, SHORT * 20, 8)


if __name__ == "__main__":
    main()
