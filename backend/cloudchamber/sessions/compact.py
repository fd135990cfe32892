"""From a run's spool to the parts that complete its session: distributions, then attention."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path
from typing import Final

import numpy as np
import zstandard

from cloudchamber.model.header import GgufError
from cloudchamber.sessions import archive, exact
from cloudchamber.sessions.archive import QUERIES_PER_PART, Norms
from cloudchamber.sessions.attention_parts import attending_layers, attention_chunks, read_layer
from cloudchamber.sessions.compact_store import Order, Piece
from cloudchamber.sessions.exact_matrix import Matrix, body_of, read_matrix
from cloudchamber.sessions.exact_store import CODING
from cloudchamber.sessions.spool_reader import Spool
from cloudchamber.sessions.store_archive import ZSTD

STEPS_AT_ONCE: Final = 32
_LEVEL: Final = 9
_DISTRIBUTIONS: Final = 0.3
"""Share of the work that they are, about."""


def compact(spool: Spool, order: Order) -> Iterator[Piece]:
    """All parts that are not there yet. Raises `OSError`."""
    there, positions = frozenset(order["there"]), min(spool.positions, order["positions"])
    yield from _norms(spool, there, positions)
    yield from _distributions(spool, there, frozenset(order["matrices"]), min(spool.steps, order["steps"]))
    yield from _attention(spool, there, positions)


def _norms(spool: Spool, there: Set[str], positions: int) -> Iterator[Piece]:
    if archive.NORMS in there or not positions:
        return
    attention, mlp, output, change = np.moveaxis(spool.norms(positions), 2, 0)
    part = Norms(attention_norm=attention, mlp_norm=mlp, output_norm=output, residual_change=change)
    yield Piece(fraction=0.0, parts=[(archive.NORMS, ZSTD, _pack(archive.encode(part)))])


def _pack(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=_LEVEL).compress(data)


def _distributions(spool: Spool, there: Set[str], matrices: Set[str], steps: int) -> Iterator[Piece]:
    wanted = [step for step in range(steps) if archive.distribution_name(step) not in there]
    if not wanted:
        return
    matrix, way = _matrix(spool), ""
    for start in range(wanted[0], steps, STEPS_AT_ONCE):
        stop = min(start + STEPS_AT_ONCE, steps)
        found, hidden, logits = spool.step_records(start, stop)
        numbers = [start + int(i) for i in np.flatnonzero(found)]
        if not way and len(numbers):
            way = exact.choose_way(matrix, hidden[found][0], logits[found][0])
        kept = exact.encode_steps(matrix, way, hidden[found], logits[found])
        piece = Piece(
            fraction=_DISTRIBUTIONS * stop / steps,
            parts=[
                (archive.distribution_name(number), CODING, exact.encode(step))
                for number, step in zip(numbers, kept, strict=True)
            ],
        )
        if matrix is not None and any(step.matrix_hash for step in kept):
            piece.matrix_hash = matrix.hash
            if matrix.hash not in matrices:
                piece.matrix = body_of(matrix, Path(spool.head.model), spool.head.tensor)
                matrices = matrices | {matrix.hash}
        yield piece


def _matrix(spool: Spool) -> Matrix | None:
    """The model's output matrix, if it is still to be had and is the one that was computed with."""
    head = spool.head
    try:
        matrix = read_matrix(Path(head.model), head.tensor) if head.tensor else None
    except (OSError, GgufError):
        return None
    fits = matrix is not None and (matrix.rows, matrix.width) == (head.n_vocab, head.hidden)
    return matrix if fits else None


def _attention(spool: Spool, there: Set[str], positions: int) -> Iterator[Piece]:
    layers = attending_layers(spool)
    chunks = -(-positions // QUERIES_PER_PART)
    for done, layer in enumerate(layers):
        wanted = [chunk for chunk in range(chunks) if archive.attention_name(layer, chunk) not in there]
        if not wanted:
            continue
        rows = read_layer(spool, layer, positions)
        for chunk, part in attention_chunks(rows, wanted):
            # Later chunks have more keys.
            share = (done + ((chunk + 1) / chunks) ** 2) / len(layers)
            yield Piece(
                fraction=_DISTRIBUTIONS + (1 - _DISTRIBUTIONS) * share,
                parts=[(archive.attention_name(layer, chunk), ZSTD, _pack(archive.encode(part)))],
                error=part.error,
            )
