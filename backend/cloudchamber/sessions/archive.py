"""What a kept run consists of: named parts, each one message of `telemetry/codec`.

A *session* is one run, kept. Whatever carries it (the store, an exported file, a folder of
files), a reader asks an `Archive` for parts by name and gets the same bytes. `N` counts from 0.

    manifest            what there is; see `Manifest`
    timeline            all tokens in brief, see `Timeline`
    tokens/N            tokens of steps [512 N, 512 N + 512), see `Tokens`
    frames/N            about a second of the very frames a viewer got, see `Frames`
    norms               norms of all layers at every position, see `Norms`
    attention/L/N       layer L's attention of the queries at [64 N, 64 N + 64), see `Attention`
    distribution/STEP   the exact softmax a step's token was drawn from, see `ExactDistribution`
    vocabulary, positions/pca, positions/umap
                        as the HTTP interface serves them by hash

Of these only manifest, timeline, tokens and frames are sure to be there. A session that still
runs has them too, as far as it has come; the parts of a complete one never change.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cloudchamber.model.positions import Method
from cloudchamber.telemetry import codec, typed
from cloudchamber.telemetry.events import (
    F4,
    U1,
    U4,
    U8,
    Array,
    ModelLoaded,
    PromptProcessed,
    RunPhase,
    RunStarted,
    RunState,
    TokenGenerated,
)

type F8 = NDArray[np.float64]

FORMAT: Final = 1
"""Changes when a reader of the parts would misread them."""
TOKENS_PER_PART: Final = 512
QUERIES_PER_PART: Final = 64
ALIGNMENT: Final = 8
"""Frames start at multiples of so many bytes, so that a reader takes views of their arrays."""

MANIFEST: Final = "manifest"
TIMELINE: Final = "timeline"
NORMS: Final = "norms"
VOCABULARY: Final = "vocabulary"

_ID: Final = re.compile(r"[0-9a-f]{16}")
_NAME: Final = re.compile(
    r"manifest|timeline|norms|vocabulary|positions/(?:pca|umap)"
    r"|(?:tokens|frames|distribution)/(?:0|[1-9]\d{0,8})"
    r"|attention/(?:0|[1-9]\d{0,4})/(?:0|[1-9]\d{0,8})"
)


def is_part_name(name: str) -> bool:
    """Whether `name` is one of the names above; nothing else is ever looked for."""
    return _NAME.fullmatch(name) is not None


def is_session_id(text: str) -> bool:
    """Whether `text` could be a session's id: that of its run."""
    return _ID.fullmatch(text) is not None


def tokens_name(chunk: int) -> str:
    return f"tokens/{chunk}"


def frames_name(chunk: int) -> str:
    return f"frames/{chunk}"


def attention_name(layer: int, chunk: int) -> str:
    return f"attention/{layer}/{chunk}"


def distribution_name(step: int) -> str:
    return f"distribution/{step}"


def positions_name(method: str) -> str:
    return f"positions/{method}"


class Archive(Protocol):
    """One session's parts, wherever they are."""

    def part(self, name: str) -> bytes | None:
        """The part as codec bytes, decompressed, or None if it is not there."""

    def names(self) -> Iterable[str]:
        """Every part there is."""


class FrameChunk(NamedTuple):
    """What is in one `frames/N`."""

    first_frame: int
    """Frames of the session before it."""
    frames: int
    first_step: int
    """Step of its first token, or of the one that would come next."""
    steps: int
    start: float
    """Seconds from the run's start to its first frame."""
    stop: float
    """And to its last."""


