"""The SQL texts that turn a KPI log into transitions, each row with the reason if it starts none.

A row stands for the step that *starts* at it, so that rows and steps are counted alike. The layers are
common table expressions, each on the one before:

| layer | adds |
|---|---|
| ``texts`` | what the codebook reads of a row, as text; NULL where nothing was measured |
| ``numbers`` | the same as numbers; NULL where it is none |
| ``levels`` | the level of each column; time and episode |
| ``selected`` | whether the row is wanted, and idle |
| ``readings`` | state; what the row says of the step from it (``_out``) and of the step to it (``_in``) |
| ``copies`` | whether it says again what another row says of the same time; whether time goes back |
| ``runs`` | between which resets of the clock it lies |
| ``steps`` | what the row before it, the next and the one after that say |

Reasons are numbers until the very end, and faults take the place of what they spoil: rows are sorted
twice, and texts would make that slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property

from ..errors import InvalidParameter
from ._codebook import Codebook, path_parts
from ._columns import (
    CLOCKS,
    DIRECTIVES,
    ISO,
    BelongsTo,
    Categories,
    Edges,
    LevelColumn,
    Quantiles,
    RewardColumn,
    base_name,
    bracketed_unit,
    plain_pattern,
)
from ._engines import FILE, ROW
from ._split import Split, Value
from ._sql import (
    NUMBERS,
    Kind,
    cell_text,
    double_literal,
    finite,
    has_columns,
    identifier,
    number_in,
    text_literal,
)

MISSING, NOT_A_NUMBER, NOT_A_TIME = "missing", "not a number", "not a time"
OUT_OF_RANGE, UNKNOWN, IMPOSSIBLE = "out of range", "unknown category", "outside its range"
"""The faults of a cell; as a reason, ``column: fault``."""

NOT_SELECTED = "not selected"
COPY, CROWDED, IDLE = "duplicate", "within half a period of another row", "idle"
LAST, RESET, GAP, EARLY = "last of its episode", "before a reset of the clock", "gap", "too early"
UNLISTED = "action not listed"
NEXT_ROW = "next row: "
"""The other reasons why a row starts no transition; ``next row: reason`` where its end is at fault."""

ROUNDING = 1e-15
"""Share of the time by which a step may be off on top of the jitter: times are doubles."""

_ISO_PATTERN = (
    "^([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})([.][0-9]{1,9}|)Z?$"
)
FILE_ORDER = f'"{FILE}", "{ROW}"'


@dataclass(frozen=True, kw_only=True)
class TransitionsSql:
    """The texts about one log under one codebook, in the dialect of every engine.

    Attributes:
        book: the codebook.
        log: the columns of the log and their kinds.
        rows: which rows are wanted.
        view: the log, as an engine opened it in order.

    Raises:
        InvalidParameter: the log lacks a column, or has it in another unit or of another kind.
    """

    book: Codebook
    log: Mapping[str, Kind]
    rows: Split = field(default_factory=Split)
    view: str = "log"

    def __post_init__(self) -> None:
        for name, column in self.columns.items():
            if self.log[column] == "other":
                raise InvalidParameter(f"column {name!r} holds neither numbers nor texts")
        time = self.book.time
        kind = self._kind(time.name)
        if kind == "time" and time.unit != ISO:
            raise InvalidParameter(
                f"column {time.name!r} holds time stamps, so its unit is {ISO!r}; got {time.unit!r}"
            )
        if kind in NUMBERS and time.unit not in CLOCKS:
            raise InvalidParameter(
                f"column {time.name!r} holds numbers, so its unit is one of {', '.join(CLOCKS)}; "
                f"got {time.unit!r}"
            )

    @cached_property
    def columns(self) -> dict[str, str]:
        """The column of the log for each name that is read; parts of the path are left out."""
        return {
            name: _matched(name, self._units.get(name), self.log)
            for name in self._number
            if not self._is_part(name)
        }

    def transitions(self) -> str:
        """The relation of transitions, a row for each row of the log.

        It has ``episode`` (text), ``t`` [unit of the time column], ``state``, ``action``, ``reward``,
        ``next_state``, ``terminated`` and ``truncated`` (false: a KPI log goes on), and ``reason``: why
        the row starts no transition, NULL where it does. Actions that are yet to be ``"seen"`` are
        numbered among all combinations.
        """
        time, code = self.book.time, self._code
        half = double_literal(time.period / 2)
        rounding = f"{double_literal(ROUNDING)} * ABS(next_t)"
        longest = f"{double_literal(time.period + time.jitter)} + {rounding}"
        shortest = f"{double_literal(time.period - time.jitter)} - {rounding}"
        words = " ".join(f"WHEN {k} THEN {text_literal(reason)}" for reason, k in code.items())
        return f"""
