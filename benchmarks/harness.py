"""What the benchmark scripts share: models to time on, a clock, and how a result is recorded."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp
from rich.console import Console
from rich.table import Table

from germane.mdp import FiniteMDP

Out = TypeVar("Out")
FOLDER = Path(__file__).parent / "results"


def garnet(rng: np.random.Generator, S: int, A: int, k: int, gamma: float) -> FiniteMDP:
    """A random model: ``k`` distinct successors a row, Dirichlet masses, uniform rewards."""
    targets = np.argpartition(rng.random((S * A, S)), k - 1, axis=1)[:, :k]
    masses = rng.dirichlet(np.ones(k), S * A)
    indptr = np.arange(0, S * A * k + 1, k)
    P = sp.csr_array((masses.ravel(), targets.ravel(), indptr), shape=(S * A, S))
    return FiniteMDP(P, rng.random((S, A)), gamma)


def queue(n: int, gamma: float, arrivals: float) -> FiniteMDP:
    """A birth-death admission queue of ``n - 1`` places; the action is one of two service speeds."""
    speeds = (0.3, 0.5)
    P, r = np.zeros((n, len(speeds), n)), np.zeros((n, len(speeds)))
    for s in range(n):
        for a, speed in enumerate(speeds):
            served = speed if s > 0 else 0.0
            up = arrivals * (1 - served) if s < n - 1 else 0.0
            down = served * (1 - arrivals)
            P[s, a, min(s + 1, n - 1)] += up
            P[s, a, max(s - 1, 0)] += down
            P[s, a, s] += 1 - up - down
            r[s, a] = -s / n - 0.2 * speed
    return FiniteMDP(P, r, gamma)


def timed(function: Callable[[], Out]) -> tuple[float, Out]:
    """Wall-clock seconds of one call, and its result."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def report(claim: str, rows: list[dict[str, Any]]) -> None:
    """Prints the rows as a table and writes them with machine and commit as JSON."""
    table = Table(title=claim)
    for name in rows[0]:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*(f"{x:.4g}" if isinstance(x, float) else str(x) for x in row.values()))
    Console(width=140).print(table)
    FOLDER.mkdir(exist_ok=True)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    record = {
        "claim": claim,
        "rows": rows,
        "machine": {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "python": platform.python_version(),
        "numpy": np.__version__,
        "commit": commit or None,
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    name = claim.split(":")[0].replace(" ", "-")
    (FOLDER / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
