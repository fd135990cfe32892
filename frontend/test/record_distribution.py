"""Write an encoded distribution and what Python reads from it, for the front end's tests.

Run as `.venv/bin/python frontend/test/record_distribution.py`. The vocabulary is odd and spans
two blocks of 65,536 ids.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cloudchamber.telemetry import codec, distribution

N_VOCAB = 70_001
SAMPLED = 700


def main() -> None:
    random = np.random.default_rng(7)
    logits = (2.5 * random.standard_normal(N_VOCAB)).astype(np.float32)
    logits[[5, 65_535, 65_536, N_VOCAB - 1]] += 9
    event = distribution.Encoder(N_VOCAB).encode_logits(logits, run_id="r", step=3)
    decoded = distribution.decode(event)
    edges = [0, 1, 65_534, 65_535, 65_536, 65_537, N_VOCAB - 2, N_VOCAB - 1]
    listed = event.index_low[:50].astype("<u4")
    drawn = random.choice(N_VOCAB, SAMPLED, replace=False)
    ids = np.unique(np.concatenate([edges, listed, drawn, event.top_ids])).astype("<u4")
    message = {"event": event, "ids": ids, "probabilities": decoded[ids].astype("<f4")}
    path = Path(__file__).parent / "fixtures" / "distribution.msgpack"
    path.write_bytes(codec.encode(message))


if __name__ == "__main__":
    main()
