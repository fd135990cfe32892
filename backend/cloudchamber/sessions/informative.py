"""Which layer's attention says most, for an export that takes one layer along.

The measure of a head: what its rows say beyond what the distance to a key alone tells. A row
without its first key (where heads park what they have no use for) is held against the head's
mean weight by distance, and the Kullback-Leibler divergence between the two, weighted by the
share that was not parked, is averaged over the queries: nats a query. A head that always looks
at the token before, or always at the first, scores near zero; one that finds particular tokens
scores high. A layer's score is the sum over its heads.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudchamber.sessions import archive
from cloudchamber.sessions.archive import Archive, Attention, Manifest

FIRST_QUERY: Final = 8
"""Earlier ones have too few keys to choose among."""
MAX_CHUNKS: Final = 4
"""Of a layer that are looked at, spread over the run; the last is always among them."""


def choose_layer(session: Archive, manifest: Manifest) -> tuple[int, float] | None:
    """The layer with the most informative heads, and its score; None without attention."""
    scores = [(layer_score(session, layer), layer) for layer in manifest.attention_layers]
    best = max(scores, key=lambda item: (item[0], -item[1]), default=None)
    return None if best is None else (best[1], best[0])


def layer_score(session: Archive, layer: int) -> float:
    """Sum of the heads' scores, in nats a query."""
    prefix = f"attention/{layer}/"
    chunks = sorted(int(name.removeprefix(prefix)) for name in session.names() if name.startswith(prefix))
    picked = {chunks[i] for i in np.linspace(0, len(chunks) - 1, min(MAX_CHUNKS, len(chunks))).astype(int)}
    parts = [
        archive.read(session, Attention, archive.attention_name(layer, chunk)) for chunk in sorted(picked)
    ]
    rows = [row for part in parts if part is not None for row in _rows(part)]
    if not rows:
        return 0.0
    heads = rows[0][1].shape[0]
    return sum(head_score([(query, weights[head]) for query, weights in rows]) for head in range(heads))


def _rows(part: Attention) -> list[tuple[int, NDArray[np.float32]]]:
    """Query and f4[H, query + 1] of each row that is looked at; one that was not captured is not."""
    return [
        (
            part.query_start + r,
            part.weights[r, :, : part.query_start + r + 1].astype(np.float32) * part.scale[r, :, None],
        )
        for r in range(part.rows)
        if part.query_start + r >= FIRST_QUERY and np.isfinite(part.scale[r]).all()
    ]


def head_score(rows: list[tuple[int, NDArray[np.float32]]]) -> float:
    """Score of one head from its queries and their rows f4[query + 1]."""
    longest = max(query for query, _ in rows)
    total, seen = np.zeros(longest), np.zeros(longest)
    kept: list[tuple[float, NDArray[np.float64]]] = []
    for query, row in rows:
        by_distance = row[:0:-1].astype(np.float64)  # distance 0 first; key 0 is left out
        mass = by_distance.sum()
        shape = by_distance / mass if mass > 0 else by_distance
        kept.append((min(mass, 1.0), shape))
        total[:query] += shape
        seen[:query] += 1
    profile = total / np.maximum(seen, 1)
    return float(np.mean([mass * _divergence(shape, profile[: len(shape)]) for mass, shape in kept]))


def _divergence(shape: NDArray[np.float64], profile: NDArray[np.float64]) -> float:
    """KL(shape || profile, renormalised to the keys there are), in nats."""
    there = shape > 0
    if not there.any():
        return 0.0
    ratio = shape[there] * profile.sum() / profile[there]
    return float(np.sum(shape[there] * np.log(ratio)))
