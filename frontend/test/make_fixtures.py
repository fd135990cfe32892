"""Write the encoded messages that the front end's tests decode: real bytes of the real codec.

Run as `.venv/bin/python frontend/test/make_fixtures.py`; with `--check` it only says whether
they are stale (exit code 1).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from cloudchamber.telemetry import codec
from cloudchamber.telemetry.events import (
    AttentionWeights,
    CacheStatus,
    Progress,
    RunState,
    TokenGenerated,
)
from cloudchamber.telemetry.messages import Frame, Welcome

HERE = Path(__file__).parent / "fixtures"


def arrays() -> dict[str, Any]:
    """One array of each dtype, after strings of odd lengths that would throw it off its place."""
    message: dict[str, Any] = {}
    for i, dtype in enumerate(codec.DTYPES):
        for length in (0, 1, 3, 70_000 if dtype == "u1" else 300):
            name = f"{dtype}_{length}"
            message[f"pad_{name}"] = "x" * (i + length % 7)
            message[name] = (np.arange(length) % 120).astype(f"<{dtype}")
    message["matrix"] = np.arange(12, dtype="<f4").reshape(3, 4)
    return message


def token(step: int) -> TokenGenerated:
    return TokenGenerated(
        run_id="run-1",
        step=step,
        position=24 + step,
        token_id=1000 + step,
        token_text=" café" if step % 2 else "\ufffd",
        token_bytes=" café".encode() if step % 2 else b"\xc3",
        probability=0.25,
        rank=2,
        entropy=1.5,
        sampled_probability=0.5,
        sampled_entropy=0.7,
        sampled_count=3,
        top_ids=np.arange(20, dtype="<u4"),
        top_p=np.linspace(0.4, 0.001, 20).astype("<f4"),
        decode_seconds=0.02,
        tokens_per_sec=44.2,
        eog=False,
    )


def frame() -> Frame:
    layers = 30
    cache = CacheStatus(
        run_id="run-1",
        layer=np.arange(layers, dtype="<u2"),
        seq_len=np.full(layers, 26, "<u4"),
        max_len=np.full(layers, 1024, "<u4"),
        offset=np.zeros(layers, "<u4"),
        window=np.zeros(layers, "<u4"),
        write_head=np.full(layers, 26, "<u4"),
        key_bytes=np.full(layers, 1 << 33, "<u8"),
        value_bytes=np.full(layers, 1 << 33, "<u8"),
        memory_bytes=30 << 34,
    )
    attention = AttentionWeights(
        run_id="run-1",
        layer=3,
        head=5,
        query_start=24,
        weights=np.array([[0.5, 0.25, 0.25, 0], [0.125, 0.125, 0.25, 0.5]], "<f2"),
        sink=np.zeros(2, "<f4"),
    )
    return Frame(
        number=7,
        time=1.25,
        first_seq=11,
        events=[
            token(0),
            token(1),
            RunState(run_id="run-1", phase="finished", reason="end", message="Done."),
        ],
        state=[cache, attention, Progress(task="positions", fraction=0.5, message="UMAP", done=False)],
    )


MESSAGES: dict[str, Any] = {
    "arrays.msgpack": arrays,
    "frame.msgpack": frame,
    "welcome.msgpack": lambda: Welcome(
        protocol=1, session="s", version="0.1.0", resumed=False, control=True, right="owner"
    ),
}


def main() -> int:
    stale = []
    for name, make in MESSAGES.items():
        path, data = HERE / name, codec.encode(make())
        if "--check" not in sys.argv:
            path.write_bytes(data)
        elif not path.exists() or path.read_bytes() != data:
            stale.append(name)
    if stale:
        print(f"stale, run {Path(__file__).name}: {', '.join(stale)}")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
