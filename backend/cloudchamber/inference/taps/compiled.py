"""numba's decorators with types for the type checker, and caches that notice every change.

numba keeps machine code on disk and throws it away when the function's own file changes. The
taps' code is inlined from several files, and constants of the installed llama.cpp are in it,
so all of these must count: `STAMP` is their hash.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import numba
from numba.extending import intrinsic as _intrinsic

from cloudchamber.inference.taps import ggml


def _stamp() -> int:
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return zlib.crc32(repr(sorted(ggml.OPS.items())).encode(), zlib.crc32(sources)) | 1


STAMP: Final = _stamp()
"""Never 0."""


def compiled[F: Callable[..., Any]](**options: Any) -> Callable[[F], F]:
    """`numba.njit(**options)`."""

    def decorate(function: F) -> F:
        dispatcher = numba.njit(**options)(function)
        index = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
        if index is not None and hasattr(index, "_source_stamp"):
            index._source_stamp = STAMP
        return cast("F", dispatcher)

    return decorate


def intrinsic(function: Callable[..., Any]) -> Any:
    """`numba.extending.intrinsic`; what it makes takes one parameter fewer."""
    return _intrinsic(function)
