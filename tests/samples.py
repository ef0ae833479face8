"""Simulated data sets: what a log would say of a known model."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from germane.logs import EstimatedMDP, Provenance
from germane.mdp import FiniteMDP

Array = NDArray[np.float64]
Rng = np.random.Generator


def estimate_of(counts: NDArray[np.int64], mdp: FiniteMDP, *, counts_fixed: bool) -> EstimatedMDP:
    """The estimate with these ``(S * A, S)`` counts of ``mdp``, whose rewards show no noise."""
    stored = sp.csr_array(counts)
    r = np.repeat(mdp.r.ravel(), np.diff(stored.indptr))
    n = int(counts.sum())
    return EstimatedMDP(
        counts=stored,
        reward_sum=stored.data * r,
        reward_square_sum=stored.data * r**2,
        n_actions=mdp.n_actions,
        gamma=mdp.gamma,
        reward_range=(float(mdp.r.min()), float(mdp.r.max())),
        counts_fixed=counts_fixed,
        provenance=Provenance(sources=(), n_rows=n, n_transitions=n),
    )


def sampled(rng: Rng, mdp: FiniteMDP, K: int) -> EstimatedMDP:
    """``K`` independent draws of every pair, as from a generative model."""
    counts = rng.multinomial(K, mdp.transitions.toarray())
    return estimate_of(counts, mdp, counts_fixed=True)
