"""Distances known by hand, and the bisimulation classes as the zero set."""

import numpy as np
import pytest

from germane.errors import IncompatibleModels
from germane.mdp import FiniteMDP
from germane.metrics import dt_bsm, dt_bsm_tv, total_variation
from strategies import transition_rows


def within(metric, i, j, expected, rounding=1e-12):
    slack = rounding * max(1.0, abs(expected))
    return metric.lower[i, j] <= expected + slack and expected <= metric.upper[i, j] + slack


@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.9, 0.999])
def test_two_absorbing_states_are_apart_by_their_reward_for_ever(gamma):
    stay = np.eye(2)[:, None, :]
    mdp = FiniteMDP(stay, [[0.0], [1.0]], gamma)
    metric = dt_bsm(mdp, mdp, tol=1e-9)
    assert within(metric, 0, 1, 1 / (1 - gamma))
    assert within(metric, 0, 0, 0.0)


def test_one_state_each_adds_up_the_largest_reward_gap():
    # d = max_a |r - r'| + gamma d.
    real = FiniteMDP(np.ones((1, 2, 1)), [[1.0, 0.0]], 0.75)
    twin = FiniteMDP(np.ones((1, 2, 1)), [[0.5, 3.0]], 0.75)
    assert within(dt_bsm(real, twin), 0, 0, 12.0)


@pytest.mark.parametrize("mix", [0.0, 0.3, 1.0])
def test_a_twin_that_slips_into_the_wrong_absorbing_state(mix):
    # From s: real -> good surely; twin -> bad with probability mix. d(good, bad) = 1 / (1 - gamma).
    gamma = 0.8
    P = np.array([[[0, 1, 0]], [[0, 1, 0]], [[0, 0, 1]]], dtype=float)
    Q = P.copy()
    Q[0, 0] = [0, 1 - mix, mix]
    r = [[0.0], [1.0], [0.0]]
    metric = dt_bsm(FiniteMDP(P, r, gamma), FiniteMDP(Q, r, gamma), tol=1e-10)
    assert within(metric, 0, 0, gamma * mix / (1 - gamma))


def test_definition_two_by_hand():
    # Rmax = 2, TV = 0.25: d_TV(0, 0) = 0.5 + 0.9 * 2 / 0.1 * 0.25.
    real = FiniteMDP([[[0.5, 0.5]], [[0, 1]]], [[1.0], [-1.0]], 0.9)
    twin = FiniteMDP([[[0.75, 0.25]], [[0, 1]]], [[0.5], [1.0]], 0.9)
    assert total_variation(real, twin).tolist() == [[0.25], [0.0]]
    assert dt_bsm_tv(real, twin) == pytest.approx([0.5 + 18 * 0.25, 2.0], rel=1e-14)


def test_two_equal_models_are_exactly_zero_apart_in_total_variation():
    rng = np.random.default_rng(0)
    mdp = FiniteMDP(transition_rows(rng, "dense", 12, 6), rng.normal(size=(6, 2)), 0.9)
    assert (dt_bsm_tv(mdp, mdp) == 0).all()


def bisimulation_classes(mdp):
    """Partition refinement: states are equal while rewards and masses on classes are."""
    P = mdp.transitions.toarray().reshape(mdp.n_states, mdp.n_actions, mdp.n_states)
    label = np.zeros(mdp.n_states, int)
    while True:
        masses = np.stack([P[:, :, label == c].sum(axis=2) for c in range(label.max() + 1)], axis=2)
        signature = np.hstack([mdp.r, masses.reshape(mdp.n_states, -1)]).round(9)
        refined = np.unique(signature, axis=0, return_inverse=True)[1].ravel()
        if refined.max() == label.max():
            return refined
        label = refined


@pytest.mark.parametrize("seed", range(20))
def test_the_zero_set_is_the_coarsest_bisimulation(seed):
    # A small quotient, blown up: states copy their class, masses spread inside classes.
    rng = np.random.default_rng(seed)
    n_classes, S, A = 3, 8, 2
    of = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, S - n_classes)])
    quotient, r = (
        rng.integers(0, 3, (n_classes, A, n_classes)) + 0.5,
        rng.integers(0, 2, (n_classes, A)),
    )
    quotient /= quotient.sum(axis=2, keepdims=True)
    weight = rng.random(S)
    weight /= np.bincount(of, weight)[of]
    mdp = FiniteMDP(quotient[of][:, :, of] * weight, r[of].astype(float), 0.9)
    classes = bisimulation_classes(mdp)
    metric = dt_bsm(mdp, mdp, tol=1e-9)
    together = classes[:, None] == classes[None, :]
    assert (metric.lower[together] <= 1e-9).all()
    assert (metric.lower[~together] > 1e-6).all()


def test_the_maximum_over_the_diagonal_needs_as_many_twin_states_as_real_ones():
    one = FiniteMDP(np.ones((1, 1, 1)), [[0.0]], 0.9)
    two = FiniteMDP(np.eye(2)[:, None, :], [[0.0], [1.0]], 0.9)
    metric = dt_bsm(one, two)
    assert within(metric, 0, 1, 10.0)
    with pytest.raises(IncompatibleModels, match="1 and 2 states"):
        _ = metric.max_diagonal
    with pytest.raises(IncompatibleModels, match="n_states"):
        dt_bsm_tv(one, two)
