"""Where each token stands in the nebula.

One arrangement is `points` f4[V,3] with `radius` f4[V], the distance to each token's 16th
neighbour, by which the picture knows how far a token's light should spread.

Units are UMAP's own: its layout is centred and turned, never rescaled, and has an RMS radius of
about 2.5 at 49,152 tokens. The PCA layout is scaled to the RMS radius a UMAP of as many tokens
would have, so that going from one to the other is a change of shape and not of size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from cloudchamber.telemetry import codec

type F4 = NDArray[np.float32]
type Method = Literal["pca", "umap"]

METHODS: Final[tuple[Method, ...]] = ("pca", "umap")
RADIUS_NEIGHBOUR: Final = 16
EXTENT_SHARE: Final = 0.99

_UMAP_RMS: Final = 2.55
"""RMS radius of the UMAP layout of a vocabulary of `_UMAP_RMS_AT` tokens, as measured."""
_UMAP_RMS_AT: Final = 49_152


@dataclass(frozen=True, slots=True)
class Positions:
    """One arrangement of a vocabulary in space."""

    method: Method
    points: F4
    """f4[V,3], their median at the origin."""
    radius: F4
    """f4[V]: distance to the 16th nearest token."""
    extent: float
    """Radius round the origin that holds 99 % of the tokens; a few islands lie far outside."""

    def encode(self) -> bytes:
        """The body of `GET api/positions/{hash}/{method}`."""
        parts = {"method": self.method, "points": self.points, "radius": self.radius, "extent": self.extent}
        return codec.encode(parts)


def arrange(method: Method, points: F4) -> Positions:
    """Centre points f4[V,3] and measure them. Values that are not finite become 0."""
    points = np.nan_to_num(points, posinf=0.0, neginf=0.0)
    points = np.ascontiguousarray(points - np.median(points, axis=0), np.float32)
    distance = np.linalg.norm(points, axis=1)
    return Positions(method, points, neighbour_radius(points), float(np.quantile(distance, EXTENT_SHARE)))


def neighbour_radius(points: F4) -> F4:
    """Distance from each of f4[V,3] to its 16th nearest other point, f4[V]."""
    nth = min(RADIUS_NEIGHBOUR, len(points) - 1)
    if nth < 1:
        return np.zeros(len(points), np.float32)
    from scipy.spatial import cKDTree  # a second to import, and the server never needs it

    distance, _ = cKDTree(points).query(points, [nth + 1], workers=-1)
    return np.ascontiguousarray(distance[:, 0], np.float32)


def scale_like_umap(points: F4) -> F4:
    """Points f4[V,3] scaled to the RMS radius that UMAP gives this many tokens.

    UMAP packs tokens at a density of its own, so its radius grows as the cube root of V.
    """
    rms = rms_radius(points)
    target = _UMAP_RMS * (len(points) / _UMAP_RMS_AT) ** (1 / 3)
    return (points * np.float32(target / rms)).astype(np.float32) if rms > 0 else points


def rms_radius(points: F4) -> float:
    centred = points - points.mean(axis=0)
    return float(np.sqrt(np.mean(np.sum(centred.astype(np.float64) ** 2, axis=1))))


def turn_towards(points: F4, target: F4) -> F4:
    """Points f4[V,3] turned, and mirrored if need be, to lie closest to `target` f4[V,3].

    Orthogonal Procrustes, Schönemann 1966, doi:10.1007/BF02289451. Only the orientation
    changes, so distances stay, and a token's way from one layout to the other is short.
    """
    here, there = points - points.mean(axis=0), target - target.mean(axis=0)
    left, _, right = np.linalg.svd(here.T.astype(np.float64) @ there.astype(np.float64))
    return (here @ (left @ right)).astype(np.float32)
