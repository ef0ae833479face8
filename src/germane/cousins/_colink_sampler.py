r"""Next states of a cousin of a factored network, drawn exactly and without forming its matrix.

With :math:`P = F_1 \otimes \dots \otimes F_k` every word :math:`\omega` in :math:`P` and
:math:`P^T` is a product too, and the similarity matrix of order ``n`` is the sum of ``2**(n - 1)``:

.. math:: W^{(n)} = \sum_\omega F_1^\omega \otimes \dots \otimes F_k^\omega .

So a row of the co-link chain is a mixture of products. A draw from state
:math:`s = (x_1, \dots, x_k)` picks a word with probability proportional to
:math:`\prod_f \sum_y F_f^\omega(x_f, y)` and then, component by component, a next value from row
:math:`x_f` of :math:`F_f^\omega`. No approximation is made; ``O(2**(n - 1) k)`` a draw.

One uniform number is enough for a draw: what is left of it after a choice is uniform again. Rows are
tables of aliases (Walker 1977), so that a choice costs the same however long the row. Probabilities are
met up to rounding, as in any draw from doubles, and what is impossible is never drawn.
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
from ._product_chain import merged

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_ORDER = 12
"""Cousins of higher order have more than 2,048 words."""

KERNEL_CELLS = 2**12
"""Cells of one kernel, all words together, that merging components may bring: they stay in cache."""

TINY, BELOW_ONE = 2.0**-1022, 1 - 2.0**-53

CELL = np.dtype([("share", np.float64), ("own", np.int32), ("other", np.int32)])
"""One of ``n`` equal parts of a row: with probability ``share`` its own value, else the other."""

compiled = njit(nogil=True, cache=True, error_model="numpy")


class ColinkTables(NamedTuple):
    """What :func:`colink_step` reads.

    Under action ``a``, word ``w`` from value ``x`` of component ``f`` is row ``k = x * n_words + w`` of the
    kernel there: its weight is ``weight[row[a, f] + k]``, its cells start at ``cell[a, f] + k * size[f]``.

    Attributes:
        size: ``(F,)`` values of each component.
        value: ``(S, F)`` the values that a state is made of, times ``n_words``.
        row: ``(A, F)`` first row of the kernel that a component follows under an action.
        cell: ``(A, F)`` its first cell.
        weight: ``(n_rows,)`` sums of the rows of all words.
        cells: ``(n_cells,)`` of :data:`CELL`, the rows as tables of aliases; values are counted in states.
    """

    size: Ints
    value: NDArray[np.int32]
    row: Ints
    cell: Ints
    weight: Array
    cells: NDArray[np.void]


@dataclass(frozen=True, eq=False)
class ColinkSampler:
    """Draws next states of the cousin of order ``n`` of a factored network: order 1 is the network.

    The exact co-link chain :func:`colink` of every action, with no ``(S, S)`` matrix: each kernel of ``m``
    values takes ``16 * 2**(n - 1) * m**2`` bytes.

    Attributes:
        mdp: the original network.
        order: ``n``, from 1 to 12.

    Raises:
        InvalidParameter: ``order`` is out of its range.

    References:
        Bozkus and Mitra, arXiv 2402.08022, section II-C: lower complexity by the structure of ``P``.

    >>> flip = np.array([[0.5, 0.5], [1.0, 0.0]])
    >>> pair = FactoredMDP(kernels=(flip,), index=[[0, 0]], r=np.zeros((4, 1)), gamma=0.9)
    >>> ColinkSampler(pair, 5).draw(np.zeros(5, int), 0, np.random.default_rng(1)).tolist()
    [0, 0, 2, 0, 1]
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
        drawn = _draw_all(self.tables, self.n_words, s.ravel(), a.ravel(), u.ravel())
        return np.asarray(drawn.reshape(s.shape))

    def row(self, s: int, a: int) -> Array:
        """``(S,)`` the distribution that :meth:`draw` draws from; ``O(2**(n - 1) S)``.

        Raises:
            InvalidParameter: when ``s`` is no state or ``a`` no action.
        """
        t, row = self.tables, np.zeros(self.mdp.n_states)
        x = t.value[_within("state", s, self.mdp.n_states)]
        action = _within("action", a, self.mdp.n_actions)
        first_row, first_cell = t.row[action], t.cell[action]
        for w in range(self.n_words):
            mass = np.ones(1)
            for f, n in enumerate(t.size):
                k = x[f] + w
                cells = t.cells[first_cell[f] + k * n :][:n]
                law = cells["share"] / n
                np.add.at(law, np.searchsorted(cells["own"], cells["other"]), 1 / n - law)
                mass = np.outer(mass, t.weight[first_row[f] + k] * law).ravel()
            row += mass
        return np.asarray(row / row.sum())


def words(F: Array, order: int) -> Array:
    """``(2**(n - 1), n, n)`` all words of ``order`` links whose ends are opposite; of order 1, ``F``."""
    if order == 1:
        return F[None]
    middles = [np.eye(len(F))]
    for _ in range(order - 2):
        middles = [M @ link for M in middles for link in (F, F.T)]
    return np.array([F @ M @ F.T for M in middles] + [F.T @ M @ F for M in middles])


