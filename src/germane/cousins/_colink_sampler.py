r"""Next states of a cousin of a factored network, drawn exactly and without forming its matrix.

With :math:`P = F_1 \otimes \dots \otimes F_k` every word :math:`\omega` in :math:`P` and
:math:`P^T` is a product too, and the similarity matrix of order ``n`` is the sum of ``2**(n - 1)``:

.. math:: W^{(n)} = \sum_\omega F_1^\omega \otimes \dots \otimes F_k^\omega .

So a row of the co-link chain is a mixture of products. A draw from state
:math:`s = (x_1, \dots, x_k)` picks a word with probability proportional to
:math:`\prod_f \sum_y F_f^\omega(x_f, y)` and then, component by component, a next value from row
:math:`x_f` of :math:`F_f^\omega`. No approximation is made.

One uniform number is enough for a draw: what is left of it after a choice is uniform again. The words of
a pair and the rows of kernels are tables of aliases (Walker 1977), so that a choice costs the same however
many there are: ``O(k)`` a draw. Probabilities are met up to rounding, as in any draw from doubles, and what
is impossible is never drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidParameter
from ..mdp import FactoredMDP
from ._alias import alias_cells, alias_choice
from ._product_chain import merged

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_ORDER = 10
"""Cousins of higher order have more than 512 words."""

KERNEL_CELLS = 2**12
"""Cells of one kernel, all words together, that merging components may bring: they stay in cache."""

compiled = njit(nogil=True, cache=True, error_model="numpy")
inlined = njit(nogil=True, error_model="numpy")  # not cached: else callers cannot inline it


class ColinkTables(NamedTuple):
    """What :func:`colink_step` reads.

    The words of state ``s`` under action ``a`` start at ``word[word_of[a] + s * n_words]``. Under word ``w``
    component ``f`` goes on from row ``value[s, f] + w`` of its kernel, whose cells start at
    ``cell[a, f] + (value[s, f] + w) * size[f]``.

    Attributes:
        n_words: how many products are mixed.
        word: ``(n, )`` of :data:`CELL`, the words of every state and every law that actions follow.
        word_of: ``(A,)`` where the words of an action's law start.
        size: ``(F,)`` values of each component.
        value: ``(S, F)`` the values that a state is made of, times ``n_words``.
        cell: ``(A, F)`` first cell of the kernel that a component follows under an action.
        cells: ``(n_cells,)`` of :data:`CELL`, the rows of the kernels.
    """

    n_words: int
    word: NDArray[np.void]
    word_of: Ints
    size: Ints
    value: NDArray[np.int32]
    cell: Ints
    cells: NDArray[np.void]


@dataclass(frozen=True, eq=False)
class ColinkSampler:
    """Draws next states of the cousin of order ``n`` of a factored network: order 1 is the network.

    The exact co-link chain :func:`colink` of every action, with no ``(S, S)`` matrix: ``16 * 2**(n - 1)``
    bytes for every pair, and ``m**2`` times as many for every kernel of ``m`` values.

    Attributes:
        mdp: the original network.
        order: ``n``, from 1 to 10.

    Raises:
        InvalidParameter: ``order`` is out of its range.

    References:
        Bozkus and Mitra, arXiv 2402.08022, section II-C: lower complexity by the structure of ``P``.

    >>> flip = np.array([[0.5, 0.5], [1.0, 0.0]])
    >>> pair = FactoredMDP(kernels=(flip,), index=[[0, 0]], r=np.zeros((4, 1)), gamma=0.9)
    >>> ColinkSampler(pair, 5).draw(np.zeros(5, int), 0, np.random.default_rng(1)).tolist()
    [0, 0, 1, 0, 0]
    """

    mdp: FactoredMDP
    order: int

    def __post_init__(self) -> None:
        if not 1 <= self.order <= MAX_ORDER:
            raise InvalidParameter(f"the order must lie in 1..{MAX_ORDER}; got {self.order}")

    @property
    def n_words(self) -> int:
        """How many products are mixed, ``2**(n - 1)``."""
        return 1 << (self.order - 1)

    @cached_property
    def tables(self) -> ColinkTables:
        """For :func:`colink_step`."""
        return _tables(merged(self.mdp, math.isqrt(KERNEL_CELLS // self.n_words)), self.order)

    def draw(self, s: ArrayLike, a: ArrayLike, rng: np.random.Generator) -> Ints:
        """Next states, drawn independently from the rows of ``s`` and ``a``, which broadcast.

        Raises:
            InvalidParameter: when ``s`` holds no state or ``a`` no action.
        """
        s, a = np.broadcast_arrays(
            _within("state", s, self.mdp.n_states), _within("action", a, self.mdp.n_actions)
        )
        u = rng.random(s.shape)
        drawn = _draw_all(self.tables, s.ravel(), a.ravel(), u.ravel())
        return np.asarray(drawn.reshape(s.shape))

    def row(self, s: int, a: int) -> Array:
        """``(S,)`` the distribution that :meth:`draw` draws from; ``O(2**(n - 1) S)``.

        Raises:
            InvalidParameter: when ``s`` is no state or ``a`` no action.
        """
        t, row = self.tables, np.zeros(self.mdp.n_states)
        x = t.value[_within("state", s, self.mdp.n_states)]
        action = _within("action", a, self.mdp.n_actions)
        of_words = t.word[t.word_of[action] + int(s) * t.n_words :][: t.n_words]
        for w, share in enumerate(_law(of_words)):
            mass = np.full(1, share)
            for n, x_f, cell in zip(t.size, x, t.cell[action]):
                mass = np.outer(mass, _law(t.cells[cell + (x_f + w) * n :][:n])).ravel()
            row += mass
        return row


def words(F: Array, order: int) -> Array:
    """``(2**(n - 1), n, n)`` all words of ``order`` links whose ends are opposite; of order 1, ``F``."""
    if order == 1:
        return F[None]
    middles = [np.eye(len(F))]
    for _ in range(order - 2):
        middles = [M @ link for M in middles for link in (F, F.T)]
    return np.array([F @ M @ F.T for M in middles] + [F.T @ M @ F for M in middles])


def _tables(mdp: FactoredMDP, order: int) -> ColinkTables:
    n_words = 2 ** (order - 1)
    size = np.array(mdp.sizes, dtype=np.int64)
    x = mdp.components(np.arange(mdp.n_states))
    weight, cells = [], []
    for F in mdp.kernels:
        rows = words(F, order).transpose(1, 0, 2)  # (values, words, values)
        weight.append(rows.sum(axis=2))
        cells.append(_aliases(rows.reshape(-1, len(F))))
    laws, law_of = np.unique(mdp.index, axis=0, return_inverse=True)  # actions that move alike
    of_words = [
        _aliases(np.prod([weight[k][x[:, f]] for f, k in enumerate(law)], axis=0)) for law in laws
    ]
    return ColinkTables(
        n_words=n_words,
        word=np.concatenate(of_words),
        word_of=_starts(of_words)[law_of.reshape(-1)],
        size=size,
        value=(x * n_words).astype(np.int32),
        cell=_starts(cells)[mdp.index],
        cells=np.concatenate(cells),
    )


def _starts(parts: list[NDArray[Any]]) -> Ints:
    """Where each part begins when they are put one behind the other."""
    return np.cumsum([0, *(len(part) for part in parts[:-1])])


def _aliases(laws: Array) -> NDArray[np.void]:
    """The rows of ``laws (n_rows, n)`` as tables of aliases, one behind the other."""
    n_rows, n = laws.shape
    values = np.tile(np.arange(n), n_rows)
    cells: NDArray[np.void] = alias_cells(np.arange(n_rows + 1) * n, values, laws.ravel())
    return cells


def _law(cells: NDArray[np.void]) -> Array:
    """``(n,)`` the distribution that one table of aliases draws from."""
    n = len(cells)
    law = cells["share"] / n
    np.add.at(law, cells["other"], (1 - cells["share"]) / n)
    return np.asarray(law)


@inlined
def colink_step(tables: ColinkTables, s: int, a: int, u: float) -> int:
    """The next state of a pair ``(s, a)``, for use in compiled code.

    A function of the uniform number ``u`` in ``[0, 1)``, with no other randomness. ``tables`` are those of
    a :class:`ColinkSampler`.
    """
    word, s_next = 0, 0
    if tables.n_words > 1:
        first = tables.word_of[a] + s * tables.n_words
        word, u = alias_choice(tables.word, first, tables.n_words, u)
    last = len(tables.size) - 1
    for f in range(last):
        n = tables.size[f]
        first = tables.cell[a, f] + (tables.value[s, f] + word) * n
        value, u = alias_choice(tables.cells, first, n, u)
        s_next = s_next * n + value
    n = tables.size[last]  # by itself: what is left of the number need not be computed
    first = tables.cell[a, last] + (tables.value[s, last] + word) * n
    found: int = s_next * n + alias_choice(tables.cells, first, n, u)[0]
    return found


@compiled
def _draw_all(tables: ColinkTables, s: Ints, a: Ints, u: Array) -> Ints:
    s_next = np.empty(len(s), dtype=np.int64)
    for i in range(len(s)):
        s_next[i] = colink_step(tables, s[i], a[i], u[i])
    return s_next


def _within(name: str, given: ArrayLike, n: int) -> Ints:
    """The numbers given, all of them in ``0..n - 1``."""
    index = np.asarray(given, dtype=np.int64)
    outside = (index < 0) | (index >= n)
    if outside.any():
        raise InvalidParameter(f"{name} must lie in 0..{n - 1}; got {index[outside].flat[0]}")
    return index
