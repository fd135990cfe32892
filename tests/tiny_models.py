"""Tiny random-weight GGUFs of every family the taps must read, with a real tokenizer.

Made with the `gguf` writer, deterministic, a few hundred kilobytes each. `write(family, path)`
writes one; the fixture `tiny_model` caches them for a test session. `python -m tests.tiny_models
FAMILY PATH` writes one for a person, or for a recording.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf
import numpy as np

EMBD = 128
HEADS, KV_HEADS, HEAD = 4, 2, 32
FF = 192
EXPERTS, USED, EXPERT_FF = 6, 2, 64
WORDS = (
    *("▁the", "▁cat", "▁sat", "▁on", "▁a", "▁mat", "▁and", "th"),
    *("he", "▁t", "▁c", "at", "▁s", "▁o", "on", "▁m"),
)
END = 2
"""The token that ends a text."""
VOCABULARY = 3 + 256 + len(WORDS) + 13
"""Special tokens, bytes, words, single letters; a multiple of 32."""


@dataclass(slots=True)
class Model:
    """What goes into one file: shapes are NumPy's, rows first."""

    architecture: str
    n_layer: int = 3
    n_embd: int = EMBD
    n_head: int = HEADS
    n_head_kv: int = KV_HEADS
    head_size: int = HEAD
    n_ctx: int = 1024
    metadata: dict[str, Any] = field(default_factory=dict)
    """Without the architecture's prefix."""
    tensors: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def layers(self, shapes: dict[str, tuple[int, ...]], only: range | None = None) -> None:
        """The same tensors in every layer, or in some."""
        for layer in only or range(self.n_layer):
            for name, shape in shapes.items():
                self.tensors[f"blk.{layer}.{name}"] = shape


def _base(architecture: str, *, tied: bool = False, **options: Any) -> Model:
    model = Model(architecture, **options)
    model.tensors = {"token_embd.weight": (VOCABULARY, model.n_embd), "output_norm.weight": (model.n_embd,)}
    if not tied:
        model.tensors["output.weight"] = (VOCABULARY, model.n_embd)
    model.metadata = {
        "attention.head_count": model.n_head,
        "attention.head_count_kv": model.n_head_kv,
        "attention.key_length": model.head_size,
        "attention.value_length": model.head_size,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "feed_forward_length": FF,
        "rope.dimension_count": model.head_size,
        "rope.freq_base": 10000.0,
    }
    return model


def _attention(model: Model, *, bias: bool = False, norm: bool = False) -> None:
    q, kv = model.n_head * model.head_size, model.n_head_kv * model.head_size
    shapes: dict[str, tuple[int, ...]] = {
        "attn_norm.weight": (model.n_embd,),
        "attn_q.weight": (q, model.n_embd),
        "attn_k.weight": (kv, model.n_embd),
        "attn_v.weight": (kv, model.n_embd),
        "attn_output.weight": (model.n_embd, q),
    }
    if bias:
        shapes |= {"attn_q.bias": (q,), "attn_k.bias": (kv,), "attn_v.bias": (kv,)}
    if norm:
        shapes |= {"attn_q_norm.weight": (model.head_size,), "attn_k_norm.weight": (model.head_size,)}
    model.layers(shapes)


def _feed_forward(model: Model, only: range | None = None) -> None:
    width = model.n_embd
    model.layers(
        {
            "ffn_norm.weight": (width,),
            "ffn_gate.weight": (FF, width),
            "ffn_up.weight": (FF, width),
            "ffn_down.weight": (width, FF),
        },
        only,
    )


def _experts(
    model: Model,
    only: range | None = None,
    *,
    norm: bool = True,
    size: int = EXPERT_FF,
    count: int = EXPERTS,
    used: int = USED,
) -> None:
    width = model.n_embd
    shapes: dict[str, tuple[int, ...]] = {
        "ffn_gate_inp.weight": (count, width),
        "ffn_gate_exps.weight": (count, size, width),
        "ffn_up_exps.weight": (count, size, width),
        "ffn_down_exps.weight": (count, width, size),
    }
    model.layers(shapes | ({"ffn_norm.weight": (width,)} if norm else {}), only)
    model.metadata |= {
        "expert_count": count,
        "expert_used_count": used,
        "expert_feed_forward_length": size,
    }


def llama() -> Model:
    model = _base("llama")
    _attention(model)
    _feed_forward(model)
    return model


