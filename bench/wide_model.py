"""A tiny real model with a vocabulary of 262,144: the widest the page is built for."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

VOCABULARY = 262_144
WIDTH = 64
HEADS = 4
LOGIT_SPREAD = 3.0
"""Standard deviation of the logits: a distribution with a head and a long tail, as real ones have."""


def write_wide_model(path: Path) -> None:
    """Write a llama of one layer and random weights as a GGUF, 70 MB. Deterministic."""
    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("wide")
    writer.add_context_length(4096)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    _add_vocabulary(writer)

    def tensor(name: str, rows: int, columns: int, spread: float, dtype: type = np.float16) -> None:
        data = random.standard_normal((rows, columns), np.float32) * spread
        writer.add_tensor(name, data.astype(dtype))

    def ones(name: str) -> None:
        writer.add_tensor(name, np.ones(WIDTH, np.float32))

    tensor("token_embd.weight", VOCABULARY, WIDTH, 1.0)
    tensor("output.weight", VOCABULARY, WIDTH, LOGIT_SPREAD / WIDTH**0.5)
    for name in ("output_norm.weight", "blk.0.attn_norm.weight", "blk.0.ffn_norm.weight"):
        ones(name)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        tensor(f"blk.0.{name}.weight", WIDTH, WIDTH, 1.0 / WIDTH**0.5)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_vocabulary(writer: gguf.GGUFWriter) -> None:
    """Three special tokens, the 256 bytes, then words that don't occur."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * 256
    rest = VOCABULARY - len(tokens)
    tokens += [f"▁w{number}" for number in range(rest)]
    kinds += [gguf.TokenType.NORMAL] * rest
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * 259 + [-float(number) for number in range(rest)])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
