"""What the taps know of ggml: where a tensor's fields are, the ops' numbers, a few functions.

`struct ggml_tensor` is read at fixed offsets by compiled code, so the offsets are checked at
import against tensors that ggml itself makes. A llama.cpp that lays them out otherwise fails
here, with a sentence, and not later with nonsense on the screen.
"""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from typing import Final

from llama_cpp._ggml import libggml

# Offsets in bytes, from ggml.h.
TYPE: Final = 0
BUFFER: Final = 8
NE: Final = 16
NB: Final = 48
OP: Final = 80
OP_PARAMS: Final = 84
FLAGS: Final = 148
SRC: Final = 152
VIEW_SRC: Final = 232
VIEW_OFFS: Final = 240
DATA: Final = 248
NAME: Final = 256
NAME_BYTES: Final = 64
TENSOR_BYTES: Final = 336
MAX_SRC: Final = 10

F32: Final = 0
F16: Final = 1
I32: Final = 26
I64: Final = 27


class LayoutError(RuntimeError):
    """The installed llama.cpp does not lay out tensors the way the taps read them."""


def _function(name: str, result: object, *arguments: object) -> ctypes._NamedFuncPointer:
    found = getattr(libggml, name)
    found.restype = result
    found.argtypes = list(arguments)
    return found  # type: ignore[no-any-return]


_P = ctypes.c_void_p
_op_name = _function("ggml_op_name", ctypes.c_char_p, ctypes.c_int)
_type_name = _function("ggml_type_name", ctypes.c_char_p, ctypes.c_int)
_type_traits = _function("ggml_get_type_traits", _P, ctypes.c_int)
_nbytes = _function("ggml_nbytes", ctypes.c_size_t, _P)
_tensor_get = _function("ggml_backend_tensor_get", None, _P, _P, ctypes.c_size_t, ctypes.c_size_t)
_is_host = _function("ggml_backend_buffer_is_host", ctypes.c_bool, _P)
_buffer_name = _function("ggml_backend_buffer_name", ctypes.c_char_p, _P)


def address_of(function: ctypes._NamedFuncPointer) -> int:
    """Machine address of a loaded function, for compiled code to call."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0


NBYTES_ADDRESS: Final = address_of(_nbytes)
TENSOR_GET_ADDRESS: Final = address_of(_tensor_get)
IS_HOST_ADDRESS: Final = address_of(_is_host)


def to_float_address(ggml_type: int) -> int:
    """Address of `void to_float(const void *, float *, int64_t n)` for a type; 0 for F32."""
    traits: int = _type_traits(ggml_type)
    # ggml_type_traits: name, blck_size, blck_size_interleave, type_size, is_quantized, to_float
    return int.from_bytes(ctypes.string_at(traits + 40, 8), "little")


def is_plain_memory(buffer: int) -> bool:
    """A buffer is ordinary memory that the processor computes in, and nothing a device maps."""
    return bool(buffer) and bool(_buffer_name(buffer) == b"CPU")


def type_name(ggml_type: int) -> str:
    """Name of a tensor type, `q8_0` or `f16`."""
    return str(_type_name(ggml_type).decode())


def read_tensor(tensor: int, n_bytes: int) -> bytes:
    """The first `n_bytes` of a tensor's data, wherever its buffer is."""
    out = ctypes.create_string_buffer(n_bytes)
    _tensor_get(tensor, out, 0, n_bytes)
    return out.raw


def _read_ops() -> dict[str, int]:
    """Op numbers by name, asked of the library, since they move between versions."""
    ops: dict[str, int] = {}
    for number in range(256):
        name = _op_name(number).decode()
        ops[name] = number
        if name == "GLU":
            return ops
    raise LayoutError("llama.cpp's list of tensor operations does not end where it should")


