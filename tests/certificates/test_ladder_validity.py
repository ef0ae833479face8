"""No rung is below the regret, computed on a road that shares no code with the library."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from families import FAMILIES, pair, policies
from germane.certificates import Comparison, bellman_residual, certify, exact
from germane.certificates._certify import FOR_ALL, FOR_ONE, ITERATED
from germane.mdp import FiniteMDP
from germane.metrics import dt_bsm
from oracles import (
    dense,
    optimal_value_by_improvement,
    optimal_value_by_lp,
    policy_value_by_solving,
)

DISCOUNTS = (0.6, 0.9, 0.95, 0.99)


def pairs(family, n, seed):
    """``n`` pairs of a family, each with its own generator, over all discounts."""
    for k in range(n):
        rng = np.random.default_rng([seed, FAMILIES.index(family), k])
        yield rng, *pair(family, rng, DISCOUNTS[k % len(DISCOUNTS)])


def regret(mdp, pi):
    """``(S,)`` regret by dense solves, and how far rounding may put it off."""
    best, reached = optimal_value_by_improvement(mdp), policy_value_by_solving(mdp, pi)
    H = 1 / (1 - mdp.gamma)
    # An elimination of n unknowns is off by n u cond |x|, and cond = 2 H; both values, and the last
    # improvement left out.
    rounding = (4 * mdp.n_states + 100) * 2.0**-53 * H * np.abs([best, reached]).max()
    return best - reached, rounding


def require_valid(bounds, truth, rounding):
    for bound in bounds:
        assert truth.max() <= bound.value + rounding, bound.name
        assert bound.lower <= truth.max() + rounding, bound.name
        if bound.per_state is not None:
            assert (truth <= bound.per_state + rounding).all(), bound.name


@pytest.mark.parametrize("family", FAMILIES)
def test_no_cheap_rung_is_below_the_regret(family):
    for rng, real, twin in pairs(family, 80, seed=1):
        for pi in policies(rng, twin).values():
            c = Comparison(real=real, twin=twin, policy=pi)
            bounds = [rung(c) for rung in FOR_ALL + FOR_ONE + ITERATED]
            require_valid(bounds, *regret(real, pi))


@pytest.mark.parametrize("family", FAMILIES)
def test_no_rung_of_the_metric_is_below_the_regret(family):
    for rng, real, twin in pairs(family, 8, seed=2):
        metric = dt_bsm(real, twin)
        for pi in policies(rng, twin).values():
            certificate = certify(real, twin, policy=pi, metric=metric)
            assert {"L3", "L3b", "L3d", "L3t", "L3p"} <= set(certificate.rungs)
            require_valid(certificate.rungs.values(), *regret(real, pi))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_metric_out_of_time_gives_rungs_that_hold(family):
    for rng, real, twin in pairs(family, 4, seed=3):
        for pi in policies(rng, twin).values():
            certificate = certify(real, twin, policy=pi, max_seconds=0.0)
            require_valid(certificate.rungs.values(), *regret(real, pi))


@pytest.mark.parametrize("family", FAMILIES)
def test_policy_free_rungs_hold_for_every_policy_that_good_in_the_twin(family):
    # Every policy's own regret in the twin is the eps it is certified under, and so is the largest of all.
    for rng, real, twin in pairs(family, 8, seed=4):
        metric = dt_bsm(real, twin)
        chosen = list(policies(rng, twin).values())
        optimal, stochastic = chosen[0], chosen[2]
        chosen += [(1 - x) * optimal + x * stochastic for x in (1e-6, 1e-3, 0.03)]
        lost = [regret(twin, pi) for pi in chosen]
        for eps in {max(t.max() + rounding, 0.0) for t, rounding in lost}:
            certificate = certify(real, twin, twin_regret=eps, metric=metric)
            for pi, (t, rounding) in zip(chosen, lost, strict=True):
                if t.max() + rounding <= eps:
                    require_valid(
                        [b for b in certificate.rungs.values() if b.lower == 0], *regret(real, pi)
                    )


def test_policy_free_bounds_hold_for_the_worst_of_all_deterministic_policies():
    for rng, real, twin in (p for f in ("altered", "doubled") for p in pairs(f, 30, seed=5)):
        every = [
            np.eye(real.n_actions)[list(c)]
            for c in product(*[range(real.n_actions)] * real.n_states)
        ]
        lost = [regret(twin, pi)[0].max() for pi in every]
        eps = float(np.quantile(lost, rng.choice([0.0, 0.1, 0.5]))) + 1e-9
        c = Comparison(real=real, twin=twin, twin_regret=eps)
        worst = max(
            regret(real, pi)[0].max() for pi, t in zip(every, lost, strict=True) if t <= eps
        )
        assert all(rung(c).value >= worst - 1e-9 for rung in FOR_ALL + ITERATED)


def test_the_exact_rung_for_every_policy_is_attained_among_policies_optimal_in_the_twin():
    # At eps = 0 the policies are products of tied actions: the worst of them is the rung.
    n_tied = 0
    for _, real, twin in (
        p for f in ("altered", "doubled", "relabelled") for p in pairs(f, 50, seed=6)
    ):
        v = optimal_value_by_improvement(twin)
        q = twin.r + twin.gamma * dense(twin) @ v
        tied = [np.flatnonzero(row >= row.max() - 1e-9) for row in q]
        n_tied += any(len(t) > 1 for t in tied)
        worst = max(regret(real, np.eye(real.n_actions)[list(c)])[0].max() for c in product(*tied))
        found = exact(Comparison(real=real, twin=twin)).value
        assert found == pytest.approx(worst, abs=1e-8 / (1 - real.gamma))
    assert n_tied >= 10


def test_the_worst_mixture_is_the_linear_program_of_each_state():
    # Maximise sum pi x subject to sum pi gap <= eps over distributions pi; by HiGHS.
    for rng, real, twin in (p for f in FAMILIES for p in pairs(f, 4, seed=7)):
        S, A = real.r.shape
        for eps in (0.0, 0.01, 0.3, 10.0):
            c = Comparison(real=real, twin=twin, twin_regret=eps)
            x = rng.choice([rng.normal(size=(S, A)), rng.integers(-1, 2, (S, A)).astype(float)])
            found = c.over_policies(x)
            for s in range(S):
                program = linprog(
                    -x[s],
                    A_ub=c.gap[[s]],
                    b_ub=[eps],
                    A_eq=np.ones((1, A)),
                    b_eq=[1],
                    options={"primal_feasibility_tolerance": 1e-10},
                )
                if program.status == 0:
                    # HiGHS may break the constraint by 1e-10: worth that times the steepest exchange
                    assert found[s] >= -program.fun - 1e-7
                    if eps > 0:
                        assert found[s] <= -program.fun + 1e-7


def exact_regret(real, policy):
    """The regret in rational arithmetic: every policy's value, by elimination."""
    S, A = real.r.shape
    P = [[[Fraction(x) for x in row] for row in rows] for rows in dense(real).tolist()]
    r = [[Fraction(x) for x in row] for row in real.r.tolist()]
    gamma = Fraction(real.gamma)

    def value(choice):
        rows = [
            [Fraction(s == t) - gamma * P[s][choice[s]][t] for t in range(S)] + [r[s][choice[s]]]
            for s in range(S)
        ]
        for k in range(S):  # no pivoting: the matrix is diagonally dominant
            rows[k] = [x / rows[k][k] for x in rows[k]]
            for j in range(S):
                if j != k:
                    rows[j] = [x - rows[j][k] * y for x, y in zip(rows[j], rows[k], strict=True)]
        return [row[-1] for row in rows]

    best = [max(column) for column in zip(*map(value, product(range(A), repeat=S)), strict=True)]
    return max(b - v for b, v in zip(best, value(policy), strict=True))


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("gamma", [0.0, 0.9, 0.9999])
def test_rounding_never_puts_a_bound_below_the_regret(gamma, scale):
    # Masses are eighths, exact in binary; the regret is rational and the comparison exact. Rewards of
    # three values make ties and zeros, where there is no slack but that of rounding.
    for seed in range(12):
        rng = np.random.default_rng([9, seed])
        S, A = 3, 2
        P = rng.multinomial(8, rng.dirichlet(np.ones(S)), (S, A)) / 8
        r = scale * rng.integers(-3, 4, (S, A)) / 3
        Q, r_twin = P.copy(), r.copy()
        if seed % 3:
            Q[0, 0] = rng.multinomial(8, np.full(S, 1 / 3)) / 8
        if seed % 2:
            r_twin = r * (1 + 2.0**-20) + scale * 2.0**-10
        real, twin = FiniteMDP(P, r, gamma), FiniteMDP(Q, r_twin, gamma)
        for policy in product(range(A), repeat=S):
            truth = exact_regret(real, policy)
            c = Comparison(real=real, twin=twin, policy=policy)
            for rung in FOR_ALL + FOR_ONE + ITERATED:
                bound = rung(c)
                assert bound.lower <= truth <= bound.value, bound.name
        certificate = certify(real, twin, policy=policy)
        assert all(b.lower <= truth <= b.value for b in certificate.rungs.values())


