r"""Chains that are Kronecker products, :math:`P = F_1 \otimes \dots \otimes F_k`, never multiplied out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ..mdp import FactoredMDP

Array = NDArray[np.float64]

LARGEST_BLOCK = 64
"""Components are merged while the product of their sizes stays within this."""


@dataclass(frozen=True, eq=False)
class ProductChain:
    r"""The chain :math:`F_1 \otimes \dots \otimes F_k` of independent components, as a linear map.

    It has ``@`` with a vector and ``.T``, which is all that a product of matrices asks for;
    ``O(S sum_f n_f)`` a product.

    Attributes:
        factors: ``(n_f, n_f)`` matrix of each component; the first counts most in state numbers.
    """

    factors: tuple[Array, ...]

    @property
    def T(self) -> ProductChain:
        """The chain with every link turned round."""
        return ProductChain(tuple(F.T for F in self.factors))

    @property
    def n_states(self) -> int:
        return math.prod(len(F) for F in self.factors)

    def __matmul__(self, v: Array) -> Array:
        for F in self.factors:  # each turn applies the component in front and brings up the next
            v = (F @ v.reshape(len(F), -1)).T
        return v.ravel()


def product_chains(mdp: FactoredMDP, index: NDArray[np.int64]) -> list[ProductChain]:
    """The chain of each row of ``index (n, F)``: the kernels of its components, as a product."""
    return [ProductChain(tuple(mdp.kernels[k] for k in row)) for row in index]


def merged(mdp: FactoredMDP, largest: int = LARGEST_BLOCK) -> FactoredMDP:
    """The same model with neighbouring components merged into one while it has ``largest`` values.

    Fewer and larger components: fewer steps a draw or a product, more memory for the kernels.
    """
    groups: list[list[int]] = []
    for f, n in enumerate(mdp.sizes):
        if groups and math.prod(mdp.sizes[g] for g in groups[-1]) * n <= largest:
            groups[-1].append(f)
        else:
            groups.append([f])
    kernels: list[Array] = []
    columns = []
    for group in groups:
        distinct, which = np.unique(mdp.index[:, group], axis=0, return_inverse=True)
        columns.append(len(kernels) + which.reshape(-1))
        kernels += [_kron([mdp.kernels[k] for k in row]) for row in distinct]
    index = np.stack(columns, axis=1)
    return FactoredMDP(kernels=tuple(kernels), index=index, r=mdp.r, gamma=mdp.gamma)


def _kron(matrices: list[Array]) -> Array:
    return reduce(lambda left, right: np.asarray(np.kron(left, right)), matrices)
