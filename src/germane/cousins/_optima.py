r"""Where an ensemble of cousins must end: its weights, its table and its error, before it learns anything.

Every learner :math:`Q^{(n)}_t` tends to the optimum of its own environment :math:`Q^{(n)*}`, the weights
tend to (Proposition 4)

.. math::
    w_\infty^{(n)} = \frac{e^{\eta^{(n)}}}{\sum_m e^{\eta^{(m)}}}, \qquad
    \eta^{(n)} = \frac{1}{|S|} \sum_s 1\{ \pi^{(n)*}(s) = \pi^{(1)*}(s) \},

and so the ensemble to :math:`\sum_n w_\infty^{(n)} Q^{(n)*}`. That is not :math:`Q^*`, and its greedy
policy need not be optimal: the share of states where it is wrong is what the policy error of the ensemble
ends at, however long it learns. All of it is a matter of planning in ``K`` models.

Policies are compared by the first of tied actions (see :func:`germane.mdp.greedy_actions`), so that neither
rounding nor the order of computation decides a tie.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidParameter
from ..mdp import FactoredMDP, FiniteMDP, Ties, greedy_actions, policy_error
from ._colink import Chain, colink
from ._planning import optimal_q

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CousinOptima:
    """The optimal action values of a network and of its cousins: what every ensemble of them tends to.

    Attributes:
        q: by order, the ``(S, A)`` optimal action values; order 1, the original, is among them.

    Raises:
        InvalidParameter: there is no order 1.
    """

    q: Mapping[int, Array]

    def __post_init__(self) -> None:
        if 1 not in self.q:
            raise InvalidParameter(f"order 1, the original, is needed; got orders {sorted(self.q)}")
        tables = {int(n): np.array(q, dtype=np.float64) for n, q in self.q.items()}
        for q in tables.values():
            q.flags.writeable = False
        object.__setattr__(self, "q", MappingProxyType(tables))

    def policy(self, order: int) -> Ints:
        """``(S,)`` the optimal policy of the cousin, the first of tied actions."""
        return _first_greedy(self.q[order])

    def agreement(self, orders: Iterable[int]) -> Array:
        r"""``(K,)`` :math:`\eta^{(n)}`, the shares of states with the original's optimal action."""
        return np.array([np.mean(self.policy(n) == self.policy(1)) for n in self._checked(orders)])

    def weights(self, orders: Iterable[int]) -> Array:
        r"""``(K,)`` :math:`w_\infty^{(n)}`, the softmax of the agreements: Proposition 4."""
        e = np.exp(self.agreement(orders))
        return np.asarray(e / e.sum())

    def limit(self, orders: Iterable[int]) -> Array:
        r"""``(S, A)`` :math:`\sum_n w_\infty^{(n)} Q^{(n)*}`, what the ensemble's table tends to."""
        orders = self._checked(orders)
        tables = np.stack([self.q[n] for n in orders])
        return np.asarray(np.tensordot(self.weights(orders), tables, axes=1))

    def policy_error(self, orders: Iterable[int], *, ties: Ties = "tolerant") -> float:
        """The share of states in which the policy of :meth:`limit` is not optimal in the original."""
        return policy_error(self.q[1], _first_greedy(self.limit(orders)), ties=ties)

    def _checked(self, orders: Iterable[int]) -> tuple[int, ...]:
        given = tuple(orders)
        if not given or len(set(given)) < len(given) or not set(given) <= set(self.q):
            raise InvalidParameter(
                f"orders must be different ones out of {sorted(self.q)}; got {given}"
            )
        return given


def cousin_optima(
    mdp: FiniteMDP | FactoredMDP, orders: Iterable[int], *, chain: Chain = colink
) -> CousinOptima:
    """The optimal action values of the original and of its cousins of ``orders``.

    The cousins of a :class:`FactoredMDP` are never formed, those of a :class:`FiniteMDP` one at a time.

    Raises:
        InvalidParameter: an order is below 1, or beyond what ``chain`` defines.
        TooLarge: ``mdp`` is a :class:`FiniteMDP` with a cousin too large to be formed.
    """
    return CousinOptima({n: optimal_q(mdp, n, chain) for n in sorted({1, *orders})})


def limit_policy_error(
    mdp: FiniteMDP | FactoredMDP,
    orders: Iterable[int],
    *,
    chain: Chain = colink,
    ties: Ties = "tolerant",
) -> float:
    r"""The average policy error that an ensemble of these cousins tends to, in closed form.

    .. math:: \frac{1}{|S|} \sum_s 1\Big\{ \arg\max_a \sum_n w_\infty^{(n)} Q^{(n)*}(s, a) \ne \pi^*(s) \Big\}

    ESQL ends there, however long it learns. Zero for ``orders = (1,)``.

    Args:
        mdp: the original network.
        orders: the environments of the ensemble; 1 is the original.
        chain: how the cousins' chains are made.
        ties: how optimal actions of equal value are counted, as in :func:`germane.mdp.policy_error`.

    Raises:
        InvalidParameter: ``orders`` is empty, repeats an order, or has one that is not defined.

    References:
        Bozkus and Mitra, arXiv 2402.08022, Proposition 4 (9) and equation (11).

    >>> mdp = FiniteMDP([[[1, 0], [1, 0]], [[0, 1], [1, 0]]], [[1, 0], [3, 3]], 0.9)
    >>> limit_policy_error(mdp, [1]), limit_policy_error(mdp, [1, 2, 3])
    (0.0, 0.5)
    """
    orders = tuple(orders)
    return cousin_optima(mdp, orders, chain=chain).policy_error(orders, ties=ties)


def limit_weights(
    mdp: FiniteMDP | FactoredMDP, orders: Iterable[int], *, chain: Chain = colink
) -> Array:
    r"""``(K,)`` the weights :math:`w_\infty^{(n)}` that ESQL's tend to: Proposition 4, equation (9).

    In the order of ``orders``; they sum to one, and that of the original is never the smaller. Raises
    what :func:`limit_policy_error` does.
    """
    orders = tuple(orders)
    return cousin_optima(mdp, orders, chain=chain).weights(orders)


def _first_greedy(q: Array) -> Ints:
    return np.asarray(greedy_actions(q).argmax(axis=1))
