"""One arrangement of a vocabulary: centred, measured, turned."""

from __future__ import annotations

import numpy as np
import pytest

from cloudchamber.model.positions import arrange, neighbour_radius, rms_radius, scale_like_umap, turn_towards
from cloudchamber.telemetry import codec


def cloud(n: int, seed: int = 0) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(seed).standard_normal((n, 3)).astype(np.float32)


def test_the_radius_is_the_distance_to_the_16th_other_token() -> None:
    points = cloud(300)
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.testing.assert_allclose(neighbour_radius(points), np.sort(distance, axis=1)[:, 16], rtol=1e-5)


@pytest.mark.parametrize("n", [0, 1, 2, 5, 17])
def test_a_handful_of_tokens_has_a_radius_too(n: int) -> None:
    radius = neighbour_radius(cloud(n))
    assert radius.shape == (n,)
    assert np.isfinite(radius).all()


def test_an_arrangement_is_centred_and_says_how_far_it_reaches() -> None:
    points = cloud(2_000) + np.float32(7)
    points[:5] += 1_000
    positions = arrange("pca", points)
    np.testing.assert_allclose(np.median(positions.points, axis=0), 0, atol=1e-5)
    inside = np.linalg.norm(positions.points, axis=1) <= positions.extent
    assert inside.mean() == pytest.approx(0.99, abs=0.002)
    assert positions.extent < 10


def test_values_that_are_not_finite_do_no_harm() -> None:
    points = cloud(100)
    points[3] = np.nan
    points[4, 1] = np.inf
    positions = arrange("umap", points)
    assert np.isfinite(positions.points).all()
    assert np.isfinite(positions.radius).all()


def test_the_body_is_what_the_page_expects() -> None:
    body = codec.decode(arrange("umap", cloud(100)).encode())
    assert body["method"] == "umap"
    assert (body["points"].shape, body["points"].dtype) == ((100, 3), "<f4")
    assert (body["radius"].shape, body["radius"].dtype) == ((100,), "<f4")
    assert body["extent"] > 0


def test_turning_undoes_any_turn_and_mirror() -> None:
    target = cloud(500) * np.array([3, 2, 1], np.float32)
    turn, _ = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))
    turn[:, 0] *= -np.sign(np.linalg.det(turn))
    turned = turn_towards((target @ turn + 5).astype(np.float32), target)
    np.testing.assert_allclose(turned, target - target.mean(axis=0), atol=1e-4)


def test_pca_gets_the_size_that_umap_would_have() -> None:
    points = scale_like_umap(cloud(49_152) * np.float32(0.001))
    assert rms_radius(points) == pytest.approx(2.55, rel=1e-4)
    assert not scale_like_umap(np.zeros((5, 3), np.float32)).any()
