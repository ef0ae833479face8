"""Models from Gymnasium's tables: ``env.unwrapped.P[s][a] = [(p, s_next, r, done), ...]``.

An episode that ends earns nothing more. As a model that never ends, this is a state that leads to
itself for ever with reward 0. Some environments have such rows (FrozenLake's holes and goal); in
others the state an episode ends in has ordinary rows, which would go on earning (CliffWalking's
goal, Taxi's drop-off, which the taxi may also pass before). So a transition with ``done`` leads to
its own ``s_next`` if that state is absorbing with reward 0, and otherwise to one extra state,
number ``S``, which is. It is added only when needed; the states of the environment keep their
numbers, and the value of each of them is what an agent placed there would earn:

    v[s] = max_a sum_k p_k (r_k + gamma (1 - done_k) v[s_next_k]).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..errors import InvalidModel
from ._model import FiniteMDP
from ._ragged import expected_rewards

Table = Mapping[int, Any] | Sequence[Any]


def from_gymnasium(P: Table, gamma: float) -> FiniteMDP:
    """The model of an environment with a transition table, such as Gymnasium's toy-text ones.

    Transitions listed twice add up; the reward of a pair is the mean of its transitions' rewards.
    Where ``done`` leads to a state that is not absorbing with reward 0, one extra state, the last,
    takes its place (see this module's docstring).

    Args:
        P: ``env.unwrapped.P``: ``P[s][a]`` is a list of ``(p, s_next, r, done)``.
        gamma: discount factor in ``[0, 1)``.

    Raises:
        InvalidModel: states or actions not numbered from 0, unequal numbers of actions, a
            transition that is no such tuple or leads out of range, rows that do not sum to one.

    >>> chain = {0: {0: [(1.0, 1, 2.0, True)]}, 1: {0: [(1.0, 0, 5.0, False)]}}
    >>> from_gymnasium(chain, 0.9).n_states
    3
    """
    S, A = len(P), _n_actions(P)
    row, p, target, r, done = (np.array(column) for column in zip(*_transitions(P, S, A)))
    stays = (target == row // A) & (r == 0)
    absorbing = np.ones(S, dtype=bool)
    absorbing[row[~stays & (p != 0)] // A] = False
    leaves = done & ~absorbing[target]
    n_states = S + bool(leaves.any())
    target = np.where(leaves, S, target)
    if n_states > S:
        extra = S * A + np.arange(A)
        row, p = np.append(row, extra), np.append(p, np.ones(A))
        target, r = np.append(target, np.full(A, S)), np.append(r, np.zeros(A))
    start = np.searchsorted(row, np.arange(n_states * A + 1))
    rows = sp.csr_array((p, target, start), shape=(n_states * A, n_states))
    unrewarded = FiniteMDP(rows, np.zeros((n_states, A)), gamma)  # refuses what is no distribution
    reward = expected_rewards(rows, r).reshape(n_states, A)
    return FiniteMDP(unrewarded.transitions, reward, gamma)


def _n_actions(P: Table) -> int:
    """The number of actions of every state."""
    if not P or (isinstance(P, Mapping) and set(P) != set(range(len(P)))):
        raise InvalidModel("P must have the states 0, 1, 2, ... as keys, at least one")
    for s in range(len(P)):
        if len(P[s]) != len(P[0]) or not P[s]:
            raise InvalidModel(
                f"every state must have the same actions; state {s} has {len(P[s])}, "
                f"state 0 has {len(P[0])}"
            )
        if isinstance(P[s], Mapping) and set(P[s]) != set(range(len(P[s]))):
            raise InvalidModel(
                f"P[{s}] must have the actions 0, 1, 2, ... as keys; got {list(P[s])}"
            )
    return len(P[0])


def _transitions(P: Table, S: int, A: int) -> Iterator[tuple[int, float, int, float, bool]]:
    """``(row, p, s_next, r, done)`` of every transition, rows in order."""
    for s in range(S):
        for a in range(A):
            if not P[s][a]:
                raise InvalidModel(f"P[{s}][{a}] lists no transition")
            for transition in P[s][a]:
                try:
                    p, target, r, done = transition
                    entry = s * A + a, float(p), int(target), float(r), bool(done)
                except (TypeError, ValueError):
                    accepted = "(p, s_next, r, done)"
                    raise InvalidModel(
                        f"P[{s}][{a}] must list tuples {accepted}; got {transition!r}"
                    ) from None
                if not 0 <= entry[2] < S or entry[2] != target:
                    raise InvalidModel(
                        f"P[{s}][{a}] must lead to a state in 0..{S - 1}; got {target!r}"
                    )
                yield entry
