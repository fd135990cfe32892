"""Dot products of many queries with blocks of keys, a tile at a time in the processor's registers.

A tile is `ROWS` queries by `_LANES * _VECTORS` keys: each number that is loaded takes part in
several multiplications. The plain triple loop is bound by its loads, at a third of the speed. The
tile is written in vectors, because LLVM of itself neither keeps one in registers nor takes the
widest of them.
"""

from __future__ import annotations

import os
from typing import Any, Final

import llvmlite.binding as llvm  # type: ignore[import-untyped]
from llvmlite import ir
from numba import types

from cloudchamber.inference.taps.compiled import compiled, intrinsic
from cloudchamber.inference.taps.memory import half_to_float
from cloudchamber.inference.taps.state import KEY_BLOCK

ROWS: Final = 4

_I32, _I64, _FLOAT = ir.IntType(32), ir.IntType(64), ir.FloatType()


def _registers() -> tuple[int, int]:
    """Numbers in a vector, and vectors of keys in a tile, so that the sums fit: 16 of AVX-512's 32
    registers, 8 of AVX2's 16, 16 of NEON's 32 (of 4 numbers each)."""
    if os.environ.get("NUMBA_CPU_NAME") or os.environ.get("NUMBA_CPU_FEATURES"):
        return 8, 2  # not compiled for this processor
    return (16, 4) if llvm.get_host_cpu_features().get("avx512f", False) else (8, 2)


_LANES, _VECTORS = _registers()


def make_tile(rows: int, lanes: int, vectors: int) -> Any:
    """An intrinsic `tile(q, q_at, size, keys, keys_at, out, out_at, pitch)`: products of `rows` queries,
    `size` apart in q, with `lanes * vectors` keys, whose rows are KEY_BLOCK apart, into rows of out
    that are `pitch` apart. Arrays are C-contiguous F32; `*_at` are offsets in elements."""
    vector = ir.VectorType(_FLOAT, lanes)
    nothing, first = ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(_I32, lanes), None)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def start(array: int, offset: Any) -> Any:
            made = context.make_array(signature.args[array])(context, builder, arguments[array])
            return builder.gep(made.data, [offset])

        def at(base: Any, index: Any, number: int) -> Any:
            index = builder.add(index, ir.Constant(_I64, number * lanes))
            return builder.bitcast(builder.gep(base, [index]), vector.as_pointer())

        _, q_at, size, _, keys_at, _, out_at, pitch = arguments
        q, keys, out = start(0, q_at), start(3, keys_at), start(5, out_at)
        before = builder.block
        loop, after = builder.append_basic_block("tile"), builder.append_basic_block("tile.end")
        builder.branch(loop)
        builder.position_at_end(loop)
        i = builder.phi(_I64)
        i.add_incoming(ir.Constant(_I64, 0), before)
        sums = [[builder.phi(vector) for _ in range(vectors)] for _ in range(rows)]
        row = builder.mul(i, ir.Constant(_I64, KEY_BLOCK))
        k = [builder.load(at(keys, row, v), align=4) for v in range(vectors)]
        for r, totals in enumerate(sums):
            own = builder.add(builder.mul(size, ir.Constant(_I64, r)), i)
            x = builder.insert_element(nothing, builder.load(builder.gep(q, [own])), ir.Constant(_I32, 0))
            x = builder.shuffle_vector(x, nothing, first)
            for v, total in enumerate(totals):
                # Without a call of fma, which is slow where the processor has none.
                product = builder.fmul(x, k[v], flags=("contract",))
                totals[v] = builder.fadd(total, product, flags=("contract",))
                total.add_incoming(ir.Constant(vector, None), before)
                total.add_incoming(totals[v], loop)
        following = builder.add(i, ir.Constant(_I64, 1))
        i.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", following, size), loop, after)
        builder.position_at_end(after)
        for r, totals in enumerate(sums):
            own = builder.mul(pitch, ir.Constant(_I64, r))
            for v, total in enumerate(totals):
                builder.store(total, at(out, own, v), align=4)
        return context.get_dummy_value()

    @intrinsic
    def tile(
        typing: Any, q: Any, q_at: Any, size: Any, keys: Any, keys_at: Any, out: Any, out_at: Any, pitch: Any
    ) -> Any:
        n = types.int64
        return types.void(q, n, n, keys, n, out, n, n), code

    return tile


_tile, _line = make_tile(ROWS, _LANES, _VECTORS), make_tile(1, _LANES, _VECTORS)


@compiled(fastmath={"contract", "nsz", "arcp", "reassoc", "nnan"})
def _widen(block: Any, wide: Any) -> None:
    for i in range(block.size):
        wide[i] = half_to_float(block[i])


@compiled(cache=True, nogil=True)
def multiply(
    keys: Any, base: int, key0: int, key1: int, q: Any, count: int, out: Any, wide: Any
) -> None:  # fmt: skip
    """Dot products of the queries q [count, size] with the keys [key0, key1), whole blocks, which lie
    as F16 from `base` on, into out [count, key1 - key0]. Both have room for a multiple of `ROWS` rows.
    `wide` is working memory, F32 [size * KEY_BLOCK]."""
    size, pitch = q.shape[1], out.shape[1]
    length = size * KEY_BLOCK
    for key in range(key0, key1, KEY_BLOCK):
        start = base + key * size
        _widen(keys[start : start + length], wide[:length])
        for part in range(0, KEY_BLOCK, _LANES * _VECTORS):
            g, to = 0, key - key0 + part
            while g + 1 < count:
                _tile(q, g * size, size, wide, part, out, g * pitch + to, pitch)
                g += ROWS
            if g < count:
                _line(q, g * size, size, wide, part, out, g * pitch + to, pitch)
