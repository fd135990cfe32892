"""Reading a GGUF header: right on good files, a sentence on every bad one."""

from __future__ import annotations

import contextlib
import struct
import time
from pathlib import Path

import gguf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudchamber.model.header import GgufError, read_array, read_header
from tests.model.gguf_files import random_embedding, smollm2, write_model, write_split_model


def test_the_real_model_is_read_as_gguf_py_reads_it() -> None:
    header = read_header(smollm2())
    reader = gguf.GGUFReader(smollm2())
    assert {name: (t.shape, t.type, t.offset, t.nbytes) for name, t in header.tensors.items()} == {
        t.name: (tuple(t.shape.tolist()), int(t.tensor_type), t.data_offset, t.n_bytes)
        for t in reader.tensors
    }
    for key, value in header.metadata.items():
        assert reader.fields[key].contents() == value
    assert header.arrays.keys() | header.metadata.keys() == {
        key for key in reader.fields if not key.startswith("GGUF.")
    }
    assert (header.n_layer, header.n_vocab, header.n_embd) == (30, 49_152, 576)
    assert header.quantization == "Q4_1"
    assert header.per_layer("attention.head_count_kv", 0) == [3] * 30
    assert header.file_bytes == smollm2().stat().st_size


def test_the_header_alone_takes_hundredths_of_a_second() -> None:
    read_header(smollm2())
    best = min(_timed() for _ in range(5))
    assert best < 0.15


def _timed() -> float:
    start = time.perf_counter()
    read_header(smollm2())
    return time.perf_counter() - start


def test_a_big_numeric_array_is_read_when_asked_for() -> None:
    types = read_array(read_header(smollm2()), "tokenizer.ggml.token_type")
    assert types is not None
    assert types.shape == (49_152,)
    assert set(types.tolist()) <= {1, 3, 4}


@pytest.mark.parametrize("named", [0, 1])
def test_a_split_model_is_one_model_whichever_part_is_named(tmp_path: Path, named: int) -> None:
    parts = write_split_model(tmp_path)
    header = read_header(parts[named])
    assert header.path == parts[0]
    assert header.parts == tuple(parts)
    assert header.tensors.keys() == {"token_embd.weight", "output_norm.weight"}
    assert header.tensors["token_embd.weight"].path == parts[1]
    assert header.name == "Split"
    assert header.file_bytes == sum(part.stat().st_size for part in parts)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    parts = write_split_model(tmp_path)
    parts[1].unlink()
    with pytest.raises(GgufError, match=r"split-00002-of-00002\.gguf"):
        read_header(parts[0])


def test_every_truncation_of_a_model_is_refused_with_a_sentence(tmp_path: Path) -> None:
    whole = write_model(tmp_path / "whole.gguf", random_embedding(8, 32), list("abcdefgh")).read_bytes()
    cut = tmp_path / "cut.gguf"
    for length in [*range(0, len(whole) - 32, 7), len(whole) - 33]:
        cut.write_bytes(whole[:length])
        with pytest.raises(GgufError, match=r"not a GGUF|ends"):
            read_header(cut)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "not a GGUF"),
        (b"PK\x03\x04 a zip file, say", "not a GGUF"),
        (struct.pack("<4sIQQ", b"GGUF", 1, 0, 0), "version 1"),
        (struct.pack(">4sIQQ", b"GGUF", 3, 0, 0), "big-endian"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 1 << 40, 0), "can't be true"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 0, 1 << 63), "can't be true"),
        (struct.pack("<4sIQQ", b"GGUF", 3, (1 << 16) + 1, 0), "65,537 tensors"),
        (struct.pack("<4sIQQQ", b"GGUF", 3, 0, 1, 1 << 63), "longer than any"),
        (struct.pack("<4sIQQQ1sI", b"GGUF", 3, 0, 1, 1, b"k", 77), "unknown type 77"),
        (struct.pack("<4sIQQQ1sIIQ", b"GGUF", 3, 0, 1, 1, b"k", 9, 8, 1 << 61), "ends"),
        (struct.pack("<4sIQQQ1sIIQ", b"GGUF", 3, 0, 1, 1, b"k", 9, 4, 1 << 62), "ends"),
        (struct.pack("<4sIQQQ1sIIQ", b"GGUF", 3, 0, 1, 1, b"k", 9, 9, 1), "unknown type 9"),
    ],
)
def test_hostile_beginnings_are_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(GgufError, match=sentence):
        read_header(path)


@pytest.mark.parametrize("n_layer", [4_097, 2**32 - 1])
def test_an_absurd_number_of_layers_is_refused(tmp_path: Path, n_layer: int) -> None:
    path = tmp_path / "deep.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(n_layer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with pytest.raises(GgufError, match="layers"):
        read_header(path)


@pytest.mark.parametrize("arrays", [1, 4])
def test_more_strings_than_any_vocabulary_has_are_not_gone_through(
    tmp_path: Path, arrays: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty ones take 8 bytes each: half a gigabyte of header would take a minute."""
    monkeypatch.setattr("cloudchamber.model.gguf_reader.MAX_STRINGS", 4_000)
    path = tmp_path / "many.gguf"
    count = 4_004 // arrays
    content = struct.pack("<4sIQQ", b"GGUF", 3, 0, arrays)
    for i in range(arrays):
        content += struct.pack("<Q1sIIQ", 1, bytes([97 + i]), 9, 8, count) + bytes(8 * count)
    path.write_bytes(content)
    with pytest.raises(GgufError, match="4,004 strings"):
        read_header(path)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(GgufError, match="No such file"):
        read_header(tmp_path / "none.gguf")


def _sample(tmp_path: Path) -> bytes:
    path = tmp_path / "sample.gguf"
    if not path.exists():
        write_model(path, random_embedding(8, 32), list("abcdefgh"), [1] * 8)
    return path.read_bytes()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_to_a_file_escapes_as_another_error(tmp_path: Path, data: st.DataObject) -> None:
    damaged = bytearray(_sample(tmp_path))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 9))
        patch = data.draw(
            st.one_of(
                st.binary(min_size=1, max_size=8),
                st.sampled_from(
                    [b"\xff" * 8, struct.pack("<Q", 1 << 62), struct.pack("<Q", 1 << 32), bytes(8)]
                ),
            )
        )
        damaged[at : at + len(patch)] = patch
    path = tmp_path / "damaged.gguf"
    path.write_bytes(damaged)
    try:
        header = read_header(path)
    except GgufError:
        return
    for tensor in header.tensors.values():
        assert tensor.offset + tensor.nbytes <= len(damaged)
    assert 0 <= header.n_layer <= 4_096
    assert isinstance(header.quantization, str)
    assert isinstance(header.name, str)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tail=st.binary(max_size=200))
def test_random_bytes_after_the_magic_are_refused_or_read(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "random.gguf"
    path.write_bytes(b"GGUF\x03\x00\x00\x00" + tail)
    with contextlib.suppress(GgufError):
        read_header(path)