WITH {self._steps},
judged AS (
  SELECT episode, t, state, {self._action} AS action, reward_out + next_reward_in AS reward, next_state,
    CASE
      WHEN row_fault IS NOT NULL THEN row_fault
      WHEN is_copy THEN {code[COPY]}
      WHEN t - t_before <= {half} OR next_t - t <= {half} THEN {code[CROWDED]}
      WHEN is_idle THEN {code[IDLE]}
      WHEN state < 0 THEN -state
      WHEN next_t IS NULL THEN CASE WHEN is_last THEN {code[LAST]} ELSE {code[RESET]} END
      WHEN next_t - t > {longest} THEN {code[GAP]}
      WHEN next_t - t < {shortest} THEN {code[EARLY]}
      WHEN t_after_next - next_t <= {half} THEN {code[NEXT_ROW + CROWDED]}
      WHEN next_is_idle THEN {code[NEXT_ROW + IDLE]}
      WHEN next_state < 0 THEN {self._n_faults} - next_state
      ELSE COALESCE(fault_out, next_fault_in)
    END AS fault
  FROM steps
),
numbered AS (
  SELECT *, CASE WHEN fault IS NULL AND action IS NULL THEN {code[UNLISTED]} ELSE fault END AS code
  FROM judged
)
SELECT episode, t, state, action, reward, next_state, FALSE AS terminated, FALSE AS truncated,
  CASE WHEN code IS NOT NULL THEN CASE code {words} END END AS reason
FROM numbered"""

    def numbers(self, name: str, alias: str) -> str:
        """The numbers in a column, in wanted rows that are not idle, as ``alias``."""
        k = self._number[name]
        return f"""
WITH {self._selected}
SELECT x{k} AS {alias} FROM selected WHERE is_wanted AND NOT is_idle AND x{k} IS NOT NULL"""

    def time_steps(self, alias: str) -> str:
        """The time from each row to the next of its run, as ``alias`` [unit of the time column]."""
        return f"""
WITH {self._steps}
SELECT next_t - t AS {alias} FROM steps WHERE is_linked AND next_t IS NOT NULL"""

    def cells_at_fault(self, column: LevelColumn | RewardColumn, fault: str) -> str:
        """``n`` cells of a column with a fault, the ``least``, the ``most``, any ``text``, a ``file``."""
        k = self._number[column.name]
        return f"""
WITH {self._selected}
SELECT COUNT(*) AS n, MIN(x{k}) AS least, MAX(x{k}) AS most, MIN(t{k}) AS text, MIN("{FILE}") AS file
FROM selected WHERE is_wanted AND {self._fault([column])} = {self._code[fault]}"""

    def faults_of(self, column: LevelColumn | RewardColumn) -> tuple[str, ...]:
        """The reasons that a column may give to drop a row, or to refuse the log."""
        return tuple(f"{column.name}: {fault}" for fault in self._conditions(column))

    def order(self) -> str:
        """``n`` rows that follow another in the files, ``n_back`` of them back in time."""
        return f"""
