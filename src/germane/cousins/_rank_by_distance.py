"""Cousins by how near they are to the original in a metric between MDPs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..mdp import FiniteMDP
from ._colink import Chain, colink
from ._cousin import cousin


def rank_by_distance(
    mdp: FiniteMDP,
    orders: Iterable[int],
    distance: Callable[[FiniteMDP, FiniteMDP], float],
    *,
    chain: Chain = colink,
) -> tuple[tuple[float, int], ...]:
    """``(distance, order)`` of each cousin, nearest first.

    A cousin is a twin that was made on purpose: any metric between a network and its twin says how good a
    one it is. With the digital twin bisimulation metric the distance bounds, through Theorem 1 of its paper,
    what the cousin's optimal policy loses in the original; no policy is needed for the ranking.

    Args:
        mdp: the original.
        orders: of the cousins.
        distance: of a network and its twin: ``lambda real, twin: dt_bsm(real, twin).max_diagonal[1]``.
        chain: how the cousins' chains are made.

    Raises:
        InvalidParameter: an order is below 1, or beyond what ``chain`` defines.

    References:
        Tao, Xu and You, arXiv 2502.17983, Definition 1; that it ranks cousins is ours.
    """
    return tuple(sorted((float(distance(mdp, cousin(mdp, n, chain=chain))), n) for n in orders))
