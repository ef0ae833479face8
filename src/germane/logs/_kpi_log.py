"""A KPI log under its codebook: what is learned from it first, and what in it is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ..errors import InvalidParameter, MalformedFile
from ._codebook import Codebook, path_parts
from ._columns import Edges, LevelColumn, Quantiles, RewardColumn
from ._engines import Engine
from ._split import ALL_ROWS, Split
from ._sql_transitions import (
    CROWDED,
    EARLY,
    GAP,
    IMPOSSIBLE,
    MISSING,
    NEXT_ROW,
    NOT_A_NUMBER,
    OUT_OF_RANGE,
    UNKNOWN,
    TransitionsSql,
)

MOST_BACK = 0.25
"""Share of the rows that may go back in time, where the rows are taken as they stand in the files."""


@dataclass(frozen=True, kw_only=True)
class KpiLog:
    """A log that an engine has opened, and a codebook in which nothing is left to be learned.

    Attributes:
        files: the files of the log.
        sql: its texts; ``sql.book`` is the codebook.
        learned_here: whether quantiles were learned on rows that may be among those wanted.
    """

    files: Sequence[Path]
    sql: TransitionsSql
    learned_here: bool = False

    @property
    def codebook(self) -> Codebook:
        return self.sql.book

    def require_sound(self, engine: Engine, n_transitions: int, dropped: Mapping[str, int]) -> None:
        """Refuses what the codebook says is an error, and a log of which nothing is left.

        Args:
            engine: what opened the log.
            n_transitions: how many rows start a transition.
            dropped: how many do not, by reason.

        Raises:
            MalformedFile: naming a column and what it holds, or the reasons why nothing is left.
        """
        for reason in dropped:
            fault = reason.removeprefix(NEXT_ROW)
            if fault in self._errors:
                raise self._refused(engine, self._errors[fault], fault)
        if not n_transitions:
            raise MalformedFile(self.files[0], None, self._nothing_left(engine, dropped))

    @cached_property
    def _errors(self) -> dict[str, LevelColumn | RewardColumn]:
        """The column of each fault of a cell that is an error."""
        found = {}
        for column in self.codebook.measured:
            for fault in self.sql.faults_of(column):
                kind = fault.removeprefix(f"{column.name}: ")
                if kind == IMPOSSIBLE or (column.otherwise == "error" and kind != MISSING):
                    found[fault] = column
        return found

    def _refused(
        self, engine: Engine, column: LevelColumn | RewardColumn, fault: str
    ) -> MalformedFile:
        found = engine.query(self.sql.cells_at_fault(column, fault))
        least, most = (float(found[end][0]) for end in ("least", "most"))
        said = f"{least:g} to {most:g}" if least < most else repr(str(found["text"][0]))
        n = int(found["n"][0])
        return MalformedFile(
            found["file"][0],
            None,
            f"{fault} in {n} row{'' if n == 1 else 's'} ({said}): {_way_out(fault)}",
        )

    def _nothing_left(self, engine: Engine, dropped: Mapping[str, int]) -> str:
        counted = sorted(dropped.items(), key=lambda item: -item[1])
        reasons = ", ".join(f"{n} {reason}" for reason, n in counted) or "it has no rows"
        said = f"no row starts a transition: {reasons}"
        if counted and counted[0][0] in (GAP, EARLY, CROWDED):
            time = self.codebook.time
            steps = (
                f"SELECT {_PERCENTILE.format(0.5)} AS x FROM ({self.sql.time_steps('x')}) AS steps"
            )
            said += (
                f"; rows are {engine.query(steps)['x'][0]:g} {time.period_unit} apart at the median, but the "
                f"codebook says {time.period:g} ± {time.jitter:g} {time.period_unit}: check unit, period and "
                "what tells episodes apart"
            )
        return said


def _way_out(fault: str) -> str:
    """What to do about a fault of a cell that is an error."""
    if fault.endswith(IMPOSSIBLE):
        return "correct the range, or the log"
    ways = {
        NOT_A_NUMBER: "if it means that nothing was measured, list it in missing = [...]",
        OUT_OF_RANGE: "add a bin for it (inf makes an open-ended one)",
        UNKNOWN: "add it to the categories",
    }
    way = next(way for kind, way in ways.items() if fault.endswith(kind))
    return f"{way}; or drop such rows with otherwise = 'drop'"


def open_kpi_log(
    engine: Engine, files: Sequence[Path], codebook: Codebook, rows: Split = ALL_ROWS
) -> KpiLog:
    """The log opened, with what its codebook leaves open learned from it.

    Quantiles become edges, learned on their split; actions that are ``"seen"`` become those of any
    row of the whole log, so that all parts of a log have the same actions.

    Args:
        engine: what opens the files.
        files: of one format.
        codebook: what their columns mean.
        rows: which rows are wanted.

    Raises:
        MalformedFile: a file is damaged, or is no log of this codebook.
    """
    files = [path.absolute() for path in files]
    _require_paths(codebook, files, rows)
    kinds = engine.view("log", files, ordered=True)
    open_columns = [
        (column.name, column.levels)
        for column in (*codebook.states, *codebook.actions)
        if isinstance(column.levels, Quantiles)
    ]
    try:
        sql = TransitionsSql(book=codebook, log=kinds, rows=rows)
        learned = {name: _quantiles(engine, sql, name, levels) for name, levels in open_columns}
        sql = replace(sql, book=codebook.with_edges(learned))
        _require_order(engine, sql)
    except InvalidParameter as error:
        raise MalformedFile(files[0], None, str(error)) from None
    if sql.book.combinations == "seen":
        sql = replace(sql, book=_with_seen_actions(engine, sql))
    learned_here = any(levels.learned_on.may_share_rows(rows) for _, levels in open_columns)
    return KpiLog(files=files, sql=sql, learned_here=learned_here)


_PERCENTILE = "PERCENTILE_DISC({}) WITHIN GROUP (ORDER BY x)"


def _require_paths(codebook: Codebook, files: Sequence[Path], rows: Split) -> None:
    """Refuses a file whose path lacks the parts that are read."""
    if codebook.path is None or not {*codebook.names, *rows.only} & {*codebook.path_names}:
        return
    pattern = re.compile(path_parts(codebook.path).pattern)
    for path in files:
        if not pattern.search(str(path)):
            raise MalformedFile(path, None, f"its path must end like {codebook.path!r}")


def _quantiles(engine: Engine, sql: TransitionsSql, name: str, levels: Quantiles) -> Edges:
    """Bins closed on the right: at least ``j / k`` of the rows are at most at the ``j``-th inner edge."""
    k = levels.k
    inner = ", ".join(f"{_PERCENTILE.format(j / k)} AS q{j}" for j in range(1, k))
    values = replace(sql, rows=levels.learned_on).numbers(name, "x")
    found = engine.query(f"SELECT MAX(x) AS most, {inner} FROM ({values}) AS learned")
    most = float(found["most"][0])
    edges = sorted({float(found[f"q{j}"][0]) for j in range(1, k)} - {most})
    if math.isnan(most) or not edges:
        said = "no numbers" if math.isnan(most) else f"little else than {most:g}"
        raise InvalidParameter(f"{name!r} has {said} where its quantiles are learned; give edges")
    return Edges((-math.inf, *edges, math.inf), "right")


def _require_order(engine: Engine, sql: TransitionsSql) -> None:
    if sql.book.order == "time":
        return
    found = engine.query(sql.order())
    n, n_back = int(found["n"][0]), int(found["n_back"][0])
    if n_back > MOST_BACK * n:
        raise InvalidParameter(
            f"rows are not in order of time: {n_back} of {n} go back; say order = 'time' in the codebook"
        )


def _with_seen_actions(engine: Engine, sql: TransitionsSql) -> Codebook:
    whole = replace(sql, rows=ALL_ROWS).transitions()
    found = engine.query(
        f"SELECT DISTINCT action FROM ({whole}) AS seen WHERE reason IS NULL ORDER BY action"
    )
    seen = tuple(sql.book.levels_of(int(action)) for action in found["action"])
    return replace(sql.book, combinations=seen or "all")
