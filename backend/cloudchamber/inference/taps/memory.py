"""Reading memory and calling C from compiled code: a few numba intrinsics.

The eval callback runs inside `llama_decode` with the interpreter lock released, so it works on
bare addresses (int64). Function addresses come in as values and not as constants, which keeps
the compiled code cacheable on disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm  # type: ignore[import-untyped]
from llvmlite import ir
from numba import types

from cloudchamber.inference.taps.compiled import intrinsic

_I16, _I32, _HALF, _FLOAT = ir.IntType(16), ir.IntType(32), ir.HalfType(), ir.FloatType()


@intrinsic
def pointer(typing: Any, address: Any) -> Any:
    """`void *` of an address, for `numba.carray`."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), code


def _make_load(value: Any) -> Any:
    @intrinsic
    def load(typing: Any, address: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = context.get_value_type(value).as_pointer()
            return builder.load(builder.inttoptr(arguments[0], kind))

        return value(types.int64), code

    return load


@intrinsic
def store_i64(typing: Any, address: Any, value: Any) -> Any:
    """Write an int64."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = context.get_value_type(types.int64).as_pointer()
        builder.store(arguments[1], builder.inttoptr(arguments[0], kind))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), code


load_i32: Callable[[int], int] = _make_load(types.int32)
load_i64: Callable[[int], int] = _make_load(types.int64)
load_u16: Callable[[int], int] = _make_load(types.uint16)
load_f32: Callable[[int], Any] = _make_load(types.float32)


def _make_call(result: Any, *parameters: Any) -> Any:
    """An intrinsic `call(function_address, *arguments)` with the C calling convention."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        returns = ir.VoidType() if result is types.void else context.get_value_type(result)
        if result is types.boolean:
            returns = ir.IntType(8)
        kind = ir.FunctionType(returns, [context.get_value_type(p) for p in parameters])
        function = builder.inttoptr(arguments[0], kind.as_pointer())
        value = builder.call(function, arguments[1:])
        if result is types.boolean:
            low = builder.and_(value, ir.Constant(ir.IntType(8), 1))
            return builder.icmp_unsigned("!=", low, ir.Constant(ir.IntType(8), 0))
        return context.get_dummy_value() if result is types.void else value

    if len(parameters) == 1:

        def call1(typing: Any, function: Any, a: Any) -> Any:
            return result(types.int64, *parameters), code

        return intrinsic(call1)
    if len(parameters) == 3:

        def call3(typing: Any, function: Any, a: Any, b: Any, c: Any) -> Any:
            return result(types.int64, *parameters), code

        return intrinsic(call3)

    def call4(typing: Any, function: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
        return result(types.int64, *parameters), code

    return intrinsic(call4)


call_nbytes: Callable[[int, int], int] = _make_call(types.int64, types.int64)
"""`size_t ggml_nbytes(tensor)`"""
call_is_host: Callable[[int, int], bool] = _make_call(types.boolean, types.int64)
"""`bool ggml_backend_buffer_is_host(buffer)`"""
call_tensor_get = _make_call(types.void, types.int64, types.int64, types.int64, types.int64)
"""`void ggml_backend_tensor_get(tensor, data, offset, size)`"""
call_to_float = _make_call(types.void, types.int64, types.int64, types.int64)
"""`void to_float(source, destination, count)` of a tensor type"""


def _has_half_conversion() -> bool:
    """The processor turns halves into floats itself, and numba compiles for this processor."""
    if os.environ.get("NUMBA_CPU_NAME") or os.environ.get("NUMBA_CPU_FEATURES"):
        return False
    if llvm.get_process_triple().startswith(("aarch64", "arm64")):
        return True
    return bool(llvm.get_host_cpu_features().get("f16c", False))


def _half_instruction(builder: Any, bits: Any) -> Any:
    return builder.fpext(builder.bitcast(bits, _HALF), _FLOAT)


def _half_arithmetic(builder: Any, bits: Any) -> Any:
    """Exact for all but infinities and NaN: move the bits, then scale by 2**112."""
    wide = builder.zext(bits, _I32)
    magnitude = builder.shl(builder.and_(wide, ir.Constant(_I32, 0x7FFF)), ir.Constant(_I32, 13))
    value = builder.fmul(builder.bitcast(magnitude, _FLOAT), ir.Constant(_FLOAT, 2.0**112))
    sign = builder.shl(builder.and_(wide, ir.Constant(_I32, 0x8000)), ir.Constant(_I32, 16))
    return builder.bitcast(builder.or_(builder.bitcast(value, _I32), sign), _FLOAT)


def _make_half(convert: Callable[[Any, Any], Any]) -> Any:
    @intrinsic
    def half(typing: Any, bits: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return convert(builder, arguments[0])

        return types.float32(types.uint16), code

    return half


half_by_arithmetic = _make_half(_half_arithmetic)
half_to_float = _make_half(_half_instruction) if _has_half_conversion() else half_by_arithmetic
"""F32 of the bits of an F16."""


def _make_bitcast(result: Any, parameter: Any) -> Any:
    @intrinsic
    def cast(typing: Any, value: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], context.get_value_type(result))

        return result(parameter), code

    return cast


float_bits = _make_bitcast(types.int32, types.float32)
"""The bits of an F32."""
float_of_bits = _make_bitcast(types.float32, types.int32)
"""The F32 of some bits."""
