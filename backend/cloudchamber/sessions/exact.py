"""Distributions kept without loss, in a few thousand bytes a token.

The logits of a step are the output matrix times a hidden state. The hidden state is kept, the
product is computed again in an order that is the same on every machine, and what is left
between it and llama.cpp's own logits is kept too: nothing at all where the product is computed
as llama.cpp did (Q8_0 with AVX2), four or five bits a logit where only the order of its sums
differs. Differences are of the floats' bits read as integers, so adding them gives the logits
back whatever the product was. A step without a hidden state, or of a model whose output is no
such product, keeps its logits themselves, compressed.

A checksum of the logits goes along: what can't be made again exactly is refused.

A session's part `distribution/STEP` lies in the store in this coding; the matrix is a body that
the sessions of one model share (see `exact_matrix.py`).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
import zstandard
from numpy.typing import NDArray

from cloudchamber.inference.logits_log import softmax
from cloudchamber.sessions.exact_matrix import Matrix
from cloudchamber.sessions.exact_product import multiply, ways
from cloudchamber.telemetry import codec, typed
from cloudchamber.telemetry.events import F4, U1, Array

NO_WAY: Final = ""
"""The logits themselves."""
_LEVEL: Final = 1
"""Higher ones win nothing on differences."""
_MAX_LOGITS: Final = 1 << 22


class InexactError(RuntimeError):
    """The logits can't be made again from what is here; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLogits:
    """The logits of one step."""

    n_vocab: int
    matrix_hash: str
    """Empty where the matrix is not needed."""
    way: str
    """How the product is computed, see `exact_product.py`; empty where it is not, and the
    logits are kept themselves."""
    hidden: Annotated[F4, Array("f4", "E")]
    """Empty where it is not needed."""
    difference: Annotated[U1, Array("u1", "B")]
    """What is to be added to the product; nothing for nothing."""
    check: int
    """CRC-32 of the logits, little-endian F32."""


# --------------------------------------------------------------------------------- writing


def choose_way(matrix: Matrix | None, hidden: F4, logits: F4) -> str:
    """The way to compute the product that leaves the least of one step: f4[E], f4[V]."""
    if matrix is None or not np.isfinite(hidden).all():
        return NO_WAY
    sizes = {NO_WAY: len(_pack(logits, None))}
    for way in ways(matrix):
        try:
            sizes[way] = len(_pack(logits, multiply(matrix, hidden[None], way)[0]))
        except ValueError:
            continue
        if sizes[way] == 0:
            break
    return min(sizes, key=lambda way: sizes[way])


def encode_steps(matrix: Matrix | None, way: str, hidden: F4, logits: F4) -> list[StepLogits]:
    """Some steps at once: hidden states f4[S, E] (NaN for none), logits f4[S, V]."""
    kept = np.isfinite(hidden).all(axis=1) & bool(way)
    products: dict[int, F4] = {}
    if matrix is not None and kept.any():
        made = multiply(matrix, hidden[kept], way)
        products = {int(step): made[i] for i, step in enumerate(np.flatnonzero(kept))}
    return [
        _encode_step(row, hidden[i], products.get(i), way, matrix.hash if matrix is not None else "")
        for i, row in enumerate(logits)
    ]


def _encode_step(logits: F4, hidden: F4, product: F4 | None, way: str, matrix_hash: str) -> StepLogits:
    return StepLogits(
        n_vocab=len(logits),
        matrix_hash=matrix_hash if product is not None else "",
        way=way if product is not None else NO_WAY,
        hidden=hidden if product is not None else hidden[:0],
        difference=np.frombuffer(_pack(logits, product), np.uint8),
        check=_check(logits),
    )


def encode(step: StepLogits) -> bytes:
    """A step's bytes."""
    return codec.encode(step)


# --------------------------------------------------------------------------------- reading


