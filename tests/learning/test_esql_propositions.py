"""ESQL on a network of 64 states: the propositions of its paper, with the bounds that can be proved."""

import numpy as np
import pytest

from germane.cousins import CousinOptima, cousin_optima
from germane.learning import TrainingState, esql
from germane.mdp import FactoredMDP
from germane.networks import MisoInterference

ORDERS = (1, 2, 3, 4, 5)
U = 0.5


@pytest.fixture(scope="module")
def network():
    """Two transmitters, 64 states; sending costs a little even with nothing to send: no action ties."""
    mdp = MisoInterference.small().factored()
    n_sending = np.array([0, 1, 1, 2]) + np.array([0, 0, 0.3, 0.3])
    found = FactoredMDP(
        kernels=mdp.kernels, index=mdp.index, r=mdp.r - 0.5 * n_sending, gamma=mdp.gamma
    )
    assert found.n_states == 64
    return found


@pytest.fixture(scope="module")
def optima(network):
    found = cousin_optima(network, ORDERS)
    gaps = [np.diff(np.sort(q, axis=1)[:, -2:]).min() for q in found.q.values()]
    assert min(gaps) > 1e-6  # Proposition 4 asks for unique optimal actions
    return found


def every_iteration(network, *, n_iterations, seed):
    """Tables, weights, mixtures and changes after each iteration."""
    state, seen = TrainingState(), []

    def note(checkpoint):
        arrays = state.arrays
        mixture = arrays["decay"][0] * arrays["rest"]
        mixture = mixture + np.tensordot(arrays["mass"], arrays["q"], axes=1)
        seen.append((arrays["q"].copy(), checkpoint.weights, mixture, checkpoint.change))

    esql(
        network,
        rng=np.random.default_rng(seed),
        orders=ORDERS,
        update_ratio=U,
        n_steps=40 * n_iterations,
        checkpoints=n_iterations,
        state=state,
        progress=note,
    )
    return [np.array(x) for x in zip(*seen)]


def test_weights_converge_to_those_of_proposition_4(network, optima):
    # where the two best actions differ by more than twice the error of a learner's row, its greedy
    # action is the optimal one, and the other states bound how far its agreement can be off
    state = TrainingState()
    result = esql(
        network, rng=np.random.default_rng(0), orders=ORDERS, n_steps=4_000_000, checkpoints=4, state=state
    )  # fmt: skip
    unsure = np.zeros((len(ORDERS), network.n_states), dtype=bool)
    for k, (order, q) in enumerate(optima.q.items()):
        gap = np.diff(np.sort(q, axis=1)[:, -2:])[:, 0]
        unsure[k] = gap <= 2 * np.abs(result.members[k] - optima.q[order]).max(axis=1)
    off = (unsure | unsure[0]).mean(axis=1)
    assert off.max() < 0.25  # else the bound below would say nothing
    eta = optima.agreement(ORDERS)
    found = np.log(result.history[-1].weights) - np.log(result.history[-1].weights[0])
    assert (np.abs(found - (eta - eta[0])) <= off + 1e-12).all()
    np.testing.assert_allclose(result.history[-1].weights, optima.weights(ORDERS), atol=0.01)
    np.testing.assert_allclose(
        result.q,
        CousinOptima(dict(zip(ORDERS, result.members))).limit(ORDERS),
        atol=1e-6 + off.max(),
    )


def test_updates_shrink_to_zero_within_propositions_2_and_3(network):
    n = 2000
    tables, weights, mixtures, told = every_iteration(network, n_iterations=n, seed=1)
    weighted = weights[:, :, None, None] * tables
    steps = np.diff(weighted, axis=0, prepend=0)  # (t, K, S, A), from empty tables
    D = np.abs(steps)
    change = np.abs(np.diff(mixtures, axis=0, prepend=0))  # (t, S, A)
    assert told[1:] == pytest.approx(change[1:].max(axis=(1, 2)), abs=1e-9)

    # (23): the change is the discounted sum of the steps
    sum_of_steps, rebuilt = steps.sum(axis=1), np.zeros_like(mixtures[0])
    for t in range(n):
        rebuilt = U * rebuilt + (1 - U) * sum_of_steps[t]
        np.testing.assert_allclose(
            np.abs(rebuilt), change[t], atol=1e-12 * np.abs(mixtures).max() + 1e-12
        )

    t = np.arange(1, n + 1)[:, None, None]
    delta = D.max(axis=0).sum(axis=0)  # Proposition 2
    assert (change <= (1 - U**t) * delta + 1e-10).all()

    # Proposition 3: sampled steps do not shrink from one to the next, but do stay below an envelope
    # C theta^(t - 1), with theta from the slope of what is the largest from t on
    sizes = D.max(axis=(2, 3))  # (t, K)
    largest = np.maximum.accumulate(sizes[::-1])[::-1]
    slopes = np.polyfit(np.arange(n), np.log(largest), 1)[0]
    theta = float(np.exp(slopes.max()))
    assert theta < 1
    C = (sizes / theta ** np.arange(n)[:, None]).max(axis=0).sum()
    assert (change <= (1 - U) * C * t * max(U, theta) ** (t - 1) + 1e-10).all()

    assert change[-100:].max() < change[:100].max() / 20  # Proposition 1: to zero


def test_the_variance_of_the_error_stays_below_what_can_be_proved(network):
    # With no assumption (Minkowski), over any set of runs and without a tolerance:
    #   std(Q^it_t) <= (1 - u) sum_i u^(t - i) sum_n std(w_i^(n) Q_i^(n)) .
    # For the printed form, (sum_n w_n lambda_n)^2, lambda_n is the largest deviation of w_i Q_i / w.
    runs = [every_iteration(network, n_iterations=250, seed=seed)[:3] for seed in range(50)]
    tables, weights, mixtures = (np.array(x) for x in zip(*runs))
    parts = (weights[:, :, :, None, None] * tables).std(axis=0).sum(axis=1)  # (t, S, A)
    bound = np.zeros_like(parts[0])
    for part, mixture in zip(parts, np.moveaxis(mixtures, 1, 0)):
        bound = U * bound + (1 - U) * part
        assert (mixture.std(axis=0) <= bound + 1e-9).all()
    assert (bound <= parts.max(axis=0) + 1e-12).all()
    # and it says something: the runs reach a third of it, on average over the table
    assert mixtures[:, -1].std(axis=0).mean() > bound.mean() / 3
    # that errors of different times are uncorrelated, which a smaller bound asks for, is far from true
    error = tables[:, :, 0] - tables[:, :, 0].mean(axis=0)
    now, before = error[:, -1], error[:, -2]
    correlation = (now * before).mean(axis=0) / (now.std(axis=0) * before.std(axis=0))
    assert np.median(correlation) > 0.9
