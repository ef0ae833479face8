"""A log whose rows are transitions already: its SQL text, and what in it is refused.

A row is a transition unless something is *missing* in it (an empty field, NULL, NaN), which drops it, or
something in it is *wrong*, which refuses the log. Where the log names no next state, it is the state of the
following row: of the same episode, one step later, and not across the end of an episode.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from ..errors import GermaneError, InvalidParameter
from ._engines import FILE, ROW, Engine
from ._sources import Log
from ._split import Split, Value
from ._sql import (
    LARGEST,
    NUMBERS,
    Kind,
    cell_text,
    double_literal,
    has_columns,
    identifier,
    number_in,
    text_literal,
)
from ._sql_transitions import GAP, LAST, NOT_SELECTED

REQUIRED = ("state", "action", "reward")
OPTIONAL = ("next_state", "terminated", "truncated", "episode", "t")
ENDS = ("terminated", "truncated")

NO_NUMBERS = {"other": "lists or the like", "time": "times", "boolean": "truths"}

MOST = 1_000_000
"""States and actions are numbered from 0; a number this large is taken for a slip."""

ENDED = "ends its episode, with no next state"


class Test(NamedTuple):
    """What must hold for a row to be a transition.

    Attributes:
        reason: why it is none otherwise.
        holds: the condition in SQL; NULL counts as false.
        wrong: the column in which something is wrong then; ``None`` where it is only missing.
        implied: whether a later test fails as well, and this one only says why.
    """

    reason: str
    holds: str
    wrong: str | None = None
    implied: bool = False


@dataclass(frozen=True, kw_only=True)
class ReadyLog:
    """A log that an engine has opened as the view ``log``.

    Attributes:
        source: where the rows come from.
        kinds: the columns of the log, and what they hold.
        columns: the log's own name of each canonical column that it has.
        rows: which rows are wanted.
        n_states, n_actions: states and actions must be below these.
        reward_range: rewards must lie within.
        ordered: whether the view tells the file of a row, and where it stands in it.
        by_number: whether every episode is a whole number, which then tells its part.
    """

    source: Log
    kinds: Mapping[str, Kind]
    columns: Mapping[str, str]
    rows: Split
    n_states: int
    n_actions: int
    reward_range: tuple[float, float]
    ordered: bool = False
    by_number: bool = True

    def marked(self, *carried: str) -> str:
        """The marked rows, as they are counted: ``-1 - k`` where test ``k`` is the first that fails."""
        all_hold = " AND ".join(test.holds for test in self.tests if not test.implied)
        fails = " ".join(
            f"WHEN NOT COALESCE({test.holds}, FALSE) THEN {-1 - k}"
            for k, test in enumerate(self.tests[:-1])
        )
        # What passes the others fails the last test: ELSE tells DuckDB how large marks can be.
        fails += f" ELSE {-len(self.tests)}"
        next_state = self._whole("next_state")
        if "terminated" in self.columns:
            next_state = f"CASE WHEN terminated THEN -1 - {next_state} ELSE {next_state} END"
        return f"""
WITH {self._steps}
SELECT CASE WHEN {all_hold} THEN {self._whole("state")} {fails} END AS mark,
  {self._whole("action")} AS action, {next_state} AS next_state,
  {", ".join(("CAST(reward AS DOUBLE) AS reward", *carried))}
FROM steps"""

    def odd_episodes(self) -> str:
        """``n`` rows whose episode is no whole number."""
        whole = f"{self._episode_number} = FLOOR({self._episode_number})"
        return f"""
