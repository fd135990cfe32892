"""A kept session as NumPy arrays, for notebooks: `cloudchamber.open(path_or_id)`.

    with cloudchamber.open("newest") as session:
        session.entropy                     # f4[T], nats
        session.distribution(12)            # f4[V], the softmax that token 12 was drawn from
        session.attention(3, 12)            # f4[H, K], layer 3's heads when it was drawn

Arrays are read from the session's parts when they are asked for.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cloudchamber.model.positions import Method
from cloudchamber.sessions import archive, recorder_words, retention
from cloudchamber.sessions.archive import (
    MANIFEST,
    NORMS,
    QUERIES_PER_PART,
    TIMELINE,
    TOKENS_PER_PART,
    VOCABULARY,
    Archive,
    Attention,
    ExactDistribution,
    Frames,
    Manifest,
    Norms,
    StoredFrame,
    Timeline,
    Tokens,
    attention_name,
    distribution_name,
    frames_name,
    positions_name,
    tokens_name,
)
from cloudchamber.sessions.archive_bodies import PositionsPart, VocabularyPart
from cloudchamber.sessions.find import opened
from cloudchamber.sessions.shares import withdraw_links
from cloudchamber.sessions.store import Store
from cloudchamber.sessions.store_folder import data_folder, remembered_limit, store_path
from cloudchamber.sessions.store_room import Room
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.events import F4, U4, TokenGenerated

log = logging.getLogger("cloudchamber.sessions")

type F8 = NDArray[np.float64]


class MissingError(KeyError):
    """The session does not hold what was asked for; the text says why."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class TokenColumns:
    """The tokens of a run, a row for each step."""

    ids: U4
    """[T]"""
    text: list[str]
    position: U4
    """[T] cell each token took in the context."""
    time: F8
    """[T] seconds from the run's start."""
    probability: F4
    """[T] of the full softmax."""
    rank: U4
    """[T] 1 is the most probable."""

    def __len__(self) -> int:
        return len(self.ids)


