"""Writes `fixtures/session.cloudchamber`: a small file that the front end's reader is tested on.

.venv/bin/python frontend/test/make_session.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cloudchamber.sessions.container_writer import write_container
from cloudchamber.sessions.from_recording import MemoryArchive
from cloudchamber.telemetry import codec

FILE = Path(__file__).parent / "fixtures/session.cloudchamber"
PARTS = {
    "manifest": codec.encode({"format": 1, "title": "Tiny", "steps": 3}),
    "timeline": codec.encode({"time": np.arange(6, dtype=np.float64), "p": np.full(6, 0.5, np.float32)}),
    "tokens/0": codec.encode(
        {"tokens": [{"step": step, "token_text": f" word {step}"} for step in range(20)]}
    ),
    "attention/11/0": codec.encode({"weights": np.zeros((8, 8), np.uint8), "scale": np.ones(8, np.float32)}),
}

if __name__ == "__main__":
    print(write_container(FILE, MemoryArchive(PARTS)))
