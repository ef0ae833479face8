"""Instances small enough for paper: what every rung must say there, to the last digit."""

import numpy as np
import pytest

from germane.certificates import (
    Comparison,
    bellman_residual,
    calibrated_residual,
    exact,
    kept_mass,
    on_policy_metric,
    residual_gap_aware,
    residual_resolvent,
    theorem1,
    theorem1_one_step,
    trivial,
    twin_metric,
    value_mismatch,
    value_span,
)
from germane.mdp import FiniteMDP, solve
from germane.metrics import dt_bsm
from strategies import transition_rows


def moves(*targets):
    """``(S, A, S)`` deterministic transitions; ``targets[s][a]`` is the next state."""
    return np.eye(len(targets))[np.array(targets)]


@pytest.mark.parametrize("eps", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("gamma", [0.5, 0.9, 0.99])
def test_neither_constant_of_theorem_1_in_one_step_form_can_be_lowered(gamma, eps):
    # States s, u, w; k = (1 - g) D / g. Rewards s (2D, -eps), u (2D + k, k - eps), w (2D - k, -k - eps) in
    # both models. u and w absorb; s stays in the real model, in the twin it goes to w by action 1 and to
    # u by action 2. The policy takes action 2 at s and action 1 elsewhere.
    #   Real: staying at s earns 2D or -eps a step, so the regret there is H (2D + eps).
    #   Twin: V'(u) = H (2D + k) and V'(w) = H (2D - k), that is 2DH +- D/g, since g k H = D. Action 1
    # at s gives 2D + g V'(w) = 2DH - D = V'(s); action 2 gives -eps + g V'(u) = 2DH - D - eps: g'(s) = eps.
    #   Metric: d(u, u) = d(w, w) = 0; d(s, u) = max(k, k) + g d(s, u), hence H k = D / g, and so is
    # d(s, w); d(s, s) = g D / g = D. So L3b = H (2D + eps): the regret.
    #   Mismatch e(s, 1) = g (V'(s) - V'(w)) = g (D / g - D) = (1 - g) D and e(s, 2) = -(1 + g) D, 0 at u
    # and w. So L4 = 2 H (1 + g) D + H eps, which is (1 + g) L3b at eps = 0; and
    # L4s = H [(1 - g) D + (1 + g) D + eps] = L3b.
    D, H = 1.5, 1 / (1 - gamma)
    k = (1 - gamma) * D / gamma
    r = [[2 * D, -eps], [2 * D + k, k - eps], [2 * D - k, -k - eps]]
    real = FiniteMDP(moves([0, 0], [1, 1], [2, 2]), r, gamma)
    twin = FiniteMDP(moves([2, 1], [1, 1], [2, 2]), r, gamma)
    c = Comparison(real=real, twin=twin, policy=[1, 0, 0])
    metric = dt_bsm(real, twin, tol=0.0)
    L3b = H * (2 * D + eps)
    assert c.eps == pytest.approx(eps, abs=1e-11 * H)
    assert metric.upper[0] == pytest.approx([D, D / gamma, D / gamma], rel=1e-9)
    assert exact(c).lower == pytest.approx(L3b, rel=1e-9)
    assert theorem1_one_step(c, metric).value == pytest.approx(L3b, rel=1e-9)
    assert theorem1(c, metric).value == pytest.approx(H * (2 * D + (1 + gamma) * eps), rel=1e-9)
    assert value_mismatch(c).value == pytest.approx(H * (2 * (1 + gamma) * D + eps), rel=1e-9)
    assert bellman_residual(c).value == pytest.approx(L3b, rel=1e-9)


def test_the_training_term_is_attained_by_a_twin_that_is_bisimilar():
    # s and z: at either, action 1 earns 0 and action 2 costs eps; z stays and s goes to s in the real
    # model, to z in the twin. All values are 0, and d(s, s) = 0. The policy that errs at s alone errs once in
    # the twin and for ever in the real model: regret eps / (1 - g) = H ||g'|| = L3b, where t(s) = eps.
    eps = 0.25
    r = [[0.0, -eps], [0.0, -eps]]
    real = FiniteMDP(moves([0, 0], [1, 1]), r, 0.9)
    twin = FiniteMDP(moves([1, 1], [1, 1]), r, 0.9)
    c = Comparison(real=real, twin=twin, policy=[1, 0])
    metric = dt_bsm(real, twin, tol=0.0)
    assert metric.max_diagonal[1] == pytest.approx(0, abs=1e-12)
    assert c.eps == pytest.approx(eps, rel=1e-9)
    assert exact(c).lower == pytest.approx(10 * eps, rel=1e-9)
    assert theorem1_one_step(c, metric).value == pytest.approx(10 * eps, rel=1e-9)


def test_the_metric_sees_through_a_twin_that_only_renames_states():
    # From s the real model goes to y, the twin to z. y and z absorb and earn 1, x absorbs and earns
    # nothing. So TV(s) = 1 and sp(V') = 10, hence L2 = 2 * 10 * 0.9 * 10 = 180; but y and z are bisimilar
    # and of one value: L3 = L4 = 0. L0 = 10.
    r = [[0.0], [1.0], [1.0], [0.0]]
    real = FiniteMDP(moves([1], [1], [2], [3]), r, 0.9)
    twin = FiniteMDP(moves([2], [1], [2], [3]), r, 0.9)
    c = Comparison(real=real, twin=twin)
    assert trivial(c).value == pytest.approx(10, rel=1e-12)
    assert value_span(c).value == pytest.approx(180, rel=1e-9)
    assert value_mismatch(c).value == pytest.approx(0, abs=1e-9)
    assert theorem1(c, dt_bsm(real, twin, tol=0.0)).value == pytest.approx(0, abs=1e-9)
    assert twin_metric(c, dt_bsm(twin, twin, tol=0.0)).value == pytest.approx(0, abs=1e-9)


def test_the_values_see_through_a_twin_whose_errors_do_not_matter():
    # Two states; action 1 earns 1 in the first, action 2 in the second, the other one nothing. Real states
    # stay, the twin's change places. Every value is 10: nothing that the twin gets wrong matters, and
    # L2 = L4 = 0. But the metric plays one action on both sides: d(1, 2) = 1 + g d(1, 1) and
    # d(1, 1) = g d(1, 2), so d(1, 1) = g / (1 - g^2) and L3 = 2 * 10 * 0.9 / 0.19 = 94.7.
    r = [[1.0, 0.0], [0.0, 1.0]]
    real = FiniteMDP(moves([0, 0], [1, 1]), r, 0.9)
    twin = FiniteMDP(moves([1, 1], [0, 0]), r, 0.9)
    c = Comparison(real=real, twin=twin)
    assert trivial(c).value == pytest.approx(10, rel=1e-12)
    assert value_span(c).value == pytest.approx(0, abs=1e-9)
    assert value_mismatch(c).value == pytest.approx(0, abs=1e-9)
    metric = dt_bsm(real, twin, tol=0.0)
    assert theorem1(c, metric).value == pytest.approx(2 * 10 * 0.9 / 0.19, rel=1e-9)
    assert theorem1(c, metric).value == pytest.approx(94.7, abs=0.05)


def test_kept_mass_can_beat_the_twins_span():
    # Real rewards 0, the two states change places; twin rewards 1 and -1, the states stay. |R - R'| = Rmax =
    # TV = 1 and V' = +-10: L2 = 2 * 10 (1 + 0.9 * 20) = 380, L1b = 2 * 10 (1 + 9) / (0.1 + 0.9) = 200.
    real = FiniteMDP(moves([1], [0]), [[0.0], [0.0]], 0.9)
    twin = FiniteMDP(moves([0], [1]), [[1.0], [-1.0]], 0.9)
    c = Comparison(real=real, twin=twin)
    assert value_span(c).value == pytest.approx(380, rel=1e-9)
    assert kept_mass(c).value == pytest.approx(200, rel=1e-9)


def network():
    rng = np.random.default_rng(7)
    return FiniteMDP(transition_rows(rng, "dense", 18, 6), rng.random((6, 3)), 0.9)


def test_a_constant_added_to_every_reward_of_the_twin_costs_nothing():
    # R' = R + 0.3: the best policy stays, V' = V* + 3, and T V' - V' = 0.9 * 3 - 3 = -0.3 in every state,
    # under T_pi too: L4s = H (-0.3 + 0.3) = 0, and so are the rungs above it. L4 = 2 H 0.3 = 6. The
    # metric is off by 0.3 at every step, identical coupling: D = 3 and L3 = 2 H 3 = 60.
    real = network()
    twin = FiniteMDP(real.transitions, real.r + 0.3, 0.9)
    c = Comparison(real=real, twin=twin, policy=solve(twin).policy)
    for rung in (bellman_residual, calibrated_residual, residual_resolvent, residual_gap_aware):
        assert 0 <= rung(c).value <= 1e-9
    assert value_mismatch(c).value == pytest.approx(6, rel=1e-9)
    assert theorem1(c, dt_bsm(real, twin, tol=0.0)).value == pytest.approx(60, rel=1e-9)


def test_rewards_too_high_by_one_factor_cost_nothing_once_calibrated():
    # R' = 1.3 R: the best policy stays and V' = 1.3 V*; at kappa = 1 / 1.3 the function is V*, whose
    # residual is 0. Uncalibrated, T_pi V' - V' = R + 1.3 (g P V* - V*) = -0.3 R along the policy and
    # T V' is no smaller, so L4s is at least H 0.3 (max - min of R along the policy).
    real = network()
    twin = FiniteMDP(real.transitions, 1.3 * real.r, 0.9)
    policy = np.asarray(solve(twin).policy)
    c = Comparison(real=real, twin=twin, policy=policy)
    played = real.r[np.arange(6), policy]
    assert exact(c).value <= 1e-9
    assert calibrated_residual(c).value <= 1e-5
    assert bellman_residual(c).value >= 10 * 0.3 * (played.max() - played.min()) * (1 - 1e-9)


def test_the_on_policy_metric_sees_ties_that_the_metric_does_not():
    # From s the real model goes to y and the twin to z. At y and z, action 1 earns nothing and leads to
    # good, action 2 earns 1 and leads to bad; good earns (1 - g) / g for ever, worth 1 / g, and bad nothing:
    # both actions are worth 1. y and z are bisimilar: d(s, s) = 0 and L3 = 0. A policy that takes action 1
    # at y and action 2 at z is optimal, but its two chains are apart: d_pi(y, z) = 1 + g (1 / g) = 2, so
    # d_pi(s, s) = 2 g = 1.8 = L3p.
    g = 0.9
    y, z, good, bad = 1, 2, 3, 4
    fork = [good, bad]
    r = [[0, 0], [0, 1], [0, 1], [(1 - g) / g] * 2, [0, 0]]
    rest = [fork, fork, [good, good], [bad, bad]]
    real = FiniteMDP(moves([y, y], *rest), r, g)
    twin = FiniteMDP(moves([z, z], *rest), r, g)
    c = Comparison(real=real, twin=twin, policy=[0, 0, 1, 0, 0])
    metric = dt_bsm(real, twin, tol=0.0)
    assert theorem1(c, metric).value == pytest.approx(0, abs=1e-9)
    assert on_policy_metric(c, metric).value == pytest.approx(1.8, rel=1e-6)
    assert exact(c).value <= 1e-9