def _tables(mdp: FactoredMDP, order: int) -> ColinkTables:
    size = np.array(mdp.sizes, dtype=np.int64)
    stride = np.append(np.cumprod(size[:0:-1])[::-1], 1)
    stride_of = {int(k): stride[f] for row in mdp.index for f, k in enumerate(row)}
    weight, cells = [], []
    for k, F in enumerate(mdp.kernels):
        rows = words(F, order).transpose(1, 0, 2).reshape(-1, len(F))  # row x * n_words + word
        weight.append(rows.sum(axis=1))
        cells.append(_aliases(rows / np.maximum(weight[-1], TINY)[:, None], stride_of[k]))
    return ColinkTables(
        size=size,
        value=(mdp.components(np.arange(mdp.n_states)) * 2 ** (order - 1)).astype(np.int32),
        row=_starts(weight)[mdp.index],
        cell=_starts(cells)[mdp.index],
        weight=np.concatenate(weight),
        cells=np.concatenate(cells),
    )


def _starts(parts: list[NDArray[Any]]) -> Ints:
    """Where each part begins when they are put one behind the other."""
    return np.cumsum([0, *(len(part) for part in parts[:-1])])


def _aliases(laws: Array, stride: int) -> NDArray[np.void]:
    """The rows of ``laws (n_rows, n)`` as tables of aliases, one behind the other."""
    share, other = _walker(laws * laws.shape[1])
    cells = np.empty(laws.shape, dtype=CELL)
    cells["share"], cells["other"] = share, other * stride
    cells["own"] = np.arange(laws.shape[1]) * stride
    return cells.ravel()


@compiled
def _walker(share: Array) -> tuple[Array, Ints]:
    """Walker's aliases by Vose's two stacks: shares above one lend to those below."""
    n_rows, n = share.shape
    other = np.empty((n_rows, n), dtype=np.int64)
    below, above = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    for row in range(n_rows):
        n_below, n_above = 0, 0
        for k in range(n):
            other[row, k] = k
            if share[row, k] < 1:
                below[n_below] = k
                n_below += 1
            else:
                above[n_above] = k
                n_above += 1
        while n_below and n_above:
            n_below -= 1
            borrower, lender = below[n_below], above[n_above - 1]
            other[row, borrower] = lender
            share[row, lender] -= 1 - share[row, borrower]
            if share[row, lender] < 1:
                n_above -= 1
                below[n_below] = lender
                n_below += 1
        for k in range(n_below):  # one up to rounding
            share[row, below[k]] = 1.0
        for k in range(n_above):
            share[row, above[k]] = 1.0
    return share, other


@compiled
def colink_step(tables: ColinkTables, s: int, a: int, u: float, weight: Array) -> int:
    """The next state of a pair ``(s, a)``, for use in compiled code.

    A function of the uniform number ``u`` in ``[0, 1)``, with no other randomness. ``tables`` are those of
    a :class:`ColinkSampler`; ``weight (n_words,)`` is room to work in, and overwritten.
    """
    n_words, n_components = len(weight), len(tables.size)
    weight[:] = 1.0
    for f in range(n_components):
        row = tables.row[a, f] + tables.value[s, f]
        for w in range(n_words):
            weight[w] *= tables.weight[row + w]
    for w in range(1, n_words):
        weight[w] += weight[w - 1]
    u *= weight[n_words - 1]
    word = 0
    for w in range(n_words - 1):  # no branch to guess: faster than to stop in time
        word += weight[w] <= u
    low = weight[word - 1] if word else 0.0
    u = min((u - low) / (weight[word] - low), BELOW_ONE)  # both differences may round to one double
    s_next = 0
    for f in range(n_components):
        n = tables.size[f]
        j = int(u * n)  # below n for all u below one, and what follows leaves u there
        u = u * n - j
        cell = tables.cells[tables.cell[a, f] + (tables.value[s, f] + word) * n + j]
        if u < cell.share:
            s_next += cell.own
            u /= cell.share
        else:
            s_next += cell.other
            u = (u - cell.share) / (1 - cell.share)
    return s_next


@compiled
def _draw_all(tables: ColinkTables, n_words: int, s: Ints, a: Ints, u: Array) -> Ints:
    weight = np.empty(n_words)
    s_next = np.empty(len(s), dtype=np.int64)
    for i in range(len(s)):
        s_next[i] = colink_step(tables, s[i], a[i], u[i], weight)
    return s_next


def _within(name: str, given: ArrayLike, n: int) -> Ints:
    """The numbers given, all of them in ``0..n - 1``."""
    index = np.asarray(given, dtype=np.int64)
    outside = (index < 0) | (index >= n)
    if outside.any():
        raise InvalidParameter(f"{name} must lie in 0..{n - 1}; got {index[outside].flat[0]}")
    return index