SELECT COUNT(*) AS n FROM log WHERE {self._episode} IS NOT NULL AND NOT COALESCE({whole}, FALSE)"""

    def reason(self, mark: int) -> str:
        """What a negative mark says."""
        return self.tests[-1 - mark].reason

    def require_sound(self, engine: Engine, n_transitions: int, dropped: Mapping[str, int]) -> None:
        """Refuses a log in which something is wrong, and one of which nothing is left.

        Raises:
            MalformedFile: naming a file, what it holds and what is accepted; ``InvalidModel`` where
                the log is arrays.
        """
        for k, test in enumerate(self.tests):
            if test.wrong is not None and test.reason in dropped:
                raise self._refused(engine, -1 - k, dropped[test.reason])
        if not n_transitions:
            counted = sorted(dropped.items(), key=lambda item: -item[1])
            reasons = ", ".join(f"{n} {reason}" for reason, n in counted) or "there is none"
            raise self.source.error(f"no row is a transition: {reasons}")

    @cached_property
    def tests(self) -> tuple[Test, ...]:
        """What must hold, in the order in which it is asked."""
        return tuple(self._tests())

    def _tests(self) -> Iterator[Test]:
        if self._is_selective:
            yield Test(NOT_SELECTED, "is_selected")
        if self.follows:
            yield from self._tests_of_order()
        for column in (*REQUIRED, "next_state"):
            yield Test(f"no {column}", self._is_there(column), implied=True)
        for column, n in (("state", self.n_states), ("action", self.n_actions)):
            yield self._test_of_number(column, n)
        yield self._test_of_number("next_state", self.n_states)
        for end in self._read_ends:
            if self._kind(end) != "boolean":
                holds = f"({end} IS NOT NULL OR NOT {self._is_there(end)})"
                yield Test(f"{end} must be true or false", holds, end)
        low, high = self.reward_range
        limits = f"lie in [{low:g}, {high:g}]" if high < LARGEST else "be finite"
        within = f"BETWEEN {double_literal(low)} AND {double_literal(high)}"
        yield Test(f"reward must {limits}", f"CAST(reward AS DOUBLE) {within}", "reward")

    def _tests_of_order(self) -> Iterator[Test]:
        yield Test("no episode", "episode IS NOT NULL")
        if self.has_t:
            yield Test("no t", self._is_there("t"))
            yield Test("t must be a number", "t IS NOT NULL", "t")
            once = "t must name a step of its episode once"
            yield Test(once, "(next_t IS NULL OR next_t <> t)", "t")
        yield Test(LAST, "has_next IS NOT NULL")
        if self._read_ends and not self.source.padded:
            ends = " OR ".join(f"COALESCE({end}, FALSE)" for end in self._read_ends)
            yield Test(ENDED, f"NOT ({ends})")
        if self.has_t:
            yield Test(GAP, "next_t - t = 1")

    def _test_of_number(self, column: str, n: int) -> Test:
        holds = f"{column} BETWEEN 0 AND {n - 1}"
        if self._kind(column) != "integer":
            holds += f" AND {column} = {self._whole(column)}"
        return Test(f"{column} must be a whole number from 0 to {n - 1}", holds, column)

    @property
    def follows(self) -> bool:
        """Whether the next state is that of the following row."""
        return "next_state" not in self.columns

    @property
    def has_t(self) -> bool:
        return "t" in self.columns

    @property
    def needs_order(self) -> bool:
        """Whether the view must be ordered."""
        of_part = self.rows.part[1] > 1
        return (self.follows and not self.has_t) or (
            (self.follows or of_part) and "episode" not in self.columns
        )

    @property
    def _is_selective(self) -> bool:
        return self.rows.part[1] > 1 or bool(self.rows.only)

    @property
    def _read_ends(self) -> tuple[str, ...]:
        return tuple(x for x in (ENDS if self.follows else ENDS[:1]) if x in self.columns)

    @property
    def _steps(self) -> str:
        """The rows: cells; numbers and truths in them; the following row; which rows are wanted."""
        optional = ("t",) if self.follows else ("next_state",)
        read = [x for x in (*REQUIRED, *self._read_ends, *optional) if x in self.columns]
        cells = [f"{identifier(self.columns[column])} AS {column}_cell" for column in read]
        values = [f"{self._value(column)} AS {column}" for column in read]
        if self.follows:
            cells.append(f"{self._episode} AS episode")
        if self._is_selective:
            cells.append(f"{self._is_selected} AS is_selected")
        if self.ordered:
            cells += [f'"{FILE}"', f'"{ROW}"']
        steps = f"""cells AS (
  SELECT {", ".join(cells)} FROM log{self._ranks}
),
steps AS (
  SELECT *, {", ".join(values)} FROM cells
)"""
        if not self.follows:
            return steps
        ahead = ["state AS next_state", "state_cell AS next_state_cell", "1 AS has_next"]
        along = ["episode"]
        if self.has_t:
            ahead.append("t AS next_t")
            along.append("t IS NULL")
        order = "t" if self.has_t else f'"{FILE}", "{ROW}"'
        leads = ("LEAD({}) OVER along AS {}".format(*x.split(" AS ")) for x in ahead)
        return f"""{steps.replace("steps AS", "rows_alone AS")},
