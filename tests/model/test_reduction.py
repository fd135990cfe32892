"""Unit rows, fewer dimensions, PCA: against plain linear algebra."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cloudchamber.model import reduction
from cloudchamber.model.embedding import open_embedding
from cloudchamber.model.positions import rms_radius
from cloudchamber.model.reduction import principal_components, reduce_embedding, unit_rows
from tests.model.gguf_files import random_embedding, write_model

type F4 = NDArray[np.float32]


def reference_pca(rows: F4) -> NDArray[np.float64]:
    """By singular values; axes may point either way."""
    centred = rows.astype(np.float64) - rows.astype(np.float64).mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    return np.asarray(centred @ axes[:3].T)


def same_up_to_sign(points: F4, truth: NDArray[np.float64]) -> float:
    """Least absolute correlation between the columns of two layouts."""
    return min(abs(float(np.corrcoef(points[:, axis], truth[:, axis])[0, 1])) for axis in range(3))


def test_unit_rows_have_length_one_and_bad_rows_become_nothing() -> None:
    rows = np.array([[3, 4], [0, 0], [np.nan, 1], [np.inf, 0], [1e-30, 0]], np.float32)
    unit = unit_rows(rows)
    np.testing.assert_allclose(unit[0], [0.6, 0.8], rtol=1e-6)
    assert np.isfinite(unit).all()
    assert not unit[1].any()
    assert np.linalg.norm(unit, axis=1).max() <= 1.00001


def test_principal_components_are_those_of_the_singular_values() -> None:
    rows = unit_rows(random_embedding(500, 40))
    points = principal_components(rows)
    assert points.shape == (500, 3)
    assert same_up_to_sign(points, reference_pca(rows)) > 0.9999
    assert np.var(points[:, 0]) >= np.var(points[:, 1]) >= np.var(points[:, 2])


def test_each_axis_points_to_where_its_largest_weight_is_positive() -> None:
    for seed in range(8):
        rows = unit_rows(random_embedding(500, 40, seed))
        weights = (rows - rows.mean(axis=0)).T @ principal_components(rows)
        assert (weights[np.abs(weights).argmax(axis=0), np.arange(3)] > 0).all()


def test_a_narrow_embedding_still_has_three_coordinates() -> None:
    points = principal_components(unit_rows(random_embedding(50, 2)))
    assert points.shape == (50, 3)
    assert not points[:, 2].any()


def test_a_moderate_embedding_is_kept_whole(tmp_path: Path) -> None:
    values = random_embedding(300, 64)
    embedding = open_embedding(write_model(tmp_path / "m.gguf", values))
    assert embedding is not None
    fractions: list[float] = []
    reduced = reduce_embedding(embedding, fractions.append)
    np.testing.assert_allclose(reduced.rows, unit_rows(values.copy()), atol=1e-6)
    assert fractions[-1] == 1
    assert rms_radius(reduced.pca) == pytest.approx(2.55 * (300 / 49_152) ** (1 / 3), rel=1e-3)


def test_a_large_embedding_keeps_its_angles_and_its_pca(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reduction, "WHOLE_WIDTH", 64)
    monkeypatch.setattr(reduction, "KEPT_DIMENSIONS", 32)
    monkeypatch.setattr(reduction, "_SAMPLE_ROWS", 512)
    rng = np.random.default_rng(1)
    inner = rng.standard_normal((2_000, 24)) * np.geomspace(4, 1, 24)
    values = (inner @ rng.standard_normal((24, 256)) + 0.05 * rng.standard_normal((2_000, 256))).astype("f4")
    embedding = open_embedding(write_model(tmp_path / "m.gguf", values))
    assert embedding is not None
    reduced = reduce_embedding(embedding, lambda _: None)
    assert reduced.rows.shape == (2_000, 32)
    truth = unit_rows(values.copy())
    np.testing.assert_allclose(reduced.rows[:200] @ reduced.rows.T, truth[:200] @ truth.T, atol=0.01)
    assert same_up_to_sign(reduced.pca, reference_pca(truth)) > 0.99
