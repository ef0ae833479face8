"""Laws that the DT-BSM obeys whatever the models; every tolerance is a certified width."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.errors import IncompatibleModels, InvalidParameter
from germane.mdp import FiniteMDP, solve
from germane.metrics import dt_bsm, dt_bsm_tv
from strategies import mdps

law = settings(max_examples=60, deadline=None)


@st.composite
def pairs(draw, n_models=2, same_states=False, **kwargs):
    """Models with the same actions and discount, and the same states when asked."""
    gamma, A = draw(st.sampled_from([0.0, 0.5, 0.9, 0.99])), draw(st.integers(1, 3))
    S = draw(st.integers(1, 5)) if same_states else None
    size = {"min_states": S, "max_states": S} if S else {}
    one = mdps(min_actions=A, max_actions=A, gamma=st.just(gamma), **size, **kwargs)
    return tuple(draw(one) for _ in range(n_models))


def r_max(real, twin):
    return float(np.abs(real.r[:, None, :] - twin.r[None, :, :]).max())


@law
@given(pairs())
def test_the_interval_is_as_narrow_as_asked(models):
    real, twin = models
    tol = 1e-7 * r_max(real, twin) / (1 - real.gamma)
    metric = dt_bsm(real, twin, tol=tol)
    assert metric.error_bound <= tol or (metric.stop == "rounding" and tol < 1e-13)
    assert (metric.lower <= metric.upper).all()


@law
@given(mdps())
def test_a_state_is_at_distance_zero_from_itself(mdp):
    assert (dt_bsm(mdp, mdp).lower.diagonal() == 0).all()
    metric = dt_bsm(mdp, mdp, tol=1e-9)
    assert metric.max_diagonal[1] <= 1e-9 or metric.stop == "rounding"


@law
@given(pairs())
def test_swapping_the_models_transposes_the_metric(models):
    one, other = dt_bsm(*models), dt_bsm(*models[::-1])
    assert (one.lower <= other.upper.T).all()
    assert (one.upper >= other.lower.T).all()


@law
@given(pairs(n_models=2))
def test_the_quadrilateral_inequality(models):
    # Corollary 2 (30): d(i, l) <= d(i, j) + d(k, j) + d(k, l), i, k real and j, l twin.
    d = dt_bsm(*models)
    via = d.upper[:, :, None, None] + d.upper.T[None, :, :, None] + d.upper[None, None, :, :]
    assert (d.lower[:, None, None, :] <= via).all()


@law
@given(pairs())
def test_optimal_values_differ_by_at_most_the_metric(models):
    # Corollary 1 (26).
    v, w = (solve(mdp) for mdp in models)
    gap = np.abs(v.v[:, None] - w.v[None, :])
    assert (gap <= dt_bsm(*models).upper + v.error_bound + w.error_bound).all()


@law
@given(pairs())
def test_no_distance_exceeds_the_largest_reward_gap_over_the_horizon(models):
    real, twin = models
    ceiling = r_max(real, twin) / (1 - real.gamma)
    slack = 1e-14 / (1 - real.gamma) ** 2  # rewards lie in [-1, 1)
    assert (dt_bsm(real, twin).upper <= ceiling + slack).all()


@law
@given(pairs(same_states=True))
def test_total_variation_bounds_the_diagonal(models):
    # Lemma 5 (38).
    real, twin = models
    slack = 1e-12 * (1 + r_max(real, twin)) / (1 - real.gamma) ** 2
    chain = dt_bsm_tv(real, twin).max() / (1 - real.gamma)
    assert dt_bsm(real, twin).max_diagonal[0] <= chain + slack


@law
@given(pairs(), st.floats(0.01, 100))
def test_scaling_all_rewards_scales_the_metric(models, factor):
    real, twin = models
    scaled = [FiniteMDP(m.transitions, factor * m.r, m.gamma) for m in models]
    one, other = dt_bsm(real, twin), dt_bsm(*scaled)
    assert (other.lower <= factor * one.upper * (1 + 1e-12)).all()
    assert (factor * one.lower <= other.upper * (1 + 1e-12)).all()


@law
@given(mdps(), st.floats(-5, 5))
def test_a_constant_added_to_the_twins_rewards_is_its_distance(mdp, c):
    # Identity couplings: d(s, s) = |c| + gamma d(s, s).
    shifted = FiniteMDP(mdp.transitions, mdp.r + c, mdp.gamma)
    metric, expected = dt_bsm(mdp, shifted), abs(c) / (1 - mdp.gamma)
    slack = 1e-14 * (1 + abs(c)) / (1 - mdp.gamma)
    assert (metric.lower.diagonal() <= expected + slack).all()
    assert (expected - slack <= metric.upper.diagonal()).all()


@law
@given(pairs(), st.randoms(use_true_random=False))
def test_relabelling_states_permutes_the_metric(models, random):
    real, twin = models
    order = list(range(real.n_states))
    random.shuffle(order)
    P = real.transitions.toarray().reshape(real.n_states, real.n_actions, real.n_states)
    relabelled = FiniteMDP(P[order][:, :, order], real.r[order], real.gamma)
    one, other = dt_bsm(real, twin), dt_bsm(relabelled, twin)
    assert (other.lower <= one.upper[order]).all()
    assert (one.lower[order] <= other.upper).all()


@law
@given(pairs())
def test_a_repeated_action_changes_nothing(models):
    doubled = []
    for m in models:
        P = m.transitions.toarray().reshape(m.n_states, m.n_actions, m.n_states)
        doubled.append(FiniteMDP(np.concatenate([P, P], 1), np.concatenate([m.r, m.r], 1), m.gamma))
    one, other = dt_bsm(*models), dt_bsm(*doubled)
    assert (other.lower <= one.upper).all()
    assert (one.lower <= other.upper).all()


@law
@given(mdps(max_states=4))
def test_bisimilar_copies_of_a_state_are_at_distance_zero(mdp):
    # Every state twice, each successor's mass split between its two copies.
    P = mdp.transitions.toarray().reshape(mdp.n_states, mdp.n_actions, mdp.n_states)
    share = np.array([0.25, 0.75])
    split = np.repeat(np.einsum("sat,c->satc", P, share).reshape(*P.shape[:2], -1), 2, axis=0)
    copies = FiniteMDP(split, np.repeat(mdp.r, 2, axis=0), mdp.gamma)
    metric = dt_bsm(mdp, copies)
    for s in range(mdp.n_states):
        assert (metric.lower[s, [2 * s, 2 * s + 1]] <= 1e-12).all()
        assert (metric.upper[s, [2 * s, 2 * s + 1]] <= metric.error_bound).all()


@law
@given(pairs(), st.integers(1, 4))
def test_any_number_of_threads_gives_the_same_bits(models, n_threads):
    one, other = dt_bsm(*models, n_threads=1), dt_bsm(*models, n_threads=n_threads)
    assert np.array_equal(one.lower, other.lower)
    assert np.array_equal(one.upper, other.upper)


def test_models_that_cannot_be_compared_are_refused():
    one = FiniteMDP(np.ones((1, 1, 1)), [[0.0]], 0.9)
    more_actions = FiniteMDP(np.ones((1, 2, 1)), [[0.0, 0.0]], 0.9)
    with pytest.raises(IncompatibleModels, match=r"n_actions.*1 and 2"):
        dt_bsm(one, more_actions)
    with pytest.raises(IncompatibleModels, match=r"gamma.*0\.9 and 0\.8"):
        dt_bsm(one, FiniteMDP(np.ones((1, 1, 1)), [[0.0]], 0.8))
    with pytest.raises(InvalidParameter, match=r"tol.*-1"):
        dt_bsm(one, one, tol=-1.0)
    with pytest.raises(InvalidParameter, match="max_seconds"):
        dt_bsm(one, one, max_seconds=-1.0)
