"""A table of action values that knows the greedy action of every state at all times.

A maximum over actions is then one look. When the value of the greedy action falls, the row need not be
searched as long as it stays above all others: of these a bound is kept, so that rows are searched rarely
once the actions of a state are told apart.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..sampling import compiled, inlined
from ._schedule import schedule_value
from ._training import Plan

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


class QTable(NamedTuple):
    """Action values, none of them NaN, to be written by :func:`put`.

    Attributes:
        q: ``(S, A)`` the values.
        greedy: ``(S,)`` the first of the actions of largest value.
        others: ``(S,)`` what no value of another action is above, and that of the greedy one not below.
    """

    q: Array
    greedy: Counts
    others: Array

    @classmethod
    def empty(cls, n_states: int, n_actions: int) -> QTable:
        """A table of zeros."""
        return cls(
            q=np.zeros((n_states, n_actions)),
            greedy=np.zeros(n_states, dtype=np.int64),
            others=np.zeros(n_states),
        )


@inlined
def value(table: QTable, s: int) -> float:
    """``max_a q[s, a]``."""
    return float(table.q[s, table.greedy[s]])


@inlined
def update(plan: Plan, table: QTable, n_visits: Counts, s: int, a: int, target: float) -> None:
    """Moves ``q[s, a]`` towards ``target`` by the step size of its visits; counts this one."""
    alpha = schedule_value(plan.step_size, n_visits[s, a])
    n_visits[s, a] += 1
    put(table, s, a, table.q[s, a] + alpha * (target - table.q[s, a]))


@inlined
def put(table: QTable, s: int, a: int, new: float) -> None:
    """Writes ``q[s, a]``."""
    table.q[s, a] = new
    best = table.greedy[s]
    if a == best:
        if new <= table.others[s]:
            search(table, s)
    elif new >= table.others[s]:
        largest = table.q[s, best]
        if new > largest or (new == largest and a < best):
            table.greedy[s], table.others[s] = a, largest
        else:
            table.others[s] = new


@compiled
def search(table: QTable, s: int) -> None:
    """The greedy action of a row anew, and the largest of the other values."""
    best = first_largest(table.q, s)
    others = -np.inf
    for a in range(table.q.shape[1]):
        if a != best:
            others = max(others, table.q[s, a])
    table.greedy[s], table.others[s] = best, others


@inlined
def first_largest(q: Array, s: int) -> int:
    """The first action of the largest value: ``q[s].argmax()``, without a view of the row."""
    best = 0
    for a in range(1, q.shape[1]):
        if q[s, a] > q[s, best]:
            best = a
    return best
