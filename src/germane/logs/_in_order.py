"""The transitions of a log one after another, for what reads a stream of them and not counts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np

from ..errors import InvalidParameter
from ._codebook import Codebook
from ._codebook_file import read_codebook
from ._duckdb import DuckDB
from ._engines import FILE, ROW, Engine
from ._files import Paths, find_files
from ._kpi_log import open_kpi_log
from ._ready_log import open_ready_log
from ._sources import Files, Transitions, find_log
from ._split import ALL_ROWS, Split, Value


def kpi_transitions(
    source: Paths,
    codebook: Codebook | str | PathLike[str],
    *,
    part: tuple[int, int] = (0, 1),
    only: Mapping[str, tuple[Value, ...]] | None = None,
    engine: Engine | None = None,
) -> Transitions:
    """The transitions that :func:`estimate` counts, in the order of time and in memory.

    Args:
        source: files: a path, a glob, a folder, or several.
        codebook: a codebook, its file, or the name of one that is shipped.
        part, only, engine: as for :func:`estimate`.

    Returns:
        the transitions; episodes are numbered in the order of their names, ``t`` is the place of a
        transition among all of them. Where two begin at the same time, the episode decides.

    Raises:
        MalformedFile, InvalidParameter: as :func:`estimate` does.
    """
    book = codebook if isinstance(codebook, Codebook) else read_codebook(codebook)
    rows = Split(part, dict(only or {}))
    with DuckDB() if engine is None else nullcontext(engine) as run:
        log = open_kpi_log(run, find_files(source), book, rows)
        judged = f"({log.sql.transitions()}) AS judged"
        said = run.query(f"SELECT reason, COUNT(*) AS n FROM {judged} GROUP BY reason")
        by_reason = {reason: int(n) for reason, n in zip(said["reason"], said["n"])}
        log.require_sound(run, by_reason.pop(None, 0), by_reason)
        found = run.query(f"""
SELECT episode, state, action, reward, next_state FROM {judged} WHERE reason IS NULL
ORDER BY t, episode""")
    _, episode = np.unique(found["episode"].astype(str), return_inverse=True)
    return Transitions(
        state=found["state"].astype(np.int64),
        action=found["action"].astype(np.int64),
        reward=found["reward"].astype(np.float64),
        next_state=found["next_state"].astype(np.int64),
        episode=episode,
        t=np.arange(len(episode)),
    )


def ready_transitions(
    source: Any,
    *,
    n_states: int | None = None,
    n_actions: int | None = None,
    columns: Mapping[str, str] | None = None,
    engine: Engine | None = None,
) -> Transitions:
    """The transitions that :func:`estimate` counts in a ready log, in the order of its rows.

    Args:
        source: files, or a Minari data set that is kept as Parquet.
        n_states, n_actions, columns, engine: as for :func:`estimate`.

    Returns:
        the transitions in memory, without episodes. Files come in the order of their names.

    Raises:
        MalformedFile: as :func:`estimate` does.
        InvalidParameter: the source is in memory already.
    """
    found = find_log(source)
    if not isinstance(found, Files):
        raise InvalidParameter("ready_transitions reads files; these transitions are in memory")
    with DuckDB() if engine is None else nullcontext(engine) as run:
        log = open_ready_log(
            run,
            found,
            columns=columns or {},
            rows=ALL_ROWS,
            n_states=n_states,
            n_actions=n_actions,
            reward_range=None,
        )
        found.open(run, ordered=True)
        place = f'"{FILE}"', f'"{ROW}"'
        marked = f"({replace(log, ordered=True).marked(*place)}) AS marked"
        said = run.query(f"SELECT mark, COUNT(*) AS n FROM {marked} WHERE mark < 0 GROUP BY mark")
        dropped = {log.reason(int(k)): int(n) for k, n in zip(said["mark"], said["n"])}
        rows = run.query(
            f"SELECT mark, action, reward, next_state FROM {marked} WHERE mark >= 0 "
            f"ORDER BY {', '.join(place)}"
        )
        log.require_sound(run, len(rows["mark"]), dropped)
    next_state = rows["next_state"].astype(np.int64)
    return Transitions(
        state=rows["mark"].astype(np.int64),
        action=rows["action"].astype(np.int64),
        reward=rows["reward"].astype(np.float64),
        next_state=np.where(next_state < 0, -1 - next_state, next_state),
        terminated=next_state < 0,
    )
