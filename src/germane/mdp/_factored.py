r"""Finite MDPs of independent components: every transition row is a product.

A state is a tuple of components :math:`(x_1, \dots, x_F)`, such as buffers and channels, and under an
action each component moves by a small chain of its own:

.. math:: P(s' | s, a) = \prod_f K_{a f}(x_f, x'_f), \qquad P_a = K_{a 1} \otimes \dots \otimes K_{a F} .

States are numbered in mixed radix, the first component counting most, as in a Kronecker product.
The flat model has ``S * S`` probabilities an action, the factors a handful: one row, one draw and
one product with a vector need no more than these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidModel, InvalidParameter, TooLarge
from ._model import (
    ROW_SUM_TOLERANCE,
    UNIT_ROUNDOFF,
    Array,
    FiniteMDP,
    refuse_overflow,
    reward_array,
    valid_discount,
)
from ._numbers import numbers_within

Counts = NDArray[np.int64]

MAX_TRANSITIONS = 100_000_000
"""More stored probabilities than this (1.2 GB) are refused by :meth:`FactoredMDP.flat`."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class FactoredMDP:
    """A finite, discounted MDP whose components move independently; rewards are maximised.

    Once built it is known to be valid: every row of every kernel is a distribution. A row whose sum
    is off by more than the rounding of its entries, but by no more than 1e-9, is divided by its sum.

    Args:
        kernels: small row-stochastic matrices, each ``(n, n)``; actions and components share them.
        index: ``(A, F)``: component ``f`` follows ``kernels[index[a, f]]`` under action ``a``.
        r: ``(S, A)`` expected one-step reward [reward units].
        gamma: discount factor in ``[0, 1)``.

    Attributes:
        kernels: as given, copied, read-only.
        index: as given, copied, read-only.
        r: as given, copied, read-only.
        gamma: as given.

    Raises:
        InvalidModel: naming the first kernel, component or row at fault, what was got and what is
            accepted.

    >>> stay, flip = np.eye(2), np.eye(2)[::-1]
    >>> mdp = FactoredMDP(kernels=(stay, flip), index=[[0, 0], [0, 1]], r=np.zeros((4, 2)), gamma=0.9)
    >>> mdp
    FactoredMDP(sizes=(2, 2), n_states=4, n_actions=2, gamma=0.9)
    >>> mdp.row(2, 1)
    (array([3]), array([1.]))
    """

    kernels: tuple[Array, ...]
    index: Counts
    r: Array
    gamma: float

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "r", reward_array(self.r))
        put(self, "gamma", valid_discount(self.gamma))
        refuse_overflow(self.r, self.gamma)
        kernels = tuple(_kernel(k, given) for k, given in enumerate(self.kernels))
        put(self, "kernels", kernels)
        put(self, "index", _index(self.index, kernels, self.n_actions))
        if self.n_states != math.prod(self.sizes):
            raise InvalidModel(
                f"r must have a row for each of the {math.prod(self.sizes)} states of components "
                f"{self.sizes}; got {self.n_states}"
            )

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """``(F,)`` values that each component can take."""
        return tuple(len(self.kernels[k]) for k in self.index[0])

    @property
    def n_states(self) -> int:
        return int(self.r.shape[0])

    @property
    def n_actions(self) -> int:
        return int(self.r.shape[1])

    def components(self, s: ArrayLike) -> Counts:
        """``(..., F)`` components of states ``s``.

        Raises:
            InvalidParameter: when ``s`` is no state.
        """
        return np.stack(
            np.unravel_index(numbers_within("state", s, self.n_states), self.sizes), axis=-1
        )

    def state(self, components: ArrayLike) -> Counts:
        """``(...)`` state numbers of ``(..., F)`` components: the inverse of :meth:`components`.

        Raises:
            InvalidParameter: when a component is missing or out of its range.
        """
        x = np.asarray(components, dtype=np.int64)
        if x.shape[-1:] != (len(self.sizes),):
            raise InvalidParameter(f"a state has {len(self.sizes)} components; got shape {x.shape}")
        for f, n in enumerate(self.sizes):
            numbers_within(f"component {f}", x[..., f], n)
        return np.asarray(np.ravel_multi_index(tuple(np.moveaxis(x, -1, 0)), self.sizes))

    def row(self, s: int, a: int) -> tuple[Counts, Array]:
        """The possible next states of a pair, increasing, and their probabilities.

        ``O(F + nnz)``: the flat model is not formed.

        Raises:
            InvalidParameter: when ``s`` is no state or ``a`` no action.
        """
        states, masses = np.zeros(1, dtype=np.int64), np.ones(1)
        kernels = self.index[numbers_within("action", a, self.n_actions)]
        for k, x in zip(kernels, self.components(s)):
            law = self.kernels[k][x]
            (reached,) = law.nonzero()
            states = (states[:, None] * len(law) + reached).ravel()
            masses = np.outer(masses, law[reached]).ravel()
        return states, masses

    def draw(self, s: ArrayLike, a: ArrayLike, rng: np.random.Generator) -> Counts:
        """Next states drawn independently from the rows of ``s`` and ``a``, which broadcast.

        Every component takes one uniform number and inverts the distribution function of its row.

        Raises:
            InvalidParameter: when ``s`` holds no state or ``a`` no action.
        """
        s, a = np.broadcast_arrays(
            numbers_within("state", s, self.n_states), numbers_within("action", a, self.n_actions)
        )
        x = self.components(s)
        u = rng.random(x.shape)
        drawn = np.empty_like(x)
        for f, (which, cumulative) in enumerate(self._cumulative):
            drawn[..., f] = (cumulative[which[a], x[..., f]] <= u[..., f, None]).sum(axis=-1)
        return self.state(drawn)

    def flat(self) -> FiniteMDP:
        """The same model with its rows multiplied out, only what is not zero stored.

        Raises:
            TooLarge: when that is more than 100 million probabilities.
        """
        n_stored = sum(
            math.prod(np.count_nonzero(self.kernels[k]) for k in row) for row in self.index
        )
        if n_stored > MAX_TRANSITIONS:
            raise TooLarge(
                f"the flat model has {n_stored:.2g} transitions; at most {MAX_TRANSITIONS:.0e} are "
                "built. Use its rows, its draws or its kernels instead"
            )
        sparse = [sp.csr_array(K) for K in self.kernels]
        actions = [
            reduce(lambda left, right: sp.kron(left, right, "csr"), (sparse[k] for k in row))
            for row in self.index
        ]
        return FiniteMDP(actions, self.r, self.gamma)

    @cached_property
    def _cumulative(self) -> list[tuple[Counts, Array]]:
        """Per component: ``(A,)`` which of its kernels, and their distribution functions."""
        found = []
        for column in self.index.T:
            used, which = np.unique(column, return_inverse=True)
            sums = np.cumsum([self.kernels[k] for k in used], axis=-1)
            found.append((which, sums / sums[..., -1:]))  # ends in 1: no draw lies beyond
        return found

    def __repr__(self) -> str:
        return (
            f"FactoredMDP(sizes={self.sizes}, n_states={self.n_states}, "
            f"n_actions={self.n_actions}, gamma={self.gamma})"
        )


