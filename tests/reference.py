"""A Llama forward pass in NumPy, written from the papers and from nothing of llama.cpp's.

Touvron et al. 2023 (LLaMA), Su et al. 2021 (RoPE, in the interleaved pairs that GGUF files of
this architecture are permuted for), Zhang & Sennrich 2019 (RMSNorm), Shazeer 2020 (SwiGLU),
Ainslie et al. 2023 (grouped queries). In F32 from the
dequantised weights.

llama.cpp multiplies quantised weights with activations that it first rounds to 8 bits in
blocks of 32, which is noise that this pass has not; `write_exact` makes a file of the same
weights in F32, for which it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


@dataclass(slots=True)
class Pass:
    """What a forward pass over T tokens went through."""

    attention: list[Vector]
    """A layer each: [H, T, T], rows sum to 1."""
    attention_norm: Vector
    """[L, T] of what attention adds to the residual stream."""
    mlp_norm: Vector
    """[L, T]"""
    output_norm: Vector
    """[L, T]"""
    residual_change: Vector
    """[L, T] |out - in| / |in|."""
    logits: Vector
    """[T, V]"""


@dataclass(slots=True)
class Weights:
    """A GGUF of the `llama` architecture without experts, dequantised."""

    fields: dict[str, Any]
    """Numbers of the header, without the architecture's prefix."""
    tensors: dict[str, Vector]

    @classmethod
    def read(cls, path: Path) -> Weights:
        reader = gguf.GGUFReader(path)
        return cls(
            {name.removeprefix("llama."): reader.fields[name].contents() for name in map(_prefix, _FIELDS)},
            {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in reader.tensors},
        )

    def first_layers(self, n_layer: int) -> Weights:
        """The model with only its first layers."""
        kept = {
            name: array
            for name, array in self.tensors.items()
            if not name.startswith("blk.") or int(name.split(".")[1]) < n_layer
        }
        return Weights(self.fields | {"block_count": n_layer}, kept)

    def write_exact(self, path: Path) -> None:
        """A GGUF of these weights in F32, without a tokenizer."""
        writer = gguf.GGUFWriter(path, "llama")
        for name, value in self.fields.items():
            add = writer.add_float32 if isinstance(value, float) else writer.add_uint32
            add(_prefix(name), value)
        writer.add_uint32("llama.vocab_size", len(self.tensors["token_embd.weight"]))
        writer.add_tokenizer_model("none")
        for name, array in self.tensors.items():
            writer.add_tensor(name, array)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


_FIELDS = (
    "block_count", "context_length", "embedding_length", "feed_forward_length",
    "attention.head_count", "attention.head_count_kv", "attention.layer_norm_rms_epsilon",
    "rope.dimension_count", "rope.freq_base",
)  # fmt: skip


def _prefix(name: str) -> str:
    return f"llama.{name}"


class Llama:
    """The forward pass."""

    def __init__(self, weights: Weights) -> None:
        fields = weights.fields
        self.n_layer: int = fields["block_count"]
        self.n_head: int = fields["attention.head_count"]
        self.n_head_kv: int = fields["attention.head_count_kv"]
        self.epsilon: float = fields["attention.layer_norm_rms_epsilon"]
        self.rope_base: float = fields["rope.freq_base"]
        self.weights = weights.tensors

    def run(self, tokens: list[int]) -> Pass:
        """The whole prompt at once."""
        x = self.weights["token_embd.weight"][tokens]
        attention, norms = [], []
        for layer in range(self.n_layer):
            name = f"blk.{layer}."
            weights, added = self._attend(name, self._norm(x, name + "attn_norm.weight"))
            middle = x + added
            hidden = self._norm(middle, name + "ffn_norm.weight")
            gate, up = (self._multiply(hidden, f"{name}ffn_{part}.weight") for part in ("gate", "up"))
            mlp = self._multiply(gate / (1 + np.exp(-gate)) * up, name + "ffn_down.weight")
            out = middle + mlp
            change = np.linalg.norm(out - x, axis=1) / np.linalg.norm(x, axis=1)
            norms.append([*(np.linalg.norm(v, axis=1) for v in (added, mlp, out)), change])
            attention.append(weights)
            x = out
        x = self._norm(x, "output_norm.weight")
        head = "output.weight" if "output.weight" in self.weights else "token_embd.weight"
        added, mlp, out, change = np.array(norms).transpose(1, 0, 2)
        return Pass(attention, added, mlp, out, change, self._multiply(x, head))

    def _norm(self, x: Vector, name: str) -> Vector:
        scale = 1 / np.sqrt(np.mean(x * x, axis=1, keepdims=True) + self.epsilon)
        return np.asarray(x * scale * self.weights[name])

    def _multiply(self, x: Vector, name: str) -> Vector:
        return np.asarray(x @ self.weights[name].T)

    def _attend(self, name: str, x: Vector) -> tuple[Vector, Vector]:
        """Attention weights [H, T, T] and what is added to the stream [T, n_embd]."""
        count = len(x)
        q = self._rotate(self._multiply(x, name + "attn_q.weight").reshape(count, self.n_head, -1))
        k = self._rotate(self._multiply(x, name + "attn_k.weight").reshape(count, self.n_head_kv, -1))
        v = self._multiply(x, name + "attn_v.weight").reshape(count, self.n_head_kv, -1)
        each = self.n_head // self.n_head_kv
        k, v = (np.repeat(a.astype(np.float16).astype(np.float32), each, axis=1) for a in (k, v))
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(q.shape[2])
        scores[:, ~np.tri(count, dtype=bool)] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = np.einsum("hqk,khd->qhd", weights, v).reshape(count, -1)
        return weights, self._multiply(mixed, name + "attn_output.weight")

    def _rotate(self, x: Vector) -> Vector:
        """RoPE on pairs of neighbours, [T, H, d]."""
        count, _, size = x.shape
        angles = np.outer(np.arange(count), self.rope_base ** (-np.arange(0, size, 2) / size))
        sine, cosine = (f(angles)[:, None].astype(np.float32) for f in (np.sin, np.cos))
        even, odd = x[..., 0::2], x[..., 1::2]
        return np.stack([even * cosine - odd * sine, even * sine + odd * cosine], -1).reshape(x.shape)


def softmax(logits: Vector) -> Vector:
    """Over the last axis."""
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))
