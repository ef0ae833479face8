"""The transitions of a KPI log one after another, for what reads a stream of them and not counts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from os import PathLike

import numpy as np

from ._codebook import Codebook, Split, Value, read_codebook
from ._engines import DuckDB, Engine
from ._files import Paths, find_files
from ._kpi_log import open_kpi_log
from ._sources import Transitions


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