@dataclass(frozen=True, slots=True)
class TensorRecord:
    """One `struct ggml_tensor`, copied."""

    address: int
    type: int
    buffer: int
    ne: tuple[int, int, int, int]
    nb: tuple[int, int, int, int]
    op: int
    op_params: bytes
    src: tuple[int, ...]
    view_src: int
    data: int
    name: str
    n_bytes: int
    signature: int
    """Op and the beginning of the name: what the callback knows a node by."""

    @classmethod
    def parse(cls, address: int, raw: bytes) -> TensorRecord:
        """From the struct's bytes; `address` is where the tensor lives."""
        ne = struct.unpack_from("<4q", raw, NE)
        nb = struct.unpack_from("<4Q", raw, NB)
        src = struct.unpack_from(f"<{MAX_SRC}Q", raw, SRC)
        name = raw[NAME : NAME + NAME_BYTES].split(b"\0")[0].decode("utf-8", "replace")
        return cls(
            address=address,
            type=struct.unpack_from("<i", raw, TYPE)[0],
            buffer=struct.unpack_from("<Q", raw, BUFFER)[0],
            ne=ne,
            nb=nb,
            op=struct.unpack_from("<i", raw, OP)[0],
            op_params=raw[OP_PARAMS : OP_PARAMS + 64],
            src=src,
            view_src=struct.unpack_from("<Q", raw, VIEW_SRC)[0],
            data=struct.unpack_from("<Q", raw, DATA)[0],
            name=name,
            n_bytes=int(_nbytes(raw)),
            signature=_signed(
                struct.unpack_from("<Q", raw, NAME)[0] ^ (struct.unpack_from("<I", raw, OP)[0] << 56)
            ),
        )

    @classmethod
    def at(cls, address: int) -> TensorRecord:
        """Of a live tensor."""
        return cls.parse(address, ctypes.string_at(address, TENSOR_BYTES))

    def float_param(self, index: int) -> float:
        """The op's parameter number `index`, as a float."""
        return float(struct.unpack_from("<f", self.op_params, 4 * index)[0])


def _signed(bits: int) -> int:
    bits &= (1 << 64) - 1
    return bits - (1 << 64) if bits >> 63 else bits


class _InitParams(ctypes.Structure):
    _fields_ = (("mem_size", ctypes.c_size_t), ("mem_buffer", _P), ("no_alloc", ctypes.c_bool))


def check_layout() -> None:
    """Make tensors with ggml and read them back. Raises `LayoutError`."""
    init = _function("ggml_init", _P, _InitParams)
    free = _function("ggml_free", None, _P)
    new_2d = _function("ggml_new_tensor_2d", _P, _P, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    view_1d = _function("ggml_view_1d", _P, _P, _P, ctypes.c_int64, ctypes.c_size_t)
    scale = _function("ggml_scale", _P, _P, _P, ctypes.c_float)
    add = _function("ggml_add", _P, _P, _P, _P)
    set_name = _function("ggml_set_name", _P, _P, ctypes.c_char_p)
    get_data = _function("ggml_get_data", _P, _P)
    overhead = _function("ggml_tensor_overhead", ctypes.c_size_t)

    context = init(_InitParams(1 << 16, None, False))
    try:
        base = new_2d(context, I32, 7, 5)
        set_name(base, b"layout check")
        view = view_1d(context, base, 3, 8)
        left = new_2d(context, F32, 4, 2)
        total = scale(context, add(context, left, left), 0.25)
        b, v, t = (TensorRecord.at(p) for p in (base, view, total))
        a = TensorRecord.at(t.src[0])
        found = {
            "size": overhead() - 32 == TENSOR_BYTES,
            "types": [type_name(n) for n in (F32, F16, I32, I64)] == ["f32", "f16", "i32", "i64"],
            "type": b.type == I32 and t.type == F32,
            "shape": b.ne == (7, 5, 1, 1) and b.nb == (4, 28, 140, 140),
            "name": b.name == "layout check",
            "data": b.data == get_data(base) and v.data == b.data + 8,
            "view": v.view_src == base and v.src[0] == base,
            "ops": (a.op, v.op, t.op, b.op) == (OPS["ADD"], OPS["VIEW"], OPS["SCALE"], OPS["NONE"]),
            "sources": a.src[:3] == (left, left, 0),
            "parameters": t.float_param(0) == 0.25,
            "to_float": to_float_address(F32) == 0
            and to_float_address(F16) == address_of(libggml.ggml_fp16_to_fp32_row),
        }
    finally:
        free(context)
    wrong = [what for what, right in found.items() if not right]
    if wrong:
        raise LayoutError(
            f"this llama.cpp lays out tensors otherwise than the taps expect ({', '.join(wrong)}); "
            "install the llama-cpp-python version that pyproject.toml pins"
        )


OPS: Final = _read_ops()
PASSIVE_OPS: Final = frozenset(OPS[name] for name in ("NONE", "VIEW", "RESHAPE", "PERMUTE", "TRANSPOSE"))
"""Ops that write nothing: their result is another tensor's memory."""

check_layout()
