r"""The transitions that samples of a network amount to: what cousins are made of where ``P`` is not known.

By counts, :math:`\hat P(s' | s, a) = N(s, a, s') / N(s, a)`. By structure, where the network is a product:
each kernel is counted by itself, over all actions and components that follow it, and nothing else is
estimated; far fewer numbers, each from far more samples.

References:
    Bozkus and Mitra, arXiv 2402.08022, section II-C: *sample averaging* and *structural estimation*.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidParameter
from ..mdp import FactoredMDP, FiniteMDP
from ._checks import whole_numbers_within

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Untried = Literal["refuse", "stay"]
"""What to do with a row that no sample is of: refuse, or take it for one that stays where it is."""


def estimate_by_counts(
    mdp: FiniteMDP | FactoredMDP,
    s: ArrayLike,
    a: ArrayLike,
    s_next: ArrayLike,
    *,
    untried: Untried = "refuse",
) -> FiniteMDP:
    """The network with the frequencies of its transitions: its states, actions, rewards and discount.

    Of ``mdp`` no probability is used. ``O(n + S A)``.

    Args:
        mdp: the network.
        s: ``(n,)`` states.
        a: ``(n,)`` actions taken there.
        s_next: ``(n,)`` states that they led to.
        untried: what a pair becomes of which there is no sample.

    Raises:
        InvalidParameter: a sample is of no state or action; a pair was never tried, which is refused.

    >>> swap = FiniteMDP([[[0.5, 0.5]], [[1.0, 0.0]]], [[1.0], [0.0]], 0.9)
    >>> estimate_by_counts(swap, [0, 0, 0, 0, 1], [0] * 5, [1, 1, 1, 0, 0]).transitions.toarray().tolist()
    [[0.25, 0.75], [1.0, 0.0]]
    """
    s, a, s_next = _samples(mdp, s, a, s_next, untried)
    S, A = mdp.n_states, mdp.n_actions
    row = s * A + a
    missing = np.flatnonzero(np.bincount(row, minlength=S * A) == 0)
    if untried == "refuse" and len(missing) > 0:
        raise InvalidParameter(
            f"every pair must be tried; {len(missing)} of {S * A} were not, the first is action "
            f"{missing[0] % A} in state {missing[0] // A}. untried='stay' takes them for such that stay"
        )
    rows, columns = np.concatenate([row, missing]), np.concatenate([s_next, missing // A])
    N = sp.csr_array((np.ones(len(rows)), (rows, columns)), shape=(S * A, S))
    N.data /= np.repeat(N.sum(axis=1), np.diff(N.indptr))
    return FiniteMDP([N[action::A] for action in range(A)], mdp.r, mdp.gamma)


def estimate_by_structure(
    mdp: FactoredMDP,
    s: ArrayLike,
    a: ArrayLike,
    s_next: ArrayLike,
    *,
    untried: Untried = "refuse",
) -> FactoredMDP:
    """The network with the frequencies of each kernel: its components, actions, rewards and discount.

    Of ``mdp`` it is used which components follow which kernel, and no probability. ``O(n F)``.

    Args:
        mdp: the network.
        s: ``(n,)`` states.
        a: ``(n,)`` actions taken there.
        s_next: ``(n,)`` states that they led to.
        untried: what a row of a kernel becomes that no sample has been in.

    Raises:
        InvalidParameter: a sample is of no state or action; a row was never seen, which is refused.

    >>> flip = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> pair = FactoredMDP(kernels=(flip,), index=[[0, 0]], r=np.zeros((4, 1)), gamma=0.9)
    >>> estimate_by_structure(pair, [1], [0], [2]).kernels[0].tolist()  # (0, 1) to (1, 0)
    [[0.0, 1.0], [1.0, 0.0]]
    """
    s, a, s_next = _samples(mdp, s, a, s_next, untried)
    totals = kernel_counts(mdp, s, a, s_next, np.ones(len(s)))
    if untried == "refuse":
        for k in np.unique(mdp.index):
            unseen = np.flatnonzero(totals[k].sum(axis=1) == 0)
            if len(unseen) > 0:
                raise InvalidParameter(
                    f"every row of a kernel must be seen; value {unseen[0]} of kernel {k} was not. "
                    "untried='stay' takes such values for ones that stay"
                )
    return replace(mdp, kernels=tuple(map(kernel_frequencies, totals)))


def kernel_frequencies(N: Array) -> Array:
    """``(n, n)`` rows of counts as distributions; a row without counts stays where it is."""
    n = N.sum(axis=1, keepdims=True)
    return np.where(n > 0, N / np.where(n > 0, n, 1), np.eye(len(N)))


def kernel_counts(
    mdp: FactoredMDP, s: Ints, a: Ints, s_next: Ints, times: NDArray[np.number]
) -> list[Array]:
    """``(n, n)`` transitions of each kernel, over all actions and components that follow it.

    The transitions ``(s, a, s_next)`` occurred so many ``times``.
    """
    before, after = mdp.components(s), mdp.components(s_next)
    sizes = np.array([len(K) for K in mdp.kernels])
    first: Ints = np.cumsum([0, *sizes**2])
    k = mdp.index[a]
    cell = first[k] + before * sizes[k] + after
    weights = np.broadcast_to(times[:, None], cell.shape)
    flat = np.bincount(cell.ravel(), weights=weights.ravel(), minlength=first[-1])
    cells = np.split(flat.astype(np.float64), first[1:-1])
    return [N.reshape(n, n) for N, n in zip(cells, sizes)]


def _samples(
    mdp: FiniteMDP | FactoredMDP, s: ArrayLike, a: ArrayLike, s_next: ArrayLike, untried: Untried
) -> tuple[Ints, Ints, Ints]:
    """The samples, of one length and within the states and actions."""
    if untried not in get_args(Untried):
        raise InvalidParameter(f"untried is one of {', '.join(get_args(Untried))}; got {untried!r}")
    found = (
        whole_numbers_within("s", s, mdp.n_states),
        whole_numbers_within("a", a, mdp.n_actions),
        whole_numbers_within("s_next", s_next, mdp.n_states),
    )
    shapes = [values.shape for values in found]
    if len(set(shapes)) > 1 or len(shapes[0]) != 1:
        raise InvalidParameter(f"s, a and s_next must be lists of one length; got shapes {shapes}")
    return found