def _kernel(k: int, given: ArrayLike) -> Array:
    """The kernel given, rows made exact."""
    try:
        K = np.array(given, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise InvalidModel(f"kernels[{k}] must be a numeric (n, n) array: {error}") from None
    if K.ndim != 2 or K.shape[0] != K.shape[1] or not K.size:
        raise InvalidModel(f"kernels[{k}] must have shape (n, n) with n >= 1; got {K.shape}")
    faulty = ~(np.isfinite(K) & (K >= 0))
    if faulty.any():
        x, y = np.argwhere(faulty)[0]
        raise InvalidModel(f"kernels[{k}][{x}, {y}] must be finite and non-negative; got {K[x, y]}")
    sums = K.sum(axis=1)
    off = np.abs(sums - 1)
    if (off > ROW_SUM_TOLERANCE).any():
        x = int(np.argmax(off > ROW_SUM_TOLERANCE))
        raise InvalidModel(
            f"kernels[{k}][{x}] must sum to 1 within {ROW_SUM_TOLERANCE}; got {sums[x]:.17g}"
        )
    correct = off > 4 * UNIT_ROUNDOFF * (np.count_nonzero(K, axis=1) + 1)
    K[correct] /= sums[correct, None]
    K.flags.writeable = False
    return K


def _index(given: ArrayLike, kernels: tuple[Array, ...], n_actions: int) -> Counts:
    """The kernel of each action and component: one of those there are, as large as the component."""
    try:
        index: NDArray[Any] = np.array(given)
    except ValueError as error:
        raise InvalidModel(f"index must be an (A, F) array: {error}") from None
    if index.ndim != 2 or len(index) != n_actions or not index.size or index.dtype.kind not in "iu":
        raise InvalidModel(
            f"index must be an integer array of shape ({n_actions}, F) with F >= 1, since r has "
            f"{n_actions} actions; got {index.dtype} of shape {index.shape}"
        )
    for a, f in np.argwhere((index < 0) | (index >= len(kernels))):
        raise InvalidModel(
            f"index[{a}, {f}] must name one of {len(kernels)} kernels; got {index[a, f]}"
        )
    n = np.array([len(K) for K in kernels])[index]
    for a, f in np.argwhere(n != n[0]):
        raise InvalidModel(
            f"component {f} must have as many values under every action; its kernel has {n[0, f]} "
            f"rows under action 0 and {n[a, f]} under action {a}"
        )
    index = index.astype(np.int64)
    index.flags.writeable = False
    return index
