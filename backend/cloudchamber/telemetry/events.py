"""The telemetry schema: everything the backend ever says about a run.

This file is the one source. `build/generate_protocol.py` writes the TypeScript types from
it, and a test fails when they are stale.

Two delivery classes, and the difference is the whole protocol:

* *events* (`lossless = True`): a token, a start, a stop, an error. Numbered, delivered to
  every viewer exactly once and in order.
* *state* (`lossless = False`): distribution, attention, norms, cache, memory. The newest
  wins; a slow viewer skips some. State belongs to a `part`, and a viewer gets the parts it
  asked for.

Array fields are little-endian and carry their dtype and symbolic shape in the annotation:
L layers, H query heads, V vocabulary, K keys, R rows, E experts, S sparse entries.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Array:
    """Dtype code (NumPy's, little-endian) and symbolic shape of an array field."""

    dtype: str
    shape: str


type U1 = NDArray[np.uint8]
type U2 = NDArray[np.uint16]
type U4 = NDArray[np.uint32]
type I4 = NDArray[np.int32]
type U8 = NDArray[np.uint64]
type F2 = NDArray[np.float16]
type F4 = NDArray[np.float32]

Part = Literal["distribution", "sampled", "attention", "heads", "layers", "experts", "cache", "memory"]
PARTS: tuple[Part, ...] = get_args(Part)

RunPhase = Literal["prefill", "running", "paused", "finished", "stopped", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all telemetry. `kind` is the tag on the wire."""

    kind: ClassVar[str]
    lossless: ClassVar[bool] = False
    part: ClassVar[Part | None] = None


# ---------------------------------------------------------------- structures inside events


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Sampler settings of a run. Zero or one switches a stage off, as noted."""

    temperature: float = 0.8
    """0 is greedy."""
    top_k: int = 40
    """0 is off."""
    top_p: float = 0.95
    """1 is off."""
    min_p: float = 0.05
    """0 is off."""
    repeat_penalty: float = 1.0
    """1 is off; over the last 64 tokens."""
    seed: int = 0
    """0 draws one at random; `RunStarted` carries the one used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """How the layers in `layers` rotate: the constants of their RoPE operations, read from the
    compute graph that runs.

    Pair i of a query or key at position p turns by an angle t. With a = p base^(-2i/dimensions)
    / factors[i], t = frequency_scale a; or, where `extrapolation` is not 0, a mixture with a as
    YaRN has it (Peng et al. 2023), and cos t and sin t are then scaled.
    """

    layers: Annotated[U2, Array("u2", "N")]
    pairing: Literal["adjacent", "halves"]
    """Pair i is of elements 2i and 2i + 1, or of i and i + dimensions / 2."""
    dimensions: int
    """Elements of a head that rotate; half as many pairs."""
    base: float
    frequency_scale: float
    """1 / factor of linear interpolation; 1 without."""
    extrapolation: float
    """YaRN's mixing factor; 0 without."""
    attention_factor: float
    """Scales cos and sin."""
    beta_fast: float
    beta_slow: float
    original_context: int
    factors: Annotated[F4, Array("f4", "dimensions/2")]
    """Divisor of each pair's frequency (Llama 3, LongRoPE); empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rope:
    """Rotary embedding as the GGUF states it, and as it is computed."""

    kind: str
    """`none`, `normal`, `neox`, `mrope` or `vision`."""
    dimensions: int
    base: float
    scaling: str
    """`none`, `linear`, `yarn`, `longrope` or another name found in the file."""
    factor: float
    original_context: int
    rotations: list[Rotation] = field(default_factory=list)
    """Layers that rotate alike, together; empty for a model that does not rotate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What is known of a loaded model, from its header and from llama.cpp."""

    id: str
    """Opaque name by which `load` asks for it."""
    name: str
    architecture: str
    quantization: str
    file_bytes: int
    n_layer: int
    n_head: int
    """Greatest number of query heads of any layer; 0 without attention."""
    n_head_kv: int
    n_embd: int
    n_vocab: int
    n_ctx: int
    n_ctx_train: int
    n_expert: int
    n_expert_used: int
    flash_attention: bool
    threads: int
    windows: Annotated[I4, Array("i4", "L")]
    """Sliding window of each layer in tokens; 0 is full attention, -1 no attention."""
    rope: Rope
    chat_template: bool
    lacks: dict[str, str]
    """Role -> sentence, for each role this architecture has not (Mamba: attention)."""
    embedding_hash: str
    """Content hash of the token embedding; names positions. Empty if it has none."""
    vocabulary_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMemory:
    """One compute device and what it holds, in bytes."""

    name: str
    free: int
    total: int
    weights: int
    cache: int
    compute: int


# ------------------------------------------------------------------------ events, never lost


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLoaded(Event):
    """A model is ready to run."""

    kind = "model_loaded"
    lossless = True

    model: ModelInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsReady(Event):
    """Particle positions can be fetched, once, from `positions/{hash}/{method}`."""

    kind = "positions_ready"
    lossless = True

    embedding_hash: str
    method: Literal["pca", "umap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A generation begins: its prompt, as given and as the model sees it, and its settings."""

    kind = "run_started"
    lossless = True

    run_id: str
    prompt: str
    raw: bool
    """True: the prompt went in as it was; False: through the model's chat template."""
    prompt_ids: Annotated[U4, Array("u4", "T")]
    max_tokens: int
    """0 is as many as the context holds."""
    sampling: Sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptProcessed(Event):
    """The prefill is done."""

    kind = "prompt_processed"
    lossless = True

    run_id: str
    n_tokens: int
    seconds: float
    """Round the prompt's decodes alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenGenerated(Event):
    """One token was chosen.

    Probabilities and entropy are of the full softmax over the vocabulary, before samplers
    unless named `sampled_`. Entropy is in nats.
    """

    kind = "token"
    lossless = True

    run_id: str
    step: int
    """0 for the first generated token of the run."""
    position: int
    """Cell position the token will take in the context."""
    token_id: int
    token_text: str
    """Bytes that are not whole UTF-8 come out as U+FFFD; see `token_bytes`."""
    token_bytes: bytes
    probability: float
    rank: int
    """1 is the most probable token."""
    entropy: float
    sampled_probability: float
    sampled_entropy: float
    sampled_count: int
    """Tokens left in the running after the samplers."""
    top_ids: Annotated[U4, Array("u4", "20")]
    top_p: Annotated[F4, Array("f4", "20")]
    """Exact, descending; shorter where the vocabulary is."""
    decode_seconds: float
    """Wall time of the decode that made this token's logits; the prompt's for step 0."""
    tokens_per_sec: float
    """Decode alone, moving over the last 16 tokens; 0 until one decode was measured."""
    eog: bool
    """The token ends generation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState(Event):
    """A run changed phase. `message` is a sentence for a person."""

    kind = "run_state"
    lossless = True

    run_id: str
    phase: RunPhase
    reason: Literal["", "end", "length", "context", "stopped", "error"]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem(Event):
    """Something failed. `message` says what happened, `hint` what to do."""

    kind = "problem"
    lossless = True

    code: str
    message: str
    hint: str


# ------------------------------------------------------------------------- state, newest wins


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """How far a long task is. Sent to everyone; one per `task` at a time."""

    kind = "progress"

    task: Literal["load", "positions", "prefill", "rollout", "session"]
    fraction: float
    """0 to 1; negative when it can't be known."""
    message: str
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution(Event):
    """Every vocabulary token's probability, before the samplers (`stage` model) or after.

    Encoding: see `telemetry/distribution.py`. A 4-bit code per token into `codebook`, then
    `values` overwrite the tokens listed in `index_low`/`block_counts`, then `top_ids` and
    `top_p`, exact, overwrite those. The `sampler` stage belongs to the part `sampled`.
    """

    kind = "distribution"
    part = "distribution"

    run_id: str
    step: int
    stage: Literal["model", "sampler"]
    n_vocab: int
    codes: Annotated[U1, Array("u1", "ceil(V/2)")]
    """Token 2i in the low nibble of byte i, token 2i+1 in the high one. Empty: every token
    that is not listed has probability 0."""
    codebook: Annotated[F4, Array("f4", "16")]
    """Probability of each code; the mean of the tokens that share it."""
    block_counts: Annotated[U4, Array("u4", "ceil(V/65536)")]
    """Listed tokens in each block of 65,536 ids."""
    index_low: Annotated[U2, Array("u2", "S")]
    """Id of each listed token modulo 65,536, ascending within its block."""
    values: Annotated[U2, Array("u2", "S")]
    """Log probability of each listed token: p = exp(low + (high - low) * value / 65535)."""
    low: float
    high: float
    top_ids: Annotated[U4, Array("u4", "20")]
    top_p: Annotated[F4, Array("f4", "20")]
    total_variation: float
    """Of this encoding against the exact softmax, as measured when it was encoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionWeights(Event):
    """Attention of one head: one row per query, over all keys up to the last query.

    Row r is the query at position `query_start + r`; entries past its own position are 0.
    A row and its sink sum to 1.
    """

    kind = "attention"
    part = "attention"

    run_id: str
    layer: int
    head: int
    query_start: int
    weights: Annotated[F2, Array("f2", "R,K")]
    sink: Annotated[F4, Array("f4", "R")]
    """Share that went to the head's attention sink; 0 where the model has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSummary(Event):
    """The newest attention row of every head, in brief."""

    kind = "heads"
    part = "heads"

    run_id: str
    position: int
    """Position of the query."""
    entropy: Annotated[F4, Array("f4", "L,H")]
    """Nats, of the row without its sink, renormalised; NaN where a layer lacks the head."""
    peak: Annotated[U4, Array("u4", "L,H")]
    """Position of the strongest key."""
    peak_weight: Annotated[F4, Array("f4", "L,H")]
    sink: Annotated[F4, Array("f4", "L,H")]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerActivation(Event):
    """L2 norms of the residual stream's parts at one position; a row per layer in `layer`.

    NaN where the architecture lacks the part.
    """

    kind = "layers"
    part = "layers"

    run_id: str
    position: int
    layer: Annotated[U2, Array("u2", "L")]
    attention_norm: Annotated[F4, Array("f4", "L")]
    mlp_norm: Annotated[F4, Array("f4", "L")]
    output_norm: Annotated[F4, Array("f4", "L")]
    residual_change: Annotated[F4, Array("f4", "L")]
    """|out - in| / |in| of the layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertRouting(Event):
    """Router of a mixture-of-experts model at one position; a row per layer in `layer`."""

    kind = "experts"
    part = "experts"

    run_id: str
    position: int
    layer: Annotated[U2, Array("u2", "M")]
    probabilities: Annotated[F4, Array("f4", "M,E")]
    """As the router gives them: gpt-oss's are logits, deepseek2's are sigmoids."""
    chosen: Annotated[I4, Array("i4", "M,k")]
    weights: Annotated[F4, Array("f4", "M,k")]
    """As applied, after any normalisation and scaling."""
    counts: Annotated[U4, Array("u4", "M,E")]
    """How often each expert was chosen, by all tokens of the run up to and with this position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStatus(Event):
    """The KV cache, a row per layer in `layer`; layers without a cache have `max_len` 0."""

    kind = "cache"
    part = "cache"

    run_id: str
    layer: Annotated[U2, Array("u2", "L")]
    seq_len: Annotated[U4, Array("u4", "L")]
    """Cells in use."""
    max_len: Annotated[U4, Array("u4", "L")]
    """Cells there are."""
    offset: Annotated[U4, Array("u4", "L")]
    """First position still visible to the next token."""
    window: Annotated[U4, Array("u4", "L")]
    """Positions a token can look back; 0 is all."""
    write_head: Annotated[U4, Array("u4", "L")]
    """Cell the next token will take; `max_len` when none is left."""
    key_bytes: Annotated[U8, Array("u8", "L")]
    value_bytes: Annotated[U8, Array("u8", "L")]
    """Reserved for all cells of the layer."""
    memory_bytes: int
    """All layers, keys and values."""
    rotating: Annotated[U1, Array("u1", "L")] = field(default_factory=lambda: np.zeros(0, np.uint8))
    """1 where cells are taken anew once their tokens have left the window; empty if nowhere."""
    cell_positions: Annotated[I4, Array("i4", "C")] = field(default_factory=lambda: np.zeros(0, np.int32))
    """Position that each cell of the rotating layers holds, -1 for none. In all other layers a
    token's cell is its position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUsage(Event):
    """Bytes, by use and by device, and what the operating system counts."""

    kind = "memory"
    part = "memory"

    gpu_allocated: int
    """On devices other than the CPU."""
    weights: int
    cache_total: int
    activations: int
    """llama.cpp's compute buffers."""
    process_resident: int
    """Of the worker process."""
    system_total: int
    devices: list[DeviceMemory] = field(default_factory=list)


KINDS: dict[str, type[Event]] = {cls.kind: cls for cls in Event.__subclasses__()}
"""Every event class by its tag on the wire."""
