r"""How far the true law of a pair may be from the frequencies of its next states: L1 and KL balls.

The :math:`k`-th visit of a pair draws its next state independently from :math:`P`. With ``n`` visits, ``m``
states that can be reached and frequencies :math:`\hat P`:

*KL, for all times at once.* Let :math:`D(c)` be the probability that a law drawn from a mixture of Dirichlet
distributions, fixed before the first visit, gives the sequence of next states with counts ``c``. Then
:math:`D(c) / \prod_i P_i^{c_i}` is a nonnegative martingale of mean 1, and by Ville's inequality, with
probability :math:`1 - \delta` at every ``n`` at once,

.. math::
    n\, KL(\hat P \| P) \le \ln \frac1\delta + \ln \frac{\prod_i \hat P_i^{c_i}}{D(c)}.

The mixture decides how large the ball is, never whether it holds. Half of its kin are spread over all
states that can be reached, half are centred at the twin: where the twin is good, the price of a pair
does not grow with the number of states.

*Fixed counts.* The tail bounds of Weissman and others (L1) and of Agrawal (KL).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, lambertw

Array = NDArray[np.float64]

PSEUDO_VISITS = (4.0, 32.0, 256.0, 2048.0)
"""Weights of the Dirichlet distributions around the twin; each is a member of the mixture."""


def l1_radius(n: ArrayLike, m: ArrayLike, delta: float, *, fixed: bool) -> Array:
    r"""Radius of the ball :math:`\|\hat P - P\|_1 \le x` with probability :math:`1 - \delta`.

    .. math::
        x = \min \Big( \sqrt{\frac2n \ln \frac{2^m - 2}{\delta}},\;
            \frac{\sqrt{m - 1} + \sqrt{2 \ln (1 / \delta)}}{\sqrt n}, 2 \Big)

    For all times at once :math:`\delta / (n (n + 1))` takes the place of :math:`\delta`, a union over ``n``.

    Args:
        n: visits; without any the radius is 2.
        m: states that can be reached; for one the radius is 0.
        delta: probability with which it may fail.
        fixed: whether ``n`` was chosen before the first visit.

    References:
        Weissman, Ordentlich, Seroussi, Verdu and Weinberger, HPL-2003-97, for the first form;
        McDiarmid's inequality around the mean for the second.
    """
    n, m = np.asarray(n, dtype=np.float64), np.asarray(m, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        L = -np.log(delta) + (0.0 if fixed else np.log(n * (n + 1)))
        subsets = m * np.log(2) + np.log1p(-np.exp2(1 - m))  # ln(2^m - 2)
        weissman = np.sqrt(2 / n * (subsets + L))
        mcdiarmid = (np.sqrt(m - 1) + np.sqrt(2 * L)) / np.sqrt(n)
        radius = np.minimum(np.minimum(weissman, mcdiarmid), 2.0)
    return np.asarray(np.where(m <= 1, 0.0, np.where(n > 0, radius, 2.0)))


def kl_radius(n: ArrayLike, m: ArrayLike, delta: float) -> Array:
    r"""Radius of the ball :math:`KL(\hat P \| P) \le u` for counts fixed beforehand.

    The solution :math:`u \ge (m - 1) / n` of :math:`e^{-n u} (e n u / (m - 1))^{m - 1} = \delta`; infinite
    without visits, 0 where one state can be reached.

    References:
        Agrawal, *Finite-sample concentration of the multinomial in relative entropy*, IEEE Trans.
        Inf. Theory 66, 2020, Theorem I.2.
    """
    n, m = np.asarray(n, dtype=np.float64), np.asarray(m, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        # y = n u solves  y / (m - 1) - ln(y / (m - 1)) = 1 + ln(1 / delta) / (m - 1)
        y = -(m - 1) * lambertw(-np.exp(-1 + np.log(delta) / (m - 1)), k=-1).real
        far = ~np.isfinite(y)  # underflow of exp: y - ln y with ln(1 / delta) large
        y = np.where(far, 2 * (m - 1 - np.log(delta)), y) * (1 + 1e-12)
        return np.asarray(np.where(m <= 1, 0.0, np.where(n > 0, y / n, np.inf)))


def kl_radius_any_time(
    counts: sp.csr_array, reachable: sp.csr_array | None, twin: sp.csr_array, delta: float
) -> Array:
    r"""Radius of the ball :math:`KL(\hat P \| P) \le u` for every row of counts, at all times at once.

    Args:
        counts: ``(n, S)`` visits to each next state.
        reachable: ``(n, S)`` pattern of the next states that are possible, all that were seen among
            them; ``None`` for every state.
        twin: ``(n, S)`` laws, fixed before the first visit, near which the true ones are thought to be.
        delta: probability with which one row may fail.

    Returns:
        ``(n,)`` radii; infinite without visits, 0 where one state can be reached. ``O(nnz)``.

    References:
        The mixture is that of Krichevsky and Trofimov, 1981, joined by others; Ville, 1939.
    """
    n_rows, S = counts.shape
    n = np.asarray(counts.sum(axis=1), dtype=np.float64)
    rows = np.repeat(np.arange(n_rows), np.diff(counts.indptr))
    c = counts.data.astype(np.float64)
    near = _entries_at(twin, counts)
    m = np.full(n_rows, float(S)) if reachable is None else np.diff(reachable.indptr).astype(float)

    def log_probability(weight: float, spread: Array) -> Array:
        """Of the sequence under a Dirichlet law with ``weight * twin + spread``."""
        total = weight + m * spread
        a = weight * near + spread[rows]
        gained = np.bincount(rows, gammaln(a + c) - gammaln(a), n_rows)
        return np.asarray(gained - gammaln(total + n) + gammaln(total))

    members = [log_probability(0.0, np.full(n_rows, 0.5)), log_probability(0.0, 1 / m)]
    members += [log_probability(weight, 1 / m) for weight in PSEUDO_VISITS]
    mixture = np.logaddexp.reduce(np.array(members), axis=0) - np.log(len(members))
    best = np.bincount(rows, c * np.log(c / n[rows]), n_rows)
    lost = 1e-14 * (n + 1) * np.log(n + m + PSEUDO_VISITS[-1])  # by rounding of the gammas
    with np.errstate(divide="ignore", invalid="ignore"):
        u = np.maximum((best - mixture + lost - np.log(delta)) / n, 0.0)
    return np.asarray(np.where(m <= 1, 0.0, np.where(n > 0, u, np.inf)))


def _entries_at(matrix: sp.csr_array, pattern: sp.csr_array) -> Array:
    """``(nnz,)`` entries of ``matrix`` where ``pattern`` stores one; both have sorted rows."""
    S = pattern.shape[1]
    place, wanted = (
        np.repeat(np.arange(m.shape[0]), np.diff(m.indptr)) * S + m.indices
        for m in (matrix, pattern)
    )
    at = np.minimum(np.searchsorted(place, wanted), len(place) - 1)
    return np.where(place[at] == wanted, matrix.data[at], 0.0)