class Session:
    """A kept run. Close it, or use it in a `with` statement."""

    def __init__(self, held: Archive, close: ExitStack | None = None) -> None:
        """Raises `ValueError` for an archive without a manifest."""
        manifest = archive.read(held, Manifest, MANIFEST)
        if manifest is None:
            raise ValueError("the session has no manifest")
        self.archive = held
        self.manifest = manifest
        self._close = close
        self._attention = lru_cache(maxsize=64)(self._attention_part)

    @property
    def title(self) -> str:
        return self.manifest.title

    @property
    def model_hash(self) -> str:
        """SHA-256 of the model's file, to compare with what `sha256sum` gives or a model hub shows; of a
        split model, of its files one after the other. Empty where it is not known."""
        return self.manifest.model_hash

    @property
    def steps(self) -> int:
        """Tokens that were generated, T."""
        return len(self.timeline.token)

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt, with its template: positions before the first generated token."""
        return len(self.manifest.started.prompt_ids)

    def __repr__(self) -> str:
        steps = self.manifest.steps
        return f"<Session {self.manifest.id} “{self.title}”, {steps:,} token{'' if steps == 1 else 's'}>"

    # ---------------------------------------------------------------------------- all steps

    @cached_property
    def timeline(self) -> Timeline:
        """Time, token, position, probability, rank and entropy of every step."""
        return self._part(Timeline, TIMELINE)

    @property
    def entropy(self) -> F4:
        """Nats of the full softmax that each token was drawn from, f4[T]."""
        return self.timeline.entropy

    @cached_property
    def tokens(self) -> TokenColumns:
        """What was generated."""
        timeline = self.timeline
        return TokenColumns(
            ids=timeline.token,
            text=[event.token_text for event in self.events],
            position=timeline.position,
            time=timeline.time,
            probability=timeline.p,
            rank=timeline.rank,
        )

    @cached_property
    def events(self) -> list[TokenGenerated]:
        """The tokens' events, with their top 20 and what the samplers made of them."""
        chunks = range(-(-self.manifest.steps // TOKENS_PER_PART))
        parts = [self._part(Tokens, tokens_name(chunk)) for chunk in chunks]
        return [event for part in parts for event in part.tokens]

    @cached_property
    def norms(self) -> Norms:
        """Norms of every layer at every position, prompt and all, f4[P, L] each. Raises `MissingError`."""
        return self._part(Norms, NORMS)

    @cached_property
    def vocabulary(self) -> VocabularyPart:
        """Every token's bytes and type. Raises `MissingError`."""
        return self._part(VocabularyPart, VOCABULARY)

    def positions(self, method: Method) -> PositionsPart:
        """Where the tokens stand in the nebula, by `pca` or `umap`. Raises `MissingError`."""
        return self._part(PositionsPart, positions_name(method))

    # ------------------------------------------------------------------------------ one step

    def distribution(self, step: int) -> F4:
        """The softmax that a step's token was drawn from, before the samplers, f4[V]: the very
        numbers, rounded to F32 once. Raises `IndexError`, `MissingError`."""
        at = self._step(step)
        part: ExactDistribution = self._part(ExactDistribution, distribution_name(at))
        return part.probabilities

    def attention(self, layer: int, step: int) -> F4:
        """Attention of a layer's heads when a step's token was drawn, f4[H, K] over the positions
        up to the one before it. Within `manifest.attention_error`; what is missing of 1 is the
        sink's. Raises `IndexError`, `MissingError`."""
        return self.attention_at(layer, self._query(step))

    def sink(self, layer: int, step: int) -> F4:
        """Share that went to each head's attention sink, f4[H]; 0 where the model has none."""
        part, row = self._row(layer, self._query(step))
        share: F4 = part.sink[row]
        return share

    def attention_at(self, layer: int, position: int) -> F4:
        """Attention of a layer's heads at any position of the run, f4[H, position + 1]."""
        part, row = self._row(layer, position)
        scale = part.scale[row][:, None]
        if np.isnan(scale).any():
            raise MissingError(f"the attention at position {position:,} was not recorded")
        weights: F4 = part.weights[row, :, : position + 1] * scale
        return weights

    def frames(self) -> Iterator[StoredFrame]:
        """The very frames a viewer got, in order; `codec.decode(frame.data)` is what one says."""
        for chunk in range(len(self.manifest.frame_chunks)):
            yield from self._part(Frames, frames_name(chunk))

    def state(self, kind: str) -> Iterator[tuple[float, dict[str, Any]]]:
        """Time and content of every state of one kind (`layers`, `heads`, `cache`, `memory`, …)
        that the frames hold: the newest thirty times a second, not that of every token."""
        for frame in self.frames():
            for event in _states(frame):
                if event.get("kind") == kind:
                    yield frame.time, event

    # --------------------------------------------------------------------------------- parts

    def _step(self, step: int) -> int:
        """Steps may be counted from the end, as in a list."""
        at = step + self.steps if step < 0 else step
        if not 0 <= at < self.steps:
            raise IndexError(f"there is no step {step:,}; the session has {self.steps:,}")
        return at

    def _query(self, step: int) -> int:
        return self.prompt_tokens + self._step(step) - 1

    def _row(self, layer: int, position: int) -> tuple[Attention, int]:
        if position < 0:
            raise IndexError(f"there is no position {position:,}")
        part = self._attention(layer, position // QUERIES_PER_PART)
        row = position - part.query_start
        if not 0 <= row < part.rows:
            raise IndexError(f"there is no position {position:,} in layer {layer}'s attention")
        return part, row

    def _attention_part(self, layer: int, chunk: int) -> Attention:
        return self._part(Attention, attention_name(layer, chunk))

    def _part[T](self, cls: type[T], name: str) -> T:
        found = archive.read(self.archive, cls, name)
        if found is None:
            raise MissingError(_why(name, self.manifest))
        return found

    def close(self) -> None:
        """Let go of the file or the store."""
        if self._close is not None:
            self._close.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _states(stored: StoredFrame) -> list[dict[str, Any]]:
    """What a frame holds of the state. Raises `CodecError` where it is none."""
    frame = codec.decode(stored.data)
    states = frame.get("state") if isinstance(frame, dict) else None
    if not isinstance(states, list) or not all(isinstance(event, dict) for event in states):
        raise codec.CodecError("a frame of the session is none")
    return states


def _why(name: str, manifest: Manifest) -> str:
    kind, _, which = name.partition("/")
    if kind == "distribution":
        return f"the exact distribution of step {which} is not in this session"
    if kind == "attention":
        layer, _, _ = which.partition("/")
        layers = manifest.attention_layers
        has = "it has none" if not layers else f"it has layers {', '.join(map(str, layers))}"
        return f"layer {layer}'s attention at that position is not in this session; {has}"
    return f"the session has no {name}"


def open_session(session: str | os.PathLike[str], *, data: str | os.PathLike[str] | None = None) -> Session:
    """Open a kept session: an exported file by its path, or one in the store by its id or title,
    the beginning of one, or `newest`. `data` is another folder of sessions than the usual one.

    Raises `NotFoundError`, `ContainerError`, `StoreError`, `OSError`, or `CodecError` for a part that is not
    what it should be (as all that reads one does), each with a sentence.
    """
    folder = data_folder(None if data is None else Path(data))
    with ExitStack() as stack:
        limit = remembered_limit(folder)
        store = Store(store_path(folder), keep_bytes=retention.KEEP_BYTES if limit is None else limit)
        store.on_gone = lambda gone: withdraw_links(folder, gone)
        stack.callback(store.close)

        def tell(room: Room) -> None:
            for sentence in recorder_words.of_completing(room, store.keep_bytes):
                log.warning("%s", sentence)

        held = stack.enter_context(opened(store, os.fspath(session), tell=tell))
        return Session(held, stack.pop_all())
