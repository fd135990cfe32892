"""What laying out the widest vocabulary there is takes: 262,144 tokens of 5,120 numbers, in memory."""

from __future__ import annotations

import contextlib
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Any

import gguf
import numpy as np
import psutil

from bench.figures import Figure
from cloudchamber.telemetry import codec

TOKENS = 262_144
WIDTH = 5_120
BLOCK = 4_096
"""Rows written at once. All have the same noise, which makes a file in seconds."""
KINDS = 64
"""Directions in which the tokens lie, as those of real models lie in some more than in others."""
MOST_MIB = 4_096
LOOK = 0.05
"""Seconds between two looks at the process's memory."""


def write_embedding(path: Path) -> None:
    """Write a GGUF that holds nothing but the embedding, F16, 2.7 GB. Deterministic."""
    random = np.random.default_rng(0)
    directions = random.standard_normal((KINDS, WIDTH), np.float32)
    noise = random.standard_normal((BLOCK, WIDTH), np.float32)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_block_count(1)
    shape, size = (TOKENS, WIDTH), 2 * TOKENS * WIDTH
    writer.add_tensor_info("token_embd.weight", shape, np.dtype(np.float16), size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    assert writer.fout is not None
    file = writer.fout[0]
    file.write(bytes(-file.tell() % writer.data_alignment))
    for _ in range(TOKENS // BLOCK):
        weights = random.standard_normal((BLOCK, KINDS), np.float32)
        file.write((weights @ directions + noise).astype(np.float16).tobytes())
    writer.close()


def measure(minutes: float) -> list[Figure]:
    """The layout's process as the server runs it, to its end, or for so long where minutes are given."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "wide.gguf")
        write_embedding(path)
        began = time.monotonic()
        peak, said = _watch(path, 60 * minutes)
    done = [message["method"] for message in said if message["kind"] == "positions"]
    if not minutes and done != ["pca", "umap"]:
        raise RuntimeError(f"the layout ended with {said[-1:]}")
    return [
        Figure(
            name=f"peak memory of laying out {TOKENS:,} x {WIDTH:,}",
            value=peak / (1 << 20),
            unit="MiB",
            reach=MOST_MIB,
            note=f"{' and '.join(done) or 'nothing'} after {time.monotonic() - began:.0f} s",
        )
    ]


def _watch(path: Path, most_seconds: float) -> tuple[int, list[dict[str, Any]]]:
    """The greatest number of bytes the process had, and what it said; 0 seconds are as many as it takes."""
    command = [sys.executable, "-m", "cloudchamber.model.projection", str(path), "pca", "umap"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    said: list[dict[str, Any]] = []
    listener = threading.Thread(target=_listen, args=(process.stdout, said))
    listener.start()
    peak, began, memory = 0, time.monotonic(), psutil.Process(process.pid)
    while process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            peak = max(peak, memory.memory_info().rss)
        if most_seconds and time.monotonic() - began > most_seconds:
            process.kill()
        time.sleep(LOOK)
    listener.join()
    return peak, said


def _listen(stream: IO[bytes], said: list[dict[str, Any]]) -> None:
    """Keep what the process says, but for its progress and the positions themselves."""
    while len(head := stream.read(4)) == 4:
        message = codec.decode(stream.read(struct.unpack("<I", head)[0]))
        if message["kind"] != "progress":
            said.append({name: value for name, value in message.items() if name != "body"})
