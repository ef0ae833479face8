"""From what a file lists to a model: checks, row sums, expected rewards, missing actions.

Files list *choices*: state-action pairs with their transitions. States may have different numbers
of choices, and printed digits may leave the sum of a row off. A ``FiniteMDP`` has the same actions
in every state, and rows that sum to one. What was done to get there is told by ``ModelFile``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import InvalidParameter, MalformedFile
from ._model import ROW_SUM_TOLERANCE, Array, FiniteMDP

IntArray = NDArray[np.int64]

PRINTED_SUM_TOLERANCE = 1e-6
"""Rows whose sums are off by more than this are refused even when asked to renormalise."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelFile:
    """A model read from a file, with what the reader had to do to it.

    Attributes:
        mdp: the model.
        format: ``"npz"``, ``"tra"`` or ``"drn"``.
        n_filled_actions: state-action pairs that the file lacks; each repeats the last action its
            state has, which leaves the optimal value as it is.
        largest_correction: largest ``|sum - 1|`` of a row that was divided by its sum; 0 if none.
        in_order: the file lists states and choices in increasing order.
        reward_source: where the rewards come from: file names, or the name of the reward model.
        action_names: names of the choices each state has in the file; ``None`` if it names none.
        labels: states that carry each label of the file.
    """

    mdp: FiniteMDP
    format: str
    n_filled_actions: int = 0
    largest_correction: float = 0.0
    in_order: bool = True
    reward_source: tuple[str, ...] = ()
    action_names: tuple[tuple[str, ...], ...] | None = None
    labels: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", MappingProxyType(dict(self.labels)))

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each thing that a user should know about the reading."""
        notes = []
        if self.n_filled_actions:
            notes.append(
                f"{self.n_filled_actions} missing actions were filled in: each repeats the last "
                "action of its state, which does not change the optimum"
            )
        if self.largest_correction:
            notes.append(
                "rows were divided by their sums; the largest correction was "
                f"{self.largest_correction:.3g}"
            )
        if not self.in_order:
            notes.append(
                "states or choices were out of order and have been sorted "
                "(some tools refuse such a file)"
            )
        if not self.reward_source and self.format != "npz":
            notes.append("no rewards were found: all are 0")
        return tuple(notes)


@dataclass(frozen=True, kw_only=True, eq=False)
class Listing:
    """The ``n`` transitions of a file as they stand there; ``line[k]`` is where."""

    path: Path
    n_states: int
    state: IntArray
    choice: IntArray
    target: IntArray
    probability: Array
    line: IntArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Choices:
    """Checked choices in order of state and number, their transitions in order of target.

    Attributes:
        state, choice: ``(L,)``; row ``l`` is choice ``choice[l]`` of ``state[l]``.
        rows: ``(L, S)`` distributions, explicit zeros kept; row sums within 1e-9 of one.
        order: ``(n,)``; entry ``k`` of ``rows`` is transition ``order[k]`` of the listing.
        correction: largest ``|sum - 1|`` that was divided away.
    """

    state: IntArray
    choice: IntArray
    rows: sp.csr_array
    order: IntArray
    correction: float


def checked_choices(listing: Listing, *, renormalise: bool) -> Choices:
    """The choices of a listing.

    Raises:
        MalformedFile: a state out of range or without a choice, a gap in choice numbers, a
            transition listed twice, a negative probability, a row that does not sum to one.
    """
    order = np.lexsort((listing.target, listing.choice, listing.state))
    s, c, t = listing.state[order], listing.choice[order], listing.target[order]
    p, line = listing.probability[order], listing.line[order]

    def refuse(faulty: NDArray[np.bool_], reason: Callable[[int], str]) -> None:
        if faulty.any():
            k = int(np.flatnonzero(faulty)[np.argmin(line[faulty])])
            raise MalformedFile(listing.path, int(line[k]), reason(k))

    last = listing.n_states - 1
    refuse(s > last, lambda k: f"state {s[k]} is out of range 0..{last}")
    refuse(t > last, lambda k: f"successor {t[k]} is out of range 0..{last}")
    refuse(p < 0, lambda k: f"a probability must not be negative; got {p[k]}")
    new_state = np.diff(s, prepend=-1) > 0
    new_row = new_state | (np.diff(c, prepend=-1) > 0)
    repeated = ~new_row & (np.diff(t, prepend=-1) == 0)
    refuse(repeated, lambda k: f"state {s[k]}, choice {c[k]}: successor {t[k]} is listed twice")
    start = np.flatnonzero(new_row)
    state, choice = s[start], c[start]
    _refuse_deadlocks(listing.path, state[new_state[start]], listing.n_states)
    first = np.flatnonzero(new_state[start])
    due = np.arange(start.size) - np.repeat(first, np.diff(first, append=start.size))
    gap = np.zeros(s.size, dtype=bool)
    gap[start] = choice != due
    refuse(
        gap, lambda k: f"state {s[k]} has a choice {c[k]}, but its choices before that have gaps"
    )
    rows = sp.csr_array((p, t, np.append(start, s.size)), shape=(start.size, listing.n_states))

    def refuse_row(row: int, reason: str) -> None:
        at = int(line[rows.indptr[row] : rows.indptr[row + 1]].min())
        raise MalformedFile(listing.path, at, f"state {state[row]}, choice {choice[row]}: {reason}")

    correction = normalise(rows, renormalise, refuse_row)
    return Choices(state=state, choice=choice, rows=rows, order=order, correction=correction)


def normalise(
    rows: sp.csr_array, renormalise: bool, refuse_row: Callable[[int, str], None]
) -> float:
    """Divides rows whose sums printed digits leave off by their sums, in place and if asked.

    Returns the largest ``|sum - 1|`` that was divided away. Sums within 1e-9 of one are left to
    ``FiniteMDP``; sums further off than 1e-6 are refused, and so are all others unless
    ``renormalise``.
    """
    sums = np.asarray(rows.sum(axis=1))
    off = np.abs(sums - 1)
    beyond = off > (PRINTED_SUM_TOLERANCE if renormalise else ROW_SUM_TOLERANCE)
    if beyond.any():
        row = int(np.argmax(beyond))
        hint = ""
        if off[row] <= PRINTED_SUM_TOLERANCE:
            hint = "; if the digits were rounded, renormalise=True divides such rows by their sums"
        refuse_row(row, f"probabilities must sum to 1, got {float(sums[row])!r}{hint}")
    correct = off > ROW_SUM_TOLERANCE
    rows.data /= np.repeat(np.where(correct, sums, 1.0), np.diff(rows.indptr))
    return float(off[correct].max(initial=0.0))


def expected_rewards(rows: sp.csr_array, reward: Array) -> Array:
    """``(L,)`` expected rewards ``sum_k p_k w_k / sum_k p_k`` of rows with at least one entry.

    A reward common to all successors of a row is returned as it is, to the last bit.

    Args:
        rows: ``(L, S)`` distributions.
        reward: ``(n,)`` reward of each entry of ``rows``.
    """
    start, p = rows.indptr[:-1], rows.data
    lowest = np.minimum.reduceat(np.where(p > 0, reward, np.inf), start)
    highest = np.maximum.reduceat(np.where(p > 0, reward, -np.inf), start)
    with np.errstate(over="ignore", invalid="ignore"):  # FiniteMDP refuses what is not finite
        mean = np.add.reduceat(p * reward, start) / np.add.reduceat(p, start)
    return np.where(lowest == highest, lowest, np.clip(mean, lowest, highest))


def filled_with_last(state: IntArray, action: IntArray, n_states: int, n_actions: int) -> IntArray:
    """``(S, A)`` number of the pair to use: where a pair is missing, the last one of its state.

    Repeating an action adds nothing to choose from, so the optimal value stays as it is.
    """
    pair = np.full((n_states, n_actions), -1, dtype=np.int64)
    pair[state, action] = np.arange(state.size)
    last = n_actions - 1 - np.argmax(pair[:, ::-1] >= 0, axis=1)
    return np.where(pair >= 0, pair, pair[np.arange(n_states), last][:, None])


def build(choices: Choices, reward: Array, gamma: float) -> tuple[FiniteMDP, int]:
    """The model with rewards ``(L,)``, and the number of actions that had to be filled in."""
    n_states, n_actions = choices.rows.shape[1], int(choices.choice.max()) + 1
    pair = filled_with_last(choices.state, choices.choice, n_states, n_actions)
    mdp = FiniteMDP(choices.rows[pair.ravel()], reward[pair], gamma)
    return mdp, pair.size - choices.state.size


def names_by_state(choices: Choices, names: Sequence[str]) -> tuple[tuple[str, ...], ...] | None:
    """Names of the choices of each state; ``None`` when no choice has one."""
    if not any(names):
        return None
    first = np.flatnonzero(np.diff(choices.state, prepend=-1)).tolist()
    return tuple(tuple(names[i:j]) for i, j in zip(first, [*first[1:], len(names)]))


def required_discount(path: Path, gamma: float | None) -> float:
    """``gamma``, for a format that has none.

    Raises:
        InvalidParameter: when it is missing.
    """
    if gamma is None:
        raise InvalidParameter(
            f"{path}: {path.suffix} files hold no discount factor; pass gamma=... in [0, 1)"
        )
    return gamma


def _refuse_deadlocks(path: Path, present: IntArray, n_states: int) -> None:
    if present.size < n_states:
        off = np.flatnonzero(present != np.arange(present.size))
        missing = int(off[0]) if off.size else present.size
        reason = f"state {missing} has no choice (a deadlock); add a transition to itself"
        raise MalformedFile(path, None, reason)
