"""Write `fixtures/rope.json`: what ggml's own RoPE operation makes of pairs (1, 0), for the tests of
the page's formula.

Run as `.venv/bin/python frontend/test/record_rope.py`. A pair (1, 0) turned is (cos, sin), scaled
as the operation scales it: each case below is one call of `ggml_rope_ext` with one head of
`dimensions` elements at each position.
"""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from llama_cpp._ggml import libggml

TARGET = Path(__file__).parent / "fixtures" / "rope.json"
POSITIONS: Final = (0, 1, 2, 17, 500, 4095)
F32: Final = 0
I32: Final = 26
NORMAL: Final = 0
NEOX: Final = 2


def llama3_factors(dimensions: int, base: float) -> list[float]:
    """The divisors that Llama 3.1's converter writes into `rope_freqs.weight`."""
    factor, low, high, old = 8.0, 1.0, 4.0, 8192
    out = []
    for frequency in base ** -(np.arange(0, dimensions, 2) / dimensions):
        length = 2 * np.pi / frequency
        if length < old / high:
            out.append(1.0)
        elif length > old / low:
            out.append(factor)
        else:
            smooth = (old / length - low) / (high - low)
            out.append(float(1 / ((1 - smooth) / factor + smooth)))
    return out


PLAIN: Final[dict[str, Any]] = {
    "pairing": "halves",
    "dimensions": 64,
    "base": 10000.0,
    "frequency_scale": 1.0,
    "extrapolation": 0.0,
    "attention_factor": 1.0,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "original_context": 4096,
    "factors": [],
}
CASES: Final[dict[str, dict[str, Any]]] = {
    "plain": PLAIN,
    "adjacent": PLAIN | {"pairing": "adjacent", "dimensions": 32, "base": 500000.0},
    "linear": PLAIN | {"frequency_scale": 0.25},
    "yarn": PLAIN | {"dimensions": 128, "base": 1e6, "frequency_scale": 0.25, "extrapolation": 1.0},
    "half yarn": PLAIN | {"frequency_scale": 0.125, "extrapolation": 0.5, "attention_factor": 0.83},
    "llama3": PLAIN | {"dimensions": 128, "base": 500000.0, "factors": llama3_factors(128, 500000.0)},
}


class Parameters(ctypes.Structure):
    _fields_ = (("size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool))


def _bind() -> Any:
    """The functions used here, with their types."""
    pointer, whole, real = ctypes.c_void_p, ctypes.c_int, ctypes.c_float
    lib = libggml
    for name, result, arguments in (
        ("ggml_init", pointer, [Parameters]),
        ("ggml_free", None, [pointer]),
        ("ggml_new_tensor_1d", pointer, [pointer, whole, ctypes.c_int64]),
        ("ggml_new_tensor_3d", pointer, [pointer, whole] + [ctypes.c_int64] * 3),
        ("ggml_get_data", pointer, [pointer]),
        ("ggml_rope_ext", pointer, [pointer] * 4 + [whole] * 3 + [real] * 6),
        ("ggml_new_graph", pointer, [pointer]),
        ("ggml_build_forward_expand", None, [pointer, pointer]),
        ("ggml_graph_compute_with_ctx", whole, [pointer, pointer, whole]),
    ):
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def turned(case: dict[str, Any]) -> np.ndarray:
    """f32[position, pair, (cos, sin)] from `ggml_rope_ext`."""
    lib = _bind()
    context = lib.ggml_init(Parameters(16 << 20, None, False))
    d, n = case["dimensions"], len(POSITIONS)
    adjacent = case["pairing"] == "adjacent"

    def filled(tensor: int, values: np.ndarray) -> int:
        ctypes.memmove(lib.ggml_get_data(tensor), values.ctypes.data, values.nbytes)
        return tensor

    ones = np.zeros((n, d), np.float32)
    ones[:, slice(0, d, 2) if adjacent else slice(0, d // 2)] = 1
    x = filled(lib.ggml_new_tensor_3d(context, F32, d, 1, n), ones)
    at = filled(lib.ggml_new_tensor_1d(context, I32, n), np.array(POSITIONS, np.int32))
    factors = None
    if case["factors"]:
        factors = filled(lib.ggml_new_tensor_1d(context, F32, d // 2), np.array(case["factors"], np.float32))
    result = lib.ggml_rope_ext(
        context, x, at, factors, d, NORMAL if adjacent else NEOX, case["original_context"], case["base"],
        case["frequency_scale"], case["extrapolation"], case["attention_factor"], case["beta_fast"],
        case["beta_slow"],
    )  # fmt: skip
    graph = lib.ggml_new_graph(context)
    lib.ggml_build_forward_expand(graph, result)
    lib.ggml_graph_compute_with_ctx(context, graph, 1)
    out = np.empty((n, d), np.float32)
    ctypes.memmove(out.ctypes.data, lib.ggml_get_data(result), out.nbytes)
    lib.ggml_free(context)
    return out.reshape(n, -1, 2) if adjacent else np.stack([out[:, : d // 2], out[:, d // 2 :]], -1)


def main() -> None:
    cases = [
        {"name": name, "rotation": case, "turned": np.round(turned(case).astype(float), 6).ravel().tolist()}
        for name, case in CASES.items()
    ]
    content = {"positions": POSITIONS, "cases": cases}
    TARGET.write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
