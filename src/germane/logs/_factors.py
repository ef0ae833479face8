r"""What a log says of a network that is a product: few small laws in the place of many large ones.

Where every component of the state moves by itself, under the action or a part of it,

.. math:: P(s' | s, a) = \prod_f P_f(x'_f | x_f, g_f(a)),

each visit of a pair is a visit of one row of every component. Rows are then few and often visited, also
those of pairs that were never tried, and

.. math:: TV(P, \hat P) \le 1 - \prod_f (1 - TV(P_f, \hat P_f)),

since independent maximal couplings of the components agree in all of them with the product's probability.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidParameter
from ..mdp import FactoredMDP
from ._balls import l1_radius
from ._estimated_mdp import Array, EstimatedMDP, Ints
from ._rectangular_set import RectangularSet

Counts = NDArray[np.int64]


def estimate_factors(
    log: EstimatedMDP,
    sizes: Sequence[int],
    *,
    driven_by: Sequence[ArrayLike] | None = None,
    alpha: float = 0.01,
) -> RectangularSet:
    r"""The models that a log allows if the network is a product of components.

    That the components move independently, each driven by what is said, is an *assumption*: it becomes
    one of the certificate. The set says nothing about rewards beyond their range.

    Args:
        log: counts of flat states, numbered in mixed radix, the first component counting most.
        sizes: how many values each component takes; their product is ``S``.
        driven_by: for each component ``(A,)`` whole numbers: actions with the same number drive it the
            same way, as one number for all does where the action leaves it as it is. By default each
            action drives every component in its own way.
        alpha: probability with which the set may fail to hold the network; divided evenly over all rows
            of all components.

    Returns:
        the set around the product of the frequencies; a row of a component that was never visited may be
        any. For :func:`germane.certify` as ``within=[...]``. ``O(nnz)`` counts and the flat model.

    Raises:
        InvalidParameter: ``sizes`` do not multiply to ``S``, ``driven_by`` does not fit, or ``alpha`` is
            no probability.
        TooLarge: the flat model does not fit in memory.
    """
    groups = _groups(log, sizes, driven_by)
    if not 0 < alpha < 1:
        raise InvalidParameter(f"alpha must lie in (0, 1); got {alpha}")
    kernels: list[Array] = []
    index = np.empty(groups.T.shape, dtype=np.int64)
    n_rows = sum(size * len(np.unique(group)) for size, group in zip(sizes, groups, strict=True))
    far = np.ones(log.n_visits.shape)  # the product of 1 - TV
    place = np.stack(np.unravel_index(np.arange(log.n_states), sizes))
    for f, (size, group) in enumerate(zip(sizes, groups, strict=True)):
        counts = _component_counts(log, place[f], group, size)
        n = counts.sum(axis=2)
        tv = l1_radius(n, size, alpha / n_rows, fixed=log.counts_fixed) / 2
        stay = np.broadcast_to(np.eye(size), counts.shape)
        law = np.where(n[..., None] > 0, counts / np.maximum(n, 1)[..., None], stay)
        index[:, f] = len(kernels) + group
        kernels += list(law)
        far *= 1 - tv[group][:, place[f]].T
    product = FactoredMDP(kernels=tuple(kernels), index=index, r=log.mdp.r, gamma=log.gamma)
    words = " x ".join(map(str, sizes))
    return RectangularSet(
        centre=product.flat(),
        tv=np.where(log.known, 1.0, 1 - far),
        reward_gap=np.inf,
        alpha=alpha,
        why=f"the network is a product of components of {words} values that move independently",
    )


def _component_counts(log: EstimatedMDP, place: Ints, group: Counts, size: int) -> Array:
    """``(G, n, n)`` visits of a component's rows, by group of actions; terminal states left out."""
    cells = log.counts.tocoo()
    s, a = np.divmod(cells.row, log.n_actions)
    counts = np.zeros((int(group.max()) + 1, size, size))
    np.add.at(counts, (group[a], place[s], place[cells.col]), cells.data)
    return counts


def _groups(
    log: EstimatedMDP, sizes: Sequence[int], driven_by: Sequence[ArrayLike] | None
) -> Counts:
    """``(F, A)`` the group of each action for each component, numbered from 0."""
    A = log.n_actions
    if min(sizes, default=0) < 1 or math.prod(sizes) != log.n_states:
        raise InvalidParameter(
            f"sizes must be positive and multiply to {log.n_states} states; got {tuple(sizes)}"
        )
    if driven_by is None:
        return np.broadcast_to(np.arange(A), (len(sizes), A))
    given = [np.asarray(group) for group in driven_by]
    if len(given) != len(sizes) or any(g.shape != (A,) or g.dtype.kind not in "iu" for g in given):
        raise InvalidParameter(
            f"driven_by must hold {A} whole numbers for each of the {len(sizes)} components; "
            f"got shapes {[g.shape for g in given]}"
        )
    return np.array([np.unique(group, return_inverse=True)[1] for group in given])
