"""A first codebook for a log, guessed from the names and values of its columns."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ._codebook import toml_value
from ._columns import CLOCKS, ISO, base_name, bracketed_unit
from ._duckdb import DuckDB
from ._engines import FILE, ROW, Engine
from ._files import Paths, find_files
from ._sql import NUMBERS, Kind, cell_text, identifier, number_in
from ._sql_transitions import time_stamp_in

N_ROWS = 200_000
"""Rows that a draft looks at."""

FEW = 8
"""Columns with no more values than these are proposed as categories."""

NOTHING = "?"
NO_GUESS = "DECIDE: no column looks like it"
"""The name of a column that could not be guessed, and what is said of it."""

ROLES = {
    "time": (r"^time|timestamp|^date|time$", r"time|date"),
    "reward": (r"reward|utility", r"penalty|cost", r"tx_brate|throughput|goodput", r"b?rate"),
    "episode": (
        r"^(experiment|episode|exp|run|trial|session)s?(.?id)?$",
        r"^(imsi|ue|user)(.?id)?$",
    ),
    "idle": (r"^((num|n|nof|number.of).?)?(ues|users)$",),
    "action": (r"^action", r"policy|scheduler|slice_prb|power_multiplier|decision"),
    "state": (r"buffer|queue|backlog", r"cqi|sinr|snr|rsrp|load|occupancy|delay"),
}
"""What the names of columns of a role look like, the surest first."""

AT_MOST = {"time": 1, "reward": 1, "episode": 2, "idle": 1, "action": 8, "state": 3}
"""Columns that are proposed for a role."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a column of a log holds.

    Attributes:
        name: as the log has it.
        kind: of the column.
        n_rows, n_missing, n_values: rows, those without a value, different values.
        n_in_a_file: different values in one file, at most.
        n_numbers: rows with a number.
        least, low, middle, high, most: of the numbers, with the quartiles; NaN without numbers.
        values: if there are few.
    """

    name: str
    kind: Kind
    n_rows: int
    n_missing: int
    n_values: int
    n_in_a_file: int
    n_numbers: int
    least: float
    low: float
    middle: float
    high: float
    most: float
    values: tuple[str, ...] = field(default=())

    @property
    def is_number(self) -> bool:
        return 0 < self.n_numbers == self.n_rows - self.n_missing

    def words(self) -> str:
        """The profile in a line."""
        said = [f"always {self.values[0]}" if self.n_values == 1 else f"{self.n_values:,} values"]
        if self.is_number and self.n_values > 1:
            ends = (self.least, self.most, self.low, self.high)
            said.insert(
                0, "{:,.12g} to {:,.12g}, half of it from {:,.12g} to {:,.12g}".format(*ends)
            )
        if self.n_missing:
            said.append(f"{self.n_missing / self.n_rows:.1%} missing")
        return "; ".join(said)


def draft_codebook(source: Paths, *, engine: Engine | None = None) -> str:
    """The text of a codebook for a log, with guesses, and comments that say what to decide.

    It reads at most the first 200,000 rows. A role for which no column could be guessed has a column
    called ``?``: such a draft is refused until it is decided.

    Args:
        source: a file, a glob, a folder, or several of them.
        engine: what reads them; DuckDB by default.

    Raises:
        MalformedFile: a file cannot be read.
    """
    if engine is None:
        with DuckDB() as duckdb:
            return draft_codebook(source, engine=duckdb)
    files = find_files(source)
    kinds = engine.view("log", files, ordered=True)
    profiles = _profiles(engine, kinds)
    chosen = _guess(profiles)
    nobody: list[Profile | None] = [None]
    parts = [
        _opening(files, profiles),
        _time(engine, chosen["time"], chosen["episode"]),
        *(_episode(x) for x in chosen["episode"]),
        *(_idle(x) for x in chosen["idle"]),
        *(_levels(role, x) for role in ("state", "action") for x in chosen[role] or nobody),
        _reward(chosen["reward"]),
        _unread(profiles, chosen),
    ]
    return "\n".join(part for part in parts if part)


def _profiles(engine: Engine, kinds: Mapping[str, Kind]) -> list[Profile]:
    columns = [(name, kind) for name, kind in kinds.items() if kind != "other"]
    texts, numbers, asked = [], [], ["COUNT(*) AS n_rows"]
    for k, (name, kind) in enumerate(columns):
        column = identifier(name)
        texts.append(f"{cell_text(column, kind)} AS t{k}")
        value = (
            f"CAST({column} AS DOUBLE)" if kind in NUMBERS else number_in(cell_text(column, kind))
        )
        numbers.append(f"{value} AS x{k}")
        asked += [
            f"COUNT(t{k}) AS n{k}, COUNT(DISTINCT t{k}) AS d{k}, COUNT(x{k}) AS m{k}",
            f"MIN(x{k}) AS a{k}, MAX(x{k}) AS e{k}",
            *(
                f"PERCENTILE_DISC({q}) WITHIN GROUP (ORDER BY x{k}) AS {letter}{k}"
                for letter, q in (("b", 0.25), ("c", 0.5), ("d_", 0.75))
            ),
        ]
    head = f"SELECT {FILE}, {', '.join([*texts, *numbers])} FROM (SELECT * FROM log LIMIT {N_ROWS}) AS head"
    answer = engine.query(f"SELECT {', '.join(asked)} FROM ({head}) AS cells")
    found = {key: values[0] for key, values in answer.items()}
    distinct = ", ".join(f"COUNT(DISTINCT t{k}) AS d{k}" for k in range(len(columns)))
    most = ", ".join(f"MAX(d{k}) AS d{k}" for k in range(len(columns)))
    by_file = f"SELECT {distinct} FROM ({head}) AS cells GROUP BY {FILE}"
    in_a_file = engine.query(f"SELECT {most} FROM ({by_file}) AS files")
    n_rows = int(found["n_rows"])
    profiles = []
    for k, (name, kind) in enumerate(columns):
        values: tuple[str, ...] = ()
        if int(found[f"d{k}"]) <= FEW:
            seen = engine.query(
                f"SELECT DISTINCT t{k} AS t FROM ({head}) AS cells WHERE t{k} IS NOT NULL"
            )
            values = tuple(map(str, seen["t"]))
        profiles.append(
            Profile(
                name=name,
                kind=kind,
                n_rows=n_rows,
                n_missing=n_rows - int(found[f"n{k}"]),
                n_values=int(found[f"d{k}"]),
                n_in_a_file=int(in_a_file[f"d{k}"][0]),
                n_numbers=int(found[f"m{k}"]),
                least=float(found[f"a{k}"]),
                low=float(found[f"b{k}"]),
                middle=float(found[f"c{k}"]),
                high=float(found[f"d_{k}"]),
                most=float(found[f"e{k}"]),
                values=values,
            )
        )
    return profiles


def _guess(profiles: Sequence[Profile]) -> dict[str, list[Profile]]:
    """The columns proposed for each role; a column has one, and one that never changes has none."""
    left = [x for x in profiles if x.n_values > 1]
    chosen: dict[str, list[Profile]] = {}
    for role, patterns in ROLES.items():
        usable = [x for x in left if role in ("time", "episode", "action") or x.is_number]
        if role == "episode":  # files are episodes, unless something tells rows of a file apart
            usable = [x for x in usable if x.n_in_a_file > 1]
        chosen[role] = []
        for pattern in patterns:
            alike = [x for x in usable if re.search(pattern, base_name(x.name).lower())]
            chosen[role] = chosen[role] or alike[: AT_MOST[role]]
        left = [x for x in left if x not in chosen[role]]
    return chosen


_OPENING = """\
# A draft for {log}, made from its first {n_rows:,} rows. What is what is guessed
# from names and values: go through the lines that say DECIDE, and delete what is not so.

