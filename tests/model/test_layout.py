"""The UMAP layout: similar tokens close together, the same each time, with real progress."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.positions import neighbour_recall
from cloudchamber.model.embedding import open_embedding
from cloudchamber.model.layout import epochs_for, umap_layout
from cloudchamber.model.reduction import Reduced, principal_components, reduce_embedding, unit_rows
from tests.model.gguf_files import random_embedding, smollm2

type F4 = NDArray[np.float32]


def small() -> Reduced:
    rows = unit_rows(random_embedding(600, 32))
    return Reduced(rows, principal_components(rows))


def test_a_small_vocabulary_is_laid_out_the_same_each_time_and_tells_how_far_it_is() -> None:
    told: list[tuple[float, str]] = []
    first = umap_layout(small(), lambda fraction, message: told.append((fraction, message)))
    second = umap_layout(small(), lambda _fraction, _message: None)
    np.testing.assert_array_equal(first, second)
    assert first.shape == (600, 3)
    assert np.isfinite(first).all()
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    assert sum("round" in message for _, message in told) > 3
    assert neighbour_recall(small().rows, first) > neighbour_recall(small().rows, small().pca) + 0.05


def test_the_layout_faces_as_the_pca_does() -> None:
    reduced = small()
    points = umap_layout(reduced, lambda _fraction, _message: None)
    here, there = points - points.mean(axis=0), reduced.pca - reduced.pca.mean(axis=0)
    left, _, right = np.linalg.svd(here.T @ there)
    np.testing.assert_allclose(left @ right, np.eye(3), atol=1e-2)


def test_rounds_are_umap_learns_own_but_for_the_largest() -> None:
    assert [epochs_for(n) for n in (1_000, 49_152, 262_144)] == [500, 200, 100]


@pytest.mark.timeout(900)
def test_the_real_vocabulary_keeps_a_fifth_of_its_neighbours_in_space() -> None:
    embedding = open_embedding(smollm2())
    assert embedding is not None
    reduced = reduce_embedding(embedding, lambda _: None)
    points = umap_layout(reduced, lambda _fraction, _message: None)
    assert neighbour_recall(reduced.rows, points) >= 0.20
    assert neighbour_recall(reduced.rows, reduced.pca) < 0.05
    distance = np.linalg.norm(points - reduced.pca, axis=1)
    assert np.mean(distance) < 3.5  # the way from PCA to UMAP; turned at random it is about 4