steps AS (
  SELECT *, {", ".join(leads)} FROM rows_alone
  WINDOW along AS (PARTITION BY {", ".join(along)} ORDER BY {order})
)"""

    def _kind(self, column: str) -> Kind:
        own = "state" if column == "next_state" and self.follows else column
        return self.kinds[self.columns[own]]

    def _value(self, column: str) -> str:
        """The number in a cell, or the truth."""
        kind, cell = self._kind(column), f"{column}_cell"
        if column not in ENDS:
            return cell if kind in NUMBERS else f"as_number({cell})"
        if kind == "text":
            return f"TRY_CAST(TRIM({cell}) AS BOOLEAN)"
        return f"CASE {cell} WHEN 1 THEN TRUE WHEN 0 THEN FALSE END" if kind in NUMBERS else cell

    def _whole(self, column: str) -> str:
        """The whole number that a value is; some other one, or NULL, where it is none."""
        return column if self._kind(column) == "integer" else f"TRY_CAST({column} AS BIGINT)"

    def _is_there(self, column: str) -> str:
        """Whether something stands in a cell."""
        cell = f"{column}_cell"
        nothing = {
            "number": f"ISNAN(CAST({cell} AS DOUBLE))",
            "text": f"LOWER(TRIM({cell})) IN ('', 'nan')",
        }
        return f"({cell} IS NOT NULL AND NOT {nothing.get(self._kind(column), 'FALSE')})"

    @property
    def _episode(self) -> str:
        """What tells episodes apart: their column, a part of the path, or the file."""
        if "episode" in self.columns:
            return cell_text(identifier(self.columns["episode"]), self._kind("episode"))
        pattern = self.source.episode_in_path
        return f'REGEXP_EXTRACT("{FILE}", {text_literal(pattern)}, 1)' if pattern else f'"{FILE}"'

    @property
    def _episode_number(self) -> str:
        """The number that an episode is; NULL where it is none."""
        if "episode" in self.columns and self._kind("episode") in NUMBERS:
            return identifier(self.columns["episode"])
        return number_in(self._episode)

    @property
    def _is_selected(self) -> str:
        k, n = self.rows.part
        tests = [self._is_in(column, values) for column, values in self.rows.only.items()]
        if n > 1:
            number = self._episode_number if self.by_number else "rank"
            tests.append(f"COALESCE(({number} % {n} + {n}) % {n} = {k}, FALSE)")
        return " AND ".join(tests)

    @property
    def _ranks(self) -> str:
        """The place of each episode among their names, where these tell the parts."""
        if self.rows.part[1] == 1 or self.by_number:
            return ""
        return f"""
  LEFT JOIN (
    SELECT name, ROW_NUMBER() OVER (ORDER BY name) - 1 AS rank
    FROM (SELECT DISTINCT {self._episode} AS name FROM log) AS named
    WHERE name IS NOT NULL
  ) AS ranked ON name = {self._episode}"""

    def _is_in(self, column: str, values: tuple[Value, ...]) -> str:
        """Whether a column of the log is one of some numbers and texts; never NULL."""
        own, kind = identifier(column), self.kinds[column]
        text = cell_text(own, kind)
        number = own if kind in NUMBERS else number_in(text)
        texts = ", ".join(text_literal(x) for x in values if isinstance(x, str))
        numbers = ", ".join(double_literal(x) for x in values if not isinstance(x, str))
        ways = [f"{text} IN ({texts})"] if texts else []
        ways += [f"{number} IN ({numbers})"] if numbers else []
        return f"COALESCE({' OR '.join(ways) or 'FALSE'}, FALSE)"

    def _refused(self, engine: Engine, mark: int, n: int) -> GermaneError:
        """The error that says what stands in the wrong column, and in which file."""
        test = self.tests[-1 - mark]
        log = replace(self, ordered=self.source.has_files)
        self.source.open(engine, ordered=log.ordered)
        file = f'"{FILE}" AS file' if log.ordered else "'' AS file"
        marked = log.marked(f"CAST({test.wrong}_cell AS STRING) AS said", file)
        found = engine.query(f"""
