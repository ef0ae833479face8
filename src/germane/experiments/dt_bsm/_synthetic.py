"""Random pairs of a real model and its twin, and the paper's own recursion on them.

Models are of the Garnet kind: a few random successors a row, Dirichlet masses, uniform rewards in
``[0, 1]``. The twin mixes a share ``error`` of another model in, whose successors are its own: its
discrepancies are that share of the other model's, exactly.

The recursion applies the operator of Definition 1 in the plainest way, one transport for every pair
of states and every action, and has nothing in common with :func:`germane.dt_bsm` but the transport.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...mdp import UNIT_ROUNDOFF, FiniteMDP
from ...transport import wasserstein_rows
from .._experiment import Job, spawn

Array = NDArray[np.float64]

REWARDS, TRANSITIONS = "rewards", "transitions"


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Settings of an experiment that does one thing to each of many random pairs.

    Attributes:
        gammas: discounts.
        errors: how wrong the twins are: shares of another model that they mix in.
        n_pairs: for each discount and error.
        n_states, n_actions, n_successors: of each model.
        seed: the root of all seeds.
    """

    gammas: tuple[float, ...]
    errors: tuple[float, ...]
    n_pairs: int
    n_states: int
    n_actions: int = 3
    n_successors: int = 3
    seed: int = 2502_17983


def each_pair(settings: Pairs) -> Sequence[Job]:
    """A job for each pair; its task is what :func:`synthetic_pair` asks for."""
    size = {name: getattr(settings, name) for name in ("n_states", "n_actions", "n_successors")}
    return [
        Job(size | {"gamma": gamma, "error": error}, seed)
        for seed in spawn((settings.seed,), settings.n_pairs)
        for gamma in settings.gammas
        for error in settings.errors
    ]


def synthetic_pair(
    rng: np.random.Generator,
    *,
    n_states: int,
    n_actions: int,
    n_successors: int,
    gamma: float,
    error: float,
    wrong: Collection[str] = (REWARDS, TRANSITIONS),
) -> tuple[FiniteMDP, FiniteMDP]:
    """A real model and its twin, wrong by the share ``error`` in what is named.

    The same generator gives the same pair of directions whatever ``error`` and ``wrong`` are.
    """
    (P, r), (other_P, other_r) = (
        _garnet(rng, n_states, n_actions, n_successors) for _ in ("real", "other")
    )
    off_P, off_r = (error * (what in wrong) for what in (TRANSITIONS, REWARDS))
    twin_P = (1 - off_P) * P + off_P * other_P
    return (
        FiniteMDP(P, r, gamma),
        FiniteMDP(sp.csr_array(twin_P), (1 - off_r) * r + off_r * other_r, gamma),
    )


def _garnet(
    rng: np.random.Generator, n_states: int, n_actions: int, n_successors: int
) -> tuple[sp.csr_array, Array]:
    n = n_states * n_actions
    successors = np.argsort(rng.random((n, n_states)), axis=1)[:, :n_successors]
    masses = rng.dirichlet(np.ones(n_successors), n)
    rows = np.repeat(np.arange(n), n_successors)
    P = sp.csr_array((masses.ravel(), (rows, successors.ravel())), shape=(n, n_states))
    return P, rng.random((n_states, n_actions))


def iterates(real: FiniteMDP, twin: FiniteMDP) -> Iterator[tuple[Array, float]]:
    """``d_0 = 0``, ``d_1 = T(d_0)``, ... (19), without end, and how far rounding may have put each off."""
    S, T, A = real.n_states, twin.n_states, real.n_actions
    i, j, a = (index.ravel() for index in np.indices((S, T, A)))
    sources, targets = real.transitions[i * A + a], twin.transitions[j * A + a]
    gap = np.abs(real.r[i, a] - twin.r[j, a])
    d, error = np.zeros((S, T)), 0.0
    while True:
        yield d, error
        moved, off = wasserstein_rows(sources, targets, d)
        d = (gap + real.gamma * moved).reshape(S, T, A).max(axis=2)
        error = real.gamma * (error + off) + 4 * UNIT_ROUNDOFF * (1 + float(d.max()))


def limit(real: FiniteMDP, twin: FiniteMDP, width: float) -> tuple[Array, Array]:
    """The least and the largest that the metric can be, pair by pair, no further apart than ``width``.

    With ``e = d_n - d_(n-1)``, from ``T(d + c) = T(d) + gamma c``: between ``d_n + g min e`` and
    ``d_n + g max e``, ``g = gamma / (1 - gamma)``. Neither planning nor Corollary 1 is in it.
    """
    reach = real.gamma / (1 - real.gamma)
    for (before, error_before), (d, error) in pairwise(iterates(real, twin)):
        e, off = d - before, error + error_before
        low = d - error + reach * (float(e.min()) - off)
        high = d + error + reach * (float(e.max()) + off)
        if float((high - low).max()) <= width:
            break
    return low, high
