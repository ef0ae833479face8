"""Uniform random numbers for compiled loops: xoshiro256++, seeded by the caller's generator.

A compiled call of a NumPy generator costs several times as much, and a step of a learner takes two.

References:
    Blackman and Vigna, *Scrambled linear pseudorandom number generators*, ACM TOMS 47, 2021.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Stream = NDArray[np.uint64]
"""``(4,)`` state of a generator, not all zero."""

compiled = njit(nogil=True, cache=True, error_model="numpy")
inlined = njit(nogil=True, error_model="numpy")  # not cached: else callers cannot inline it


def new_stream(rng: np.random.Generator) -> Stream:
    """A stream seeded by 256 bits of ``rng``; the same ``rng`` gives the same numbers."""
    return rng.integers(1, 2**64, size=4, dtype=np.uint64)


@inlined
def uniform(state: Stream) -> float:
    """The next number of the stream, a multiple of ``2**-53`` in ``[0, 1)``."""
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    x = s0 + s3
    bits = ((x << np.uint64(23)) | (x >> np.uint64(41))) + s0
    t = s1 << np.uint64(17)
    s2 ^= s0
    s3 ^= s1
    state[1] = s1 ^ s2
    state[0] = s0 ^ s3
    state[2] = s2 ^ t
    state[3] = (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
    return float(bits >> np.uint64(11)) * 2.0**-53
