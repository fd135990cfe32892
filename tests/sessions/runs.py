"""Small runs for the store's tests, made of nothing but the schema."""

from __future__ import annotations

import random
from dataclasses import replace

from cloudchamber.sessions.archive import StoredFrame
from cloudchamber.sessions.store_writing import Batch, Head
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.events import ModelLoaded, TokenGenerated
from cloudchamber.telemetry.messages import Frame
from tests.telemetry import samples

MODEL: ModelLoaded = samples.model_loaded()


def session_id(number: int) -> str:
    return f"{number:016x}"


def head(number: int, prompt: str = "Once upon a time", created: float = 0.0) -> Head:
    started = replace(samples.run_started(session_id(number)), prompt=prompt)
    return Head(session_id(number), created or float(number), MODEL, started)


def token(number: int, step: int) -> TokenGenerated:
    return samples.token(step, session_id(number))


def batch(number: int, first: int, frames: int, *, seals: bool = False, padding: int = 0) -> Batch:
    """`frames` frames with a token each, of steps from `first` on, 30 a second."""
    made = Batch(seals=seals)
    for step in range(first, first + frames):
        event = token(number, step)
        frame = Frame(number=step + 7, time=step / 30, first_seq=step + 2, events=[event])
        data = codec.encode(frame) + random.Random(step).randbytes(padding)
        made.frames.append((StoredFrame(step + 7, step / 30, data), 1))
        made.tokens.append((step, step / 30, codec.encode(event)))
    return made
