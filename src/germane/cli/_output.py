"""What commands write, print and check alike."""

from __future__ import annotations

import json
import math
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import typer

from ..errors import InvalidParameter

if TYPE_CHECKING:
    from ..metrics import BisimulationMetric


def write_results(
    out: Path, record: Any, certificate: Any, metric: BisimulationMetric | None
) -> None:
    """``certificate.json``, ``report.json``, ``report.html`` and ``distances.npz``."""
    from .. import report

    certificate.save(out / "certificate.json")
    save_json(out / "report.json", record)
    report.write(record, out / "report.html")
    if metric is None:
        (out / "distances.npz").unlink(missing_ok=True)
    else:
        save_distances(out, metric)


def save_distances(out: Path, metric: BisimulationMetric) -> None:
    """The least and the largest that each distance can be, as ``distances.npz``."""
    import numpy as np

    np.savez(out / "distances.npz", lower=metric.lower, upper=metric.upper)


def save_json(path: Path, value: Any) -> None:
    """The value as a JSON file."""
    path.write_text(_json(value), encoding="utf-8", newline="\n")


def print_json(value: Any) -> None:
    """The value as JSON on standard output."""
    typer.echo(_json(value), nl=False)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def typed(command: str, *arguments: str, **options: Any) -> str:
    """The command line, less ``--out``, that gives the same again."""
    words = ["germane", command, *map(quote, arguments)]
    for name, value in options.items():
        if value is None or value is False:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words += map(quote, map(str, value if isinstance(value, tuple) else (value,)))
    return " ".join([*words, "--out DIR"])


def require_at_least_zero(option: str, value: float | None) -> None:
    """Refuses a number, where one is given, that is negative or not finite.

    Raises:
        InvalidParameter: naming the option.
    """
    if value is not None and not (math.isfinite(value) and value >= 0):
        raise InvalidParameter(f"{option} must be finite and at least 0; got {value}")
