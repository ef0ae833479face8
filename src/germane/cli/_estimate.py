"""The command ``estimate``: its options as they are typed, and its record, ``germane.estimate/1``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..errors import InvalidParameter

if TYPE_CHECKING:
    from ..logs import EstimatedMDP
    from ..logs._engines import Engine

N_PAIRS = 5
"""Pairs that are named, of those visited most and of those never tried."""


def engine_called(name: Literal["duckdb", "spark"]) -> Engine:
    """The engine of that name, to be closed.

    Raises:
        MissingExtra: Spark is not installed.
    """
    from ..logs import DuckDB, Spark

    return Spark() if name == "spark" else DuckDB()


def part_typed(text: str) -> tuple[int, int]:
    """``K/N`` as two numbers.

    Raises:
        InvalidParameter: it is something else.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found:
        raise InvalidParameter(f"--part is K/N, two whole numbers; got {text!r}")
    return int(found[1]), int(found[2])


def only_typed(texts: Sequence[str]) -> dict[str, tuple[float | str, ...]]:
    """``COLUMN=VALUE,VALUE`` as values by column; what reads as a number is one.

    Raises:
        InvalidParameter: it is something else, or one column is named twice.
    """
    said = _said("--only", texts, "COLUMN=VALUE or COLUMN=VALUE,VALUE")
    return {column: tuple(map(_value, values.split(","))) for column, values in said.items()}


def columns_typed(texts: Sequence[str]) -> dict[str, str]:
    """``NAME=OWN`` as the log's own names of columns.

    Raises:
        InvalidParameter: it is something else, or one column is named twice.
    """
    return _said("--column", texts, "NAME=OWN, such as state=cell_load")


def _said(option: str, texts: Sequence[str], form: str) -> dict[str, str]:
    said: dict[str, str] = {}
    for text in texts:
        name, found, value = text.rpartition("=")
        if not found or not name:
            raise InvalidParameter(f"{option} is {form}; got {text!r}")
        if name in said:
            raise InvalidParameter(f"{option} names {name!r} twice")
        said[name] = value
    return said


def _value(text: str) -> float | str:
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def record(estimate: EstimatedMDP, *, seconds: float) -> dict[str, Any]:
    """What was counted and left out, and how well the pairs were tried, as plain JSON values.

    A state is *met* if a counted transition leaves or enters it. ``untried`` are pairs of states that
    were met: those an agent could have tried.
    """
    about, visits = estimate.provenance, estimate.n_visits
    counts = estimate.counts.tocoo()
    met = np.zeros(estimate.n_states, dtype=bool)
    met[counts.coords[0] // estimate.n_actions] = met[counts.coords[1]] = True
    untried = [(int(s), int(a)) for s, a in estimate.unvisited if met[s]]
    tried = np.sort(visits[visits > 0])
    most = np.argsort(-visits, axis=None, kind="stable")[: min(N_PAIRS, len(tried))]
    return {
        "schema": "germane.estimate/1",
        "sources": [
            {"name": x.name, "sha256": x.sha256, "n_bytes": x.n_bytes} for x in about.sources
        ],
        "engine": about.engine,
        "codebook": about.codebook,
        "part": list(about.part),
        "only": {column: list(values) for column, values in about.only.items()},
        "n_rows": about.n_rows,
        "n_transitions": about.n_transitions,
        "dropped": dict(sorted(about.dropped.items(), key=lambda item: -item[1])),
        "n_states": estimate.n_states,
        "n_states_met": int(met.sum()),
        "n_actions": estimate.n_actions,
        "gamma": estimate.gamma,
        "reward_range": list(estimate.reward_range),
        "reward_range_given": estimate.range_given,
        "levels_learned_here": about.learned_here,
        "pairs": {
            "n": visits.size,
            "n_tried": len(tried),
            "n_untried": len(untried),
            "n_unvisited": len(estimate.unvisited),
        },
        "visits": {
            "least": int(tried[0]),
            "median": int(tried[(len(tried) - 1) // 2]),
            "most": int(tried[-1]),
        },
        "most_visited": [
            _pair(estimate, *divmod(int(pair), estimate.n_actions), visits=visits) for pair in most
        ],
        "untried": [_pair(estimate, s, a, visits=visits) for s, a in untried],
        "fingerprint": estimate.fingerprint(),
        "timings": {"total_seconds": seconds},
    }


def _pair(estimate: EstimatedMDP, s: int, a: int, *, visits: Any) -> dict[str, Any]:
    return {
        "state": s,
        "state_name": estimate.label(s),
        "action": a,
        "action_name": estimate.action_label(a),
        "n_visits": int(visits[s, a]),
    }
