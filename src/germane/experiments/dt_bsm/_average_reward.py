"""The long-term average reward of a policy, which the paper measures where its theorem discounts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ...mdp import FiniteMDP, induced_chain


def average_reward(mdp: FiniteMDP, policy: ArrayLike) -> float:
    r"""The average reward per step of a policy in the long run, :math:`\sum_s \mu(s) r_\pi(s)`.

    :math:`\mu` is the stationary distribution of the induced chain, by one dense solve. It is the
    only one in admission control: from every state and under every policy, one step can end every
    service and fill every queue, so that state is reached from everywhere.

    Raises:
        InvalidPolicy: ``policy`` is not a policy of ``mdp``.
    """
    P, r = induced_chain(mdp, policy)
    balance = P.toarray().T - np.eye(mdp.n_states)
    balance[-1] = 1.0  # one equation follows from the others; probabilities sum to one instead
    mu = np.linalg.solve(balance, np.eye(mdp.n_states)[-1])
    return float(mu @ r)
