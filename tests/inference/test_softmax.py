"""The one look at a step's logits, against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cloudchamber.inference.softmax import NotFiniteError, SoftmaxScratch
from cloudchamber.telemetry.events import F4


def reference(logits: F4) -> np.ndarray:
    y = logits.astype(np.float64)
    weights = np.exp(y - y.max())
    p: np.ndarray = weights / weights.sum()
    return p


@given(
    hnp.arrays(
        np.float32,
        st.integers(1, 300),
        elements=st.one_of(st.floats(-400, 400, width=32), st.sampled_from([-np.inf, 0.0, 1.0])),
    )
)
@settings(max_examples=200, deadline=None)
def test_figures_match_numpy(logits: F4) -> None:
    scratch = SoftmaxScratch(len(logits))
    if np.isneginf(logits).all():
        with pytest.raises(NotFiniteError):
            scratch.measure(logits)
        return
    stats = scratch.measure(logits)
    p = reference(logits)
    held = p[p > 0]
    assert stats.entropy == pytest.approx(-(held * np.log(held)).sum(), abs=1e-9)
    count = min(20, len(logits))
    order = np.lexsort((np.arange(len(logits)), -logits))[:count]
    assert stats.top_ids.tolist() == order.tolist()
    np.testing.assert_allclose(stats.top_p, p[order], rtol=1e-6, atol=1e-30)
    for chosen in (0, len(logits) - 1, int(order[-1])):
        before = np.lexsort((np.arange(len(logits)), -logits)).tolist().index(chosen)
        assert scratch.rank(logits, chosen) == before + 1
        assert stats.probability(logits[chosen]) == pytest.approx(p[chosen], rel=1e-12)


def test_all_the_mass_is_there_in_a_big_vocabulary() -> None:
    logits = np.random.default_rng(1).normal(0, 4, 262_144).astype(np.float32)
    scratch = SoftmaxScratch(len(logits))
    stats = scratch.measure(logits)
    assert stats.total == pytest.approx(np.exp(logits.astype(np.float64) - stats.greatest).sum(), rel=1e-13)
    ids, p, entropy = scratch.survivors(scratch.candidates)
    assert ids.tolist() == list(range(len(logits)))
    np.testing.assert_allclose(p, reference(logits), rtol=1e-6)
    assert entropy == pytest.approx(stats.entropy, abs=1e-9)


@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf])
@pytest.mark.parametrize("at", [0, 17, 99])
def test_broken_numbers_are_refused(bad: float, at: int) -> None:
    logits = np.zeros(100, np.float32)
    logits[at] = bad
    with pytest.raises(NotFiniteError):
        SoftmaxScratch(100).measure(logits)


def test_a_certain_token_has_no_entropy() -> None:
    logits = np.full(50, -np.inf, np.float32)
    logits[7] = 3.0
    stats = SoftmaxScratch(50).measure(logits)
    assert stats.entropy == pytest.approx(0, abs=1e-12)
    assert stats.top_ids[0] == 7
    assert stats.top_p[0] == 1
