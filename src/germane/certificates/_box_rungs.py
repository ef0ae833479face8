r"""The rungs for a box of networks: bounds for every real network whose parameters lie in it.

*Residual.* For every real model ``M`` and every fixed ``w``,
:math:`\|V^* - V^\pi\| \le H [\max_s (T^M w - w) - \min_s (T^M_\pi w - w)]` (rung L4s). The right side is
convex in ``M``: over a cell it is largest at a corner of the hull, the same corner for both terms.

*Robust.* In every state and action the best corner makes an optimal value that no network of the cell
exceeds, and the worst corner a value of the policy that none falls below. Their difference decouples
the two, and the rows of a state from another's; it shrinks with the cell to the true regret, so that
cutting cells closes in on the largest regret in the box.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..mdp import FiniteMDP, bellman_q
from ._bound import Array, Bound, round_up
from ._box_search import BoxSearch, CellBound, search_box
from ._comparison import Comparison
from ._fixed_point import fixed_point_above
from ._parameter_box import BoxedNetwork, Cell, Hull, ParameterBox
from ._regret_interval import regret_interval
from ._rows import row_bits

MAX_CELLS = 64
WIDTH = 1e-3
"""Searches stop, unless told otherwise, within this share of L0 of what some network reaches."""

MAX_SWEEPS = 2000
Progress = Callable[[BoxSearch], object]


@dataclass(frozen=True, eq=False, kw_only=True)
class BoxComparison(Comparison):
    """A box of real networks, a twin and a policy; ``real`` is the middle of the box.

    Magnitudes are those of the network of the box where they are largest, so the rungs that need
    magnitudes alone hold for all of them.
    """

    box: ParameterBox[BoxedNetwork]

    @cached_property
    def hull(self) -> Hull:
        """The hull of the whole box."""
        return self.box.cell.hull

    @cached_property
    def trivial(self) -> float:
        """The bound L0 of the network with the widest rewards."""
        r = self.hull.rewards
        widest = float(np.ptp(r.reshape(len(r), -1), axis=1).max())
        return round_up(self.H * widest, self.H * self.reward_size)

    @cached_property
    def reward_gap(self) -> Array:
        """``(S, A)`` largest :math:`|R(s, a) - R'(s, a)|`."""
        gap = np.abs(self.hull.rewards - self.twin.r).max(axis=0)
        return np.asarray(gap + round_up(0.0, self.reward_size))

    @cached_property
    def r_max(self) -> float:
        """Largest ``Rmax``."""
        r, r_twin = self.hull.rewards, self.twin.r
        above = r.max(axis=(0, 1)) - r_twin.min(axis=0)
        below = r_twin.max(axis=0) - r.min(axis=(0, 1))
        return round_up(float(np.maximum(above, below).max()), self.reward_size)

    @cached_property
    def tv(self) -> Array:
        """``(S, A)`` largest total variation between a row of the box and the twin's."""
        row_of = self.hull.row_of.ravel()
        twin_rows = self.twin.transitions
        first: dict[tuple[int, bytes], int] = {}  # pairs whose rows agree in both are one
        number = [
            first.setdefault((int(row), row_bits(twin_rows, pair)), len(first))
            for pair, row in enumerate(row_of)
        ]
        pairs = np.unique(number, return_index=True)[1]
        theirs, ours = twin_rows[pairs].toarray(), row_of[pairs]
        largest = np.zeros(len(pairs))
        for rows in self.hull.rows():
            np.maximum(largest, np.abs(rows[ours] - theirs).sum(axis=1) / 2, out=largest)
        slack = self.hull.row_error + self.tv_slack
        return np.minimum(largest[number].reshape(self.real.r.shape) + slack, 1.0)

    @property
    def reward_size(self) -> float:
        """The largest rewards of the box and of the twin together [reward units]."""
        return float(np.abs(self.hull.rewards).max() + np.abs(self.twin.r).max())

    def slack(self, w: Array) -> float:
        """How far a backup can be off in doubles, or a network of the box from all mixtures."""
        return self.slack_in(self.hull, w)

    def slack_in(self, hull: Hull, w: Array) -> float:
        """The same in the cell of ``hull``."""
        size = self.reward_size + 2 * float(np.abs(w).max())
        return super().slack(w) + self.gamma * hull.error(w) + round_up(0.0, size, 64)

    def worst_mismatch(self) -> Array:
        """``(S, A)`` the mismatch at the twin's value of the corner where it is largest."""
        low, high = self.backups(self.v)
        theirs = bellman_q(self.twin, self.v)
        return np.where(high - theirs > theirs - low, high - theirs, low - theirs)

    def backups(self, w: Array, hull: Hull | None = None) -> tuple[Array, Array]:
        """``(S, A)`` least and largest :math:`T_a w` over the corners of a hull, or of the box."""
        hull = hull or self.hull
        expected = hull.expectations(w)
        low, high = (
            r + self.gamma * e[hull.row_of]
            for r, e in (
                (hull.rewards.min(axis=0), expected.min(axis=0)),
                (hull.rewards.max(axis=0), expected.max(axis=0)),
            )
        )
        return low, high