# DECIDE: "time" if the time column says which row comes next, wherever it stands;
# "file" if the rows stand in order and the clock may start again.
order = "time"

# DECIDE: "all" combinations of the action columns are actions, or only those "seen" in the log?
actions = "seen"

# DECIDE: texts that mean that nothing was measured, such as "n/a"; empty fields and NaN always do.
missing = []
"""

_PATH = """
# DECIDE: parts of the path that are to be columns, as in "tr{{training}}/bs{{bs}}/{{}}.csv".
# path = {path}
"""


def _opening(files: Sequence[Path], profiles: Sequence[Profile]) -> str:
    log = files[0].name + (f" and {len(files) - 1} more files" if len(files) > 1 else "")
    text = _OPENING.format(log=log, n_rows=profiles[0].n_rows if profiles else 0)
    path = toml_value("/".join(files[0].absolute().parts[-3:]))
    return text + (_PATH.format(path=path) if len(files) > 1 else "")


def _time(engine: Engine, chosen: Sequence[Profile], episode: Sequence[Profile]) -> str:
    if not chosen:
        return _table(NOTHING, "time", ['unit = "s"', "period = 1", "jitter = 0.1"])
    (column,) = chosen
    unit, seconds = _clock(column)
    period, low, high = _steps(engine, column, seconds, episode)
    jitter = min(_rounded(max(high - period, period - low, period / 10)), _rounded(0.4 * period))
    return _table(
        column.name,
        "time",
        [
            f"# DECIDE: {', '.join(CLOCKS)}, {ISO}, or a format like %Y.%m.%d_%H.%M.%S",
            f"unit = {toml_value(unit)}",
            f"# DECIDE: time to the next row, and how far it may be off [{unit if unit in CLOCKS else 's'}];"
            f" half of the steps are {low:g} to {high:g}",
            f"period = {period:.12g}",
            f"jitter = {jitter:.12g}",
        ],
        column.words(),
    )


def _clock(column: Profile) -> tuple[str, str]:
    """The unit of a time column, and its time as SQL."""
    quoted = identifier(column.name)
    if column.kind == "time":
        return ISO, f"epoch_seconds({quoted})"
    text = cell_text(quoted, column.kind)
    if column.is_number:
        digits = math.log10(max(abs(column.most), 1))
        guessed = "s" if digits < 11 else "ms" if digits < 14 else "us" if digits < 17 else "ns"
        said = bracketed_unit(column.name)
        value = f"CAST({quoted} AS DOUBLE)" if column.kind in NUMBERS else number_in(text)
        return said if said in CLOCKS else guessed, value
    return ISO, time_stamp_in(text, ISO)


def _steps(
    engine: Engine, column: Profile, seconds: str, episode: Sequence[Profile]
) -> tuple[float, float, float]:
    """Median and quartiles of the time between rows that follow each other."""
    apart = ", ".join(identifier(x) for x in (FILE, *(x.name for x in episode)))
    steps = f"""
