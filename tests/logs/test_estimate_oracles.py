"""Counts from SQL against a plain dictionary, to the last integer, however the same log is written."""

import gzip
import json
from collections import Counter, defaultdict
from fractions import Fraction
from itertools import pairwise

import duckdb
import numpy as np
import pytest

from germane.logs import DuckDB, Transitions, estimate

COLUMNS = ("episode", "t", "state", "action", "reward", "next_state", "terminated", "truncated")
S, A = 7, 3


def a_log(rng, n=400):
    """Rows of a random walk: state 6 ends an episode for good, a cut ends it otherwise; holes."""
    rows, state, episode, t = [], 0, 0, 0
    for _ in range(n):
        action, reached = int(rng.integers(A)), int(rng.choice(S, p=[0.2] * 4 + [0.1, 0.05, 0.05]))
        terminated, truncated = reached == S - 1, bool(rng.random() < 0.03)
        reward = float(rng.integers(-8, 9)) / 4  # its sums are exact in doubles
        rows.append([episode, t, state, action, reward, reached, terminated, truncated])
        state, t = reached, t + 1
        if terminated or truncated:
            state, episode, t = int(rng.integers(S - 1)), episode + 1, 0
    for k in rng.choice(n, 12, replace=False):
        rows[k][int(rng.choice([2, 3, 4, 5]))] = None
    return rows


def reference(rows, *, follows=False, part=(0, 1), reward_above=None):
    """``(counts, sums, squares, terminal, dropped)`` by a loop over the rows."""
    counts, sums, squares = Counter(), defaultdict(Fraction), defaultdict(Fraction)
    terminal, dropped = set(), Counter()
    at = {(row[0], row[1]): row for row in rows}
    for row in rows:
        episode, t, s, a, r, s_next, terminated, truncated = row
        behind = at.get((episode, t + 1))
        if episode % part[1] != part[0] or (reward_above is not None and r not in reward_above):
            dropped["not selected"] += 1
            continue
        if follows:
            s_next = behind[2] if behind else None
            if behind is None:
                later = any(e == episode and other > t for e, other in at)
                dropped["gap" if later else "last of its episode"] += 1
                continue
            if terminated or truncated:
                dropped["ends its episode, with no next state"] += 1
                continue
        for name, value in (("state", s), ("action", a), ("reward", r), ("next_state", s_next)):
            if value is None:
                dropped[f"no {name}"] += 1
                break
        else:
            counts[s, a, s_next] += 1
            sums[s, a, s_next] += Fraction(r)
            squares[s, a, s_next] += Fraction(r) ** 2
            if terminated and not follows:
                terminal.add(s_next)
    return counts, sums, squares, terminal, dropped


