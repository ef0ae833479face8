"""What a saved certificate carries so that it can be checked: small arrays that prove its claims.

The proof of a regret is two functions, one near the optimal value and one near the policy's (see
``_verify``); each is stored as a sum of two arrays of doubles, so that what they prove is sharper than
any rung's rounding. Where the metric is part of the certificate, so are its couplings.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..errors import TooLarge
from ..mdp import FiniteMDP, bellman_q, chain_value, evaluate, induced_chain, solve
from ..metrics import BisimulationMetric, metric_witness
from ._bound import Array, Bound
from ._comparison import Comparison
from ._verify import Exact

MAX_STEPS = 50
"""Improvements of the worst mixture of actions."""

ZEROS = "0" * 64
"""What the file holds in the place of its own hash while that is computed."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a certificate was made from: two models, a policy, and their metric if there is one."""

    comparison: Comparison
    metric: BisimulationMetric | None


def sealed(record: Mapping[str, Any]) -> str:
    """``record`` as JSON text, with the SHA-256 of this text (its own 64 digits zeros) in it."""
    text = json.dumps({**record, "sha256": ZEROS}, indent=1, sort_keys=True, allow_nan=False) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    return text.replace(f'"sha256": "{ZEROS}"', f'"sha256": "{digest}"')


def witness(evidence: Evidence, rungs: Mapping[str, Bound]) -> dict[str, Any]:
    """The witnesses as plain JSON values: functions on states, and the metric, or why it is left out."""
    c = evidence.comparison
    real, twin = Exact(c.real), Exact(c.twin)
    functions = {"twin optimum": _optimum(c.twin, twin), "optimum": _optimum(c.real, real)}
    if c.pi is None:
        functions["achieved"] = _achieved(c.real, real, _worst_mixtures(c))
    else:
        functions["achieved"] = _achieved(c.real, real, c.pi)
        functions["twin achieved"] = _achieved(c.twin, twin, c.pi)
    for name in ("L4s", "L4s*"):
        if name in rungs and (w := rungs[name].function) is not None:
            functions[name] = [w.tolist()]
    metric, left_out = None, None
    if evidence.metric is not None:
        try:
            found = metric_witness(c.real, c.twin, evidence.metric)
            metric = {"d": _packed(found.d, "<f8"), "cells": _packed(found.cells, "<u2")}
        except TooLarge as error:
            left_out = str(error)
    return {"functions": functions, "metric": metric, "left_out": left_out}


def _optimum(mdp: FiniteMDP, exact: Exact) -> list[list[float]]:
    """The optimal value: that of the policy which planning found."""
    return _achieved(mdp, exact, np.eye(mdp.n_actions)[solve(mdp, tol=0.0).policy])


def _achieved(mdp: FiniteMDP, exact: Exact, pi: Array) -> list[list[float]]:
    """The value of a policy in twice the digits: one exact residual, solved for the correction."""
    v = evaluate(mdp, pi, tol=0.0).v
    w, q = [Fraction(x) for x in v.tolist()], exact.backup([Fraction(x) for x in v.tolist()])
    residual = np.empty(len(v))
    for s, row in enumerate(pi.tolist()):
        played = [(Fraction(p), q[s, a]) for a, p in enumerate(row) if p]
        mean = sum(p * x for p, x in played) / sum(p for p, _ in played)
        residual[s] = float(mean - w[s])
    P, _ = induced_chain(mdp, pi)
    tol = 2.0**-40 * float(np.abs(residual).max())
    correction = chain_value(P, residual, mdp.gamma, tol)[0].v
    return [v.tolist(), correction.tolist()]


def _worst_mixtures(c: Comparison) -> Array:
    """``(S, A)`` the policy of least value in the real model that is good enough in the twin.

    Policy iteration; any policy makes a valid witness, so nothing rests on its convergence.
    """
    v, pi = c.v, np.zeros(c.real.r.shape)
    for _ in range(MAX_STEPS):
        before, pi = pi, _worst(bellman_q(c.real, v), c.gap, c.eps)
        if (pi == before).all():
            break
        v = evaluate(c.real, pi, tol=0.0).v
    return pi


def _worst(q: Array, gap: Array, eps: float) -> Array:
    """``(S, A)`` mixtures of least ``sum_a pi(a) q(s, a)`` with ``sum_a pi(a) gap(s, a) <= eps``.

    A mixture of one action, or of one that is good enough and one that is not.
    """
    S, A = q.shape
    pi, least = np.zeros((S, A)), np.full(S, np.inf)
    for a, b in np.ndindex(A, A):
        allowed, both = gap[:, a] <= eps, gap[:, b] <= eps
        span = np.where(both, 1.0, gap[:, b] - gap[:, a])
        share = np.where(both, 1.0, (eps - gap[:, a]) / np.where(allowed, span, 1.0))
        value = np.where(allowed, q[:, a] + share * (q[:, b] - q[:, a]), np.inf)
        better = np.flatnonzero(value < least)
        least[better], pi[better] = value[better], 0.0
        pi[better, a] += 1 - share[better]
        pi[better, b] += share[better]
    return pi


def _packed(array: Any, kind: str) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(array, kind).tobytes(), 9)).decode()