SELECT {seconds} - LAG({seconds}) OVER (PARTITION BY {apart} ORDER BY {identifier(ROW)}) AS step
FROM (SELECT * FROM log LIMIT {N_ROWS}) AS head"""
    quartiles = ", ".join(
        f"PERCENTILE_DISC({q}) WITHIN GROUP (ORDER BY step) AS q{k}"
        for k, q in enumerate((0.5, 0.25, 0.75))
    )
    found = engine.query(f"SELECT {quartiles} FROM ({steps}) AS steps WHERE step > 0e0")
    period, low, high = (float(found[f"q{k}"][0]) for k in range(3))
    return (_rounded(period), low, high) if period > 0 else (1.0, 1.0, 1.0)


def _episode(column: Profile) -> str:
    return _table(
        column.name, "episode", [], f"DECIDE: does it tell episodes apart? {column.words()}"
    )


def _idle(column: Profile) -> str:
    return _table(column.name, "idle", ["values = [0]"], f"DECIDE: is 0 idle? {column.words()}")


def _levels(role: str, column: Profile | None) -> str:
    if column is None:
        return _table(NOTHING, role, ["edges = [0, 1, inf]"])
    lines = _unit(column)
    if len(column.values) < column.n_values:
        lines += [
            "# DECIDE: bins [low, high); a value outside is an error",
            f"edges = {_edges(column)}",
        ]
    else:
        values = sorted(
            map(_whole, map(float, column.values)) if column.is_number else column.values
        )
        lines += ["# DECIDE: are these all there are?", f"categories = {toml_value(values)}"]
    if column.n_missing:
        lines += ["# DECIDE: a level of its own where it is missing?", '# missing = "no user"']
    if role == "action":
        lines += [
            '# DECIDE: "start" if it was taken on what its row says, "end" if it led to it',
            'belongs_to = "start"',
        ]
    return _table(column.name, role, lines, column.words())


def _reward(chosen: Sequence[Profile]) -> str:
    name, comment, unit = NOTHING, NO_GUESS, list[str]()
    for column in chosen:
        name, comment, unit = column.name, column.words(), _unit(column)
    decide = [
        "# DECIDE: is it that of the step that starts at its row, or of the one that ends there?",
        'belongs_to = "end"',
        "# DECIDE: what it can be at least and at most, from knowledge and not from the log",
        "# range = [0, 1]",
    ]
    return _table(name, "reward", [*unit, *decide], comment)


def _unread(profiles: Sequence[Profile], chosen: Mapping[str, Sequence[Profile]]) -> str:
    used = {column.name for columns in chosen.values() for column in columns}
    others = [f"#   {x.name}: {x.words()}" for x in profiles if x.n_values and x.name not in used]
    return "\n".join(["# Not read, unless you give them a role:", *others, ""]) if others else ""


def _unit(column: Profile) -> list[str]:
    unit = bracketed_unit(column.name)
    return [f"unit = {toml_value(unit)}"] if unit else []


def _edges(column: Profile) -> str:
    """Edges near the quartiles, from the least value, or nought, to infinity."""
    inner = {_rounded(x) for x in (column.low, column.middle, column.high)}
    first = 0.0 if column.least >= 0 else -math.inf
    if first == 0 and column.low == 0:
        inner.add(1.0 if column.high >= 1 else _rounded(column.high or column.most) / 10)
    edges = [first, *sorted(x for x in inner if x > max(first, column.least)), math.inf]
    return toml_value([_whole(x) for x in edges])


def _whole(x: float) -> float:
    return int(x) if x.is_integer() else x


def _rounded(x: float) -> float:
    """To two digits."""
    return float(f"{x:.2g}")


def _table(name: str, role: str, lines: Iterable[str], comment: str = NO_GUESS) -> str:
    head = [
        "[[column]]",
        f"# {comment}",
        f"name = {toml_value(name)}",
        f"role = {toml_value(role)}",
    ]
    return "\n".join([*head, *lines, ""])
