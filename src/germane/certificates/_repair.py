r"""Repair advice: what to correct in the twin first.

One entry of the twin is set to the real network's, the twin is planned again, and a rung of the
ladder is computed again. What is planned in the corrected twin would lose at most ``after``: that
is a theorem, not an estimate. Two kinds of entries:

* *parameters*, where both are networks of one class: the number that an engineer can look up;
* *rows*: what happens after one action in one state, the next states, the reward, or both. Actions
  that do the same there in both models are one entry.

The rung is L4 unless another is given. Being a maximum over all pairs of absolute mismatches, it
moves with every error that matters; the exact regret, or L4s, often does not move at all until the
last of several errors is gone. A row is one of many, so that correcting a parameter lowers the bound
by far more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ..mdp import FiniteMDP
from ._bound import Bound
from ._comparison import Comparison
from ._l4_value_mismatch import value_mismatch
from ._network import Network, coordinates, entries, with_entry
from ._rows import row_bits

N_ROWS = 3
"""Rows whose correction is tried, by default: those of the largest mismatch."""

Part = Literal["parameter", "transitions", "reward", "row"]


@dataclass(frozen=True, kw_only=True)
class Repair:
    """One correction of the twin, and the bound before and after it.

    Attributes:
        subject: what to correct, in the network's own words.
        part: a ``parameter``; or of a row the ``transitions``, the ``reward``, or both (``row``).
        before: the bound with the twin as it is [reward units].
        after: the bound once this is corrected and the twin planned again [reward units].
        rung: the name of the bound.
        in_twin, in_real: the number in the twin and in the real network, of a parameter or a reward.
        unit: their unit.
        state, actions: of a row; ``None`` and empty for a parameter.
    """

    subject: str
    part: Part
    before: float
    after: float
    rung: str
    in_twin: float | None = None
    in_real: float | None = None
    unit: str = ""
    state: int | None = None
    actions: tuple[int, ...] = ()

    @property
    def fall(self) -> float:
        """By how much the bound falls [reward units]; negative where errors had cancelled."""
        return self.before - self.after

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        part = f", {self.part}" if self.part in ("transitions", "reward") else ""
        numbers = (
            ""
            if self.in_twin is None or self.in_real is None
            else f": {self.in_twin:g}{unit} in the twin, {self.in_real:g}{unit} in the real network"
        )
        return (
            f"{self.subject}{part}{numbers}: {self.rung} from {self.before:.4g} to {self.after:.4g}"
        )


def repair_advice(
    real: FiniteMDP | Network,
    twin: FiniteMDP | Network,
    *,
    policy: ArrayLike | None = None,
    twin_regret: float | None = None,
    n_rows: int = N_ROWS,
    rung: Callable[[Comparison], Bound] = value_mismatch,
) -> tuple[Repair, ...]:
    """Corrections of the twin, one at a time, ranked by the bound that each would leave.

    Args:
        real, twin: models or networks with the same states, actions and discount. Where both are
            networks of one class, parameters are tried as well as rows.
        policy: a policy that is kept whatever is corrected. ``None``: the bound is for every policy
            with regret at most ``twin_regret`` in the twin as it then is, thus planned again.
        twin_regret: that regret [reward units], 0 by default.
        n_rows: how many rows are tried, those with the largest mismatch first; three corrections
            each.
        rung: any rung of the ladder that needs no metric.

    Returns:
        Repairs, the lowest bound first; of equal ones, parameters first. Cost: one planning each.

    Raises:
        IncompatibleModels: the models differ in states, actions or discount.
        InvalidPolicy, InvalidParameter: as :class:`germane.Comparison` says.

    >>> from germane.networks import AdmissionControl
    >>> network = AdmissionControl.tiny()
    >>> twin = network.perturbed(mean_service=(-0.01, -0.15, 0.01))
    >>> print(repair_advice(network, twin)[0].subject)
    mMTC: mean service time
    """
    models = [x.mdp() if isinstance(x, Network) else x for x in (real, twin)]
    c = Comparison(real=models[0], twin=models[1], policy=policy, twin_regret=twin_regret)
    before = rung(c)
    tried = [*_parameters(real, twin, before), *_rows(c, twin, n_rows, before)]
    done = [
        replace(repair, after=rung(replace(c, twin=corrected)).value) for repair, corrected in tried
    ]
    return tuple(sorted(done, key=lambda repair: repair.after))


def _parameters(
    real: FiniteMDP | Network, twin: FiniteMDP | Network, before: Bound
) -> Iterator[tuple[Repair, FiniteMDP]]:
    """The numbers in which two networks of one class differ, each with the twin it would give."""
    if not isinstance(real, Network) or not isinstance(twin, type(real)):
        return
    for at in coordinates(twin):
        in_real, in_twin = (entries(network, at.name)[at.i] for network in (real, twin))
        if in_real != in_twin:
            subject, unit = twin.parameter_label(*at)
            repair = Repair(
                subject=subject,
                part="parameter",
                before=before.value,
                after=before.value,
                rung=before.name,
                in_twin=in_twin,
                in_real=in_real,
                unit=unit,
            )
            yield repair, with_entry(twin, at, in_real).mdp()


def _rows(
    c: Comparison, twin: FiniteMDP | Network, n_rows: int, before: Bound
) -> Iterator[tuple[Repair, FiniteMDP]]:
    """The rows of the largest mismatch, each with the twins that its corrections would give."""
    for s, actions in _worst_rows(c, n_rows):
        pairs = s * c.real.n_actions + np.array(actions)
        P, r = _with_rows(c, pairs), c.twin.r.copy()
        r[s, actions] = c.real.r[s, actions]
        gamma, moved = c.gamma, bool(c.tv[s, actions[0]] > 2 * c.tv_slack)
        paid = bool(c.real.r[s, actions[0]] != c.twin.r[s, actions[0]])
        both = Repair(
            subject=_pair_in_words(twin, s, actions),
            part="row",
            before=before.value,
            after=before.value,
            rung=before.name,
            state=s,
            actions=actions,
        )
        if moved:
            yield replace(both, part="transitions"), FiniteMDP(P, c.twin.r, gamma)
        if paid:
            in_twin, in_real = (float(m.r[s, actions[0]]) for m in (c.twin, c.real))
            paying = replace(both, part="reward", in_twin=in_twin, in_real=in_real)
            yield paying, FiniteMDP(c.twin.transitions, r, gamma)
        if moved and paid:
            yield both, FiniteMDP(P, r, gamma)


def _worst_rows(c: Comparison, n_rows: int) -> list[tuple[int, tuple[int, ...]]]:
    """States and actions by falling mismatch; actions that do the same there are together."""
    mismatch, slack = c.mismatch()
    size = np.abs(mismatch)
    found: dict[tuple[int, bytes], list[int]] = {}
    for pair in np.argsort(-size, axis=None, kind="stable"):
        s, a = divmod(int(pair), c.real.n_actions)
        if size[s, a] <= slack:
            break
        key = (
            s,
            b"".join(
                row_bits(mdp.transitions, int(pair)) + mdp.r[s, a].tobytes()
                for mdp in (c.real, c.twin)
            ),
        )
        if key in found or len(found) < n_rows:
            found.setdefault(key, []).append(a)
    return [(s, tuple(sorted(actions))) for (s, _), actions in found.items()]


def _with_rows(c: Comparison, pairs: NDArray[np.int64]) -> sp.csr_array:
    """The twin's transitions with the real network's in these rows."""
    corrected = np.zeros(c.real.r.size)
    corrected[pairs] = 1.0
    kept, taken = (sp.diags_array(x, format="csr") for x in (1 - corrected, corrected))
    return sp.csr_array(kept @ c.twin.transitions + taken @ c.real.transitions)


def _pair_in_words(twin: FiniteMDP | Network, s: int, actions: tuple[int, ...]) -> str:
    if isinstance(twin, Network):
        return f"{twin.label(s)}: {' or '.join(twin.action_label(a) for a in actions)}"
    return f"state {s}, action {' or '.join(map(str, actions))}"
