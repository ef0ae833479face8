"""Counting: a log in, what it says of a finite MDP out."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import InvalidParameter, TooLarge
from ._codebook import Codebook
from ._codebook_file import read_codebook
from ._duckdb import DuckDB
from ._engines import Engine, Progress
from ._estimated_mdp import Array, EstimatedMDP, Ints, Provenance
from ._kpi_log import KpiLog, open_kpi_log
from ._ready_log import ReadyLog, open_ready_log
from ._sources import Arrays, Log, find_log
from ._split import Split, Value
from ._sql_counts import MOST_CELLS, counts_sql, marked_sql

MOST_PAIRS = 100_000_000
"""Pairs of state and action that an estimate may have."""


def estimate(
    source: Any,
    *,
    gamma: float,
    codebook: Codebook | str | PathLike[str] | None = None,
    n_states: int | None = None,
    n_actions: int | None = None,
    reward_range: tuple[float, float] | None = None,
    columns: Mapping[str, str] | None = None,
    part: tuple[int, int] = (0, 1),
    only: Mapping[str, tuple[Value, ...]] | None = None,
    counts_fixed: bool = False,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> EstimatedMDP:
    """What a log says of a finite MDP: counts, point estimate, and all that radii rest on.

    A *ready* log has a row for each transition, with the columns ``state``, ``action`` and ``reward``, and
    where it has them ``next_state``, ``terminated``, ``truncated``, ``episode`` and ``t``. Without
    ``next_state`` it is the state of the row one step ``t`` later in the same episode (without ``t``, of the
    following row of the file; without ``episode``, each file is one). A terminated row leads to an
    absorbing state; a truncated one is a transition like any other. A *KPI* log becomes transitions
    through a codebook.

    Nothing is filled in: a row in which something is missing is dropped and counted by reason, and
    anything wrong refuses the log.

    Args:
        source: files (a path, a glob, a folder, or several; Parquet, CSV, JSONL, compressed ones too), a
            Minari data set or its folder, :class:`Transitions`, a mapping or a tuple of arrays.
        gamma: discount factor in ``[0, 1)``.
        codebook: a codebook, its file, or the name of one that is shipped; ``None`` for a ready log.
        n_states, n_actions: of the network; by default one more than the largest number seen. Not
            beside a codebook, which tells them.
        reward_range: ``(low, high)`` in which every reward of the network lies, from knowledge [reward
            units]: a reward outside is an error. By default what the codebook says, or else the range seen,
            which is then an assumption of every certificate.
        columns: the log's own names of columns of a ready log: ``{"state": "cell_load"}``.
        part: ``(k, n)``: only the episodes that are ``k`` modulo ``n``, by their number or, where some
            have none, by their place in the order of their names.
        only: values to which columns of the log are restricted.
        counts_fixed: whether it was fixed beforehand how often each pair would be tried.
        engine: what counts; ``None`` for :class:`DuckDB` with its defaults. It is left open.
        progress: called now and then with the share of the work that is done.

    Raises:
        MalformedFile: a file is damaged, lacks a column, or holds what cannot be: naming it.
        InvalidModel: the same for arrays; or a state that ends episodes is left again.
        InvalidParameter: an option is out of its range, or does not go with the source.
        TooLarge: more different transitions than fit in memory.
    """
    log, rows = find_log(source), Split(part, dict(only or {}))
    _require_options(n_states, n_actions, reward_range)
    book = read_codebook(codebook) if isinstance(codebook, str | PathLike) else codebook
    if book is not None and (n_states or n_actions or columns or isinstance(log, Arrays)):
        raise InvalidParameter(
            "a codebook is for files, and tells n_states, n_actions and columns itself"
        )
    with (
        DuckDB() if engine is None else nullcontext(engine) as run,
        ThreadPoolExecutor(1) as beside,
    ):
        opened: KpiLog | ReadyLog
        if book is None or isinstance(log, Arrays):
            opened = open_ready_log(
                run,
                log,
                columns=columns or {},
                rows=rows,
                n_states=n_states,
                n_actions=n_actions,
                reward_range=reward_range,
            )
        else:
            opened = open_kpi_log(run, log.paths, book, rows)
            book = opened.codebook
            n_states, n_actions = book.n_states, book.n_actions
            reward_range = reward_range or book.reward_range
        hashed = beside.submit(log.hashed)  # while the engine counts
        tally = _tally(run, opened, reward_range, progress)
        opened.require_sound(run, tally.n_transitions, tally.dropped)
        _require_within(log, tally.reward_range, reward_range)
        provenance = Provenance(
            sources=hashed.result(),
            n_rows=tally.n_transitions + sum(tally.dropped.values()),
            n_transitions=tally.n_transitions,
            dropped=tally.dropped,
            part=rows.part,
            only=rows.only,
            columns=opened.columns if isinstance(opened, ReadyLog) else {},
            codebook=book.fingerprint() if book else None,
            codebook_text=book.to_toml() if book else None,
            learned_here=isinstance(opened, KpiLog) and opened.learned_here,
            engine=run.name,
        )
    S = n_states or 1 + int(max(tally.state.max(), tally.next_state.max()))
    A = n_actions or 1 + int(tally.action.max())
    if S * A > MOST_PAIRS:
        raise TooLarge(
            f"{S} states with {A} actions are more pairs than the {MOST_PAIRS} that fit in memory"
        )
    terminal = np.zeros(S, dtype=bool)
    terminal[tally.next_state[tally.ends]] = True
    counts, reward_sum, reward_square_sum = _merged(tally, S, A)
    return EstimatedMDP(
        counts=counts,
        reward_sum=reward_sum,
        reward_square_sum=reward_square_sum,
        n_actions=A,
        gamma=gamma,
        reward_range=reward_range or tally.reward_range,
        range_given=reward_range is not None,
        terminal=terminal,
        counts_fixed=counts_fixed,
        state_names=book.state_names if book else None,
        action_names=book.action_names if book else None,
        provenance=provenance,
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Tally:
    """The rows of a log: transitions in groups that are alike, and the others by reason.

    Attributes:
        state, action, next_state: ``(k,)`` of each group.
        ends: ``(k,)`` whether its rows end their episodes for good.
        n, reward_sum, reward_square_sum: ``(k,)`` its rows; their rewards, and squares of rewards, added up.
        reward_range: the extreme rewards.
        dropped: how many rows are no transitions, by reason.
    """

    state: Ints
    action: Ints
    next_state: Ints
    ends: NDArray[np.bool_]
    n: Ints
    reward_sum: Array
    reward_square_sum: Array
    reward_range: tuple[float, float]
    dropped: dict[str, int]

    @property
    def n_transitions(self) -> int:
        return int(self.n.sum())


def _tally(
    engine: Engine,
    log: KpiLog | ReadyLog,
    reward_range: tuple[float, float] | None,
    progress: Progress | None,
) -> _Tally:
    """What the one query says.

    Raises:
        TooLarge: the groups are too many.
    """
    if isinstance(log, ReadyLog):
        text = counts_sql(log.marked(), with_reason=False, with_extremes=reward_range is None)
    else:
        text = counts_sql(marked_sql(log.sql.transitions()), with_reason=True, with_extremes=True)
    found = engine.query(text, progress=progress)
    if len(found["n"]) > MOST_CELLS:
        raise TooLarge(
            f"the log holds more than {MOST_CELLS} different transitions: make the states coarser"
        )
    counted = found["mark"] >= 0
    group = {name: column[counted] for name, column in found.items()}
    next_state = group["next_state"].astype(np.int64)
    ends = next_state < 0
    seen = reward_range
    if "least" in group:
        seen = (group["least"].min(initial=np.inf), group["most"].max(initial=-np.inf))
    assert seen is not None
    return _Tally(
        state=group["mark"].astype(np.int64),
        action=group["action"].astype(np.int64),
        next_state=np.where(ends, -1 - next_state, next_state),
        ends=ends,
        n=group["n"],
        reward_sum=group["reward_sum"].astype(np.float64),
        reward_square_sum=group["reward_square_sum"].astype(np.float64),
        reward_range=(float(seen[0]), float(seen[1])),
        dropped=_by_reason(log, {name: column[~counted] for name, column in found.items()}),
    )


def _by_reason(log: KpiLog | ReadyLog, group: Mapping[str, NDArray[Any]]) -> dict[str, int]:
    ready = isinstance(log, ReadyLog)
    said, which = np.unique(group["mark" if ready else "reason"], return_inverse=True)
    totals = np.bincount(which, group["n"], len(said))
    names = (
        [log.reason(int(mark)) for mark in said] if isinstance(log, ReadyLog) else map(str, said)
    )
    return {name: int(total) for name, total in zip(names, totals)}


def _merged(tally: _Tally, S: int, A: int) -> tuple[sp.csr_array, Array, Array]:
    """Counts ``(S * A, S)`` and the two sums of rewards, whether a transition ended its episode or not."""
    row = tally.state * A + tally.action
    order = np.lexsort((tally.next_state, row))
    row, column = row[order], tally.next_state[order]
    first = np.flatnonzero(
        np.diff(row, prepend=-1).astype(bool) | (np.diff(column, prepend=-1) != 0)
    )
    n, reward_sum, reward_square_sum = (
        np.add.reduceat(x[order], first)
        for x in (tally.n, tally.reward_sum, tally.reward_square_sum)
    )
    indptr = np.searchsorted(row[first], np.arange(S * A + 1))
    counts = sp.csr_array((n, column[first], indptr), shape=(S * A, S))
    return counts, reward_sum, reward_square_sum


def _require_within(log: Log, seen: tuple[float, float], known: tuple[float, float] | None) -> None:
    if known is not None and not known[0] <= seen[0] <= seen[1] <= known[1]:
        raise log.error(
            f"rewards must lie in [{known[0]:g}, {known[1]:g}]; got {seen[0]:g} to {seen[1]:g}"
        )


def _require_options(
    n_states: int | None, n_actions: int | None, reward_range: tuple[float, float] | None
) -> None:
    for name, n in (("n_states", n_states), ("n_actions", n_actions)):
        if n is not None and n < 1:
            raise InvalidParameter(f"{name} must be at least 1; got {n}")
    if reward_range is not None and not -np.inf < reward_range[0] <= reward_range[1] < np.inf:
        raise InvalidParameter(f"reward_range must be finite, low <= high; got {reward_range}")