def mixtral() -> Model:
    model = _base("llama")
    _attention(model)
    _experts(model, size=FF)
    return model


def qwen2() -> Model:
    model = _base("qwen2", tied=True)
    _attention(model, bias=True)
    _feed_forward(model)
    return model


def qwen3moe() -> Model:
    model = _base("qwen3moe")
    _attention(model, norm=True)
    _experts(model)
    return model


def experts() -> Model:
    """Enough layers and experts to make a picture of: the recorded mixture of experts is of this one."""
    model = _base("qwen3moe", n_layer=16)
    _attention(model, norm=True)
    _experts(model, count=32, used=4)
    return model


def gemma3() -> Model:
    """Six layers, the sixth with full attention, the others with a window of 16."""
    model = _base("gemma3", tied=True, n_layer=6)
    _attention(model, norm=True)
    _feed_forward(model)
    model.layers({"post_attention_norm.weight": (EMBD,), "post_ffw_norm.weight": (EMBD,)})
    model.metadata["attention.sliding_window"] = 16
    return model


def gpt_oss() -> Model:
    """Sinks in every layer, a window of 16 in every other."""
    model = _base("gpt-oss", n_layer=4)
    _attention(model, bias=True)
    _experts(model, norm=False)
    model.layers(
        {
            "attn_output.bias": (EMBD,),
            "attn_sinks.weight": (HEADS,),
            "post_attention_norm.weight": (EMBD,),
            "ffn_gate_inp.bias": (EXPERTS,),
            "ffn_gate_exps.bias": (EXPERTS, EXPERT_FF),
            "ffn_up_exps.bias": (EXPERTS, EXPERT_FF),
            "ffn_down_exps.bias": (EXPERTS, EMBD),
        }
    )
    model.metadata |= {"attention.sliding_window": 16, "rope.scaling.original_context_length": 1024}
    return model


def deepseek2() -> Model:
    """Latent attention: one shared key of 64 + 32 numbers, heads that absorb the rest."""
    rank, rope, nope, value, q_rank = 64, 32, 32, 32, 48
    model = _base("deepseek2", n_head_kv=1)
    model.layers(
        {
            "attn_norm.weight": (EMBD,),
            "attn_q_a.weight": (q_rank, EMBD),
            "attn_q_a_norm.weight": (q_rank,),
            "attn_q_b.weight": (HEADS * (nope + rope), q_rank),
            "attn_kv_a_mqa.weight": (rank + rope, EMBD),
            "attn_kv_a_norm.weight": (rank,),
            "attn_k_b.weight": (HEADS, rank, nope),
            "attn_v_b.weight": (HEADS, value, rank),
            "attn_output.weight": (EMBD, HEADS * value),
        }
    )
    _feed_forward(model, range(1))
    _experts(model, range(1, 3))
    shared = {"ffn_gate_shexp.weight": (EXPERT_FF, EMBD), "ffn_up_shexp.weight": (EXPERT_FF, EMBD)}
    model.layers(
        {**shared, "ffn_down_shexp.weight": (EMBD, EXPERT_FF), "exp_probs_b.bias": (EXPERTS,)}, range(1, 3)
    )
    model.metadata |= {
        "attention.q_lora_rank": q_rank,
        "attention.kv_lora_rank": rank,
        "attention.key_length": rank + rope,
        "attention.value_length": rank,
        "attention.key_length_mla": nope + rope,
        "attention.value_length_mla": value,
        "rope.dimension_count": rope,
        "leading_dense_block_count": 1,
        "expert_shared_count": 1,
        "expert_weights_scale": 1.5,
        "expert_weights_norm": True,
        "expert_gating_func": 2,
        "vocab_size": VOCABULARY,
    }
    return model


def phi3() -> Model:
    """One matrix for Q, K and V; the middle of the residual stream has no name."""
    model = _base("phi3")
    q, kv = HEADS * HEAD, KV_HEADS * HEAD
    model.layers(
        {
            "attn_norm.weight": (EMBD,),
            "attn_qkv.weight": (q + 2 * kv, EMBD),
            "attn_output.weight": (EMBD, q),
            "ffn_norm.weight": (EMBD,),
            "ffn_up.weight": (2 * FF, EMBD),
            "ffn_down.weight": (EMBD, FF),
        }
    )
    return model


