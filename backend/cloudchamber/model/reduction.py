"""An embedding made small enough to work with: unit rows, fewer dimensions, and its PCA.

Angles between tokens are what counts (cosine), so every row is first made a unit vector. An
embedding of moderate size is kept whole. A larger one is rotated into the subspace that holds
most of it, found on a sample of rows, so that 262,144 x 5,120 passes through 4 GB: one pass
over the file in slices, 256 numbers kept for each token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudchamber.model.embedding import Embedding
from cloudchamber.model.positions import scale_like_umap

type F4 = NDArray[np.float32]
type OnFraction = Callable[[float], None]

WHOLE_WIDTH: Final = 1_024
WHOLE_TOKENS: Final = 65_536
KEPT_DIMENSIONS: Final = 256

_SAMPLE_ROWS: Final = 16_384
_SAMPLE_RUNS: Final = 64
_OVERSAMPLING: Final = 16
_POWER_ITERATIONS: Final = 4


@dataclass(frozen=True, slots=True)
class Reduced:
    """A vocabulary ready to be laid out."""

    rows: F4
    """f4[V,D] unit vectors; D is the embedding's width, or 256 of a large one."""
    pca: F4
    """f4[V,3] along the three principal axes, scaled like a UMAP layout."""


def reduce_embedding(embedding: Embedding, on_fraction: OnFraction) -> Reduced:
    """Read an embedding and project it. Raises `GgufError` when the file can't be read."""
    width, tokens = embedding.width, embedding.n_tokens
    whole = width <= KEPT_DIMENSIONS or (width <= WHOLE_WIDTH and tokens <= WHOLE_TOKENS)
    basis = None if whole else _main_subspace(_sample(embedding))
    rows = np.empty((tokens, width if basis is None else basis.shape[1]), np.float32)
    for start, values in embedding.slices():
        unit = unit_rows(values)
        rows[start : start + len(unit)] = unit if basis is None else unit_rows(unit @ basis)
        on_fraction((start + len(unit)) / tokens)
    return Reduced(rows, scale_like_umap(principal_components(rows)))


def unit_rows(values: F4) -> F4:
    """Each row of f4[n,d] divided by its length. Zero rows and NaN come out as 0."""
    length = np.sqrt(np.einsum("ij,ij->i", values, values))
    if not np.isfinite(length).all():
        values = np.nan_to_num(values, posinf=0.0, neginf=0.0)
        length = np.linalg.norm(values, axis=1)
    unit: F4 = values / np.maximum(length, np.float32(1e-20))[:, None]
    return unit


def principal_components(rows: F4) -> F4:
    """Coordinates of f4[n,d] along their three directions of greatest variance, f4[n,3].

    Each axis points to where its largest weight is positive, so that the same rows always
    give the same picture.
    """
    # As products, which are many times faster than a mean and a copy less its mean.
    mean = (np.ones(len(rows), np.float32) @ rows).astype(np.float64) / len(rows)
    covariance = (rows.T @ rows).astype(np.float64) - len(rows) * np.outer(mean, mean)
    _, vectors = np.linalg.eigh(covariance)
    axes = vectors[:, ::-1][:, :3]
    strongest = np.abs(axes).argmax(axis=0)
    axes = (axes * np.sign(axes[strongest, np.arange(axes.shape[1])])).astype(np.float32)
    points = np.zeros((len(rows), 3), np.float32)
    points[:, : axes.shape[1]] = rows @ axes - (mean @ axes).astype(np.float32)
    return points


def _sample(embedding: Embedding) -> F4:
    """Up to 16,384 unit rows, in runs spread evenly over the vocabulary."""
    if embedding.n_tokens <= _SAMPLE_ROWS:
        return unit_rows(embedding.rows(0, embedding.n_tokens))
    run = _SAMPLE_ROWS // _SAMPLE_RUNS
    starts = np.linspace(0, embedding.n_tokens - run, _SAMPLE_RUNS).astype(int).tolist()
    return unit_rows(np.concatenate([embedding.rows(start, start + run) for start in starts]))


def _main_subspace(rows: F4) -> F4:
    """Orthonormal basis f4[d,256] of the directions that hold most of f4[n,d].

    Randomised subspace iteration: Halko, Martinsson, Tropp 2011, arXiv:0909.4061.
    """
    rng = np.random.default_rng(0)
    basis = rng.standard_normal((rows.shape[1], KEPT_DIMENSIONS + _OVERSAMPLING), np.float32)
    for _ in range(_POWER_ITERATIONS):
        basis, _ = np.linalg.qr(rows.T @ (rows @ basis))
    seen = rows @ basis
    _, vectors = np.linalg.eigh((seen.T @ seen).astype(np.float64))
    return np.ascontiguousarray(basis @ vectors[:, ::-1][:, :KEPT_DIMENSIONS].astype(np.float32))
