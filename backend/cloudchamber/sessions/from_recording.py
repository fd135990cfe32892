"""A recording (`cloudchamber record`) as a session: the same parts a kept run has.

What a recording does not hold stays out: exact distributions, and the attention of heads that
nobody looked at. Rows of attention are there for the layers whose heads were all recorded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudchamber.model.positions import METHODS
from cloudchamber.sessions import archive
from cloudchamber.sessions.archive import (
    QUERIES_PER_PART,
    TOKENS_PER_PART,
    Attention,
    FrameChunk,
    Frames,
    Manifest,
    PhaseChange,
    StoredFrame,
    Timeline,
    Tokens,
)
from cloudchamber.telemetry import codec, typed
from cloudchamber.telemetry.events import (
    AttentionWeights,
    Event,
    ModelLoaded,
    PromptProcessed,
    RunStarted,
    RunState,
    TokenGenerated,
)
from cloudchamber.telemetry.messages import Frame
from cloudchamber.telemetry.recording import Recording, RecordingError
from cloudchamber.telemetry.state_store import Key, key_of

CHUNK_SECONDS: Final = 1.0

type Row = tuple[NDArray[np.float32], float]
"""Weights over the keys, and the share of the sink."""


class MemoryArchive:
    """Parts in memory."""

    def __init__(self, parts: dict[str, bytes]) -> None:
        self._parts = parts

    def part(self, name: str) -> bytes | None:
        return self._parts.get(name)

    def names(self) -> Iterable[str]:
        return self._parts.keys()


@dataclass(slots=True)
class _Run:
    """What a recording tells of its run."""

    model: ModelLoaded
    started: RunStarted
    frames: list[tuple[float, Frame]] = field(default_factory=list)
    """Seconds from the run's start; without attention."""
    tokens: list[tuple[float, TokenGenerated]] = field(default_factory=list)
    prompt: PromptProcessed | None = None
    phase: RunState | None = None
    phases: list[PhaseChange] = field(default_factory=list)
    rows: dict[tuple[int, int], dict[int, Row]] = field(default_factory=lambda: defaultdict(dict))
    """By layer and head, then by the query's position."""


def from_recording(recording: Recording, *, session: str = "recorded", created: float = 0.0) -> MemoryArchive:
    """The recording's run as a session. Raises `RecordingError` if there is none in it."""
    run = _read(recording)
    chunks, frame_parts = _frame_chunks(run.frames)
    attention, error = _attention(run)
    tokens = [token for _, token in run.tokens]
    manifest = Manifest(
        id=session,
        title=archive.title_of(run.started.prompt),
        created=created,
        seconds=run.frames[-1][0],
        steps=len(tokens),
        frames=len(run.frames),
        complete=True,
        model=run.model,
        started=run.started,
        prompt=run.prompt,
        finished=run.phase,
        vocabulary_hash=run.model.model.vocabulary_hash,
        embedding_hash=run.model.model.embedding_hash,
        positions=[method for method in METHODS if method in recording.positions],
        attention_layers=sorted({int(name.split("/")[1]) for name in attention}),
        attention_error=error,
        frame_chunks=chunks,
        phases=run.phases,
    )
    parts = {
        archive.MANIFEST: archive.encode(manifest),
        archive.TIMELINE: archive.encode(Timeline.of([time for time, _ in run.tokens], tokens)),
        **frame_parts,
        archive.VOCABULARY: recording.vocabulary,
    }
    for chunk, start in enumerate(range(0, len(tokens), TOKENS_PER_PART)):
        part = Tokens(tokens=tokens[start : start + TOKENS_PER_PART])
        parts[archive.tokens_name(chunk)] = archive.encode(part)
    parts |= {archive.positions_name(method): body for method, body in recording.positions.items()}
    return MemoryArchive(parts | attention)


def _read(recording: Recording) -> _Run:
    run: _Run | None = None
    model: ModelLoaded | None = None
    before: list[Frame] = []
    zero = 0.0
    for time, data in recording.frames:
        frame = typed.message(codec.decode(data))
        assert isinstance(frame, Frame)
        model = next((event for event in frame.events if isinstance(event, ModelLoaded)), model)
        if run is None:
            before.append(frame)
            started = next((event for event in frame.events if isinstance(event, RunStarted)), None)
            if started is None or model is None:
                continue
            run, zero = _Run(model, started), time
            frame = _joined(before)
        _take(run, time - zero, frame)
    if run is None:
        raise RecordingError("The recording holds no run.")
    return run