def mamba() -> Model:
    """No attention, no cache of keys."""
    inner, state, rank, kernel = 2 * EMBD, 16, 8, 4
    model = _base("mamba", n_head=0, n_head_kv=0, head_size=0)
    model.layers(
        {
            "attn_norm.weight": (EMBD,),
            "ssm_in.weight": (2 * inner, EMBD),
            "ssm_conv1d.weight": (inner, kernel),
            "ssm_conv1d.bias": (inner,),
            "ssm_x.weight": (rank + 2 * state, inner),
            "ssm_dt.weight": (inner, rank),
            "ssm_dt.bias": (inner,),
            "ssm_a": (inner, state),
            "ssm_d": (inner,),
            "ssm_out.weight": (EMBD, inner),
        }
    )
    model.metadata = {
        "attention.head_count": 0,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "feed_forward_length": 0,
        "ssm.conv_kernel": kernel,
        "ssm.inner_size": inner,
        "ssm.state_size": state,
        "ssm.time_step_rank": rank,
        "ssm.dt_b_c_rms": False,
    }
    return model


def wide() -> Model:
    """64 layers of 64 heads over a context of 8192, and next to nothing in them."""
    model = _base("llama", n_layer=64, n_head=64, n_head_kv=8, head_size=16, n_ctx=8192, tied=True)
    _attention(model)
    _feed_forward(model)
    return model


def endless() -> Model:
    """A llama that never ends its text: nothing speaks for that token."""
    return llama()


FAMILIES: dict[str, Callable[[], Model]] = {
    family.__name__: family
    for family in (
        llama,
        mixtral,
        qwen2,
        qwen3moe,
        experts,
        gemma3,
        gpt_oss,
        deepseek2,
        phi3,
        mamba,
        wide,
        endless,
    )
}


def write(family: str, path: Path, *, seed: int = 7) -> None:
    """Write a family's file."""
    model = FAMILIES[family]()
    writer = gguf.GGUFWriter(path, model.architecture)
    # llama.cpp gives tokens of "phi3" models attributes that only the real vocabulary has.
    writer.add_name(f"tiny {family.rstrip('0123456789')}")
    writer.add_block_count(model.n_layer)
    writer.add_context_length(model.n_ctx)
    writer.add_embedding_length(model.n_embd)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    for key, value in model.metadata.items():
        _add(writer, f"{model.architecture}.{key}", value)
    _add_tokenizer(writer)
    random = np.random.default_rng(seed)
    for name, shape in model.tensors.items():
        weights = _weights(random, name, shape)
        if family == "endless" and name == "output.weight":
            weights[END] = 0
        writer.add_tensor(name, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    else:
        writer.add_array(key, value)


def _weights(random: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Random, and such that attention, routing and outputs differ well between tokens."""
    values = random.standard_normal(shape, dtype=np.float32)
    if name.endswith("ssm_a"):
        return -np.abs(values) - np.float32(0.5)
    if name.endswith("sinks.weight"):
        return values + np.float32(1)
    if "norm" in name:
        return np.float32(1) + np.float32(0.1) * values
    if len(shape) == 1:
        return np.float32(0.1) * values
    gain = 2.0 if any(part in name for part in ("attn_q", "attn_k", "gate_inp")) else 1.0
    return values * np.float32(gain / np.sqrt(shape[-1]))


def _add_tokenizer(writer: gguf.GGUFWriter) -> None:
    """SentencePiece with byte fallback: every text has tokens, and every token a text."""
    kinds = gguf.TokenType
    letters = [chr(ord("a") + i) for i in range(12)] + ["▁"]
    rows: list[tuple[str, float, int]] = [
        ("<unk>", 0.0, kinds.UNKNOWN),
        ("<s>", 0.0, kinds.CONTROL),
        ("</s>", 0.0, kinds.CONTROL),
    ]
    rows += [(f"<0x{byte:02X}>", 0.0, kinds.BYTE) for byte in range(256)]
    rows += [(word, -float(number), kinds.NORMAL) for number, word in enumerate(WORDS)]
    rows += [(letter, -100.0 - number, kinds.NORMAL) for number, letter in enumerate(letters)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text for text, _, _ in rows])
    writer.add_token_scores([score for _, score, _ in rows])
    writer.add_token_types([int(kind) for _, _, kind in rows])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(END)
    writer.add_unk_token_id(0)


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
