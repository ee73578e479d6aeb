"""Named random streams and weighted draws: the only source of chance in this package.

Each stream is seeded by the run's seed and a label (`("events", day)`), so what one part draws
never moves what another part gets, and no result depends on the order or size of chunks.
"""

import zlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]


def stream(seed: int, name: str, number: int = 0) -> np.random.Generator:
    """The random stream of this seed and label."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), number])


def draw(rng: np.random.Generator, weights: ArrayLike, count: int) -> Ints:
    """``count`` indices into ``weights``, with replacement, in proportion to them."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    points = rng.random(count) * edges[-1]
    # A point rounded up onto the last edge would fall outside.
    index: Ints = np.minimum(np.searchsorted(edges, points, side="right"), len(edges) - 1)
    return index


def split(rng: np.random.Generator, total: int, weights: ArrayLike) -> Ints:
    """``total`` shared out at random in proportion to ``weights``; the parts add up to it."""
    shares = np.asarray(weights, dtype=np.float64)
    if total == 0 or shares.sum() == 0:
        return np.zeros(len(shares), dtype=np.int64)
    return rng.multinomial(total, shares / shares.sum()).astype(np.int64)
