"""How the store keeps distributions: `distribution/STEP` lies there as `StepLogits`, and the
output matrix as a body that sessions share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Protocol

from cloudchamber.sessions import archive
from cloudchamber.sessions.archive import ExactDistribution
from cloudchamber.sessions.store_schema import StoreError

if TYPE_CHECKING:
    from cloudchamber.sessions.exact_matrix import Matrix

# What computes is imported when it is needed: most who open the store never ask for this.

CODING: Final = "exact"
MATRIX: Final = "matrix"
"""Kind of the body."""

_lock = threading.Lock()
_newest: Matrix | None = None


class _Bodies(Protocol):
    def body(self, kind: str) -> bytes | None: ...


def expand(kept: _Bodies, name: str, data: bytes) -> bytes:
    """The codec bytes of a distribution. Raises `StoreError` if it can't be made again."""
    from cloudchamber.sessions import exact

    try:
        step = exact.decode(data)
        probabilities = exact.probabilities_of(step, _matrix(kept, step.matrix_hash))
    except exact.InexactError as error:
        raise StoreError("failed", f"{_sentence(str(error))}.") from error
    return archive.encode(ExactDistribution(probabilities=probabilities))


def _matrix(kept: _Bodies, wanted: str) -> Matrix | None:
    """The session's matrix; the newest stays in memory."""
    global _newest
    from cloudchamber.sessions.exact_matrix import matrix_of

    if not wanted:
        return None
    with _lock:
        if _newest is None or _newest.hash != wanted:
            body = kept.body(MATRIX)
            _newest = None if body is None else matrix_of(body, wanted)
        return _newest


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
