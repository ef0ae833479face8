"""Counting a log of transitions against the bare query of the engine, in time and memory.

The log is one Parquet file of up to 50 million rows, made by DuckDB. The baseline is the GROUP BY that any
counting needs, result fetched; ``estimate`` besides checks every row, accounts for those that are
missing something, hashes the file, and builds the sparse counts. Each run is a process of its own, the two
in turn, so that peak memory is that of one of them alone.

    python benchmarks/bench_counting.py             # up to 50 million rows: some minutes, 1 GB of disk
    python benchmarks/bench_counting.py --quick     # up to 1 million
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from harness import report, timed

import germane

S, A, SUCCESSORS = 1000, 8, 8
N_RUNS = 5
MOST_MEMORY = "700MB"

BARE = """
SELECT state, action, next_state, COUNT(*), SUM(reward), SUM(reward * reward)
FROM '{path}' GROUP BY state, action, next_state"""


def write_log(path: Path, n_rows: int, *, plain: bool = False) -> None:
    """A log of ``n_rows`` transitions: about ``S * A * SUCCESSORS`` different ones, rewards with noise.

    A plain one has the four columns that the bare query reads, and no other.
    """
    columns = "state, action, reward, next_state" if plain else "*"
    duckdb.sql(f"""
        COPY (
          SELECT {columns} FROM (
          SELECT i // 1000 AS episode, i AS t, state, action, reward,
            (state * 7 + action * 13 + CAST(hash(i * 3) % {SUCCESSORS} AS INTEGER)) % {S} AS next_state,
            false AS terminated, i % 1000 = 999 AS truncated
          FROM (
            SELECT i, CAST(hash(i) % {S} AS INTEGER) AS state, CAST(hash(i * 5) % {A} AS INTEGER) AS action,
              CASE WHEN i % 10007 = 0 THEN NULL ELSE (hash(i * 7) % 1000) / 1000 END AS reward
            FROM range({n_rows}) AS rows(i))))
        TO '{path}' (FORMAT parquet)""")


def check(path: Path, n_rows: int) -> None:
    """The counts are those of a dictionary, and every row is accounted for."""
    columns = duckdb.sql(
        f"SELECT state, action, next_state, reward FROM '{path}' ORDER BY t"
    ).fetchnumpy()
    expected: dict[tuple[int, int, int], int] = {}
    missing = np.ma.getmaskarray(columns["reward"])
    rows = zip(*(columns[name].tolist() for name in ("state", "action", "next_state")), strict=True)
    for row, lacks in zip(rows, missing.tolist(), strict=True):
        if not lacks:
            expected[row] = expected.get(row, 0) + 1
    found = germane.estimate(path, gamma=0.9, reward_range=(0, 1))
    cells = found.counts.tocoo()
    s, a = np.divmod(cells.row, A)
    got = zip(s.tolist(), a.tolist(), cells.col.tolist(), strict=True)
    assert dict(zip(got, cells.data.tolist(), strict=True)) == expected
    assert found.provenance.n_rows == n_rows
    assert sum(found.provenance.dropped.values()) == int(missing.sum())


def one_run(how: str, path: str) -> None:
    """Prints seconds of wall and of processor time, and peak memory, of one way to count."""

    def bare() -> Any:
        with duckdb.connect(config={"memory_limit": MOST_MEMORY}) as connection:
            return connection.sql(BARE.format(path=path)).fetchnumpy()

    def counted() -> Any:
        return germane.estimate(path, gamma=0.9, reward_range=(0, 1))

    run = {"bare": bare, "estimate": counted}[how]
    germane.FiniteMDP(np.ones((1, 1, 1)), [[0.0]], 0.9)  # imports are not timed
    before = resource.getrusage(resource.RUSAGE_SELF)
    seconds, _ = timed(run)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps([seconds, cpu, after.ru_maxrss / 1e6]))


def measured(how: str, path: Path) -> list[float]:
    done = subprocess.run(
        [sys.executable, __file__, "--run", how, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[float] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="up to 1 million rows")
    parser.add_argument("--run", nargs=2, metavar=("HOW", "PATH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        one_run(*options.run)
        return
    sizes = (100_000, 1_000_000) if options.quick else (1_000_000, 10_000_000, 50_000_000)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        write_log(path, 100_000)
        check(path, 100_000)
        for n_rows, plain in [(n, plain) for n in sizes for plain in (True, False)]:
            write_log(path, n_rows, plain=plain)
            runs = np.array(
                [[measured(how, path) for how in ("bare", "estimate")] for _ in range(N_RUNS)]
            )
            seconds, _, memory = np.median(runs, axis=0).T
            ratio = np.median(runs[:, 1] / runs[:, 0], axis=0)
            rows.append(
                {
                    "rows": n_rows,
                    "columns": 4 if plain else 8,
                    "file_mb": path.stat().st_size / 1e6,
                    "bare_s": float(seconds[0]),
                    "estimate_s": float(seconds[1]),
                    "ratio": float(ratio[0]),
                    "ratio_of_cpu": float(ratio[1]),
                    "bare_gb": float(memory[0]),
                    "estimate_gb": float(memory[1]),
                }
            )
    report("counting: estimate against the bare query", rows)


if __name__ == "__main__":
    main()
