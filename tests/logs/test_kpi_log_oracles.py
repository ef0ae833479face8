"""Counts and reasons from SQL against loops over rows, on random logs; and DuckDB against Spark."""

import numpy as np
import pytest

from germane.logs import DuckDB, parse_codebook
from germane.logs._split import Split
from kpi_logs import counted, reference, write_rows

BOOK = """
order = "{order}"
actions = {actions}
missing = ["n/a"]

[[column]]
name = "t [ms]"
role = "time"
unit = "ms"
period = 10
jitter = 1.5

{episode}

[[column]]
name = "users"
role = "idle"
values = [0]

[[column]]
name = "buffer"
role = "state"
edges = [-inf, 0, 2.5, 5]
closed = "{closed}"
otherwise = "drop"

[[column]]
name = "mode"
role = "state"
categories = ["a", "b"]
missing = "off"
otherwise = "drop"

[[column]]
name = "prb"
role = "action"
categories = [6, 12.5]
belongs_to = "{belongs_to}"
otherwise = "drop"

[[column]]
name = "sched"
role = "action"
edges = [0, 1, 2]
otherwise = "drop"

[[column]]
name = "rate"
role = "reward"
belongs_to = "end"
weight = 0.5
otherwise = "drop"

[[column]]
name = "cost"
role = "reward"
belongs_to = "start"
weight = -2
otherwise = "drop"
"""
EPISODE = '[[column]]\nname = "run"\nrole = "episode"\n[[column]]\nname = "ue"\nrole = "episode"'


@pytest.fixture(scope="module")
def engine():
    with DuckDB() as engine:
        yield engine


def a_book(rng):
    order = str(rng.choice(["time", "time", "file"]))
    return parse_codebook(
        BOOK.format(
            order=order,
            actions=rng.choice(['"all"', "[[1, 0], [0, 0], [0, 1]]"]),
            episode=EPISODE if rng.random() < 0.7 else "",
            closed=rng.choice(["left", "right"]),
            belongs_to=rng.choice(["start", "end"]),
        )
    )


def some_rows(rng, *, n, p_bad, shuffled):
    """Rows of a few runs, most at the period, some with every fault that cells and times have."""

    def cell(values, bad):
        return str(rng.choice(bad if rng.random() < p_bad else values))

    rows, time = [], 0.0
    for _ in range(n):
        steps = (
            (0, 3, 5, 7, 8.5, 11.5, 12, 20, -30, -31) if rng.random() < 2 * p_bad else (9.5, 10, 11)
        )
        time += float(rng.choice(steps))
        row = {
            "t [ms]": cell([f"{time:g}"], ["", "n/a", "soon", "inf"]),
            "run": cell(["1", "1", "2"], [""]),
            "ue": cell(["x"], ["y", "nan"]),
            "users": cell(["1", "2"], ["0", "0.0", ""]),
            "buffer": cell(
                ["-1", "0", "1", "2.5", "3", "5"], ["", "6", "full", "1_0", "1d", "NaN", "-inf"]
            ),
            "mode": cell(["a", "b", " a "], ["", "c", "N/A"]),
            "prb": cell(["6", "6.0", "12.5"], ["", "7", "six"]),
            "sched": cell(["0", "1", "0.5"], ["2", "-1", "", "x"]),
            "rate": cell(["1", "2.25"], ["", "x", "Infinity"]),
            "cost": cell(["0", "0.5"], ["", "1e400", "--"]),
        }
        rows += [row] * (2 if rng.random() < p_bad / 2 else 1)
    if shuffled:
        rng.shuffle(rows)
    return rows


def a_log(folder, rng, book, *, n=120):
    shuffled = book.order == "time" and rng.random() < 0.5
    p_bad = float(rng.choice([0.0, 0.02, 0.05]))
    files = {
        str(folder / f"{name}.csv"): some_rows(rng, n=n, p_bad=p_bad, shuffled=shuffled)
        for name in "ab"
    }
    for path, rows in files.items():
        write_rows(folder / path, rows)
    return files


def some_split(rng):
    split = rng.random()
    if split < 0.5:
        return Split()
    return Split((1, 2)) if split < 0.75 else Split((0, 2), {"run": ("1",)})


def assert_same(found, expected):
    (cells, dropped, *_), (cells_2, dropped_2) = found, expected
    assert dropped == dropped_2
    assert {key: n for key, (n, _) in cells.items()} == {key: n for key, (n, _) in cells_2.items()}
    for key, (_, total) in cells.items():
        assert total == pytest.approx(cells_2[key][1], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("seed", range(30))
def test_every_row_ends_where_loops_over_rows_put_it(tmp_path, engine, seed):
    rng = np.random.default_rng(seed)
    book = a_book(rng)
    files, split = a_log(tmp_path, rng, book), some_split(rng)
    cells, dropped, log = found = counted(book, sorted(files), split, engine)
    assert_same(found, reference(book, files, split))
    assert sum(n for n, _ in cells.values()) + dropped.total() == sum(map(len, files.values()))
    assert all(max(s, s2) < book.n_states and a < book.n_actions for s, a, s2 in cells)
    assert log.codebook == book


def test_the_random_logs_meet_every_reason(tmp_path):
    reasons, n = set(), 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        book = a_book(rng)
        cells, dropped = reference(book, a_log(tmp_path, rng, book), some_split(rng))
        reasons |= set(dropped)
        n += sum(n for n, _ in cells.values())
    kinds = {reason.removeprefix("next row: ").split(": ")[-1] for reason in reasons}
    assert kinds == {
        *(
            "not selected",
            "missing",
            "not a time",
            "not a number",
            "out of range",
            "unknown category",
        ),
        *("duplicate", "within half a period of another row", "idle", "last of its episode"),
        *("before a reset of the clock", "gap", "too early", "action not listed"),
    }
    assert n > 1000


def test_spark_says_what_duckdb_says(tmp_path, spark):
    rng = np.random.default_rng(10)  # in the order of the files, with every kind of fault
    book = a_book(rng)
    files, split = a_log(tmp_path, rng, book), some_split(rng)
    assert_same(counted(book, sorted(files), split, spark), reference(book, files, split))


STAMPED = """
actions = "seen"
path = "sched {policy}/run{run}.csv"

[[column]]
name = "time"
role = "time"
unit = "iso"
period = 0.5
jitter = 0

[[column]]
name = "buffer [bytes]"
role = "state"
quantiles = 3
learned_on = { part = [0, 2] }

[[column]]
name = "policy"
role = "action"
categories = ["rr", "wf", "pf"]

[[column]]
name = "rate"
role = "reward"
belongs_to = "end"
"""


def test_spark_reads_stamps_paths_and_quantiles_as_duckdb_does(tmp_path, engine, spark):
    rng = np.random.default_rng(0)
    for policy in ("rr", "pf"):
        for run in (1, 2):
            rows = [
                {
                    "time": f"2024-02-29T23:59:{50 + k // 2 % 10:02d}.{5 * (k % 2)}00Z",
                    "buffer [bytes]": f"{rng.integers(0, 50)}",
                    "rate": f"{rng.integers(0, 9)}",
                }
                for k in range(20)
            ]
            write_rows(tmp_path / f"sched {policy}" / f"run{run}.csv", rows)
    book = parse_codebook(STAMPED)
    found, again = (counted(book, tmp_path, Split((1, 2)), each) for each in (engine, spark))
    assert found[:2] == again[:2]
    assert found[2].codebook == again[2].codebook
    assert found[2].codebook.combinations == ((0,), (2,))
    assert sum(n for n, _ in found[0].values()) == 2 * 19
