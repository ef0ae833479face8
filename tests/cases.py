"""Exact rational cases, kept beside the repository; tests that need them skip where they are not."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from germane.mdp import FiniteMDP

FOLDER = Path(__file__).parents[2] / "shared" / "cases"


def cases(kind: str) -> list[Any]:
    """Every case of a kind, as parameters named after their files."""
    found = [(path.stem, json.loads(path.read_text())) for path in sorted(FOLDER.glob("*.json"))]
    chosen = [pytest.param(case, id=name) for name, case in found if case["kind"] == kind]
    return chosen or [pytest.param(None, marks=pytest.mark.skip(reason="no cases here"))]


def number(text: str) -> float:
    return float(Fraction(text))


def numbers(nested: Any) -> np.ndarray:
    return np.array(np.vectorize(number)(np.array(nested, dtype=object)), dtype=float)


def models(case: dict[str, Any]) -> tuple[FiniteMDP, FiniteMDP]:
    """The real model and its twin; the files index ``P[a][s][s2]``."""
    gamma = number(case["gamma"])
    return (
        FiniteMDP(list(numbers(case["P"])), numbers(case["R"]), gamma),
        FiniteMDP(list(numbers(case["Pp"])), numbers(case["Rp"]), gamma),
    )
