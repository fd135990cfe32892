"""A small session, part by part, and all that is done with one that a stranger made."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from cloudchamber.model.positions import METHODS, Positions
from cloudchamber.model.vocabulary import Vocabulary
from cloudchamber.sessions import archive
from cloudchamber.sessions.archive import (
    Archive,
    Attention,
    ExactDistribution,
    Frames,
    Norms,
    Tokens,
    positions_name,
)
from cloudchamber.sessions.container_format import ContainerError
from cloudchamber.sessions.file_store import FileStore
from cloudchamber.sessions.from_recording import MemoryArchive, from_recording
from cloudchamber.sessions.informative import choose_layer
from cloudchamber.sessions.reader import MissingError, Session
from cloudchamber.sessions.redact import Excerpt, Redacted
from cloudchamber.sessions.store_schema import StoreError
from cloudchamber.telemetry.codec import CodecError
from cloudchamber.telemetry.recording import read_recording

RECORDING: Final = Path(__file__).resolve().parent.parent / "playwright/fixtures/smollm2.chamber"
REFUSALS: Final = (CodecError, ContainerError, MissingError, StoreError)
"""How a part that is not what it should be is refused."""


def small_session() -> dict[str, bytes]:
    """One part of each kind, as few bytes as may be; the manifest is that of a real run."""
    whole = from_recording(read_recording(RECORDING))
    tokens = archive.read(whole, Tokens, "tokens/0")
    frames = archive.read(whole, Frames, "frames/0")
    assert tokens is not None
    assert frames is not None
    norm = np.zeros((3, 2), np.float32)
    ones = np.ones((2, 1), np.float32)
    parts: dict[str, Tokens | Frames | Norms | Attention | ExactDistribution] = {
        "tokens/0": Tokens(tokens=tokens.tokens[:2]),
        "frames/0": Frames.of(list(frames)[:2]),
        "norms": Norms(attention_norm=norm, mlp_norm=norm, output_norm=norm, residual_change=norm),
        "attention/23/0": Attention(
            query_start=0, rows=2, heads=1, keys=2, scale=ones, sink=ones,
            weights=np.ones((2, 1, 2), np.uint8),
        ),
        "distribution/0": ExactDistribution(probabilities=np.ones(4, np.float32)),
    }  # fmt: skip
    kept = {name: whole.part(name) or b"" for name in ("manifest", "timeline")}
    kept["vocabulary"] = Vocabulary(
        np.frombuffer(b"one two", np.uint8), np.array([0, 3, 7], np.uint32), np.ones(2, np.uint8), hash=""
    ).encode()
    for method in METHODS:
        kept[positions_name(method)] = Positions(
            method, np.ones((2, 3), np.float32), np.ones(2, np.float32), extent=1.0
        ).encode()
    return kept | {name: archive.encode(part) for name, part in parts.items()}


def use(held: Archive) -> None:
    """What notebooks, `cloudchamber open` and `cloudchamber export` do with a session. What is refused is
    refused as it should be; raises anything else."""
    for step in _uses(held):
        try:
            step()
        except REFUSALS:
            pass
        except IndexError as error:
            if not str(error).startswith("there is no "):  # as the reader says it
                raise


def _uses(held: Archive) -> Iterable[Callable[[], Any]]:
    yield lambda: _listed(held)
    yield lambda: [Redacted(Excerpt(held, [23], exact=True)).part(name) for name in held.names()]
    try:
        session = Session(held)
    except REFUSALS:
        return
    yield lambda: repr(session)
    yield lambda: choose_layer(held, session.manifest)
    yield lambda: len(session.tokens)
    yield lambda: session.distribution(0)
    yield lambda: session.attention(23, 0)
    yield lambda: session.attention_at(23, 1)
    yield lambda: session.norms
    yield lambda: list(session.state("cache"))
    yield lambda: [session.vocabulary.piece(token) for token in range(len(session.vocabulary))]
    for method in METHODS:
        yield partial(session.positions, method)


def _listed(held: Archive) -> None:
    """As the server of a file lists it, and hands out its parts."""
    store = FileStore(RECORDING, held)
    for info in store.list():
        json.dumps(dataclasses.asdict(info), allow_nan=False)
    kept = store.archive(store.session)
    assert kept is not None
    for name in kept.names():
        with suppress(*REFUSALS):
            kept.part(name)


def with_part(session: dict[str, bytes], name: str, body: bytes) -> MemoryArchive:
    """The session with another part in one's place."""
    return MemoryArchive({**session, name: body})