SELECT file, said FROM ({marked}) AS marked WHERE mark = {mark} ORDER BY file, said LIMIT 1""")
        own = self.columns.get(test.wrong or "", self.columns["state"])
        named = f"{test.reason}" if own == test.wrong else f"{test.reason} (column {own!r})"
        rows = "one row" if n == 1 else f"{n} rows"
        return self.source.error(f"{named}; got {found['said'][0]} in {rows}", found["file"][0])


def open_ready_log(
    engine: Engine,
    source: Log,
    *,
    columns: Mapping[str, str],
    rows: Split,
    n_states: int | None,
    n_actions: int | None,
    reward_range: tuple[float, float] | None,
) -> ReadyLog:
    """The log opened, its columns found.

    Args:
        engine: what opens it.
        source: where the rows come from.
        columns: the log's own names of canonical columns, where they differ.
        rows: which rows are wanted.
        n_states, n_actions, reward_range: as :func:`estimate` has them.

    Raises:
        MalformedFile: a file is damaged or lacks a column; ``InvalidModel`` where the log is arrays.
        InvalidParameter: ``columns`` or ``rows`` name what is no column.
    """
    kinds = source.open(engine, ordered=False)
    log = ReadyLog(
        source=source,
        kinds=kinds,
        columns=_found_columns(source, kinds, columns),
        rows=rows,
        n_states=n_states or MOST,
        n_actions=n_actions or MOST,
        reward_range=reward_range or (-LARGEST, LARGEST),
    )
    for column in rows.only:
        if column not in kinds:
            raise InvalidParameter(f"only: the log has no column {column!r}; {has_columns(kinds)}")
    if log.needs_order:
        source.open(engine, ordered=True)
        log = replace(log, ordered=True)
    if rows.part[1] > 1:
        log = replace(log, by_number=not engine.query(log.odd_episodes())["n"][0])
    return log


def _found_columns(
    source: Log, kinds: Mapping[str, Kind], given: Mapping[str, str]
) -> dict[str, str]:
    for canonical, own in given.items():
        if canonical not in (*REQUIRED, *OPTIONAL):
            known = ", ".join((*REQUIRED, *OPTIONAL))
            raise InvalidParameter(f"columns: {canonical!r} is none of {known}")
        if own not in kinds:
            raise source.error(f"the log has no column {own!r}; {has_columns(kinds)}")
    said = {**source.columns, **given}
    found = {x: said.get(x, x) for x in (*REQUIRED, *OPTIONAL) if said.get(x, x) in kinds}
    for canonical in REQUIRED:
        if canonical not in found:
            raise source.error(
                f"the log has no column {canonical!r}; {has_columns(kinds)}: say which it is, or give "
                "a codebook"
            )
    for canonical, own in found.items():
        wrong = NO_NUMBERS.get(kinds[own])
        if wrong and canonical != "episode" and not (wrong == "truths" and canonical in ENDS):
            raise source.error(f"column {own!r} must hold numbers; it holds {wrong}")
    return found
