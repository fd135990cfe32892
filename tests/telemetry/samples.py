"""Events as a small run would make them, for tests of what carries them."""

from __future__ import annotations

import numpy as np

from cloudchamber.telemetry.events import (
    AttentionWeights,
    LayerActivation,
    ModelInfo,
    ModelLoaded,
    Rope,
    RunStarted,
    Sampling,
    TokenGenerated,
)


def model_loaded(n_vocab: int = 1000) -> ModelLoaded:
    info = ModelInfo(
        id="m",
        name="Tiny",
        architecture="llama",
        quantization="F32",
        file_bytes=1,
        n_layer=4,
        n_head=2,
        n_head_kv=1,
        n_embd=8,
        n_vocab=n_vocab,
        n_ctx=256,
        n_ctx_train=256,
        n_expert=0,
        n_expert_used=0,
        flash_attention=True,
        threads=1,
        windows=np.zeros(4, np.int32),
        rope=Rope(kind="neox", dimensions=4, base=1e4, scaling="none", factor=1.0, original_context=256),
        chat_template=False,
        lacks={},
        embedding_hash="e" * 32,
        vocabulary_hash="v" * 32,
    )
    return ModelLoaded(model=info)


def run_started(run_id: str = "run") -> RunStarted:
    return RunStarted(
        run_id=run_id,
        prompt="Once",
        raw=True,
        prompt_ids=np.arange(3, dtype=np.uint32),
        max_tokens=0,
        sampling=Sampling(),
    )


def token(step: int, run_id: str = "run") -> TokenGenerated:
    return TokenGenerated(
        run_id=run_id,
        step=step,
        position=3 + step,
        token_id=step % 1000,
        token_text=f" {step}",
        token_bytes=f" {step}".encode(),
        probability=0.5,
        rank=1,
        entropy=1.0,
        sampled_probability=0.6,
        sampled_entropy=0.9,
        sampled_count=7,
        top_ids=np.arange(20, dtype=np.uint32),
        top_p=np.linspace(0.5, 0.01, 20, dtype=np.float32),
        decode_seconds=0.01,
        tokens_per_sec=100.0,
        eog=False,
    )


def layers(position: int, run_id: str = "run", n: int = 4) -> LayerActivation:
    values = np.full(n, position, np.float32)
    return LayerActivation(
        run_id=run_id,
        position=position,
        layer=np.arange(n, dtype=np.uint16),
        attention_norm=values,
        mlp_norm=values,
        output_norm=values,
        residual_change=values,
    )


def attention(
    layer: int, head: int, query_start: int, rows: int = 1, run_id: str = "run"
) -> AttentionWeights:
    keys = query_start + rows
    weights = np.zeros((rows, keys), np.float16)
    for row in range(rows):
        weights[row, : query_start + row + 1] = 1 / (query_start + row + 1)
    return AttentionWeights(
        run_id=run_id,
        layer=layer,
        head=head,
        query_start=query_start,
        weights=weights,
        sink=np.zeros(rows, np.float32),
    )