def decode(data: bytes) -> StepLogits:
    """Raises `InexactError` for what is no such step."""
    try:
        step: StepLogits = typed.build(StepLogits, codec.decode(data))
    except (codec.CodecError, ValueError, TypeError, KeyError) as error:
        raise InexactError(f"a distribution is damaged: {error}") from error
    if not 0 < step.n_vocab <= _MAX_LOGITS:
        raise InexactError("a distribution is damaged")
    return step


def logits_of(step: StepLogits, matrix: Matrix | None) -> F4:
    """The very logits, f4[V]. Raises `InexactError`."""
    logits = _unpack(step.difference.tobytes(), step.n_vocab, _product(step, matrix))
    if _check(logits) != step.check:
        raise InexactError("a distribution can't be made again exactly")
    return logits


def probabilities_of(step: StepLogits, matrix: Matrix | None) -> F4:
    """The softmax, f4[V], as a live run's `get_distribution` answers. Raises `InexactError`."""
    return softmax(logits_of(step, matrix))


def _product(step: StepLogits, matrix: Matrix | None) -> F4 | None:
    if step.way == NO_WAY:
        return None
    if matrix is None or matrix.hash != step.matrix_hash or matrix.rows != step.n_vocab:
        raise InexactError("the model's output matrix is not here, and its distributions need it")
    try:
        product: F4 = multiply(matrix, step.hidden[None], step.way)[0]
    except ValueError as error:
        raise InexactError(str(error)) from error
    return product


# ----------------------------------------------------------------------------- differences


def _ordered(x: F4) -> NDArray[np.int32]:
    """The bits of floats as integers in the floats' order; its own inverse."""
    bits = np.ascontiguousarray(x).view(np.int32)
    return bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF))


def _by_size(product: F4) -> NDArray[np.int64]:
    """Indices in order of magnitude: the smaller a sum, the more of its last bits are noise, and
    what is alike packs better together."""
    exponents = ((product.view(np.uint32) >> np.uint32(23)) & np.uint32(255)).astype(np.uint8)
    return np.argsort(exponents, kind="stable")


def _pack(logits: F4, product: F4 | None) -> bytes:
    """What is to be added to the product; nothing for nothing."""
    ours = _ordered(logits)
    difference = ours if product is None else ours - _ordered(product)
    if product is not None and not difference.any():
        return b""
    difference = difference if product is None else difference[_by_size(product)]
    folded = ((difference << np.int32(1)) ^ (difference >> np.int32(31))).view(np.uint32)
    # A plane for each byte: most of the higher ones are zeros.
    planes = np.ascontiguousarray(folded.astype("<u4").view(np.uint8).reshape(-1, 4).T)
    return zstandard.ZstdCompressor(level=_LEVEL).compress(planes.tobytes())


def _unpack(blob: bytes, count: int, product: F4 | None) -> F4:
    """Inverse of `_pack`. Raises `InexactError`."""
    if not blob:
        if product is None:
            raise InexactError("a distribution is damaged")
        return product
    try:
        with zstandard.ZstdDecompressor().stream_reader(blob) as reader:
            raw = reader.read(4 * count)
    except zstandard.ZstdError as error:
        raise InexactError(f"a distribution is damaged: {error}") from error
    if len(raw) != 4 * count:
        raise InexactError("a distribution is damaged")
    folded = np.ascontiguousarray(np.frombuffer(raw, np.uint8).reshape(4, -1).T).view("<u4")[:, 0]
    difference = (folded >> np.uint32(1)).view(np.int32) ^ -(folded & np.uint32(1)).view(np.int32)
    ours = difference
    if product is not None:
        ours = _ordered(product)
        ours[_by_size(product)] += difference
    return (ours ^ ((ours >> np.int32(31)) & np.int32(0x7FFFFFFF))).view(np.float32)


def _check(logits: F4) -> int:
    return zlib.crc32(np.ascontiguousarray(logits, "<f4").tobytes())
