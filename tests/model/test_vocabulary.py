"""Tokens as real bytes: against llama.cpp over whole vocabularies."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path

import gguf
import llama_cpp
import numpy as np
import pytest

from cloudchamber.model.vocabulary import byte_alphabet, read_vocabulary
from cloudchamber.telemetry import codec
from tests.model.gguf_files import random_embedding, smollm2, write_model


def llama_pieces(path: Path) -> list[bytes]:
    """What llama.cpp prints for each token."""
    params = llama_cpp.llama_model_default_params()
    params.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    assert model
    try:
        vocabulary = llama_cpp.llama_model_get_vocab(model)
        buffer = ctypes.create_string_buffer(4_096)
        pieces = []
        for token in range(llama_cpp.llama_vocab_n_tokens(vocabulary)):
            length = llama_cpp.llama_token_to_piece(vocabulary, token, buffer, 4_096, 0, True)
            pieces.append(buffer.raw[: max(length, 0)])
        return pieces
    finally:
        llama_cpp.llama_model_free(model)


def test_every_token_of_the_real_model_is_what_llama_cpp_prints() -> None:
    vocabulary = read_vocabulary(smollm2())
    pieces = llama_pieces(smollm2())
    assert len(vocabulary) == len(pieces) == 49_152
    assert [vocabulary.piece(token) for token in range(len(pieces))] == pieces


def test_sentencepiece_tokens_are_what_llama_cpp_prints(tmp_path: Path) -> None:
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    types = [2, 3, 3, *[6] * 256]
    tokens += ["▁", "▁the", "a▁b▁", "▁▁", "é", "日本", "▁user▁defined", "plain"]
    types += [1, 1, 1, 1, 1, 1, 4, 1]
    path = tmp_path / "spm.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    for key in ("context_length", "embedding_length", "block_count", "feed_forward_length"):
        writer.add_uint32(f"llama.{key}", 32)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_scores([0.0] * len(tokens))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    vocabulary = read_vocabulary(path)
    assert [vocabulary.piece(token) for token in range(len(tokens))] == llama_pieces(path)
    assert vocabulary.piece(3 + 0x0A) == b"\n"


def test_the_byte_alphabet_is_gpt_2s() -> None:
    points = byte_alphabet()
    assert len(set(points)) == 256
    assert (points[ord(" ")], points[ord("\n")], points[ord("a")]) == (ord("Ġ"), ord("Ċ"), ord("a"))


def test_byte_spelling_is_undone_and_control_tokens_are_not_touched(tmp_path: Path) -> None:
    tokens = ["Ġthe", "<|Ġend|>", "Ã©", "€", "", "ĊĊ"]
    path = write_model(tmp_path / "bpe.gguf", None, tokens, [1, 3, 1, 1, 1, 1])
    vocabulary = read_vocabulary(path)
    pieces = [vocabulary.piece(token) for token in range(6)]
    assert pieces == [b" the", "<|Ġend|>".encode(), "é".encode(), "€".encode(), b"", b"\n\n"]


def test_rwkv_escapes_are_undone(tmp_path: Path) -> None:
    tokens = ["\\x00", "a\\nb", "\\\\", "plain", "\\", "\\xzz"]
    vocabulary = read_vocabulary(write_model(tmp_path / "rwkv.gguf", None, tokens, tokenizer="rwkv"))
    assert [vocabulary.piece(token) for token in range(4)] == [b"\0", b"a\nb", b"\\", b"plain"]


def test_the_packed_form_is_what_the_page_expects() -> None:
    vocabulary = read_vocabulary(smollm2())
    body = codec.decode(vocabulary.encode())
    assert body.keys() == {"size", "text", "offsets", "types"}
    assert body["size"] == 49_152
    assert (body["text"].dtype, body["offsets"].dtype, body["types"].dtype) == ("u1", "<u4", "u1")
    assert body["offsets"].shape == (49_153,)
    assert body["offsets"][-1] == len(body["text"])
    assert np.all(np.diff(body["offsets"].astype(np.int64)) >= 0)


def test_the_hash_is_of_the_content(tmp_path: Path) -> None:
    first = read_vocabulary(write_model(tmp_path / "a.gguf", None, ["a", "b"], [1, 1]))
    same = read_vocabulary(write_model(tmp_path / "b.gguf", random_embedding(2, 32), ["a", "b"], [1, 1]))
    other_text = read_vocabulary(write_model(tmp_path / "c.gguf", None, ["a", "c"], [1, 1]))
    other_cut = read_vocabulary(write_model(tmp_path / "d.gguf", None, ["ab", ""], [1, 1]))
    other_type = read_vocabulary(write_model(tmp_path / "e.gguf", None, ["a", "b"], [1, 3]))
    assert first.hash == same.hash
    assert len({first.hash, other_text.hash, other_cut.hash, other_type.hash}) == 4


def test_a_model_without_a_tokenizer_has_tokens_without_text(tmp_path: Path) -> None:
    vocabulary = read_vocabulary(write_model(tmp_path / "none.gguf", random_embedding(7, 32)))
    assert len(vocabulary) == 7
    assert vocabulary.piece(6) == b""


@pytest.mark.parametrize("size", [49_152, 262_144])
def test_a_large_vocabulary_takes_a_moment(tmp_path: Path, size: int) -> None:
    tokens = [f"Ġtoken{number}" for number in range(size)]
    path = write_model(tmp_path / "large.gguf", None, tokens, [1] * size)
    start = time.process_time()
    vocabulary = read_vocabulary(path)
    assert time.process_time() - start < 2
    assert vocabulary.piece(size - 1) == f" token{size - 1}".encode()
