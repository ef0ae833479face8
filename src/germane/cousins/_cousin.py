"""Digital cousins: the original network's states, actions, rewards and discount, other transitions."""

from __future__ import annotations

from ..errors import TooLarge
from ..mdp import FiniteMDP
from ._colink import Chain, colink
from ._similarity import Matrix

DENSE_STATES = 1500
"""Up to so many states matrices are multiplied dense: cousins of sparse chains fill anyway."""

MAX_TRANSITIONS = 250_000_000
"""A cousin that may have more than this (3 GB) is not formed."""


def cousin(mdp: FiniteMDP, order: int, *, chain: Chain = colink) -> FiniteMDP:
    r"""The digital cousin of order ``n``: the synthetic Markovian environment of the co-link chains.

    Same states, actions, rewards and discount as ``mdp``; transitions :math:`\tilde W_a^{(n)}` of each
    :math:`P_a`. Order 1 is ``mdp`` itself. Rewards are those of the original's own transitions: the
    cost of the paper is the same function in all environments.

    The chain of a network known from samples is that of its estimate, ``cousin(estimate.mdp, n)``.
    Cousins are nearly dense: up to 12 bytes for each of ``S * S * A`` transitions. Where the network
    is a product, :class:`ColinkSampler` draws from them without forming any.

    Args:
        mdp: the original.
        order: ``n >= 1``.
        chain: how its chain is made; :func:`power` for the earlier work, or
            ``partial(colink, similarity=..., normalise=...)``.

    Raises:
        InvalidParameter: ``order`` is below 1 or beyond what ``chain`` defines.
        InvalidModel: ``chain`` did not return row-stochastic matrices.
        TooLarge: the cousin may have more than 250 million transitions.

    References:
        Bozkus and Mitra, arXiv 2402.08022, section II-C.

    >>> import numpy as np
    >>> ring = FiniteMDP(np.roll(np.eye(3), 1, axis=1)[:, None, :], np.zeros((3, 1)), 0.9)
    >>> cousin(ring, 3).transitions.toarray()[0].tolist()
    [0.0, 0.5, 0.5]
    """
    if order == 1:
        return mdp
    matrices = _matrices(mdp)
    _refuse_what_fills(matrices, order)
    return FiniteMDP([chain(P_a, order) for P_a in matrices], mdp.r, mdp.gamma)


def _matrices(mdp: FiniteMDP) -> list[Matrix]:
    """``P_a (S, S)`` of each action."""
    rows = [mdp.transitions[a :: mdp.n_actions] for a in range(mdp.n_actions)]
    return [P_a.toarray() for P_a in rows] if mdp.n_states <= DENSE_STATES else rows


def _refuse_what_fills(matrices: list[Matrix], order: int) -> None:
    """A walk of ``order`` links, of which each state has at most ``d``, reaches ``d**order`` states."""
    S = matrices[0].shape[0]
    degrees = (((P_a != 0).sum(axis=1) + (P_a != 0).sum(axis=0)).max() for P_a in matrices)
    largest = S * sum(min(S, int(d) ** order) for d in degrees)
    if largest > MAX_TRANSITIONS:
        raise TooLarge(
            f"the cousin of order {order} may have {largest:.2g} transitions; at most "
            f"{MAX_TRANSITIONS:.2g} are formed. Give a FactoredMDP where the network is a product: its "
            "cousins are sampled and solved without being formed"
        )
