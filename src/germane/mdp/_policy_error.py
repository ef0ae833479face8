"""How often a policy is wrong: the share of states in which it does not maximise the action value.

Optimal actions tie where states or actions are alike, and rounding then decides which of them an
``argmax`` finds. So actions count as tied when their values differ by at most :data:`TIE` of the
largest value in the table, far more than rounding and far less than anything that is learned.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidParameter, InvalidPolicy
from ._model import Array

TIE = 1e-9
"""Values this close, as a share of the largest absolute value, are equal."""

Ties = Literal["tolerant", "strict"]
"""How optimal actions of equal value are counted: see :func:`policy_error`."""


def greedy_actions(q: Array) -> NDArray[np.bool_]:
    """``(S, A)`` the actions that maximise ``q[s, a] (S, A)`` in each state, ties included.

    ``.argmax(axis=1)`` of it is the greedy policy that takes the first of tied actions, and that
    rounding does not change.
    """
    return np.asarray(q >= q.max(axis=1, keepdims=True) - TIE * np.abs(q).max())


def policy_error(q: Array, policy: ArrayLike, *, ties: Ties = "tolerant") -> float:
    r"""The share of states in which ``policy`` does not maximise ``q``, a number in ``[0, 1]``.

    .. math:: \frac{1}{|S|} \sum_s 1\{ \pi^*(s) \ne \pi(s) \}, \qquad \pi^*(s) = \arg\max_a q(s, a)

    With the optimal ``q`` it is the average policy error (APE). A stochastic policy is wrong in a
    state with the probability of its wrong actions.

    Args:
        q: ``(S, A)`` action values.
        policy: ``(S,)`` actions, or ``(S, A)`` probabilities.
        ties: ``"tolerant"`` takes every action of :func:`greedy_actions` for right, ``"strict"`` only
            the first ``argmax`` in doubles.

    Raises:
        InvalidPolicy: ``policy`` is not a policy for ``q``.
        InvalidParameter: ``ties`` is neither word.

    References:
        Bozkus and Mitra, arXiv 2402.08022, equation (11).

    >>> policy_error(np.array([[1.0, 1.0], [0.0, 2.0]]), [1, 0])
    0.5
    """
    if ties not in ("tolerant", "strict"):
        raise InvalidParameter(f"ties must be 'tolerant' or 'strict'; got {ties!r}")
    S, A = q.shape
    right = greedy_actions(q) if ties == "tolerant" else np.eye(A, dtype=bool)[q.argmax(axis=1)]
    given = np.asarray(policy)
    if given.shape == (S,) and given.dtype.kind in "iu" and given.min() >= 0 and given.max() < A:
        return float(1 - np.take_along_axis(right, given[:, None], axis=1).mean())
    if given.shape == (S, A) and given.dtype.kind in "fiub":
        return float((given * ~right).sum() / S)
    raise InvalidPolicy(
        f"a policy is ({S},) actions in 0..{A - 1} or ({S}, {A}) probabilities; "
        f"got {given.dtype} of shape {given.shape}"
    )
