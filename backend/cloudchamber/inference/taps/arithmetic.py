"""Vectorisable arithmetic that numba has no fast form of: `exp`, `tanh`, the greatest of a row, and floats
into halves."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types

from cloudchamber.inference.taps.compiled import compiled, intrinsic
from cloudchamber.inference.taps.memory import float_bits, float_of_bits

_LOG2_E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)
_LOWEST = np.float32(-87.0)
_P0, _P1, _P2 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
_P3, _P4, _P5 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
_HALF, _ONE = np.float32(0.5), np.float32(1.0)


@compiled(inline="always")
def exp(x: np.float32) -> np.float32:
    """e**x for x <= 0 to about 2 units in the last place, 0 below -87 (Cephes `expf`)."""
    clamped = max(x, _LOWEST)
    n = np.floor(clamped * _LOG2_E + _HALF)
    r = clamped - n * _LN2_HIGH - n * _LN2_LOW
    p = ((((_P0 * r + _P1) * r + _P2) * r + _P3) * r + _P4) * r + _P5
    y = p * r * r + r + _ONE
    scale = float_of_bits((np.int32(n) + np.int32(127)) << np.int32(23))
    return y * scale if x > _LOWEST else np.float32(0.0)


@compiled(inline="always")
def tanh(x: np.float32) -> np.float32:
    """To about 1e-7, absolutely."""
    e = exp(np.float32(-2.0) * abs(x))
    y = (_ONE - e) / (_ONE + e)
    return y if x >= 0 else -y


@intrinsic
def greater(typing: Any, x: Any, y: Any) -> Any:
    """The greater of two F32 that are no NaN: as LLVM's own operation, whose reduction becomes
    vector code; that of Python's `max` does not, at a twentieth of the speed."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = ir.FloatType()
        function = builder.module.declare_intrinsic(
            "llvm.maxnum", [number], ir.FunctionType(number, [number, number])
        )
        return builder.call(function, arguments, fastmath=("nnan", "nsz"))

    return types.float32(types.float32, types.float32), code


@compiled(inline="always")
def float_to_half(x: np.float32) -> np.uint16:
    """Bits of the nearest F16, ties to even; beyond its range, the greatest finite one."""
    bits = float_bits(x)
    sign = (bits >> np.int32(16)) & np.int32(0x8000)
    magnitude = bits & np.int32(0x7FFFFFFF)
    odd = (magnitude >> np.int32(13)) & np.int32(1)
    normal = (magnitude - np.int32(0x38000000) + np.int32(0xFFF) + odd) >> np.int32(13)
    # Adding one half leaves the F16 subnormal, rounded, in the low bits.
    subnormal = float_bits(float_of_bits(magnitude) + _HALF) - np.int32(0x3F000000)
    half = subnormal if magnitude < np.int32(0x38800000) else normal
    half = min(half, np.int32(0x7BFF))
    return np.uint16(half | sign)
