r"""Next states of a cousin of a factored network, drawn exactly and without forming its matrix.

With :math:`P = F_1 \otimes \dots \otimes F_k` every word :math:`\omega` in :math:`P` and
:math:`P^T` is a product too, and the similarity matrix of order ``n`` is the sum of ``2**(n - 1)``:

.. math:: W^{(n)} = \sum_\omega F_1^\omega \otimes \dots \otimes F_k^\omega .

So a row of the co-link chain is a mixture of products. In state :math:`s = (x_1, \dots, x_k)` word
:math:`\omega` has weight :math:`\prod_f c_f(x_f, \omega)` with
:math:`c_f(x_f, \omega) = \sum_y F_f^\omega(x_f, y)`; given the word, components go on independently, from
row :math:`x_f` of :math:`F_f^\omega`. No approximation is made.

**How a word is drawn.** By rejection (von Neumann): the first component proposes one with probability
proportional to :math:`c_1(x_1, \omega)`, and each other one keeps it with probability
:math:`c_f(x_f, \omega) / \max_\eta c_f(x_f, \eta)`; if one does not, another is proposed. After as many
proposals as there are words, all are weighed and one is drawn from their law; as what was rejected tells
nothing, that is exact too. So tables are of values of components, not of states, and stay in cache. In the
networks of :mod:`germane.networks` 1.0 to 4.3 proposals are expected on average up to order 5, in the worst
of their states 15; the more components there are that disagree, the more it takes, up to
``O(2**(n - 1) k)`` a draw.

Proposals and next values are from tables of aliases (Walker 1977), at a cost that does not depend on how many
there are. Probabilities are met up to rounding, as in any draw from doubles, and what is impossible is never
drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidParameter
from ..mdp import FactoredMDP
from ..sampling import (
    AliasRows,
    Stream,
    alias_choice,
    alias_rows,
    compiled,
    fraction,
    inlined,
    new_stream,
    random_bits,
    row_choice,
)
from ._checks import whole_numbers_within
from ._product_chain import LARGEST_BLOCK, merged

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_ORDER = 10
"""Cousins of higher order have more than 512 words."""


class ColinkTables(NamedTuple):
    """What :func:`colink_step` reads.

    Under word ``w`` component ``f`` of state ``s`` goes on from row ``row[a, f] + value[s, f] + w``.

    Attributes:
        n_words: how many products are mixed.
        size: ``(F,)`` values of each component.
        value: ``(S, F)`` the values that a state is made of, times ``n_words``.
        row: ``(A, F)`` first row of the kernel that a component follows under an action.
        kernels: ``n`` rows, of all kernels, values and words; the words of a value lie together.
        proposals: ``(n,)`` of :data:`CELL`: the words of each value, to draw from by themselves.
        kept: ``(n,)`` weight of the word of a row over the largest of its value.
    """

    n_words: int
    size: Ints
    value: NDArray[np.int32]
    row: Ints
    kernels: AliasRows
    proposals: NDArray[np.void]
    kept: Array


@dataclass(frozen=True, eq=False)
class ColinkSampler:
    """Draws next states of the cousin of order ``n`` of a factored network: order 1 is the network.

    The exact co-link chain :func:`colink` of every action, with no ``(S, S)`` matrix. Memory: four bytes for
    each state and component, and for each kernel of ``m`` values, which may stand for several components
    of up to 64 together, at most ``16 * 2**(n - 1) * m * (m + 2)`` bytes.

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
    [0, 3, 3, 0, 0]
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
        return _tables(merged(self.mdp, LARGEST_BLOCK // self.n_words), self.order)

    def draw(self, s: ArrayLike, a: ArrayLike, rng: np.random.Generator) -> Ints:
        """Next states, drawn independently from the rows of ``s`` and ``a``, which broadcast.

        Raises:
            InvalidParameter: when ``s`` holds no state or ``a`` no action.
        """
        s, a = np.broadcast_arrays(
            whole_numbers_within("state", s, self.mdp.n_states),
            whole_numbers_within("action", a, self.mdp.n_actions),
        )
        s_next = np.empty(s.size, dtype=np.int64)
        _draw_all(self.tables, s.flatten(), a.flatten(), new_stream(rng), s_next)
        return s_next.reshape(s.shape)

    def row(self, s: int, a: int) -> Array:
        """``(S,)`` the distribution that :meth:`draw` draws from; ``O(2**(n - 1) S)``.

        Raises:
            InvalidParameter: when ``s`` is no state or ``a`` no action.
        """
        t = self.tables
        x = t.value[whole_numbers_within("state", s, self.mdp.n_states)]
        first = t.row[whole_numbers_within("action", a, self.mdp.n_actions)] + x
        weight = _law(t.proposals[first[0] :][: t.n_words], t.n_words)
        weight = weight * np.prod([t.kept[i : i + t.n_words] for i in first[1:]], axis=0)
        row = np.zeros(self.mdp.n_states)
        for w, share in enumerate(weight / weight.sum()):
            mass = np.full(1, share)
            for n, i in zip(t.size, first + w):
                cells = t.kernels.cells[t.kernels.indptr[i] : t.kernels.indptr[i + 1]]
                mass = np.outer(mass, _law(cells, n)).ravel()
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
    of_values = [words(F, order).transpose(1, 0, 2) for F in mdp.kernels]  # (values, words, values)
    weight = np.concatenate([rows.sum(axis=2) for rows in of_values])  # (all values, words)
    n_values, first_value = len(weight), np.cumsum([0, *map(len, mdp.kernels)])
    return ColinkTables(
        n_words=n_words,
        size=np.array(mdp.sizes, dtype=np.int64),
        value=(mdp.components(np.arange(mdp.n_states)) * n_words).astype(np.int32),
        row=first_value[mdp.index] * n_words,
        kernels=_possible([rows.reshape(-1, rows.shape[2]) for rows in of_values]),
        proposals=alias_rows(
            np.arange(n_values + 1) * n_words, np.tile(np.arange(n_words), n_values), weight.ravel()
        ).cells,
        kept=(weight / weight.max(axis=1, keepdims=True)).ravel(),
    )


def _possible(parts: list[Array]) -> AliasRows:
    """The rows of ``parts (n, m)``, those of each behind those of the one before, without their zeros."""
    possible = [part > 0 for part in parts]
    indptr = np.cumsum([0, *np.concatenate([mask.sum(axis=1) for mask in possible])])
    values = np.concatenate([np.nonzero(mask)[1] for mask in possible])
    mass = np.concatenate([part[mask] for part, mask in zip(parts, possible)])
    return alias_rows(indptr, values, mass)


def _law(cells: NDArray[np.void], n: int) -> Array:
    """``(n,)`` the distribution that one table of aliases draws from; zeros where it is empty."""
    share = cells["share"] / 2.0**64
    mass = np.bincount(cells["own"], share, n) + np.bincount(cells["other"], 1 - share, n)
    return np.asarray(mass / max(len(cells), 1))


@inlined
def colink_step(tables: ColinkTables, s: int, a: int, stream: Stream) -> int:
    """The next state of a pair ``(s, a)``, for use in compiled code.

    ``tables`` are those of a :class:`ColinkSampler`.
    """
    word = draw_word(tables, s, a, stream) if tables.n_words > 1 else 0
    s_next = 0
    for f in range(len(tables.size)):
        row = tables.row[a, f] + tables.value[s, f] + word
        s_next = s_next * tables.size[f] + row_choice(tables.kernels, row, random_bits(stream))
    return s_next


@inlined
def draw_word(tables: ColinkTables, s: int, a: int, stream: Stream) -> int:
    """The word of a draw: a proposal of the first component that all others keep."""
    first = tables.row[a, 0] + tables.value[s, 0]
    for _ in range(tables.n_words):
        word = alias_choice(tables.proposals, first, tables.n_words, random_bits(stream))
        if fraction(random_bits(stream)) < kept_by(tables, s, a, word, 1):
            return word
    return weighed_word(tables, s, a, fraction(random_bits(stream)))


@inlined
def kept_by(tables: ColinkTables, s: int, a: int, word: int, first: int) -> float:
    """The probability that the components from ``first`` on keep a word."""
    kept = 1.0
    for f in range(first, len(tables.size)):
        kept *= tables.kept[tables.row[a, f] + tables.value[s, f] + word]
    return kept


@compiled
def weighed_word(tables: ColinkTables, s: int, a: int, u: float) -> int:
    """The word at the share ``u`` of the weight of all."""
    total = 0.0
    for word in range(tables.n_words):
        total += kept_by(tables, s, a, word, 0)
    left, last = u * total, -1
    for word in range(tables.n_words):
        weight = kept_by(tables, s, a, word, 0)
        if weight > 0:
            last = word
            left -= weight
            if left < 0:
                break
    return last  # where rounding leaves a little, the last that is possible


@compiled
def _draw_all(tables: ColinkTables, s: Ints, a: Ints, stream: Stream, s_next: Ints) -> None:
    for i in range(len(s)):
        s_next[i] = colink_step(tables, s[i], a[i], stream)
