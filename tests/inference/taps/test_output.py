"""The hidden state that the taps keep is what the logits were made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
from numpy.typing import NDArray

from cloudchamber.model.header import read_bytes, read_header
from tests.inference.taps.driver import Session, session, tokens

TinyModel = Callable[[str], Path]
FAMILIES = ["llama", "mixtral", "qwen2", "gemma3", "gpt_oss", "deepseek2", "phi3", "mamba"]


def product(path: Path, one: Session) -> NDArray[np.float64]:
    """Output matrix times hidden state, from the file's weights."""
    output, hidden = one.taps.output, one.taps.hidden_state()
    assert output is not None
    assert hidden is not None
    tensor = read_header(path).tensors[output.tensor]
    raw = np.frombuffer(read_bytes(tensor.path, tensor.offset, tensor.nbytes), np.uint8)
    kind = gguf.GGMLQuantizationType(tensor.type)
    assert kind == output.type
    plain = {0: "<f4", 1: "<f2"}.get(int(kind))
    stored = raw.view(plain) if plain else raw.reshape(output.rows, -1)
    weights = gguf.quants.dequantize(stored, kind).reshape(output.rows, output.width)
    logits: NDArray[np.float64] = weights.astype(np.float64) @ hidden.astype(np.float64)
    return logits


@pytest.mark.parametrize("family", FAMILIES)
def test_the_hidden_state_makes_the_logits(tiny_model: TinyModel, family: str) -> None:
    path = tiny_model(family)
    with session(path, flash=True) as one:
        one.decode(tokens(20))  # a large graph, looked into as it runs
        np.testing.assert_allclose(product(path, one), one.logits(), atol=0.02, rtol=0.02)
        for token in tokens(3, seed=4):
            one.decode([token])
            np.testing.assert_allclose(product(path, one), one.logits(), atol=0.02, rtol=0.02)


def test_without_an_output_there_is_no_hidden_state(tiny_model: TinyModel) -> None:
    with session(tiny_model("llama"), flash=True) as one:
        one.decode(tokens(20), outputs=[])
        assert one.taps.hidden_state() is None
        one.decode(tokens(2), outputs=[1])
        assert one.taps.hidden_state() is not None
