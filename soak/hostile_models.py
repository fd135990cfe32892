"""200 GGUF files that lie, in a server that goes on: truncated, random, flipped, with huge counts."""

from __future__ import annotations

import json
import random
import statistics
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.product import Server, Viewer
from cloudchamber.telemetry.commands import Load
from tests import tiny_models

FILES = 200
WITHIN = 5.0
"""Seconds an answer may take."""
WAIT = 60.0
"""Seconds after which none will come."""


def crafted(good: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file. The same ones in every run."""
    chance = random.Random(4)
    count = FILES // 4
    for i in range(count):
        yield f"truncated-{i}", good[: chance.randrange(4, len(good))]
    for i in range(count):
        head = b"GGUF" + struct.pack("<I", 3) if i % 2 else b"GGUF"
        yield f"random-{i}", head + chance.randbytes(chance.randrange(16, 100_000))
    for i in range(count):
        data = bytearray(good)
        # The header is a small part of the file, and nearly all that can be read wrongly.
        reach = 40_000 if i % 2 else len(data)
        for _ in range(chance.choice((1, 4, 64))):
            data[chance.randrange(4, min(reach, len(data)))] ^= 1 << chance.randrange(8)
        yield f"flipped-{i}", bytes(data)
    for i in range(FILES - 3 * count):
        yield f"huge-{i}", huge(good, chance)


def huge(good: bytes, chance: random.Random) -> bytes:
    """A count, a length or a hyperparameter that is far too large."""
    data = bytearray(good)
    most = chance.choice(((1 << 63) - 1, (1 << 64) - 1, 1 << 32, 1 << 40))
    where = chance.randrange(3)
    if where == 0:
        struct.pack_into("<Q", data, chance.choice((8, 16)), most)  # tensors, pairs
        return bytes(data)
    names = (b"block_count", b"embedding_length", b"head_count", b"context_length", b"feed_forward_length")
    name = chance.choice(names) if where == 1 else b"tokenizer.ggml.tokens"
    at = data.find(name) + len(name)
    kind = struct.unpack_from("<I", data, at)[0]
    if kind == 9:
        struct.pack_into("<Q", data, at + 8, most)  # elements of the array
    else:
        struct.pack_into("<I", data, at + 4, chance.choice((0xFFFFFFFF, 0x7FFFFFFF, 1 << 20, 0)))
    return bytes(data)


def measure(minutes: float) -> list[Figure]:
    """Load each as a person would: found on this machine, chosen on the page."""
    with tempfile.TemporaryDirectory(prefix="cloudchamber-") as home:
        good = Path(home) / "good.gguf"
        tiny_models.write("llama", good)
        folder = Path(home) / ".lmstudio/models/soak/hostile"
        folder.mkdir(parents=True)
        for name, data in crafted(good.read_bytes()):
            (folder / f"{name}.gguf").write_bytes(data)
        words = ("--ctx", "256", "--no-autostart", "--no-record")
        with Server(str(good), *words, environment={"HOME": home}) as server:
            server.wait()
            return load_all(server)


def load_all(server: Server) -> list[Figure]:
    found = json.loads(server.get("api/models"))["models"]
    names = {model["id"]: model["name"] for model in found if "/hostile/" in model["name"]}
    ids = list(names)
    if len(ids) != FILES:
        raise RuntimeError(f"{len(ids)} of {FILES} files are listed")
    viewer = Viewer(server, parts=())
    if answer(viewer, WAIT) != "model_loaded":
        raise RuntimeError("the good model could not be loaded")
    took: dict[str, float] = {}
    silent, loaded, down = list[str](), 0, list[str]()
    for model in ids:
        viewer.drain()
        begin = time.monotonic()
        viewer.send(Load(model=model))
        outcome = answer(viewer, WITHIN, model)
        took[model] = time.monotonic() - begin
        loaded += outcome == "model_loaded"
        if not outcome:
            silent.append(names[model])
            answer(viewer, WAIT, model)  # what comes late must not pass for the next one's
        with suppress(OSError):
            if json.loads(server.get("healthz")):
                continue
        down.append(names[model])
    viewer.close()
    slowest = max(took, key=took.__getitem__)
    served = len(ids) - len(set(silent) | set(down))
    return [
        Figure(
            name="crafted GGUFs: still serving, and an answer within 5 s",
            value=served,
            unit="files",
            reach=FILES,
            at_least=True,
            note=f"of {len(ids)} found; {loaded} could be loaded after all; median "
            f"{statistics.median(took.values()) * 1000:.0f} ms, slowest {took[slowest]:.1f} s "
            f"({Path(names[slowest]).stem})" + (f"; silent: {', '.join(silent[:5])}" if silent else ""),
        )
    ]


def answer(viewer: Viewer, seconds: float, model: str | None = None) -> str:
    """Kind of the event or message that says what became of a load; empty if none came in time.

    Of `model`, if it is given: an earlier one's layout may fail as late as it likes.
    """
    end = time.monotonic() + seconds
    with suppress(TimeoutError):
        while (left := end - time.monotonic()) > 0:
            message = next(viewer.messages(timeout=left))
            if message["kind"] == "rejected":
                return "rejected"
            for event in message.get("events", ()):
                if says(event, model):
                    return str(event["kind"])
    return ""


def says(event: dict[str, Any], model: str | None) -> bool:
    """Whether an event says what became of a load."""
    if event["kind"] == "model_loaded":
        return model is None or event["model"]["id"] == model
    return event["kind"] == "problem" and event["code"] != "positions" and bool(event["message"])
