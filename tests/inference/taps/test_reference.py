"""SmolLM2: what the taps say against a forward pass written in NumPy.

Two comparisons. With the weights of the first layers in F32, llama.cpp and NumPy compute the
same numbers but for F16 in the cache, and the tolerances are tight. With the whole quantised
model llama.cpp rounds activations to 8 bits before each of 211 multiplications; that is
relative noise of about 1/250 in each, and 30 layers carry it along. Measured on this text,
all layers and positions: rows differ by up to 0.073 in one cell (0.006 in total variation on
average), norms by up to 4.5 % (0.5 % in the median), the distribution by a total variation
of up to 0.085. A mistake (a wrong layer, a missing scale, an unrotated key) is an order of
magnitude beyond these.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests import reference
from tests.inference.taps.driver import Session, session

# "Once upon a time there was a small robot who lived by the sea. Every morning it"
TEXT = [6403, 1980, 253, 655, 665, 436, 253, 1165, 8085, 617, 4161, 411, 260, 3426, 30, 5081, 5738, 357]
CUT = 4


@pytest.fixture(scope="module")
def weights(smollm2: Path) -> reference.Weights:
    return reference.Weights.read(smollm2)


def compare(
    one: Session, expected: reference.Pass, layers: list[int], positions: list[int]
) -> dict[str, float]:
    """Greatest differences over layers and positions, all heads: rows, norms, distribution."""
    rows, norms, distribution = 0.0, 0.0, 0.0
    for position in positions:
        event = one.taps.layer_activation("r", position)
        assert event is not None
        for layer in layers:
            for head in range(9):
                weights, sink, _, _ = one.taps.attention_block(
                    layer, head, "head", position, position + 1, 0, 0, 64
                )
                assert weights.sum() == pytest.approx(1, abs=1e-5)
                assert sink[0] == 0
                rows = max(rows, float(np.abs(weights[0] - expected.attention[layer][head, position]).max()))
            for got, wanted in (
                (event.attention_norm, expected.attention_norm),
                (event.mlp_norm, expected.mlp_norm),
                (event.output_norm, expected.output_norm),
                (event.residual_change, expected.residual_change),
            ):
                norms = max(norms, abs(float(got[layer] / wanted[layer, position]) - 1))
        p = reference.softmax(one.logits(position))
        q = reference.softmax(expected.logits[position])
        distribution = max(distribution, float(np.abs(p - q).sum() / 2))
    return {"rows": rows, "norms": norms, "distribution": distribution}


def decode_all(one: Session) -> None:
    one.decode(TEXT, outputs=range(len(TEXT)))
    assert one.taps.lost == 0


@pytest.mark.parametrize("flash", [True, False], ids=["flash", "plain"])
def test_exact_weights_match_closely(weights: reference.Weights, flash: bool, tmp_path: Path) -> None:
    cut = weights.first_layers(CUT)
    path = tmp_path / "exact.gguf"
    cut.write_exact(path)
    with session(path, flash=flash, n_ctx=64) as one:
        decode_all(one)
        found = compare(one, reference.Llama(cut).run(TEXT), list(range(CUT)), [0, 5, 11, 17])
    path.unlink()
    print(found)
    assert found["rows"] < 2e-3
    assert found["norms"] < 2e-3
    assert found["distribution"] < 2e-3


def test_the_whole_model_matches_within_its_rounding(smollm2: Path, weights: reference.Weights) -> None:
    with session(smollm2, flash=True, n_ctx=64) as one:
        decode_all(one)
        found = compare(one, reference.Llama(weights).run(TEXT), [0, 7, 15, 22, 29], [3, 9, 17])
    assert found["rows"] < 0.1
    assert found["norms"] < 0.07
    assert found["distribution"] < 0.12


def test_the_reference_is_sensitive(weights: reference.Weights) -> None:
    """The tolerances mean something: one head's keys left unrotated would be noticed."""
    cut = weights.first_layers(1)
    right = reference.Llama(cut).run(TEXT)

    class Unrotated(reference.Llama):
        def _rotate(self, x: Any) -> NDArray[np.float32]:
            return super()._rotate(x) if x.shape[1] == self.n_head else np.asarray(x)

    wrong = Unrotated(cut).run(TEXT)
    assert np.abs(right.attention[0] - wrong.attention[0])[:, 5:].max() > 0.3
