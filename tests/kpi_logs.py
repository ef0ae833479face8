"""KPI logs for tests: writing them, and a second road from log and codebook to counts."""

from __future__ import annotations

import csv
import math
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from germane.logs import DuckDB, Engine, parse_codebook
from germane.logs._codebook import Codebook
from germane.logs._columns import Categories, Edges, LevelColumn, RewardColumn
from germane.logs._files import find_files
from germane.logs._kpi_log import KpiLog, open_kpi_log
from germane.logs._split import ALL_ROWS, Split

Row = dict[str, str]

PLAIN = """
[[column]]
name = "time"
role = "time"
unit = "ms"
period = 100
jitter = 10
{time}

[[column]]
name = "buffer [bytes]"
role = "state"
unit = "bytes"
edges = [0, 10, 20, 40]
{state}

[[column]]
name = "policy"
role = "action"
categories = ["rr", "pf"]
{action}

[[column]]
name = "rate [Mbps]"
role = "reward"
unit = "Mbps"
belongs_to = "end"
{reward}
"""
"""A codebook with one column of each role, and room for further keys of each."""


def plain_codebook(more: str = "", **keys: str) -> Codebook:
    """``PLAIN`` with further keys, and columns behind or keys of the whole before (``head``)."""
    text = PLAIN.format_map(defaultdict(str, keys))
    return parse_codebook(f"{keys.get('head', '')}\n{text}\n{more}")


def write_log(path: Path, text: str) -> Path:
    """A log whose cells are parted by blanks in ``text``, ``-`` where one is empty, as CSV."""
    lines = [line.split() for line in text.strip().splitlines()]
    cells = [["" if cell == "-" else cell.replace("_", " ") for cell in line] for line in lines]
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(cells)
    return path


