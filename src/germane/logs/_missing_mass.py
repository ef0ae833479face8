"""How likely a next state is that the log has never shown."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ._estimated_mdp import EstimatedMDP

Array = NDArray[np.float64]


def missing_mass(estimate: EstimatedMDP, delta: float) -> Array:
    r"""``(S, A)`` upper bounds of the probability that a pair leads to a state it was never seen to lead to.

    .. math::
        M_0 \le G_0 + (1 + \sqrt 2) \sqrt{\ln (2 / \delta) / n}

    with :math:`G_0` the share of visits whose next state was seen once (Good and Turing); 1 for a pair
    without visits, 0 in terminal states. Each pair's bound fails with probability at most ``delta``;
    where the counts were not fixed beforehand, :math:`\delta / (n (n + 1))` takes its place, a union
    over ``n``. It tells how well a log covers the network; no certificate rests on it.

    References:
        McAllester and Schapire, *On the convergence rate of Good-Turing estimators*, 2000;
        McAllester and Ortiz, *Concentration inequalities for the missing mass*, JMLR 4, 2003.
    """
    n = estimate.n_visits.astype(np.float64)
    counts = estimate.counts
    singles = sp.csr_array((counts.data == 1, counts.indices, counts.indptr), counts.shape)
    once = np.asarray(singles.sum(axis=1)).reshape(n.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        L = np.log(2 / delta) + (0.0 if estimate.counts_fixed else np.log(n * (n + 1)))
        bound = np.where(n > 0, once / n + (1 + np.sqrt(2)) * np.sqrt(L / n), 1.0)
    return np.where(estimate.known, 0.0, np.minimum(bound, 1.0))
