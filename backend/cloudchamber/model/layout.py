"""The UMAP layout of a vocabulary: similar tokens close together.

McInnes, Healy, Melville 2018, arXiv:1802.03426, by umap-learn. Its three stages are called one
by one, for three reasons: the neighbours are exact ones found faster here; the layout starts
from the PCA, so that the picture turns into it gently; and each stage tells how far it is.

The layout is made by one thread from a fixed seed. That makes it the same on every run, and
costs nothing: umap-learn's parallel layout was no faster on two cores.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudchamber.model.neighbours import Neighbours, nearest
from cloudchamber.model.positions import turn_towards
from cloudchamber.model.reduction import Reduced

type F4 = NDArray[np.float32]
type OnProgress = Callable[[float, str], None]

N_NEIGHBOURS: Final = 15
"""umap-learn's default; a token counts as its own first neighbour."""
MIN_TOKENS: Final = 32
"""A smaller vocabulary has no layout but its PCA."""

_MIN_DISTANCE: Final = 0.1
_SPREAD: Final = 1.0
_NEGATIVE_SAMPLES: Final = 5
_SEED: Final = 20_180_209

_NEIGHBOURS_SHARE: Final = 0.45
"""Of the whole time, by which the progress of one stage becomes progress of the whole."""
_GRAPH_SHARE: Final = 0.08


def umap_layout(reduced: Reduced, on_progress: OnProgress) -> F4:
    """Lay out a reduced vocabulary of at least `MIN_TOKENS`, f4[V,3], turned towards its PCA.

    `on_progress` gets the fraction done and a sentence.
    """
    warm_up = threading.Thread(target=_warm_up, daemon=True)
    warm_up.start()

    def on_neighbours(fraction: float) -> None:
        on_progress(_NEIGHBOURS_SHARE * fraction, "Finding each token's nearest neighbours")

    neighbours = nearest(reduced.rows, N_NEIGHBOURS - 1, on_neighbours)
    on_progress(_NEIGHBOURS_SHARE, "Weaving neighbours into a graph")
    warm_up.join()
    graph = _graph(neighbours)
    before = _NEIGHBOURS_SHARE + _GRAPH_SHARE

    def on_epoch(epoch: int, epochs: int) -> None:
        on_progress(before + (1 - before) * epoch / epochs, f"Arranging tokens, round {epoch} of {epochs}")

    points = _arrange_graph(graph, _start(reduced.pca), epochs_for(len(reduced.rows)), on_epoch)
    return turn_towards(points, reduced.pca)


def epochs_for(n_tokens: int) -> int:
    """Rounds of the layout: umap-learn's own numbers, but fewer for the largest."""
    if n_tokens <= 10_000:
        return 500
    return 200 if n_tokens <= 100_000 else 100


def _warm_up() -> None:
    """Import umap-learn and compile its loops on a toy, while neighbours are being found.

    The first import after an installation compiles for many seconds.
    """
    rng = np.random.default_rng(0)
    toy = rng.standard_normal((64, 8)).astype(np.float32)
    toy /= np.linalg.norm(toy, axis=1, keepdims=True)
    graph = _graph(nearest(toy, N_NEIGHBOURS - 1))
    _arrange_graph(graph, toy[:, :3].copy(), 2, lambda _epoch, _epochs: None)


def _graph(neighbours: Neighbours) -> Any:
    """The fuzzy simplicial set: a sparse symmetric matrix of how surely two tokens are close."""
    from umap.umap_ import fuzzy_simplicial_set

    n = len(neighbours.ids)
    itself = np.arange(n, dtype=np.int32)[:, None]
    ids = np.concatenate([itself, neighbours.ids], axis=1)
    distance = np.maximum(1 - neighbours.similarity, 0)
    distances = np.concatenate([np.zeros((n, 1), np.float32), distance], axis=1, dtype=np.float32)
    graph, _, _ = fuzzy_simplicial_set(
        X=itself,  # only its length is looked at when the neighbours are given
        n_neighbors=ids.shape[1],
        random_state=np.random.RandomState(_SEED),
        metric="cosine",
        knn_indices=ids,
        knn_dists=distances,
    )
    return graph


def _start(pca: F4) -> F4:
    """Where tokens start: the PCA, its far outliers drawn in.

    umap-learn stretches what it starts from into a cube, edge to edge, so that one far token
    would press all others into a corner.
    """
    deviation = np.maximum(pca.std(axis=0), np.float32(1e-12))
    jitter = np.random.default_rng(_SEED).normal(scale=1e-3, size=pca.shape)
    return (np.clip(pca / deviation, -3, 3) + jitter).astype(np.float32)


def _arrange_graph(graph: Any, start: F4, epochs: int, on_epoch: Callable[[int, int], None]) -> F4:
    """Pull neighbours together and push others apart, `epochs` times over; f4[V,3]."""
    from umap.umap_ import find_ab_params, simplicial_set_embedding

    a, b = find_ab_params(_SPREAD, _MIN_DISTANCE)
    points, _ = simplicial_set_embedding(
        data=start,  # only its length is looked at when the start is given
        graph=graph,
        n_components=3,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=_NEGATIVE_SAMPLES,
        n_epochs=epochs,
        init=start,
        random_state=np.random.RandomState(_SEED),
        metric="cosine",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        parallel=False,
        tqdm_kwds={
            "disable": False,
            "file": _EpochReader(lambda epoch: on_epoch(epoch, epochs)),
            "bar_format": "{n}",
            "mininterval": 0.1,
        },
    )
    return np.asarray(points, np.float32)


class _EpochReader:
    """A file for umap-learn's progress bar to write to, which reads the epoch off it."""

    def __init__(self, on_epoch: Callable[[int], None]) -> None:
        self._on_epoch = on_epoch

    def write(self, text: str) -> int:
        number = re.search(r"\d+", text)
        if number is not None:
            self._on_epoch(int(number[0]))
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""