def write_rows(path: Path, rows: list[Row]) -> Path:
    """A log of rows with the same columns, as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


Cells = dict[tuple[int, int, int], tuple[int, float]]


def counted(
    book: Codebook, source: Any, rows: Split = ALL_ROWS, engine: Engine | None = None
) -> tuple[Cells, Counter[str], KpiLog]:
    """Counts and sums of rewards of each (s, a, s'), rows dropped by reason, and the log."""
    if engine is None:
        with DuckDB() as duckdb:
            return counted(book, source, rows, duckdb)
    log = open_kpi_log(engine, find_files(source), book, rows)
    found = engine.query(
        "SELECT COALESCE(reason, '') AS reason, state, action, next_state, COUNT(*) AS n, "
        f"SUM(reward) AS r FROM ({log.sql.transitions()}) AS x GROUP BY reason, state, action, next_state"
    )
    cells, dropped = {}, Counter[str]()
    for reason, s, a, s2, n, r in zip(*found.values()):
        if reason:
            dropped[reason] += int(n)
        else:
            cells[int(s), int(a), int(s2)] = int(n), float(r)
    return cells, dropped, log


# The second road -----------------------------------------------------------------------------------


def reference(
    book: Codebook, files: dict[str, list[Row]], rows: Split = ALL_ROWS
) -> tuple[Cells, Counter[str]]:
    """What :func:`counted` returns, by loops over rows. The codebook has nothing to learn."""
    read = [_read(book, file, k, row) for file, log in files.items() for k, row in enumerate(log)]
    names = sorted({row["episode"] for row in read if row["episode"] is not None})
    part, n = rows.part
    runs: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    dropped: Counter[str] = Counter()
    for row in read:
        wanted = all(row["cells"][name] in _as_texts(values) for name, values in rows.only.items())
        in_part = n == 1 or (row["episode"] is not None and names.index(row["episode"]) % n == part)
        if not (wanted and in_part):
            dropped["not selected"] += 1
        elif row["fault"]:
            dropped[row["fault"]] += 1
        else:
            runs[row["episode"]].append(row)
    cells: dict[tuple[int, int, int], list[float]] = defaultdict(list)
    for episode in runs.values():
        for reason, step in _steps(book, episode):
            if reason:
                dropped[reason] += 1
            else:
                cells[step[:3]].append(step[3])
    return {key: (len(r), sum(r)) for key, r in cells.items()}, dropped


def _read(book: Codebook, file: str, k: int, row: Row) -> dict[str, Any]:
    """A row with its levels and faults."""
    nothing = {"", "nan", *(text.lower() for text in book.missing)}
    cells = {name: None if x.strip().lower() in nothing else x.strip() for name, x in row.items()}
    time = cells[book.time.name]
    episode = [file] if not book.episode else [cells[name] for name in book.episode]
    missing = [name for name in book.episode if cells[name] is None]
    fault = None
    if time is None:
        fault = f"{book.time.name}: missing"
    elif _number(time) is None:
        fault = f"{book.time.name}: not a time"
    elif missing:
        fault = f"{missing[0]}: missing"
    state = [_level(column, cells[column.name]) for column in book.states]
    out, into = [], []
    for column in book.actions:
        level = _level(column, cells[column.name])
        (out if column.belongs_to == "start" else into).append((column, level))
    for reward in book.rewards:
        text = cells[reward.name]
        number = None if text is None else _number(text)
        said: Any = number
        if text is None:
            said = f"{reward.name}: missing"
        elif number is None:
            said = f"{reward.name}: not a number"
        elif reward.range and not reward.range[0] <= number <= reward.range[1]:
            said = f"{reward.name}: outside its range"
        (out if reward.belongs_to == "start" else into).append((reward, said))
    return {
        "cells": cells,
        "order": (file, k),
        "episode": None if missing else "/".join(episode),
        "time": _number(time) if time is not None else None,
        "fault": fault,
        "state": next((x for x in state if isinstance(x, str)), tuple(state)),
        "out": out,
        "into": into,
        "idle": any(_is_in(cells[x.name], x.values) for x in book.idle),
    }


def _steps(book: Codebook, episode: list[dict[str, Any]]):
    """Reason, or step, of each row of an episode."""
    period, jitter = book.time.period, book.time.jitter

    def says(row):
        return (row["time"], row["state"], _summary(row["out"]), _summary(row["into"]), row["idle"])

    kept: list[dict[str, Any]] = []
    if book.order == "time":
        for row in sorted(episode, key=lambda row: row["time"]):
            if any(says(row) == says(other) for other in kept):
                yield "duplicate", ()
            else:
                kept.append(row)
        runs = [kept]
    else:
        before, runs = None, [[]]
        for row in sorted(episode, key=lambda row: row["order"]):
            if before is not None and says(row) == says(before):
                yield "duplicate", ()
            else:
                if before is not None and row["time"] < before["time"]:
                    runs.append([])
                runs[-1].append(row)
            before = row
    for k, run in enumerate(runs):
        for row in run:
            near = [x for x in run if x is not row and abs(x["time"] - row["time"]) <= period / 2]
            crowded = "within half a period of another row" if near else None
            row["no use"] = crowded or ("idle" if row["idle"] else None)
        for row, after in zip(run, [*run[1:], None]):
            if row["no use"]:
                yield row["no use"], ()
            elif isinstance(row["state"], str):
                yield row["state"], ()
            elif after is None:
                yield (
                    (
                        "last of its episode"
                        if k == len(runs) - 1
                        else "before a reset of the clock"
                    ),
                    (),
                )
            elif after["time"] - row["time"] > period + jitter + 1e-15 * abs(after["time"]):
                yield "gap", ()
            elif after["time"] - row["time"] < period - jitter - 1e-15 * abs(after["time"]):
                yield "too early", ()
            elif after["no use"]:
                yield f"next row: {after['no use']}", ()
            elif isinstance(after["state"], str):
                yield f"next row: {after['state']}", ()
            else:
                yield _step(book, row, after)


def _summary(said):
    """What rows that are copies of each other have in common, of the columns of one step."""
    levels = [x for column, x in said if isinstance(column, LevelColumn)]
    paid = [(column.weight, x) for column, x in said if isinstance(column, RewardColumn)]
    rewards = [x if isinstance(x, str) else weight * x for weight, x in paid]
    return (
        next((x for x in (*levels, *rewards) if isinstance(x, str)), None),
        None if any(isinstance(x, str) for x in levels) else levels,
        None if any(isinstance(x, str) for x in rewards) else sum(rewards),
    )


def _step(book: Codebook, row: dict[str, Any], after: dict[str, Any]):
    said = [*row["out"], *after["into"]]
    faults = [x for _, x in said if isinstance(x, str)]
    if faults:
        return faults[0], ()
    levels = {column.name: x for column, x in said if column in book.actions}
    action = 0
    for column in book.actions:
        action = action * column.n + levels[column.name]
    if isinstance(book.combinations, tuple):
        chosen = tuple(levels[column.name] for column in book.actions)
        if chosen not in book.combinations:
            return "action not listed", ()
        action = book.combinations.index(chosen)
    reward = sum(column.weight * x for column, x in said if column in book.rewards)
    return None, (_state(book, row), action, _state(book, after), reward)


def _state(book: Codebook, row: dict[str, Any]) -> int:
    number = 0
    for column, level in zip(book.states, row["state"], strict=True):
        number = number * column.n + level
    return number


def _level(column: Any, text: str | None) -> int | str:
    levels = column.levels
    if text is None:
        return f"{column.name}: missing" if column.missing is None else levels.n
    if isinstance(levels, Categories):
        if not levels.are_texts and _number(text) is None:
            return f"{column.name}: not a number"
        for k, value in enumerate(levels.values):
            if _is_in(text, (value,)):
                return k
        return f"{column.name}: unknown category"
    assert isinstance(levels, Edges)
    x = _number(text)
    if x is None:
        return f"{column.name}: not a number"
    for k in range(levels.n):
        low, high = levels.edges[k : k + 2]
        if low <= x < high if levels.closed == "left" else low < x <= high:
            return k
    return f"{column.name}: out of range"


def _number(text: str) -> float | None:
    try:
        x = float(text)
    except ValueError:
        return None
    return x if math.isfinite(x) and "_" not in text else None


def _is_in(text: str | None, values: tuple[Any, ...]) -> bool:
    if text is None:
        return False
    return any(text == x if isinstance(x, str) else _number(text) == x for x in values)


def _as_texts(values: Any) -> set[str]:
    return set(map(str, values))
