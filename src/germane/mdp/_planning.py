r"""Planning: value iteration, policy iteration, modified policy iteration.

All three stop by the bounds of one Bellman operator (see ``_bellman``): the middle of the interval is
returned, half its width is ``error_bound``. When rounding keeps the bound above ``tol``, the iteration
stops as soon as it no longer shrinks and returns what it reached, with the bound that holds there.

References:
    Puterman, *Markov Decision Processes*, 1994, sections 6.3-6.6.
    Scherrer et al., *Approximate modified policy iteration*, JMLR 16, 2015.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import InvalidParameter, NotConverged
from ._bellman import ValueBounds, bellman_q, residual_bounds, rounding_of
from ._evaluation import chain_value
from ._model import Array, FiniteMDP


@dataclass(frozen=True, eq=False, kw_only=True)
class Solution:
    """A value function, a policy, and how far the value can be from the truth.

    Attributes:
        v: ``(S,)`` value of each state [reward units].
        policy: the policy that was evaluated, or the greedy policy of ``v``, ``(S,)`` or ``(S, A)``.
        error_bound: no entry of ``v`` is further from the exact value, rounding included.
        n_iterations: applications of a Bellman operator over all actions; for an evaluation,
            sweeps after the linear solve.
    """

    v: Array
    policy: NDArray[np.int64] | Array
    error_bound: float
    n_iterations: int


def solve(mdp: FiniteMDP, *, tol: float = 1e-9, max_iterations: int = 100_000) -> Solution:
    r"""The optimal value :math:`v^*` and an optimal policy, by modified policy iteration.

    .. math:: v^*(s) = \max_a \{ r(s, a) + \gamma \sum_{s'} P(s' | s, a) v^*(s') \}

    Every improvement is followed by sweeps of the greedy policy alone; once that policy repeats it
    is evaluated to the end. ``O(nnz)`` per sweep.

    Args:
        mdp: the model.
        tol: largest ``error_bound`` asked for [reward units]; missed only where rounding forbids it.
        max_iterations: budget of improvements.

    Returns:
        :class:`Solution` with ``|v - v*| <= error_bound`` everywhere and ``policy`` greedy for ``v``.

    Raises:
        InvalidParameter: ``tol`` is negative or ``max_iterations`` below 1.
        NotConverged: the budget ran out; ``partial`` holds a valid, looser solution.

    References:
        Puterman 1994, section 6.5; the paper's equation (3).
    """
    return _modified_policy_iteration(mdp, tol, max_iterations, n_sweeps=_sweeps(mdp.gamma))


def value_iteration(
    mdp: FiniteMDP, *, tol: float = 1e-9, max_iterations: int = 1_000_000
) -> Solution:
    """The optimal value and an optimal policy by value iteration: :func:`solve` without sweeps.

    Same arguments, result, guarantee and exceptions as :func:`solve`. Its only use is as a slow,
    transparent reference. Puterman 1994, section 6.3.
    """
    return _modified_policy_iteration(mdp, tol, max_iterations, n_sweeps=0)


def policy_iteration(
    mdp: FiniteMDP, *, tol: float = 1e-9, max_iterations: int = 10_000
) -> Solution:
    """The optimal value and an optimal policy by Howard's policy iteration.

    Every policy is evaluated to the end (one linear solve); an action changes only when it is
    better by more than rounding, so no policy returns. Same result, guarantee and exceptions as
    :func:`solve`. Preferable for ``gamma`` close to one and up to a few thousand states. Puterman
    1994, section 6.4.
    """
    require_tolerance(tol)
    _require_budget(max_iterations)
    policy = np.asarray(mdp.r.argmax(axis=1))
    best: ValueBounds | None = None
    for n in range(1, max_iterations + 1):
        v = _policy_value(mdp, policy, tol)
        q = bellman_q(mdp, v)
        rounding = rounding_of(mdp.transitions, mdp.r, mdp.gamma, v)
        best = _tighter(best, residual_bounds(v, q.max(axis=1), mdp.gamma, rounding))
        kept = np.take_along_axis(q, policy[:, None], axis=1)[:, 0]
        better = q.max(axis=1) > kept + 2 * rounding
        if best.error_bound <= tol or not better.any():
            return _solution(mdp, best, n)
        policy = np.where(better, q.argmax(axis=1), policy)
    assert best is not None
    raise budget_spent(_solution(mdp, best, max_iterations), tol)


def _modified_policy_iteration(
    mdp: FiniteMDP, tol: float, max_iterations: int, *, n_sweeps: int
) -> Solution:
    require_tolerance(tol)
    _require_budget(max_iterations)
    v = np.zeros(mdp.n_states)
    best: ValueBounds | None = None
    policy: NDArray[np.int64] | None = None
    n_stalled = 0
    for n in range(1, max_iterations + 1):
        q = bellman_q(mdp, v)
        rounding = rounding_of(mdp.transitions, mdp.r, mdp.gamma, v)
        reached = residual_bounds(v, q.max(axis=1), mdp.gamma, rounding)
        n_stalled = n_stalled + 1 if best and reached.error_bound >= best.error_bound else 0
        best = _tighter(best, reached)
        floor = 4 * rounding / (1 - mdp.gamma)
        if best.error_bound <= tol or (n_stalled >= 3 and best.error_bound <= floor):
            return _solution(mdp, best, n)
        previous, policy = policy, np.asarray(q.argmax(axis=1))
        v = reached.v
        if n_sweeps and previous is not None and np.array_equal(policy, previous):
            v = _policy_value(mdp, policy, tol)
        elif n_sweeps:
            P, r = _greedy_chain(mdp, policy)
            for _ in range(n_sweeps):
                v = r + mdp.gamma * (P @ v)
    assert best is not None
    raise budget_spent(_solution(mdp, best, max_iterations), tol)


def _sweeps(gamma: float) -> int:
    """Sweeps per improvement: about one horizon, at most 50."""
    return min(50, int(1 / (1 - gamma)))


def _greedy_chain(mdp: FiniteMDP, policy: NDArray[np.int64]) -> tuple[sp.csr_array, Array]:
    rows = np.arange(mdp.n_states) * mdp.n_actions + policy
    return sp.csr_array(mdp.transitions[rows]), mdp.r.ravel()[rows]


def _policy_value(mdp: FiniteMDP, policy: NDArray[np.int64], tol: float) -> Array:
    return chain_value(*_greedy_chain(mdp, policy), mdp.gamma, tol / 2)[0].v


def _tighter(old: ValueBounds | None, new: ValueBounds) -> ValueBounds:
    return new if old is None or new.error_bound < old.error_bound else old


def _solution(mdp: FiniteMDP, best: ValueBounds, n: int) -> Solution:
    policy = np.asarray(bellman_q(mdp, best.v).argmax(axis=1))
    return Solution(v=best.v, policy=policy, error_bound=best.error_bound, n_iterations=n)


def require_tolerance(tol: float) -> None:
    """Refuses a tolerance that is negative or not a number."""
    if not tol >= 0:
        raise InvalidParameter(f"tol must be >= 0; got {tol}")


def _require_budget(max_iterations: int) -> None:
    if max_iterations < 1:
        raise InvalidParameter(f"max_iterations must be at least 1; got {max_iterations}")


def budget_spent(partial: Solution, tol: float) -> NotConverged:
    """The error that says how far a computation came within its budget."""
    return NotConverged(
        f"error bound {partial.error_bound:.3g} > tol {tol:.3g} "
        f"after {partial.n_iterations} iterations",
        partial,
    )