def _joined(frames: list[Frame]) -> Frame:
    """Frames before and with the run's first, as one: the state that stood, all that happened."""
    state: dict[Key, Event] = {}
    for frame in frames:
        state.update((key_of(event), event) for event in frame.state)
    events = [event for frame in frames for event in frame.events]
    return replace(frames[-1], first_seq=frames[0].first_seq, events=events, state=list(state.values()))


def _take(run: _Run, time: float, frame: Frame) -> None:
    for event in (*frame.events, *frame.state):
        match event:
            case TokenGenerated():
                run.tokens.append((time, event))
            case PromptProcessed():
                run.prompt = event
            case RunState() if event.run_id == run.started.run_id:
                run.phase = event
                run.phases.append(PhaseChange(time, event.phase))
            case AttentionWeights():
                _take_rows(run, event)
            case _:
                pass
    state = [event for event in frame.state if not isinstance(event, AttentionWeights)]
    run.frames.append((time, replace(frame, state=state)))


def _take_rows(run: _Run, event: AttentionWeights) -> None:
    rows = run.rows[event.layer, event.head]
    for i, (weights, sink) in enumerate(zip(event.weights, event.sink, strict=True)):
        query = event.query_start + i
        rows[query] = (weights[: query + 1].astype(np.float32), float(sink))


def _frame_chunks(frames: list[tuple[float, Frame]]) -> tuple[list[FrameChunk], dict[str, bytes]]:
    """The frames in pieces of about a second, each of which begins with all state that stands."""
    state: dict[Key, Event] = {}
    pieces: list[list[StoredFrame]] = []
    steps: list[int] = []
    starts: list[int] = []
    for time, frame in frames:
        state.update((key_of(event), event) for event in frame.state)
        if not pieces or time >= pieces[-1][0].time + CHUNK_SECONDS:
            pieces.append([])
            starts.append(sum(steps))
            steps.append(0)
            frame = replace(frame, state=list(state.values()))
        pieces[-1].append(StoredFrame(frame.number, time, codec.encode(frame)))
        steps[-1] += sum(isinstance(event, TokenGenerated) for event in frame.events)
    chunks, parts, first = [], {}, 0
    for number, piece in enumerate(pieces):
        times = piece[0].time, piece[-1].time
        chunks.append(FrameChunk(first, len(piece), starts[number], steps[number], *times))
        parts[archive.frames_name(number)] = archive.encode(Frames.of(piece))
        first += len(piece)
    return chunks, parts


def _attention(run: _Run) -> tuple[dict[str, bytes], float]:
    """Attention parts of the layers with all heads, and the greatest error of a weight in them."""
    parts: dict[str, bytes] = {}
    error = 0.0
    heads = run.model.model.n_head
    for layer in sorted({layer for layer, _ in run.rows}):
        held = [run.rows[layer, head] for head in range(heads) if (layer, head) in run.rows]
        if len(held) < heads:
            continue
        queries = sorted(set.intersection(*(set(rows) for rows in held)))
        for chunk in range(max(queries, default=-1) // QUERIES_PER_PART + 1):
            here = [query for query in queries if query // QUERIES_PER_PART == chunk]
            if not here or here[-1] - here[0] + 1 != len(here):
                continue  # a part's queries follow one another
            part = _attention_part(here, held)
            error = max(error, part.error)
            parts[archive.attention_name(layer, chunk)] = archive.encode(part)
    return parts, error


def _attention_part(queries: list[int], held: list[dict[int, Row]]) -> Attention:
    rows, heads, keys = len(queries), len(held), queries[-1] + 1
    scale = np.zeros((rows, heads), np.float32)
    sink = np.zeros((rows, heads), np.float32)
    weights = np.zeros((rows, heads, keys), np.uint8)
    for r, query in enumerate(queries):
        for h, of_head in enumerate(held):
            row, sink[r, h] = of_head[query]
            scale[r, h] = row.max(initial=0) / 255
            if scale[r, h] > 0:
                weights[r, h, : len(row)] = np.rint(row / scale[r, h])
    return Attention(
        query_start=queries[0], rows=rows, heads=heads, keys=keys, scale=scale, sink=sink, weights=weights
    )