class PhaseChange(NamedTuple):
    """From when on a run was in a phase."""

    time: float
    """Seconds from the run's start to the frame that said so."""
    phase: RunPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a session is, and which parts it has."""

    format: int = FORMAT
    id: str
    title: str
    created: float
    """Seconds since 1970, UTC, when the run began."""
    seconds: float
    """From the run's start to the newest frame."""
    steps: int
    frames: int
    complete: bool
    """False while the run goes on: then more comes."""
    completing: bool = False
    """Attention, exact distributions and norms are still to be made of what the run left."""
    model: ModelLoaded
    started: RunStarted
    prompt: PromptProcessed | None = None
    finished: RunState | None = None
    """The newest word about the run's phase."""
    vocabulary_hash: str = ""
    embedding_hash: str = ""
    model_hash: str = ""
    """SHA-256 of the model's file (of a split one's files one after the other); empty until it is known."""
    positions: list[Method] = field(default_factory=list)
    """Methods there are positions of."""
    attention_layers: list[int] = field(default_factory=list)
    """Layers whose attention there is."""
    attention_rows: int = QUERIES_PER_PART
    attention_error: float = 0.0
    """No weight is further than this from the one computed."""
    distribution_exact: bool = False
    """Whether there is a `distribution/STEP` for every step."""
    redacted: bool = False
    """Whether the prompt was taken out."""
    frame_chunks: list[FrameChunk] = field(default_factory=list)
    phases: list[PhaseChange] = field(default_factory=list)
    """All of the run's, in order, so that a reader can begin anywhere; older sessions may have none."""

    def __post_init__(self) -> None:
        known = all(map(math.isfinite, (self.created, self.seconds, self.attention_error)))
        if not known or min(self.steps, self.frames, *self.attention_layers, self.attention_rows - 1) < 0:
            raise ValueError("a number is none, or less than there can be")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """All tokens in brief; entry i is step i."""

    time: Annotated[F8, Array("f8", "T")]
    """Seconds from the run's start to the frame the token came with."""
    token: Annotated[U4, Array("u4", "T")]
    position: Annotated[U4, Array("u4", "T")]
    p: Annotated[F4, Array("f4", "T")]
    rank: Annotated[U4, Array("u4", "T")]
    entropy: Annotated[F4, Array("f4", "T")]

    @classmethod
    def of(cls, times: Sequence[float], tokens: Sequence[TokenGenerated]) -> Timeline:
        """The timeline of a run's tokens, which came at `times`."""
        return cls(
            time=np.array(times, np.float64),
            token=np.array([token.token_id for token in tokens], np.uint32),
            position=np.array([token.position for token in tokens], np.uint32),
            p=np.array([token.probability for token in tokens], np.float32),
            rank=np.array([token.rank for token in tokens], np.uint32),
            entropy=np.array([token.entropy for token in tokens], np.float32),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Up to `TOKENS_PER_PART` tokens, in order."""

    tokens: list[TokenGenerated] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Some frames in order, with every part of the state but attention. The first of a chunk
    holds all state that stands, not only what is new, so that a reader can begin with it."""

    number: Annotated[U4, Array("u4", "F")]
    """As in the frames themselves: they may skip."""
    time: Annotated[F8, Array("f8", "F")]
    """Seconds from the run's start; `Frame.time` has another zero."""
    offsets: Annotated[U4, Array("u4", "F+1")]
    """Byte of `data` at which each frame starts, a multiple of 8; the last is where all end."""
    lengths: Annotated[U4, Array("u4", "F")]
    """Bytes of each frame; zeros follow up to the next."""
    data: Annotated[U8, Array("u8", "W")]
    """Encoded `Frame` messages, one after the other; words only so that they are aligned."""

    def __post_init__(self) -> None:
        ends = self.offsets[:-1].astype(np.uint64) + self.lengths
        if not len(self.offsets) or (ends > self.offsets[1:]).any() or self.offsets.max() > self.data.nbytes:
            raise ValueError("a frame is not where it is said to be")

    @classmethod
    def of(cls, frames: Sequence[StoredFrame]) -> Frames:
        """These frames as one part."""
        lengths = np.array([len(frame.data) for frame in frames], np.uint32)
        offsets = np.zeros(len(frames) + 1, np.uint32)
        np.cumsum(-(-lengths // ALIGNMENT) * ALIGNMENT, out=offsets[1:], dtype=np.uint32)
        data = b"".join(
            frame.data.ljust(-(-len(frame.data) // ALIGNMENT) * ALIGNMENT, b"\0") for frame in frames
        )
        return cls(
            number=np.array([frame.number for frame in frames], np.uint32),
            time=np.array([frame.time for frame in frames], np.float64),
            offsets=offsets,
            lengths=lengths,
            data=np.frombuffer(data, "<u8"),
        )

    def __len__(self) -> int:
        return len(self.number)

    def __iter__(self) -> Iterator[StoredFrame]:
        data = memoryview(np.ascontiguousarray(self.data)).cast("B")
        for i in range(len(self)):
            start = int(self.offsets[i])
            message = bytes(data[start : start + int(self.lengths[i])])
            yield StoredFrame(int(self.number[i]), float(self.time[i]), message)


class StoredFrame(NamedTuple):
    """One frame of a session."""

    number: int
    time: float
    """Seconds from the run's start."""
    data: bytes
    """The encoded `Frame`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Norms:
    """L2 norms of the residual stream's parts at every position of the run, as in
    `LayerActivation`; NaN where the architecture lacks the part, or it was not captured."""

    attention_norm: Annotated[F4, Array("f4", "P,L")]
    mlp_norm: Annotated[F4, Array("f4", "P,L")]
    output_norm: Annotated[F4, Array("f4", "P,L")]
    residual_change: Annotated[F4, Array("f4", "P,L")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """One layer's attention of up to `QUERIES_PER_PART` queries over all keys up to the last of
    them. A weight is `weights * scale`, within `scale / 2` of the one computed."""

    query_start: int
    rows: int
    heads: int
    keys: int
    scale: Annotated[F4, Array("f4", "R,H")]
    sink: Annotated[F4, Array("f4", "R,H")]
    """Share that went to each head's attention sink."""
    weights: Annotated[U1, Array("u1", "R,H,K")]

    def __post_init__(self) -> None:
        last = self.query_start + self.rows
        if self.weights.shape != (self.rows, self.heads, last) or self.keys != last or self.query_start < 0:
            raise ValueError("it has not the size that it says")

    @property
    def error(self) -> float:
        """No weight is further than this from the one computed. The scale of a row not captured is NaN."""
        return float(self.scale[np.isfinite(self.scale)].max(initial=0.0)) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactDistribution:
    """The softmax of a step, as `GetDistribution` gives it."""

    probabilities: Annotated[F4, Array("f4", "V")]


def encode(part: Manifest | Timeline | Tokens | Frames | Norms | Attention | ExactDistribution) -> bytes:
    """A part's bytes."""
    return codec.encode(part)


def decode[T](cls: type[T], data: bytes) -> T:
    """A part as its dataclass, whoever made it: none of it leads out of its arrays. Raises `CodecError`."""
    return typed.checked(typed.build(cls, codec.decode(data)))


def read[T](archive: Archive, cls: type[T], name: str) -> T | None:
    """A part of an archive as its dataclass, or None. Raises `CodecError`."""
    data = archive.part(name)
    return None if data is None else decode(cls, data)


def title_of(prompt: str, most: int = 60) -> str:
    """A name for a run: the first words of its prompt."""
    words = " ".join(prompt.split())
    if len(words) <= most:
        return words or "Untitled"
    head, space, _ = words[: most - 1].rpartition(" ")
    return (head if space and len(head) > most // 2 else words[: most - 1]) + "…"


def parts_of(manifest: Manifest) -> list[str]:
    """Names of the parts that a session with this manifest has, but the big optional ones
    (attention, distributions), which only the archive itself can tell."""
    chunks = -(-manifest.steps // TOKENS_PER_PART)
    return [
        MANIFEST,
        TIMELINE,
        *(tokens_name(chunk) for chunk in range(chunks)),
        *(frames_name(chunk) for chunk in range(len(manifest.frame_chunks))),
        *([VOCABULARY] if manifest.vocabulary_hash else []),
        *(positions_name(method) for method in manifest.positions),
    ]
