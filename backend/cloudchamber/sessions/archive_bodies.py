"""The parts of a session that many share: vocabulary and positions, as the HTTP interface serves them.

They are made in `model/`; here they are read, whoever made them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from cloudchamber.telemetry.events import F4, U1, U4, Array


@dataclass(frozen=True, slots=True, kw_only=True)
class VocabularyPart:
    """Every token's bytes, end to end."""

    size: int
    text: Annotated[U1, Array("u1", "B")]
    offsets: Annotated[U4, Array("u4", "V+1")]
    """Token t is `text[offsets[t]:offsets[t+1]]`, UTF-8 where it is whole."""
    types: Annotated[U1, Array("u1", "V")]
    """1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte."""

    def __post_init__(self) -> None:
        if len(self.types) != self.size or len(self.offsets) != self.size + 1:
            raise ValueError("it has not as many tokens as it says")
        if (self.offsets[1:] < self.offsets[:-1]).any() or self.offsets[-1] > len(self.text):
            raise ValueError("a token is not where it is said to be")

    def __len__(self) -> int:
        return self.size

    def piece(self, token: int) -> bytes:
        """A token's bytes. Raises `IndexError`."""
        if not 0 <= token < self.size:
            raise IndexError(f"there is no token {token:,}; the vocabulary has {self.size:,}")
        return self.text[self.offsets[token] : self.offsets[token + 1]].tobytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsPart:
    """Where each token stands in the nebula."""

    method: str
    """`pca` or `umap`."""
    points: Annotated[F4, Array("f4", "V,C")]
    """Three coordinates a token, their median at the origin."""
    radius: Annotated[F4, Array("f4", "V")]
    """Distance to the 16th nearest token."""
    extent: float
    """Radius round the origin that holds 99 % of the tokens."""

    def __post_init__(self) -> None:
        if self.method not in ("pca", "umap") or self.points.shape != (len(self.radius), 3):
            raise ValueError("its points are not those of a nebula")
        finite = np.isfinite(self.points).all() and np.isfinite(self.radius).all()
        if not finite or (self.radius < 0).any() or not 0 <= self.extent < math.inf:
            raise ValueError("a number is none, or less than there can be")
