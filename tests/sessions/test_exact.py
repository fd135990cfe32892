"""Distributions: the same to the last bit, and small."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type
from gguf.constants import GGML_QUANT_SIZES

from cloudchamber.sessions import exact
from cloudchamber.sessions.exact import InexactError, choose_way, decode, encode, encode_steps, logits_of
from cloudchamber.sessions.exact_matrix import Matrix, body_of, matrix_of, read_matrix
from cloudchamber.sessions.exact_product import LANES, multiply, ways
from cloudchamber.telemetry.events import F4
from tests.sessions.spooled import Spooled, run_and_spool


@pytest.fixture(scope="module")
def run(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Spooled:
    return run_and_spool(smollm2, tmp_path_factory.mktemp("spool"), tokens=24)


@pytest.fixture(scope="module")
def matrix(smollm2: Path) -> Matrix:
    found = read_matrix(smollm2, "token_embd.weight")
    assert found is not None
    return found


def same_bits(a: F4, b: F4) -> bool:
    return np.array_equal(a.view(np.uint32), b.view(np.uint32))


def test_a_real_run_comes_back_bit_for_bit_in_few_bytes(run: Spooled, matrix: Matrix) -> None:
    with run.open() as spool:
        assert spool.head.tensor == "token_embd.weight"
        there, hidden, logits = spool.step_records(0, 24)
    assert there.all()
    way = choose_way(matrix, hidden[0], logits[0])
    kept = [encode(step) for step in encode_steps(matrix, way, hidden, logits)]
    for step, data in enumerate(kept):
        assert same_bits(logits_of(decode(data), matrix), logits[step])
        # What a live run answers to `get_distribution`.
        assert same_bits(exact.probabilities_of(decode(data), matrix), run.probabilities[step])
    # 196,608 bytes of F32; the lanes are those of x86-64, elsewhere sums have another order.
    assert max(map(len, kept)) < (4_000 if way == LANES else 45_000)


@pytest.mark.parametrize("way", ["q8_0", "f32", ""])
def test_a_poor_prediction_costs_bytes_and_no_bits(run: Spooled, matrix: Matrix, way: str) -> None:
    with run.open() as spool:
        _, hidden, logits = spool.step_records(0, 4)
    kept = [encode(step) for step in encode_steps(matrix, way, hidden, logits)]
    for step, data in enumerate(kept):
        assert same_bits(logits_of(decode(data), matrix), logits[step])
    assert np.mean([len(data) for data in kept]) < {"q8_0": 40_000, "f32": 145_000, "": 180_000}[way]


def test_without_a_hidden_state_a_step_keeps_its_logits(matrix: Matrix) -> None:
    hidden, logits = np.zeros((3, matrix.width), np.float32), np.zeros((3, matrix.rows), np.float32)
    hidden[1] = np.nan
    logits[:, :7] = [0.0, -0.0, np.inf, -np.inf, 1e-42, -3.0, np.nan]
    steps = encode_steps(matrix, "f32", hidden, logits)
    assert [step.way for step in steps] == ["f32", "", "f32"]
    for step, row in zip(steps, logits, strict=True):
        assert same_bits(logits_of(decode(encode(step)), matrix), row)


def random_matrix(kind: Type, rows: int = 96, width: int = 512) -> Matrix:
    rng = np.random.default_rng(int(kind))
    block, size = GGML_QUANT_SIZES[kind]
    try:
        weights = rng.normal(0, 0.05, (rows, width)).astype(np.float32)
        raw = np.ascontiguousarray(gguf.quants.quantize(weights, kind)).view(np.uint8).reshape(-1)
    except NotImplementedError:  # the bytes of no sensible weights, but of some
        raw = rng.integers(0, 48, rows * width // block * size).astype(np.uint8)
    return Matrix(int(kind), width, rows, raw)


TYPES = [
    Type.F32, Type.F16, Type.BF16, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q8_0, Type.Q4_K, Type.Q6_K,
    Type.IQ4_NL,
]  # fmt: skip


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_matrices_of_every_type_multiply_and_come_back(kind: Type) -> None:
    matrix = random_matrix(kind)
    hidden = np.random.default_rng(1).normal(0, 3, (2, matrix.width)).astype(np.float32)
    true = hidden.astype(np.float64) @ matrix.slice(0, matrix.rows).astype(np.float64).T
    noise = np.random.default_rng(2).integers(-3, 4, (2, matrix.rows)).astype(np.int32)
    for way in ways(matrix):
        product = multiply(matrix, hidden, way)
        assert np.abs(product - true).max() < 0.02 * np.abs(true).max()
        logits = (product.view(np.int32) + noise).view(np.float32)
        for step, row in zip(encode_steps(matrix, way, hidden, logits), logits, strict=True):
            assert same_bits(logits_of(decode(encode(step)), matrix), row)
            assert len(step.difference) < 2 * matrix.rows


def test_the_lanes_are_ggml_s_own(run: Spooled, matrix: Matrix) -> None:
    import llama_cpp

    info = llama_cpp.llama_print_system_info()
    if b"AVX2 = 1" not in info or b"AVX512 = 1" in info:
        pytest.skip("this llama.cpp sums in another order")
    with run.open() as spool:
        _, hidden, logits = spool.step_records(0, 24)
    assert same_bits(multiply(matrix, hidden, LANES), logits)


def test_what_is_damaged_is_refused() -> None:
    matrix = random_matrix(Type.Q8_0)
    hidden = np.random.default_rng(1).normal(0, 3, (1, matrix.width)).astype(np.float32)
    logits = multiply(matrix, hidden, LANES)
    for way in ("q8_0", ""):
        (step,) = encode_steps(matrix, way, hidden, logits)
        data = bytearray(encode(step))
        wrong = 0
        for at in range(0, len(data), max(1, len(data) // 400)):
            data[at] ^= 0x10
            with contextlib.suppress(InexactError):
                wrong += not same_bits(logits_of(decode(bytes(data)), matrix), logits[0])
            data[at] ^= 0x10
        assert wrong == 0
    other = replace(matrix, data=matrix.data ^ np.uint8(1))
    (step,) = encode_steps(matrix, "q8_0", hidden, logits)
    for missing in (None, other):
        with pytest.raises(InexactError, match="matrix is not here"):
            logits_of(step, missing)


def test_a_small_matrix_is_kept_and_a_large_one_found_again(
    matrix: Matrix, smollm2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = body_of(matrix, smollm2, "token_embd.weight")
    assert len(body) > len(matrix.data)
    kept = matrix_of(body, matrix.hash)
    assert kept is not None
    np.testing.assert_array_equal(kept.data, matrix.data)
    monkeypatch.setattr("cloudchamber.sessions.exact_matrix.COPY_BYTES", 1000)
    place = body_of(matrix, smollm2, "token_embd.weight")
    assert len(place) < 1000
    found = matrix_of(place, matrix.hash)
    assert found is not None
    assert found.hash == matrix.hash
    assert matrix_of(place, "0" * 32) is None
    assert matrix_of(body_of(matrix, Path("/nowhere.gguf"), "x"), matrix.hash) is None
    assert matrix_of(b"\x00", matrix.hash) is None