def said(found):
    """What an estimate says, in the form of the reference."""
    cells = found.counts.tocoo()
    keys = [(int(k) // A, int(k) % A, int(s)) for k, s in zip(cells.row, cells.col)]
    return (
        dict(zip(keys, cells.data.tolist())),
        dict(zip(keys, map(Fraction, found.reward_sum.tolist()))),
        dict(zip(keys, map(Fraction, found.reward_square_sum.tolist()))),
        set(np.flatnonzero(found.terminal).tolist()),
        dict(found.provenance.dropped),
    )


def counted(source, **options):
    return said(estimate(source, n_states=S, n_actions=A, gamma=0.9, **options))


def write_csv(path, rows, columns=COLUMNS, delimiter=","):
    def cell(value):
        return "" if value is None else str(value)

    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8") as file:
        file.write(delimiter.join(columns) + "\n")
        for row in rows:
            by_name = dict(zip(COLUMNS, row))
            file.write(delimiter.join(cell(by_name[name]) for name in columns) + "\n")


def write_jsonl(path, rows, columns=COLUMNS):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8") as file:
        for row in rows:
            by_name = dict(zip(COLUMNS, row))
            given = {name: by_name[name] for name in columns}
            if not given.get("terminated"):  # a key may be left out
                given.pop("terminated", None)
            file.write(json.dumps(given) + "\n")


def write_parquet(path, rows, columns=COLUMNS, *, types=None, row_group=None):
    kinds = {"reward": "DOUBLE", "terminated": "BOOLEAN", "truncated": "BOOLEAN", **(types or {})}
    values = ", ".join(
        "(" + ", ".join("NULL" if x is None else repr(x) for x in row) + ")" for row in rows
    )
    chosen = ", ".join(f"CAST({name} AS {kinds.get(name, 'BIGINT')}) AS {name}" for name in columns)
    group = f", ROW_GROUP_SIZE {row_group}" if row_group else ""
    duckdb.sql(
        f"COPY (SELECT {chosen} FROM (VALUES {values}) AS given({', '.join(COLUMNS)})) "
        f"TO '{path}' (FORMAT parquet{group})"
    )


WRITERS = {
    "log.parquet": write_parquet,
    "log.csv": write_csv,
    "log.csv.gz": write_csv,
    "log.tsv": lambda path, rows: write_csv(path, rows, delimiter="\t"),
    "log.jsonl": write_jsonl,
    "log.jsonl.gz": write_jsonl,
}
OTHER_PARQUET = {
    "small row groups": {"row_group": 2048},
    "numbers that may be fractions": {"types": {"state": "DOUBLE", "action": "FLOAT"}},
    "narrow numbers": {
        "types": {"state": "UTINYINT", "action": "TINYINT", "next_state": "SMALLINT"}
    },
    "ends as numbers": {"types": {"terminated": "TINYINT", "truncated": "DOUBLE"}},
    "decimals": {"types": {"reward": "DECIMAL(6, 2)", "state": "DECIMAL(9, 0)"}},
    "texts": {"types": dict.fromkeys(COLUMNS, "VARCHAR")},
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_file_format_gives_the_counts_of_a_dictionary(tmp_path, name):
    rows = a_log(np.random.default_rng(1))
    WRITERS[name](tmp_path / name, rows)
    assert counted(tmp_path / name) == reference(rows)


@pytest.mark.parametrize("how", OTHER_PARQUET)
def test_however_parquet_keeps_the_numbers(tmp_path, how):
    rows = a_log(np.random.default_rng(2))
    write_parquet(tmp_path / "log.parquet", rows, **OTHER_PARQUET[how])
    assert counted(tmp_path / "log.parquet") == reference(rows)


def test_arrays_give_the_counts_of_a_dictionary():
    rows = a_log(np.random.default_rng(3))
    arrays = {
        name: np.array([np.nan if x is None else x for x in column], dtype=float)
        for name, column in zip(COLUMNS, zip(*rows))
    }
    expected = reference(rows)
    assert counted(arrays) == expected
    assert counted(Transitions(**arrays)) == expected
    names = ("state", "action", "reward", "next_state", "terminated")
    assert counted(tuple(arrays[name] for name in names)) == expected


@pytest.mark.parametrize("seed", range(4))
def test_neither_order_nor_files_nor_threads_matter(tmp_path, seed):
    rng = np.random.default_rng([4, seed])
    rows = a_log(rng)
    expected = reference(rows)
    shuffled = [rows[k] for k in rng.permutation(len(rows))]
    cuts = sorted(rng.choice(len(rows), int(rng.integers(1, 5)), replace=False))
    bounds = [0, *cuts, len(rows)]
    write, suffix = [(write_parquet, "parquet"), (write_csv, "csv"), (write_jsonl, "jsonl")][
        seed % 3
    ]
    for k, (first, last) in enumerate(pairwise(bounds)):
        folder = tmp_path / f"run={k % 2}"
        folder.mkdir(exist_ok=True)
        columns = [COLUMNS[j] for j in rng.permutation(len(COLUMNS))]  # a file has its own order
        if last > first:
            write(folder / f"log{k}.{suffix}", shuffled[first:last], columns)
    paths = sorted(tmp_path.rglob(f"*.{suffix}"))
    for source in (tmp_path, f"{tmp_path}/*/*.{suffix}", f"{tmp_path}/**/log*", paths, paths[::-1]):
        assert counted(source) == expected
    for threads in (1, 2, 5):
        with DuckDB(threads=threads, memory_mb=500) as engine:
            assert counted(paths, engine=engine) == expected


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("seed", range(3))
def test_without_next_states_the_following_row_tells_them(tmp_path, suffix, seed):
    rng = np.random.default_rng([5, seed])
    rows = a_log(rng)
    kept = [row for row in rows if rng.random() > 0.05]  # gaps
    shuffled = [kept[k] for k in rng.permutation(len(kept))]
    path = tmp_path / f"log.{suffix}"
    write = {"parquet": write_parquet, "csv": write_csv, "jsonl": write_jsonl}[suffix]
    write(path, shuffled, [x for x in COLUMNS if x != "next_state"])
    assert counted(path) == reference(kept, follows=True)


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_in_the_order_of_the_file_where_no_column_tells_the_step(tmp_path, suffix):
    # More rows than a scan hands on at once, so that an order that is lost would show.
    state = np.random.default_rng(6).integers(S, size=30_000)
    expected = Counter((int(s), 0, int(s_next)) for s, s_next in pairwise(state))
    for name, given in zip("ab", np.split(state, 2)):  # each file is an episode
        with duckdb.connect() as connection:
            connection.register("given", {"state": given})
            connection.execute(
                "COPY (SELECT state, 0 AS action, 0.5 AS reward FROM given) "
                f"TO '{tmp_path}/{name}.{suffix}' (FORMAT {'json' if suffix == 'jsonl' else suffix})"
            )
    expected[int(state[14_999]), 0, int(state[15_000])] -= 1
    counts, *_, dropped = counted(tmp_path)
    assert (counts, dropped) == (expected, {"last of its episode": 2})


def test_parts_are_cut_by_number_and_add_up_to_the_whole(tmp_path):
    rows = a_log(np.random.default_rng(7))
    write_parquet(tmp_path / "log.parquet", rows)
    write_csv(tmp_path / "log.csv", rows)
    whole = reference(rows)[0]
    for name in ("log.parquet", "log.csv"):
        parts = [counted(tmp_path / name, part=(k, 3)) for k in range(3)]
        assert parts == [reference(rows, part=(k, 3)) for k in range(3)]
        assert sum((Counter(part[0]) for part in parts), Counter()) == whole


def test_restrictions_hold_for_numbers_and_texts(tmp_path):
    rows = [row for row in a_log(np.random.default_rng(8)) if row[4] is not None]
    write_parquet(tmp_path / "log.parquet", rows)
    write_csv(tmp_path / "log.csv", rows)
    wanted = (0.25, -1.0, 2)
    for name in ("log.parquet", "log.csv"):
        found = counted(tmp_path / name, only={"reward": wanted})
        assert found == reference(rows, reward_above=wanted)


def test_spark_counts_what_a_dictionary_counts(tmp_path, spark):
    rng = np.random.default_rng(9)
    rows = a_log(rng)
    for name in ("log.parquet", "log.jsonl.gz"):
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        WRITERS[name](folder / f"one {name}", rows[:150])
        WRITERS[name](folder / f"two[2]{name}", rows[150:])
        assert counted(folder, engine=spark) == reference(rows)
    shuffled = [rows[k] for k in rng.permutation(len(rows))]
    write_csv(tmp_path / "log.csv", shuffled, [x for x in COLUMNS if x != "next_state"])
    found = counted(tmp_path / "log.csv", part=(1, 2), engine=spark)
    assert found == reference(rows, follows=True, part=(1, 2))
    arrays = {"state": [0, 1, 2], "action": [0, 0, 1], "reward": [1.0, 2.0, np.nan]}
    assert counted(arrays, engine=spark) == counted(arrays)
