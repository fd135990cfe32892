"""numba's decorators with types, for the type checker's sake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
from numba.extending import intrinsic as _intrinsic


def compiled[F: Callable[..., Any]](**options: Any) -> Callable[[F], F]:
    """`numba.njit(**options)`."""
    return cast("Callable[[F], F]", numba.njit(**options))


def intrinsic(function: Callable[..., Any]) -> Any:
    """`numba.extending.intrinsic`; what it makes takes one parameter fewer."""
    return _intrinsic(function)
