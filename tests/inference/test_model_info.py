"""The name a model goes by."""

from pathlib import Path

import pytest

from cloudchamber.inference.model_info import model_name


@pytest.mark.parametrize(
    ("file", "stated", "name"),
    [
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "Smollm2 135M 8k Mix1 Ep2", "SmolLM2-135M-Instruct"),
        ("qwen3-8b-IQ4_XS.gguf", "Qwen3", "qwen3-8b"),
        ("big-Q8_0-00001-of-00003.gguf", "", "big"),
        ("gpt-oss-20b-MXFP4.gguf", "", "gpt-oss-20b"),
        ("model-bf16.gguf", "", "model"),
        ("Q4_0.gguf", "Inside", "Q4_0"),
        ("sha256-0123456789abcdef", "Llama 3", "Llama 3"),
        ("sha256-0123456789abcdef", "", "sha256-0123456789abcdef"),
    ],
)
def test_a_model_is_called_as_people_know_it(file: str, stated: str, name: str) -> None:
    assert model_name(Path(file), stated) == name
