"""The choice of cousins by the error itself: greedily, or all choices tried.

What is minimised is a function of the orders: the closed form of :class:`CousinOptima`, or the policy
error that a learner reached. Both searches keep the original, order 1, in the ensemble.

>>> import numpy as np
>>> from germane.cousins import cousin_optima
>>> from germane.mdp import FiniteMDP
>>> mdp = FiniteMDP([[[1, 0], [1, 0]], [[0, 1], [1, 0]]], [[1, 0], [3, 3]], 0.9)
>>> exhaustive_orders(cousin_optima(mdp, range(1, 6)).policy_error, n_orders=2, max_order=5)
(1, 2)

References:
    Bozkus and Mitra, arXiv 2402.08022, section IV-F.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

from ._bellman_error import require_choice


def greedy_orders(
    error: Callable[[tuple[int, ...]], float], n_orders: int, max_order: int
) -> tuple[int, ...]:
    """Orders added one by one, each the one with which ``error`` is smallest; ties go to the lower.

    Less than ``n_orders * max_order`` calls of ``error``.

    Args:
        error: of an ensemble, given its orders.
        n_orders: ``K``, the original included.
        max_order: largest order looked at.

    Returns:
        ``K`` orders, 1 first, in the order in which they were added.

    Raises:
        InvalidParameter: ``n_orders`` is not between 1 and ``max_order``.
    """
    require_choice(n_orders, max_order)
    chosen: tuple[int, ...] = (1,)
    while len(chosen) < n_orders:
        left = [n for n in range(2, max_order + 1) if n not in chosen]
        chosen = min(((*chosen, n) for n in left), key=error)
    return chosen


def exhaustive_orders(
    error: Callable[[tuple[int, ...]], float], n_orders: int, max_order: int
) -> tuple[int, ...]:
    """The ensemble of smallest ``error``, all being tried; ties go to the lowest orders.

    ``(max_order - 1 choose n_orders - 1)`` calls of ``error``. Arguments and exceptions are those of
    :func:`greedy_orders`; the orders returned are increasing.
    """
    require_choice(n_orders, max_order)
    others = combinations(range(2, max_order + 1), n_orders - 1)
    return min(((1, *rest) for rest in others), key=error)
