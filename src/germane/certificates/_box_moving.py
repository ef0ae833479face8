r"""Rung box dV: robust values around a function that moves with the parameters.

Most of what parameters do to the optimal value they do to the policy's value as well: a bound on the
difference should not pay for it twice. Let :math:`t` be the parameters of a network in a cell, each
between 0 and 1, and let :math:`w_t = w + \sum_p (2 t_p - 1) g_p`, where ``w`` is the policy's value in
the middle of the cell and ``g_p`` half of what parameter ``p`` changes it by. For every ``t``, with any
``w`` and ``g_p``,

.. math::
    V_t^* - w_t = \max_a \{ (T_a^t w_t - w_t) + \gamma P_a^t (V_t^* - w_t) \} \le U, \quad
    U = \max_a \{ \max_t (T_a^t w_t - w_t) + \gamma \max_t P_a^t U \},

and likewise :math:`w_t - V_t^\pi \le L`. Rows of different states may have different ``t`` in ``U`` and
``L``, but what they multiply is small: where the policy is best, :math:`T^t w_t - w_t` is of the *second*
order in the width of the cell, and elsewhere it is what a better action gains in one step.

The residual :math:`r_t + \gamma P^t w_t - w_t` is a polynomial of ``t``. Corners of the hull are Bernstein
coefficients of :math:`P^t v`; a factor :math:`2 t_p - 1` raises the degree in ``t_p`` by one, and the
largest of the coefficients bounds the polynomial.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from ..errors import TooLarge
from ..mdp import FiniteMDP, induced_chain, policy_probabilities, solve
from ._bound import Array, Bound, round_up
from ._box_rungs import MAX_SWEEPS, WIDTH, BoxComparison, Progress, certain_loss, searched
from ._box_search import CellBound
from ._fixed_point import fixed_point_above
from ._parameter_box import BoxedNetwork, Cell, Hull

MAX_CELLS = 16

MOST_NUMBERS = 20_000_000
"""More corners times states than this (160 MB an array) are refused."""


def moving_box(
    c: BoxComparison,
    *,
    width: float | None = None,
    max_cells: int = MAX_CELLS,
    max_seconds: float | None = None,
    progress: Progress | None = None,
) -> Bound:
    r"""Rung box dV: robust over the cells of the box, around the policy's value as it moves.

    .. math:: \sup_M \|V_M^* - V_M^\pi\| \le \max_{cells} \max_s \{ U(s) + L(s) \}

    Needs the twin and the box, no real model; for every policy, ``w`` is the optimal value. Cost of a
    cell: one backup at each corner for every parameter, and the sweeps of :func:`robust_box`. Closes
    in on the largest regret in the box; arguments as there.
    """
    tol = 1e-2 * (WIDTH * c.trivial if width is None else width)

    def bound(cell: Cell[BoxedNetwork], _: CellBound | None) -> CellBound:
        hull, real = cell.hull, cell.centre.mdp()
        value = _Moving.along(c, hull, real)
        gain, loss = _residuals(c, hull, value)

        def slack(u: Array) -> float:
            return c.slack_in(hull, u)

        def ahead(u: Array) -> Array:  # (S, A)
            return np.asarray(c.gamma * hull.expectations(u).max(axis=0)[hull.row_of])

        zero = np.zeros(real.n_states)
        up = fixed_point_above(
            lambda u: np.asarray((gain + ahead(u)).max(axis=1)),
            zero, c.gamma, slack, n_sweeps=MAX_SWEEPS, tol=tol,
        )  # fmt: skip
        low = fixed_point_above(
            lambda u: c.over_policies(loss + ahead(u)),
            zero, c.gamma, slack, n_sweeps=MAX_SWEEPS, tol=tol,
        )  # fmt: skip
        per_state = np.maximum(up + low, 0.0)
        per_state += round_up(0.0, float(np.abs(up).max() + np.abs(low).max()), 64)
        return CellBound(
            upper=float(per_state.max()),
            lower=certain_loss(real, c),
            per_state=per_state,
            values=(value.w,),
        )

    found = searched(c, bound, width, max_cells, max_seconds, progress)
    return Bound(
        name="box dV",
        title="Robust around a value that moves along",
        value=found.upper,
        trivial=c.trivial,
        per_state=found.per_state,
    )


@dataclass(frozen=True, eq=False)
class _Moving:
    """A function of the state that is affine in the parameters of a cell.

    Attributes:
        w: ``(S,)`` in the middle of the cell.
        g: ``(S,)`` half of what each parameter of the transitions changes, by its axis.
        g_reward: the same for the parameters of the rewards.
    """

    w: Array
    g: Mapping[int, Array]
    g_reward: Mapping[int, Array]

    @classmethod
    def along(cls, c: BoxComparison, hull: Hull, centre: FiniteMDP) -> _Moving:
        """The policy's value, to first order; of every policy, that of the best one."""
        pi = solve(centre).policy if c.pi is None else c.pi
        P, r = induced_chain(centre, pi)
        played = policy_probabilities(centre, pi)
        middle = hull.expectations(spla.spsolve(_resolvent(P, c.gamma), r))
        changes, axes = [], []
        for p in _moving_axes(hull.shape):
            change = _across(middle.reshape(*hull.shape, -1), p, len(hull.shape))
            changes.append(c.gamma * (played * change[hull.row_of]).sum(axis=1))
            axes.append(p)
        n = len(axes)
        for p in _moving_axes(hull.reward_shape):
            corners = hull.rewards.reshape(*hull.reward_shape, *centre.r.shape)
            changes.append((played * _across(corners, p, len(hull.reward_shape))).sum(axis=1))
            axes.append(p)
        solved = spla.splu(_resolvent(P, c.gamma)).solve(np.array([r, *changes]).T).T
        w, halves = np.array(solved[0]), np.array(solved[1:]) / 2
        return cls(
            w=w,
            g=dict(zip(axes[:n], halves[:n], strict=True)),
            g_reward=dict(zip(axes[n:], halves[n:], strict=True)),
        )