@pytest.mark.parametrize("gamma", [0.9, 0.99])
def test_rounding_is_charged_where_the_bound_is_attained(gamma):
    # The instance of the golden tests in which L4s is the regret, all rewards raised by a million: what
    # one backup rounds is then above what the inputs leave between the two.
    moves = [[[0, 0], [1, 1], [2, 2]], [[2, 1], [1, 1], [2, 2]]]
    for seed in range(30):
        D, raised = np.random.default_rng([12, seed]).uniform([0.5, 1e6], [2, 2e6])
        k = (1 - gamma) * D / gamma
        r = raised + np.array([[2 * D, 0], [2 * D + k, k], [2 * D - k, -k]])
        real, twin = (FiniteMDP(np.eye(3)[np.array(m)], r, gamma) for m in moves)
        c = Comparison(real=real, twin=twin, policy=[1, 0, 0])
        truth = exact_regret(real, (1, 0, 0))
        for rung in FOR_ALL + FOR_ONE + ITERATED:
            assert rung(c).value >= truth, (rung.__name__, seed)
        assert float(truth) >= (1 - 1e-5) * bellman_residual(c).value


def test_the_roads_to_the_regret_agree():
    for _, real, _ in (p for f in FAMILIES for p in pairs(f, 4, seed=10)):
        v = optimal_value_by_improvement(real)
        assert v == pytest.approx(optimal_value_by_lp(real), abs=1e-7 / (1 - real.gamma))
    rng = np.random.default_rng(11)
    mdp = FiniteMDP(rng.multinomial(8, [0.2, 0.3, 0.5], (3, 2)) / 8, rng.random((3, 2)), 0.9)
    for policy in product(range(2), repeat=3):
        found, rounding = regret(mdp, np.eye(2)[list(policy)])
        assert abs(float(exact_regret(mdp, policy)) - found.max()) <= rounding
