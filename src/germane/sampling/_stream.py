"""Uniform random numbers for compiled loops: xoshiro256++, seeded by the caller's generator.

A compiled call of a NumPy generator costs several times as much, and a step of a learner takes several.
Bits are ``np.uint64``: plain Python, which is handed whole numbers of its own, must make them so.

References:
    Blackman and Vigna, *Scrambled linear pseudorandom number generators*, ACM TOMS 47, 2021;
    Lemire, *Fast random integer generation in an interval*, ACM TOMACS 29, 2019, for :func:`cut`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._compiled import inlined

Stream = NDArray[np.uint64]
"""``(4,)`` state of a generator, not all zero."""

HALF, LOW = np.uint64(32), np.uint64(2**32 - 1)


def new_stream(rng: np.random.Generator) -> Stream:
    """A stream seeded by 256 bits of ``rng``; the same ``rng`` gives the same numbers."""
    return rng.integers(1, 2**64, size=4, dtype=np.uint64)


@inlined
def random_bits(stream: Stream) -> np.uint64:
    """The next 64 bits of the stream."""
    s0, s1, s2, s3 = stream[0], stream[1], stream[2], stream[3]
    x = s0 + s3
    bits: np.uint64 = ((x << np.uint64(23)) | (x >> np.uint64(41))) + s0
    t = s1 << np.uint64(17)
    s2 ^= s0
    s3 ^= s1
    stream[1] = s1 ^ s2
    stream[0] = s0 ^ s3
    stream[2] = s2 ^ t
    stream[3] = (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
    return bits


@inlined
def cut(bits: np.uint64, n: int) -> tuple[np.int64, np.uint64]:
    """Which of ``n`` equal parts of ``0..2**64 - 1`` the bits lie in, and how far: ``bits * n``, split.

    The first is ``bits * n // 2**64``, exactly, for ``n`` below ``2**32``; the second is the remainder, out
    of ``2**64`` again. Of uniform bits every part has its share up to ``2**-64``.
    """
    m = np.uint64(n)
    part = ((bits >> HALF) * m + (((bits & LOW) * m) >> HALF)) >> HALF
    return np.int64(part), bits * m


@inlined
def fraction(bits: np.uint64) -> float:
    """The bits as a number in ``[0, 1)``, a multiple of ``2**-53``."""
    return float(bits >> np.uint64(11)) * 2.0**-53


@inlined
def below(n: int, stream: Stream) -> int:
    """One of ``0..n - 1``, uniformly; where there is no choice no number is drawn."""
    return int(cut(random_bits(stream), n)[0]) if n > 1 else 0