WITH {self._copies}
SELECT COUNT(is_back) AS n, COALESCE(SUM(is_back), 0) AS n_back FROM copies WHERE row_fault IS NULL"""

    # The layers, from the bottom up ------------------------------------------------------------------

    @property
    def _levels(self) -> str:
        texts = (f"{self._text_of(name)} AS t{k}" for name, k in self._number.items())
        values = (f"{self._value_of(name)} AS v{k}" for name, k in self._number.items())
        numbers = (f"{self._number_of(name)} AS x{k}" for name, k in self._number.items())
        levels = (f"{self._level(column)} AS l{k}" for k, column in enumerate(self._level_columns))
        episode = " || '/' || ".join(f"t{self._number[name]}" for name in self.book.episode)
        return f"""texts AS (
  SELECT "{FILE}", "{ROW}", {_listed(texts)}, {_listed(values)}
  FROM {self.view}
),
numbers AS (
  SELECT *, {_listed(numbers)}
  FROM texts
),
levels AS (
  SELECT *, x{self._number[self.book.time.name]} AS t, {episode or f'"{FILE}"'} AS episode,
    {_listed(levels)}
  FROM numbers
)"""

    @property
    def _selected(self) -> str:
        k, n = self.rows.part
        wanted = [self._is_in(name, values) for name, values in self.rows.only.items()]
        idle = [self._is_in(x.name, x.values) for x in self.book.idle]
        of_part = """
  LEFT JOIN (
    SELECT episode AS wanted_episode, ROW_NUMBER() OVER (ORDER BY episode) - 1 AS number
    FROM (SELECT DISTINCT episode FROM levels WHERE episode IS NOT NULL) AS named
  ) AS episodes ON episode = wanted_episode"""
        if n > 1:
            wanted.append(f"COALESCE(number % {n} = {k}, FALSE)")
        return f"""{self._levels},
selected AS (
  SELECT *, {" AND ".join(wanted) or "TRUE"} AS is_wanted, {" OR ".join(idle) or "FALSE"} AS is_idle
  FROM levels{of_part if n > 1 else ""}
)"""

    @property
    def _readings(self) -> str:
        book = self.book
        row_faults = (
            f"CASE WHEN NOT is_wanted THEN {self._code[NOT_SELECTED]} END",
            self._coded(book.time.name, self._time_faults),
            *(self._coded(name, {MISSING: self._is_missing(name)}) for name in book.episode),
        )
        return f"""{self._selected},
readings AS (
  SELECT *, COALESCE({_listed(row_faults)}) AS row_fault,
    COALESCE(-{self._fault(book.states)}, {self._mixed(book.states, book.states)}) AS state,
    {self._actions("start")} AS action_out, {self._actions("end")} AS action_in,
    {self._rewards("start")} AS reward_out, {self._rewards("end")} AS reward_in,
    {self._fault(self._of_step("start"))} AS fault_out,
    {self._fault(self._of_step("end"))} AS fault_in
  FROM selected
)"""

    @property
    def _copies(self) -> str:
        says = (
            *("state", "action_out", "action_in", "reward_out", "reward_in"),
            *("fault_out", "fault_in", "is_idle"),
        )
        same = " AND ".join(f"{x} IS NOT DISTINCT FROM LAG({x}) OVER along" for x in says)
        order = FILE_ORDER if self._by_file else f"t, {', '.join(says)}"
        return f"""{self._readings},
copies AS (
  SELECT *, row_fault IS NULL AND COALESCE(t = LAG(t) OVER along, FALSE) AND {same} AS is_copy,
    CASE WHEN t < LAG(t) OVER along THEN 1 WHEN t >= LAG(t) OVER along THEN 0 END AS is_back
  FROM readings
  WINDOW along AS (PARTITION BY episode, row_fault IS NULL ORDER BY {order})
)"""

    @property
    def _steps(self) -> str:
        along = f"PARTITION BY episode, row_fault IS NULL ORDER BY {FILE_ORDER}"
        run = f"SUM(COALESCE(is_back, 0)) OVER ({along} ROWS UNBOUNDED PRECEDING)"
        next_run = f"LEAD(run) OVER (PARTITION BY episode, is_linked ORDER BY {FILE_ORDER})"
        ahead = ["t", "state", "action_in", "reward_in", "fault_in", "is_idle"]
        return f"""{self._copies},
