"""What proves a metric: a function that is nearly the metric, and bases that are optimal for it."""

import numpy as np
import pytest

from germane.errors import TooLarge
from germane.mdp import FiniteMDP
from germane.metrics import _witness, dt_bsm, metric_witness
from oracles import dense, transport_by_lp
from strategies import transition_rows


def pair(seed, kind, repeat=False):
    rng = np.random.default_rng(seed)
    models = []
    for S in (4, 3):
        P = transition_rows(rng, kind, S * 2, S)
        if repeat:  # both actions lead to the same
            P = P[np.repeat(np.arange(S) * 2, 2)]
        models.append(FiniteMDP(P, rng.uniform(-1, 1, (S, 2)), 0.9))
    return models


def greedy(p, q, cells):
    plan, left, room = np.zeros((len(p), len(q))), p.copy(), q.copy()
    for x, y in cells:
        moved = min(left[x], room[y])
        plan[x, y] += moved
        left[x] -= moved
        room[y] -= moved
    return plan


@pytest.mark.parametrize("kind", ["dense", "sparse", "deterministic"])
@pytest.mark.parametrize("repeat", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_cells_filled_in_turn_are_couplings_and_the_deciding_ones_are_optimal(kind, repeat, seed):
    real, twin = pair(seed, kind, repeat)
    witness = metric_witness(real, twin, dt_bsm(real, twin))
    P, Q, at, known = dense(real), dense(twin), 0, {}
    applied = np.zeros((4, 3))
    for a, s, t in np.ndindex(2, 4, 3):
        key = P[s, a].tobytes(), Q[t, a].tobytes()
        p, q = P[s, a][P[s, a] > 0], Q[t, a][Q[t, a] > 0]
        cost = witness.d[np.ix_(P[s, a] > 0, Q[t, a] > 0)]
        if key not in known:
            plan = greedy(p, q, witness.cells[at : at + len(p) + len(q) - 1])
            at += len(p) + len(q) - 1
            np.testing.assert_allclose(plan.sum(axis=1), p, atol=1e-14)
            np.testing.assert_allclose(plan.sum(axis=0), q, atol=1e-14)
            known[key] = (plan * cost).sum()
            assert known[key] >= transport_by_lp(p, q, cost) - 1e-9
        gap = abs(real.r[s, a] - twin.r[t, a])
        applied[s, t] = max(applied[s, t], gap + 0.9 * known[key])
    assert at == len(witness.cells)
    np.testing.assert_allclose(applied, witness.d, atol=1e-13)


def test_from_a_metric_stopped_at_once_it_is_as_near():
    real, twin = pair(0, "dense")
    early, late = (dt_bsm(real, twin, **how) for how in ({"max_seconds": 0.0}, {"tol": 0.0}))
    witness = metric_witness(real, twin, early)
    assert (witness.d >= late.lower - 1e-13).all()
    assert (witness.d <= late.upper + 1e-13).all()


@pytest.mark.parametrize("limit", ["MAX_TRIPLES", "MAX_CELLS"])
def test_what_would_be_too_large_is_refused_with_its_size(limit, monkeypatch):
    real, twin = pair(0, "dense")
    metric = dt_bsm(real, twin)
    monkeypatch.setattr(_witness, limit, 20)
    with pytest.raises(TooLarge, match="24 pairs of rows" if limit == "MAX_TRIPLES" else "cells"):
        metric_witness(real, twin, metric)
