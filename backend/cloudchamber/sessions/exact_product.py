"""Output matrix times hidden state, the same to the last bit on every machine.

None of this may be reordered or contracted, so no fast arithmetic is allowed to the compiler.
What comes out need not be what llama.cpp computed, only near it: the difference is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from gguf.constants import GGMLQuantizationType as Type
from numba import types
from numpy.typing import NDArray

from cloudchamber.inference.taps.compiled import compiled, intrinsic
from cloudchamber.sessions.exact_matrix import Matrix
from cloudchamber.telemetry.events import F4

LANES: Final = "lanes"
"""8-bit blocks times 8-bit blocks in 8 lanes of F32: what llama.cpp does with AVX2, exactly."""

_SLICE: Final = 4096
"""Rows dequantised at once."""
_BLOCK: Final = 32
_SUPER_BLOCK: Final = 256

_OF_TYPE: Final[dict[Type, str]] = {
    Type.F32: "f32",
    Type.F16: "f16",
    Type.BF16: "bf16",
    **dict.fromkeys((Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0, Type.IQ4_NL), "q8_0"),
    **dict.fromkeys((Type.Q2_K, Type.Q3_K, Type.Q4_K, Type.Q5_K, Type.Q6_K, Type.IQ4_XS), "q8_k"),
}
"""What llama.cpp's processor backend makes of a hidden state before the product."""


def ways(matrix: Matrix) -> list[str]:
    """Ways to compute the product, the likeliest first."""
    kind = Type(matrix.type)
    own = _OF_TYPE.get(kind, "q8_k")
    found = [own, "f32"] if own != "f32" else [own]
    if kind == Type.Q8_0:
        found.insert(0, LANES)
    sizes = {"q8_0": _BLOCK, "q8_k": _SUPER_BLOCK, LANES: _BLOCK}
    return [way for way in found if matrix.width % sizes.get(way, 1) == 0]


def multiply(matrix: Matrix, hidden: F4, way: str) -> F4:
    """Logits of hidden states f4[S, width] in one of the `ways`, f4[S, rows].

    Raises `ValueError` for a way there is not, or a matrix that can't be dequantised.
    """
    if way not in ways(matrix) or hidden.shape[1] != matrix.width:
        raise ValueError(f"there is no way '{way}' to multiply with this matrix")
    out = np.empty((len(hidden), matrix.rows), np.float32)
    if way == LANES:
        values, scales = matrix.blocks_of_32
        for row, one in enumerate(hidden):
            _in_lanes(values, scales, *_to_q8_0(one), out[row])
        return out
    rounded = np.stack([_ROUND[way](one) for one in hidden])
    for start in range(0, matrix.rows, _SLICE):
        stop = min(start + _SLICE, matrix.rows)
        weights = matrix.slice(start, stop)
        for row in range(len(hidden)):
            _in_double(weights, rounded[row], out[row, start:stop])
    return out


# --------------------------------------------------------------- rounding of hidden states


def _to_q8_0(x: F4) -> tuple[NDArray[np.int8], F4]:
    """Blocks of 32: values i1[B, 32] and scales f4[B], rounded to F16 as ggml keeps them."""
    blocks = x.reshape(-1, _BLOCK)
    most = np.abs(blocks).max(axis=1)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        inverse = np.where(most != 0, np.float32(127) / most, np.float32(0))
        values = np.rint(blocks * inverse[:, None]).astype(np.int8)
        scales = (most / np.float32(127)).astype(np.float16).astype(np.float32)
    return values, scales


def _through_q8_0(x: F4) -> NDArray[np.float64]:
    values, scales = _to_q8_0(x)
    return (values.astype(np.float64) * scales[:, None].astype(np.float64)).reshape(-1)


def _through_q8_k(x: F4) -> NDArray[np.float64]:
    """Blocks of 256 with a scale in F32 (ggml's `quantize_row_q8_K_ref`)."""
    blocks = x.reshape(-1, _SUPER_BLOCK)
    peak = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], axis=1)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        inverse = np.where(peak != 0, np.float32(-127) / peak, np.float32(0))
        values = np.minimum(np.rint(inverse * blocks), np.float32(127))
        scales = np.where(peak != 0, np.float32(1) / inverse, np.float32(0))
    return (values.astype(np.float64) * scales.astype(np.float64)).reshape(-1)


def _through_bf16(x: F4) -> NDArray[np.float64]:
    bits = x.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return rounded.view(np.float32).astype(np.float64)


_ROUND: Final[dict[str, Callable[[F4], NDArray[np.float64]]]] = {
    "q8_0": _through_q8_0,
    "q8_k": _through_q8_k,
    "f16": lambda x: x.astype(np.float16).astype(np.float64),
    "bf16": _through_bf16,
    "f32": lambda x: x.astype(np.float64),
}


# ------------------------------------------------------------------------------- products


@intrinsic
def _fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c, rounded once."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), code


@compiled(cache=True, nogil=True)
def _in_lanes(values: Any, scales: Any, own: Any, own_scales: Any, out: Any) -> None:
    """ggml's `ggml_vec_dot_q8_0_q8_0` with AVX2: 8 sums, each of every fourth-wise product of a
    block, joined as `hsum_float_8` does."""
    lanes = np.empty(8, np.float32)
    for row in range(values.shape[0]):
        lanes[:] = 0
        for block in range(values.shape[1]):
            scale = scales[row, block] * own_scales[block]
            for lane in range(8):
                total = np.int32(0)
                for i in range(4):
                    a = np.int32(values[row, block, 4 * lane + i])
                    total += a * np.int32(own[block, 4 * lane + i])
                lanes[lane] = _fma(scale, np.float32(total), lanes[lane])
        first, second = lanes[4] + lanes[0], lanes[5] + lanes[1]
        third, fourth = lanes[6] + lanes[2], lanes[7] + lanes[3]
        out[row] = (first + third) + (second + fourth)


@compiled(cache=True, nogil=True)
def _in_double(weights: Any, hidden: Any, out: Any) -> None:
    """Sums in F64, in 8 lanes whose order is fixed, rounded once."""
    lanes = np.empty(8, np.float64)
    width = weights.shape[1]
    whole = width - width % 8
    for row in range(weights.shape[0]):
        lanes[:] = 0
        for i in range(0, whole, 8):
            for lane in range(8):
                lanes[lane] += np.float64(weights[row, i + lane]) * hidden[i + lane]
        for i in range(whole, width):
            lanes[i - whole] += np.float64(weights[row, i]) * hidden[i]
        low = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
        out[row] = low + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]))