runs AS (
  SELECT *, row_fault IS NULL AND NOT is_copy AS is_linked, {run if self._by_file else "0"} AS run
  FROM copies
),
steps AS (
  SELECT *, LAG(t) OVER along AS t_before, LEAD(t, 2) OVER along AS t_after_next,
    {_listed(f"LEAD({x}) OVER along AS next_{x}" for x in ahead)},
    {f"{next_run} IS NULL" if self._by_file else "TRUE"} AS is_last
  FROM runs
  WINDOW along AS (PARTITION BY episode, is_linked{", run" if self._by_file else ""} ORDER BY t)
)"""

    # Reasons as numbers ------------------------------------------------------------------------------

    @cached_property
    def _code(self) -> dict[str, int]:
        """Each reason, numbered from 1; with the next row in front, as many further on."""
        time, book = self.book.time.name, self.book
        plain = [NOT_SELECTED, COPY, CROWDED, IDLE, LAST, RESET, GAP, EARLY, UNLISTED]
        plain += [f"{time}: {fault}" for fault in self._time_faults]
        plain += [f"{name}: {MISSING}" for name in book.episode]
        plain += [fault for column in book.measured for fault in self.faults_of(column)]
        plain = list(dict.fromkeys(plain))
        return {reason: k for k, reason in enumerate([*plain, *(NEXT_ROW + x for x in plain)], 1)}

    @property
    def _n_faults(self) -> int:
        return len(self._code) // 2

    @property
    def _time_faults(self) -> dict[str, str]:
        time = self.book.time.name
        return {MISSING: self._is_missing(time), NOT_A_TIME: f"x{self._number[time]} IS NULL"}

    def _coded(self, name: str, when: Mapping[str, str]) -> str:
        """The number of the first fault of a column whose condition is met; NULL if none is."""
        cases = (f"WHEN {met} THEN {self._code[f'{name}: {fault}']}" for fault, met in when.items())
        return f"CASE {' '.join(cases)} END"

    def _fault(self, columns: Iterable[LevelColumn | RewardColumn]) -> str:
        """The first fault of some columns; NULL where they have none."""
        faults = (self._coded(x.name, self._conditions(x)) for x in columns)
        return f"COALESCE({_listed([*faults, 'CAST(NULL AS INT)'])})"

    def _conditions(self, column: LevelColumn | RewardColumn) -> dict[str, str]:
        """The faults that a column may have, and the condition for each; the first that is met counts."""
        k, is_missing = self._number[column.name], self._is_missing(column.name)
        when = {MISSING: is_missing, NOT_A_NUMBER: f"x{k} IS NULL"}
        if isinstance(column, RewardColumn):
            if column.range is not None:
                low, high = map(double_literal, column.range)
                when[IMPOSSIBLE] = f"x{k} < {low} OR x{k} > {high}"
            return when
        no_level = f"{self._level_alias(column)} IS NULL"
        if isinstance(column.levels, Categories):
            when[UNKNOWN] = no_level
            if column.levels.are_texts:
                del when[NOT_A_NUMBER]
        else:
            when[OUT_OF_RANGE] = no_level
        if column.missing is not None:
            del when[MISSING]
            when = {fault: f"NOT {is_missing} AND {met}" for fault, met in when.items()}
        return when

    def _is_missing(self, name: str) -> str:
        """Whether nothing was measured. Numbers are not written out as texts for that."""
        k = self._number[name]
        return f"COALESCE(ISNAN(v{k}), TRUE)" if self._kind(name) in NUMBERS else f"(t{k} IS NULL)"

    # What a column becomes -------------------------------------------------------------------------

    @cached_property
    def _number(self) -> dict[str, int]:
        """Each name that is read, numbered."""
        learned = (x.levels for x in self._level_columns if isinstance(x.levels, Quantiles))
        splits = (*self.rows.only, *(name for levels in learned for name in levels.learned_on.only))
        return {name: k for k, name in enumerate(dict.fromkeys((*self.book.names, *splits)))}

    @cached_property
    def _units(self) -> dict[str, str | None]:
        clock = self.book.time.unit if self.book.time.unit in CLOCKS else None
        return {
            **{column.name: column.unit for column in self.book.measured},
            self.book.time.name: clock,
        }

    @property
    def _level_columns(self) -> tuple[LevelColumn, ...]:
        return (*self.book.states, *self.book.actions)

    @property
    def _by_file(self) -> bool:
        return self.book.order == "file"

    def _is_part(self, name: str) -> bool:
        """Whether a name is a part of the path.

        Raises:
            InvalidParameter: it is a column of the log as well.
        """
        if name not in self.book.path_names:
            return False
        if name in self.log:
            raise InvalidParameter(f"{name!r} is a part of the path and a column of the log, too")
        return True

    def _kind(self, name: str) -> Kind:
        return "text" if self._is_part(name) else self.log[self.columns[name]]

    def _source(self, name: str) -> str:
        """A name as the view has it."""
        if not self._is_part(name):
            return identifier(self.columns[name])
        parts = path_parts(self.book.path or "")
        group = parts.groups[parts.names.index(name)]
        return f'REGEXP_EXTRACT("{FILE}", {text_literal(parts.pattern)}, {group})'

    def _text_of(self, name: str) -> str:
        return cell_text(self._source(name), self._kind(name), self.book.missing)

    def _value_of(self, name: str) -> str:
        """The number of a column that holds numbers, or the seconds of one that holds times."""
        column, kind = self._source(name), self._kind(name)
        if kind == "time":
            return f"epoch_seconds({column})"
        return f"CAST({column} AS DOUBLE)" if kind in NUMBERS else "CAST(NULL AS DOUBLE)"

    def _number_of(self, name: str) -> str:
        k, time = self._number[name], self.book.time
        if self._kind(name) in (*NUMBERS, "time"):
            return finite(f"v{k}")
        if name == time.name and time.unit not in CLOCKS:
            return time_stamp_in(f"t{k}", time.unit)
        return number_in(f"t{k}")

    def _level(self, column: LevelColumn) -> str:
        k = self._number[column.name]
        is_missing = self._is_missing(column.name)
        missing = [] if column.missing is None else [f"WHEN {is_missing} THEN {column.n - 1}"]
        match column.levels:
            case Categories() as found:
                cases = [
                    f"WHEN {self._is_in(column.name, (x,))} THEN {i}"
                    for i, x in enumerate(found.values)
                ]
            case Edges() as found:
                below = "<" if found.closed == "left" else "<="
                under = ["NULL", *map(str, range(found.n))]
                cases = [
                    f"WHEN x{k} {below} {double_literal(edge)} THEN {level}"
                    for edge, level in zip(found.edges, under)
                    if abs(edge) < float("inf")
                ]
                if found.edges[-1] == float("inf"):
                    cases.append(f"WHEN x{k} IS NOT NULL THEN {found.n - 1}")
            case Quantiles():
                return "CAST(NULL AS INT)"
        return f"CASE {' '.join([*missing, *cases])} END"

    def _mixed(self, columns: Sequence[LevelColumn], chosen: Iterable[LevelColumn]) -> str:
        """What ``chosen`` of the columns of a role add to the number that they make together."""
        terms, size = [], 1
        for column in reversed(columns):
            if column in chosen:
                terms.append(f"{size} * {self._level_alias(column)}")
            size *= column.n
        return f"CAST({' + '.join(reversed(terms)) or '0'} AS BIGINT)"

    def _actions(self, end: BelongsTo) -> str:
        actions = self.book.actions
        return self._mixed(actions, [x for x in actions if x.belongs_to == end])

    def _rewards(self, end: BelongsTo) -> str:
        terms = [
            f"{double_literal(x.weight)} * x{self._number[x.name]}"
            for x in self.book.rewards
            if x.belongs_to == end
        ]
        return " + ".join(terms) or "0e0"

    @property
    def _action(self) -> str:
        """The number of the action among those that the codebook lists."""
        number = "action_out + next_action_in"
        if not isinstance(self.book.combinations, tuple):
            return number
        listed = (
            f"WHEN {self.book.raw_action(levels)} THEN {a}"
            for a, levels in enumerate(self.book.combinations)
        )
        return f"CASE {number} {' '.join(listed)} END"

    def _level_alias(self, column: LevelColumn) -> str:
        return f"l{self._level_columns.index(column)}"

    def _of_step(self, end: BelongsTo) -> tuple[LevelColumn | RewardColumn, ...]:
        columns = self.book.measured[len(self.book.states) :]
        return tuple(column for column in columns if column.belongs_to == end)

    def _is_in(self, name: str, values: Iterable[Value]) -> str:
        """Whether a column is one of some numbers and texts; never NULL."""
        k = self._number[name]
        texts = [x for x in values if isinstance(x, str)]
        numbers = [x for x in values if not isinstance(x, str)]
        ways = [f"t{k} IN ({', '.join(map(text_literal, texts))})"] if texts else []
        ways += [f"x{k} IN ({', '.join(map(double_literal, numbers))})"] if numbers else []
        return f"COALESCE({' OR '.join(ways) or 'FALSE'}, FALSE)"


def _matched(name: str, unit: str | None, log: Mapping[str, Kind]) -> str:
    """The column of the log that a name means: with or without a unit in brackets behind it."""
    stem = base_name(name)
    alike = [name] if name in log else [x for x in log if base_name(x) == stem]
    if not alike:
        close = get_close_matches(name, log, 1)
        hint = f"did you mean {close[0]!r}?" if close else has_columns(log)
        raise InvalidParameter(f"the log has no column {name!r}; {hint}")
    if len(alike) > 1:
        raise InvalidParameter(f"{name!r} may be any of the columns {', '.join(map(repr, alike))}")
    there, expected = bracketed_unit(alike[0]), unit or bracketed_unit(name)
    if None not in (there, expected) and there != expected:
        raise InvalidParameter(
            f"the log has {stem!r} in [{there}], the codebook in [{expected}]: convert the log, or change "
            "unit and edges of the codebook"
        )
    return alike[0]


def time_stamp_in(text: str, unit: str) -> str:
    """The seconds since 1970, UTC, that a text in a format says; NULL where it is not in that format."""
    if unit == ISO:
        groups = dict(zip(("%Y", "%m", "%d", "%H", "%M", "%S"), range(1, 7)))
        pattern, fraction = _ISO_PATTERN, f"REGEXP_EXTRACT({text}, {text_literal(_ISO_PATTERN)}, 7)"
    else:
        pieces = re.split("(%[a-zA-Z])", unit)
        groups = {x: k for k, x in enumerate(pieces[1::2], 1)}
        pattern = "".join(DIRECTIVES.get(x) or plain_pattern(x) for x in pieces)
        pattern, fraction = f"^{pattern}$", "''"
    parts = {x: f"REGEXP_EXTRACT({text}, {text_literal(pattern)}, {k})" for x, k in groups.items()}
    if "%f" in parts:
        fraction = f"'.' || {parts['%f']}"
    day = " || '-' || ".join(parts[x] for x in ("%Y", "%m", "%d"))
    clock = " || ':' || ".join(parts.get(x, "'00'") for x in ("%H", "%M", "%S"))
    return f"epoch_seconds(TRY_CAST({day} || ' ' || {clock} || {fraction} AS TIMESTAMP))"


def _listed(pieces: Iterable[str]) -> str:
    return ",\n    ".join(pieces)
