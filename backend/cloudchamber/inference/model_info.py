"""What is known of a loaded model: the schema's `ModelInfo`, filled from llama.cpp."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Final

from llama_cpp import llama_cpp

from cloudchamber.inference.llama import Llama
from cloudchamber.inference.memory import CacheLayout
from cloudchamber.inference.options import EngineOptions
from cloudchamber.model.header import GgufHeader
from cloudchamber.telemetry.events import ModelInfo, Rope, Rotation

_DIGEST: Final = re.compile(r"sha256[-_:]?[0-9a-f]{8,}")
_ENDING: Final = re.compile(
    r"([-._](I?Q\d\w*|TQ\d\w*|B?F(16|32)|MXFP4\w*))?(-\d{5}-of-\d{5})?$", re.IGNORECASE
)
_ROPE_KINDS: Final = {-1: "none", 0: "normal", 2: "neox", 8: "mrope", 24: "vision", 40: "mrope"}


def describe(
    llama: Llama,
    header: GgufHeader,
    model_id: str,
    options: EngineOptions,
    layout: CacheLayout,
    lacks: dict[str, str],
    hashes: tuple[str, str],
    rotations: list[Rotation],
) -> ModelInfo:
    """`lacks` and `rotations` as the capture found them; `hashes` of the token embedding and the
    vocabulary."""
    model = llama.model
    architecture = llama.meta("general.architecture")
    attends = bool((layout.windows >= 0).any())
    return ModelInfo(
        id=model_id,
        name=model_name(header.path, llama.meta("general.name")),
        architecture=architecture,
        quantization=_quantization(model),
        file_bytes=header.file_bytes,
        n_layer=int(llama_cpp.llama_model_n_layer(model)),
        n_head=int(llama_cpp.llama_model_n_head(model)) if attends else 0,
        n_head_kv=int(llama_cpp.llama_model_n_head_kv(model)) if attends else 0,
        n_embd=int(llama_cpp.llama_model_n_embd(model)),
        n_vocab=llama.n_vocab,
        n_ctx=llama.n_ctx,
        n_ctx_train=int(llama_cpp.llama_model_n_ctx_train(model)),
        n_expert=_integer(llama, f"{architecture}.expert_count"),
        n_expert_used=_integer(llama, f"{architecture}.expert_used_count"),
        flash_attention=llama.log.flash_attention and attends,
        threads=options.thread_count(),
        windows=layout.windows,
        rope=_rope(llama, architecture, rotations),
        chat_template=bool(llama.chat_template()),
        lacks=lacks,
        embedding_hash=hashes[0],
        vocabulary_hash=hashes[1],
    )


def model_name(path: Path, stated: str) -> str:
    """What to call a model: its file's name without part number and quantisation, which people
    know it by; the name stated inside where the file is named by a digest, as Ollama's are."""
    if _DIGEST.match(path.stem):
        return stated or path.stem
    return _ENDING.sub("", path.stem) or stated or path.stem


def _quantization(model: object) -> str:
    name = llama_cpp.llama_ftype_name(llama_cpp.llama_model_ftype(model))
    return name.decode("utf-8", "replace") if name else ""


def _rope(llama: Llama, architecture: str, rotations: list[Rotation]) -> Rope:
    prefix = f"{architecture}.rope"
    trained = int(llama_cpp.llama_model_n_ctx_train(llama.model))
    return Rope(
        kind=_ROPE_KINDS.get(int(llama_cpp.llama_model_rope_type(llama.model)), "none"),
        dimensions=_integer(llama, f"{prefix}.dimension_count"),
        base=_number(llama, f"{prefix}.freq_base"),
        scaling=llama.meta(f"{prefix}.scaling.type") or "none",
        factor=_number(llama, f"{prefix}.scaling.factor") or 1.0,
        original_context=_integer(llama, f"{prefix}.scaling.original_context_length") or trained,
        rotations=rotations,
    )


def _integer(llama: Llama, key: str) -> int:
    return int(_number(llama, key))


def _number(llama: Llama, key: str) -> float:
    """A number of the metadata; 0 where there is none or an array."""
    with contextlib.suppress(ValueError, OverflowError):
        value = float(llama.meta(key))
        return value if abs(value) < 2**62 else 0.0
    return 0.0
