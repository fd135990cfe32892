"""Exact neighbours: against the whole matrix of similarities, sorted."""

from __future__ import annotations

import numpy as np
import pytest

from cloudchamber.model import neighbours
from cloudchamber.model.neighbours import nearest
from cloudchamber.model.reduction import unit_rows
from tests.model.gguf_files import random_embedding


@pytest.mark.parametrize(("n", "tile"), [(16, 2_048), (200, 64), (193, 64), (130, 128)])
def test_neighbours_are_those_of_the_whole_matrix(n: int, tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_TILE", tile)
    rows = unit_rows(random_embedding(n, 24))
    found = nearest(rows, 14)
    whole = rows @ rows.T
    np.fill_diagonal(whole, -np.inf)
    order = np.argsort(-whole, axis=1, kind="stable")[:, :14]
    np.testing.assert_allclose(found.similarity, np.take_along_axis(whole, order, axis=1), atol=1e-6)
    np.testing.assert_allclose(found.similarity, np.take_along_axis(whole, found.ids, axis=1), atol=1e-6)
    assert (found.ids != np.arange(n)[:, None]).all()
    assert all(len(set(ids)) == 14 for ids in found.ids.tolist())


def test_equal_rows_are_each_others_neighbours_and_not_their_own() -> None:
    rows = np.repeat(unit_rows(random_embedding(4, 24)), 20, axis=0)
    found = nearest(rows, 14)
    assert (found.ids // 20 == (np.arange(80) // 20)[:, None]).all()
    assert (found.ids != np.arange(80)[:, None]).all()


def test_progress_is_of_the_pairs_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_TILE", 64)
    fractions: list[float] = []
    nearest(unit_rows(random_embedding(256, 8)), 5, fractions.append)
    np.testing.assert_allclose(fractions, [7 / 16, 12 / 16, 15 / 16, 1])
