"""Embedding rows as gguf-py dequantises them, in any slice and of any type."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf.constants import GGMLQuantizationType as Kind

from cloudchamber.model import embedding as module
from cloudchamber.model.embedding import embedding_hash, open_embedding
from tests.model.gguf_files import random_embedding, smollm2, write_model


def test_the_real_models_rows_are_gguf_pys() -> None:
    found = open_embedding(smollm2())
    assert found is not None
    tensor = next(t for t in gguf.GGUFReader(smollm2()).tensors if t.name == "token_embd.weight")
    truth = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    rows = np.concatenate([rows for _, rows in found.slices()])
    np.testing.assert_array_equal(rows, truth)
    np.testing.assert_array_equal(found.rows(40_000, 40_003), truth[40_000:40_003])


@pytest.mark.parametrize("kind", [Kind.F32, Kind.F16, Kind.BF16, Kind.Q8_0, Kind.Q4_0, Kind.Q5_1])
def test_rows_of_every_type(tmp_path: Path, kind: Kind) -> None:
    values = random_embedding(50, 64)
    found = open_embedding(write_model(tmp_path / "m.gguf", values, kind=kind))
    assert found is not None
    truth = gguf.quants.dequantize(gguf.quants.quantize(values, kind), kind)
    np.testing.assert_array_equal(found.rows(0, 50), truth)
    np.testing.assert_array_equal(found.rows(17, 23), truth[17:23])
    assert found.rows(0, 1).dtype == np.float32


def test_slices_cover_all_rows_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLICE_BYTES", 7 * 64 * 4)
    values = random_embedding(50, 64)
    found = open_embedding(write_model(tmp_path / "m.gguf", values))
    assert found is not None
    parts = list(found.slices())
    assert [start for start, _ in parts] == list(range(0, 50, 7))
    np.testing.assert_array_equal(np.concatenate([rows for _, rows in parts]), values)


def test_the_hash_is_of_the_content_and_not_of_the_file(tmp_path: Path) -> None:
    values = random_embedding(64, 64)
    one = embedding_hash(write_model(tmp_path / "1.gguf", values, list("ab")))
    same = embedding_hash(write_model(tmp_path / "2.gguf", values, list("abc"), n_layer=5))
    changed = values.copy()
    changed[63, 63] += 1
    other = embedding_hash(write_model(tmp_path / "3.gguf", changed))
    shape = embedding_hash(write_model(tmp_path / "4.gguf", values.reshape(32, 128)))
    assert one == same
    assert len({one, other, shape}) == 3
    assert len(one) == 32


def test_the_hash_sees_every_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LEAF_BYTES", 1_000)
    values = random_embedding(64, 64)
    hashes = set()
    for row in range(0, 64, 4):
        changed = values.copy()
        changed[row] += 1
        hashes.add(embedding_hash(write_model(tmp_path / "m.gguf", changed)))
    assert len(hashes) == 16


def test_a_model_without_an_embedding_has_no_hash(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", None, list("abc"))
    assert open_embedding(path) is None
    assert embedding_hash(path) == ""