def _residuals(c: BoxComparison, hull: Hull, value: _Moving) -> tuple[Array, Array]:
    """``(S, A)`` largest ``T_a w_t - w_t`` in the cell, and largest of its negative.

    The second is mixed over the policy where there is one, the same in every column.
    """
    S, A = c.real.r.shape
    axes = list(value.g)
    degrees = {p: hull.shape[p] for p in axes}  # of the residual: one more than of the rows
    n_corners = math.prod(d + 1 for d in degrees.values())
    if n_corners * S > MOST_NUMBERS:
        raise TooLarge(f"the residuals of a cell are polynomials with {n_corners} coefficients")

    def raised(v: Array, along: int | None = None) -> Array:  # E_t v, or that times 2 t - 1
        out = hull.expectations(v).reshape(*hull.shape, -1)
        for p in axes:
            out = _raise(out, p, -1.0 if p == along else 1.0)
        return np.asarray(out.reshape(n_corners, -1))

    expected = raised(value.w) + sum(raised(g, p) for p, g in value.g.items())
    moved = np.zeros((n_corners, S)) + value.w
    grid = np.indices([degrees[p] + 1 for p in axes]).reshape(len(axes), n_corners)
    for p, k in zip(axes, grid, strict=True):
        moved += (2 * k / degrees[p] - 1)[:, None] * value.g[p]
    by_reward = {p: (g, raised(g)) for p, g in value.g_reward.items()}
    gain, loss = np.full((S, A), -np.inf), np.full((S, A), -np.inf)
    for r, signs in zip(hull.rewards, product(*map(_signs, hull.reward_shape)), strict=True):
        ahead = expected + sum(signs[p] * at for p, (_, at) in by_reward.items())
        here = moved + sum(signs[p] * g for p, (g, _) in by_reward.items())
        mixed = np.zeros_like(here)
        for a in range(A):
            residual = r[:, a] + c.gamma * ahead[:, hull.row_of[:, a]] - here
            np.maximum(gain[:, a], residual.max(axis=0), out=gain[:, a])
            if c.pi is None:
                np.maximum(loss[:, a], -residual.min(axis=0), out=loss[:, a])
            else:
                mixed += c.pi[:, a] * residual
        if c.pi is not None:
            np.maximum(loss, -mixed.min(axis=0)[:, None], out=loss)
    functions = (value.w, *value.g.values(), *value.g_reward.values())
    slack = sum(c.slack_in(hull, v) for v in functions)
    return gain + slack, loss + slack


def _resolvent(P: sp.csr_array, gamma: float) -> sp.csc_array:
    return sp.csc_array(sp.eye_array(P.shape[0]) - gamma * P)


def _moving_axes(shape: tuple[int, ...]) -> list[int]:
    return [p for p, n in enumerate(shape) if n > 1]


def _signs(n: int) -> tuple[float, ...]:
    """``2 t - 1`` at the corners of an axis of the rewards."""
    return (-1.0, 1.0) if n > 1 else (0.0,)


def _across(coefficients: Array, p: int, n_axes: int) -> Array:
    """By how much a polynomial changes along axis ``p``, in the middle of the others."""
    out = np.take(coefficients, [-1], axis=p) - np.take(coefficients, [0], axis=p)
    for axis in range(n_axes):
        n = out.shape[axis]
        weights = np.array([math.comb(n - 1, k) for k in range(n)]) / 2.0 ** (n - 1)
        out = np.moveaxis(np.tensordot(weights, out, axes=(0, axis))[None], 0, axis)
    return np.asarray(out.reshape(out.shape[n_axes:]))


def _raise(coefficients: Array, p: int, sign: float) -> Array:
    """Bernstein coefficients along axis ``p``, of a degree one higher; of ``2 t - 1`` times, for -1."""
    c = np.moveaxis(coefficients, p, 0)
    d = len(c)  # the new degree
    k = np.arange(d + 1).reshape(-1, *[1] * (c.ndim - 1))
    out = np.zeros((d + 1, *c.shape[1:]))
    out[1:] += k[1:] * c
    out[:-1] += sign * (d - k[:-1]) * c
    return np.moveaxis(out / d, 0, p)
