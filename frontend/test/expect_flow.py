"""Write `fixtures/flow.json`: where attention flows in the recorded runs, as NumPy finds it.

Reads the newest attention row of `fixtures/instruments_*.json`, which `record_instruments.py` writes. Run as
`.venv/bin/python frontend/test/expect_flow.py`, then let Biome format it:
`npx biome format --write frontend/test/fixtures`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

FIXTURES = Path(__file__).parent / "fixtures"
RUNS = ("smollm2", "gemma3", "gpt_oss", "mixtral")
THRESHOLDS = (0.0, 0.02, 0.1)
MOST = 10


def flow(weights: np.ndarray[Any, Any], sink: float, threshold: float) -> dict[str, Any]:
    """The sources of a row of `weights` f8[K], in the order of the text, and what is left of it."""
    above = np.flatnonzero((weights >= threshold) & (weights > 0))
    strongest = np.sort(above[np.argsort(-weights[above], kind="stable")[:MOST]])
    shown = weights[strongest].sum()
    return {
        "threshold": threshold,
        "positions": strongest.tolist(),
        "weights": weights[strongest].tolist(),
        "dominant": int(strongest[np.argmax(weights[strongest])]),
        "shown": shown,
        "others": {"tokens": len(weights) - len(strongest), "weight": weights.sum() - shown},
        "sink": sink,
        "crowded": len(above) - len(strongest),
    }


def without_first(weights: np.ndarray[Any, Any], sink: float) -> dict[str, Any]:
    """As `flow`, of what is left without the first token, as shares of it."""
    by = (weights.sum() + sink) / (weights[1:].sum() + sink)
    expected = flow(np.concatenate([[0.0], weights[1:] * by]), sink * by, 0.02)
    expected["others"]["tokens"] -= int(weights[0] > 0)
    return {**expected, "left_out": weights[0]}


def main() -> None:
    found = {}
    for name in RUNS:
        run = json.loads((FIXTURES / f"instruments_{name}.json").read_text())
        event = [event for event in run["events"] if event["kind"] == "attention"][-1]
        rows = np.array(event["weights"]["data"], np.float64).reshape(event["weights"]["shape"])
        sink = event["sink"]["data"][-1]
        found[name] = [
            *({**flow(rows[-1], sink, threshold), "left_out": 0.0} for threshold in THRESHOLDS),
            without_first(rows[-1], sink),
        ]
    (FIXTURES / "flow.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
