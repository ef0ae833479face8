"""Logs drawn from known networks."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

import germane


def drawn(mdp, visits, rng, *, fixed=False, terminal=None, noise=0.0):
    """A log with so many independent visits of each pair.

    Args:
        visits: a number, or ``(S, A)`` of them.
        noise: rewards are this much above or below their mean, with equal chances.
    """
    S, A = mdp.r.shape
    n = np.broadcast_to(visits, (S, A)).ravel()
    P = mdp.transitions.toarray()
    counts = sp.csr_array(
        np.array([rng.multinomial(k, row) for k, row in zip(n, P, strict=True)], dtype=np.int64)
    )
    r = mdp.r.ravel()[np.repeat(np.arange(S * A), np.diff(counts.indptr))]
    c = counts.data
    above = 2 * rng.binomial(c, 0.5) - c
    total = int(c.sum())
    return germane.EstimatedMDP(
        counts=counts,
        reward_sum=r * c + noise * above,
        reward_square_sum=(r**2 + noise**2) * c + 2 * noise * r * above,
        n_actions=A,
        gamma=mdp.gamma,
        reward_range=(float(mdp.r.min()) - noise, float(mdp.r.max()) + noise),
        terminal=terminal,
        counts_fixed=fixed,
        provenance=germane.Provenance(sources=(), n_rows=total, n_transitions=total),
    )