def parameter_box(
    c: BoxComparison,
    *,
    width: float | None = None,
    max_cells: int = MAX_CELLS,
    max_seconds: float | None = None,
    progress: Progress | None = None,
) -> Bound:
    r"""Rung box: L4s at the twin's value, for every network of the box.

    .. math::
        \sup_M \|V_M^* - V_M^\pi\| \le
            \sup_M H \big[ \max_s (T^M V' - V')(s) - \min_s (T^M_\pi V' - V')(s) \big]

    Needs the twin and the box, no real model; for every policy the two terms are decoupled over a
    cell. Cost of a cell: one backup at each corner. Where the corner that counts is a network of the
    box, as it most often is, one cell gives the supremum itself.

    Args:
        c: the box, the twin and the policy.
        width: stop once the bound is within this of the right side for some network of the box
            [reward units]; a thousandth of L0 by default.
        max_cells, max_seconds, progress: as :func:`robust_box` has them.
    """
    w = c.v

    def bound(cell: Cell[BoxedNetwork], _: CellBound | None) -> CellBound:
        upper, lower = _residual(c, cell.hull, w)
        upper = max(
            round_up(upper + 2 * c.H * c.slack_in(cell.hull, w), c.H * c.reward_size, 64), 0.0
        )
        return CellBound(upper=upper, lower=lower, per_state=np.full(len(w), upper), values=(w,))

    found = searched(c, bound, width, max_cells, max_seconds, progress)
    return Bound(
        name="box",
        title="Bellman residual, largest in the box",
        value=found.upper,
        trivial=c.trivial,
    )


def _residual(c: BoxComparison, hull: Hull, w: Array) -> tuple[float, float]:
    """The residual bound at the worst corner, and at the worst that is a network of the cell."""
    shift = c.gamma * hull.expectations(w)[:, hull.row_of] - w[:, None]  # (K, S, A)
    highest = np.full(len(shift), -np.inf)
    at_corner = highest.copy()
    loss = np.full(c.real.r.shape, -np.inf)
    for r in hull.rewards:
        residual = r + shift
        best = residual.max(axis=(1, 2))
        np.maximum(highest, best, out=highest)
        if c.pi is None:
            np.maximum(loss, -residual.min(axis=0), out=loss)
        else:
            worst = (residual * c.pi).sum(axis=2).min(axis=1)
            np.maximum(at_corner, c.H * (best - worst), out=at_corner)
    if c.pi is None:
        return c.H * float(highest.max() + c.over_policies(loss).max()), 0.0
    return float(at_corner.max()), float(at_corner[hull.genuine].max())


def robust_box(
    c: BoxComparison,
    *,
    width: float | None = None,
    max_cells: int = MAX_CELLS,
    max_seconds: float | None = None,
    progress: Progress | None = None,
) -> Bound:
    r"""Rung box VI: robust values over the cells of the box.

    .. math::
        \sup_M \|V_M^* - V_M^\pi\| \le \max_{cells} \max_s V_{up}(s) - V_{low}^\pi(s)

    Needs the twin and the box, no real model; for every policy ``V_low`` runs over the worst mixture
    in each state. Cost of a cell: some dozens of sweeps, each a backup at every corner. Proof: each
    network of a cell has its rows in a set that is independent from pair to pair (Givan, Leach and
    Dean; Iyengar). Closes in on the largest regret in the box as cells shrink, in proportion to their
    width.

    Args:
        c: the box, the twin and the policy.
        width: stop once the bound is within this of the regret on some network of the box [reward
            units]; a thousandth of L0 by default.
        max_cells: stop after so many cells; the bound holds for any number.
        max_seconds: stop after about this time; the bound then depends on the machine.
        progress: called after every cut with a :class:`BoxSearch`.
    """
    tol = 1e-2 * (WIDTH * c.trivial if width is None else width)

    def bound(cell: Cell[BoxedNetwork], whole: CellBound | None) -> CellBound:
        hull = cell.hull
        up, low = (c.v, -c.v) if whole is None else whole.values

        def slack(v: Array) -> float:
            return c.slack_in(hull, v)

        up = fixed_point_above(
            lambda v: np.asarray(c.backups(v, hull)[1].max(axis=1)),
            up, c.gamma, slack, n_sweeps=MAX_SWEEPS, tol=tol,
        )  # fmt: skip
        low = fixed_point_above(
            lambda v: c.over_policies(-c.backups(-v, hull)[0]),
            low, c.gamma, slack, n_sweeps=MAX_SWEEPS, tol=tol,
        )  # fmt: skip
        per_state = np.maximum(up + low, 0.0)
        per_state += round_up(0.0, float(np.abs(up).max() + np.abs(low).max()), 64)
        return CellBound(
            upper=float(per_state.max()),
            lower=certain_loss(cell.centre.mdp(), c),
            per_state=per_state,
            values=(up, low),
        )

    found = searched(c, bound, width, max_cells, max_seconds, progress)
    return Bound(
        name="box VI",
        title="Robust over the box",
        value=found.upper,
        trivial=c.trivial,
        per_state=found.per_state,
    )


def certain_loss(mdp: FiniteMDP, c: BoxComparison) -> float:
    """What the policy certainly loses on a network; 0 where there is no policy."""
    return 0.0 if c.pi is None else regret_interval(mdp, c.pi).lower


def searched(
    c: BoxComparison,
    bound: Callable[[Cell[BoxedNetwork], CellBound | None], CellBound],
    width: float | None,
    max_cells: int,
    max_seconds: float | None,
    progress: Progress | None,
) -> BoxSearch:
    """The search over the box of ``c``; by default to a thousandth of L0."""
    return search_box(
        c.box.cell,
        bound,
        width=WIDTH * c.trivial if width is None else width,
        max_cells=max_cells,
        max_seconds=max_seconds,
        progress=progress,
    )
