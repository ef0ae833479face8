"""Off-policy estimates: exactly on all trajectories of small models, and by simulation."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from germane.certificates import off_policy_value
from germane.certificates._off_policy import _Episodes, _lower_end, _stakes, _Weighed
from germane.errors import IncompatibleModels, InvalidParameter, InvalidPolicy
from germane.logs import Transitions
from germane.mdp import FiniteMDP, evaluate, solve
from germane.networks import AdmissionControl

GAMMA = 0.8


def model(rng, S=2, A=2):
    return FiniteMDP(rng.dirichlet(np.ones(S), (S, A)), rng.uniform(0, 1, (S, A)), GAMMA)


def policies(rng, S=2, A=2):
    return rng.dirichlet(np.ones(A), S), rng.dirichlet(3 * np.ones(A), S)


def all_paths(real, behaviour, n_steps):
    """Every trajectory from state 0 with rewards of 0 or 1, and its probability."""
    S, A = real.r.shape
    P = real.transitions.toarray().reshape(S, A, S)
    chances, rows = [], []
    for path in product(product(range(A), (0, 1), range(S)), repeat=n_steps):
        s, chance = 0, 1.0
        for t, (a, r, s_next) in enumerate(path):
            p_reward = real.r[s, a] if r else 1 - real.r[s, a]
            chance *= behaviour[s, a] * p_reward * P[s, a, s_next]
            rows.append((s, a, r, s_next, len(chances), t))
            s = s_next
        chances.append(chance)
    return np.array(chances), transitions(rows)


def transitions(rows):
    names = ("state", "action", "reward", "next_state", "episode", "t", "terminated")
    return Transitions(**dict(zip(names, np.array(rows).T)))


def value_of(real, policy, n_steps):
    v = np.zeros(real.n_states)
    for _ in range(n_steps):
        q = real.r + real.gamma * (real.transitions @ v).reshape(real.r.shape)
        v = (policy * q).sum(axis=1)
    return v[0]


@pytest.mark.parametrize("k", [0, 1, 3])  # without the twin, at first, all the way
@pytest.mark.parametrize("seed", range(4))
def test_both_estimates_are_unbiased_whatever_the_twin_is(seed, k):
    rng = np.random.default_rng(seed)
    real, twin = model(rng), model(rng)
    pi, b = policies(rng)
    chances, rows = all_paths(real, b, 3)
    log = _Episodes.of(rows, twin, None)
    x, _ = _Weighed(log, pi, b, twin).back(log.r, twin.r, 0.0, k)
    assert chances.sum() == pytest.approx(1)
    assert chances @ x == pytest.approx(value_of(real, pi, 3), rel=1e-12)


@pytest.mark.parametrize("k", [0, 1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_no_trajectory_falls_below_what_the_interval_counts_on(seed, k):
    rng = np.random.default_rng(seed)
    twin = model(rng)
    pi, b = policies(rng)
    _, rows = all_paths(twin, b, 3)
    log = _Episodes.of(rows, twin, None)
    x, least = _Weighed(log, pi, b, twin).back(log.r, twin.r, 0.0, k)
    assert x.min() >= least - 1e-12
    if k == 0:
        assert least == 0


def test_what_the_behaviour_never_tries_is_left_out_of_the_lower_end_only():
    rng = np.random.default_rng(1)
    real = model(rng)
    pi, b = policies(rng)
    b[1] = [1.0, 0.0]
    chances, rows = all_paths(real, b, 3)
    log = _Episodes.of(rows, real, None)
    weighed = _Weighed(log, pi, b, real)
    for k in (0, 3):
        above, _ = weighed.back(log.r, real.r, 0.0, k)
        below, _ = weighed.back(1 - log.r, 1 - real.r, 1.0, k)
        whole = (1 - GAMMA**3) / (1 - GAMMA)
        assert chances @ above < value_of(real, pi, 3) < whole - chances @ below


def rolled_out(rng, real, behaviour, n_episodes, n_steps, *, end=None):
    """Episodes from state 0 with rewards of 0 or 1; state ``end`` terminates them."""
    rows = []
    P = real.transitions.toarray().reshape(*real.r.shape, -1)
    for episode in range(n_episodes):
        s = 0
        for t in range(n_steps):
            a = rng.choice(real.n_actions, p=behaviour[s])
            after = rng.choice(real.n_states, p=P[s, a])
            r = float(rng.random() < real.r[s, a])
            rows.append((s, a, r, after, episode, t, after == end))
            s = after
            if s == end:
                break
    return transitions(rows)


@pytest.mark.parametrize("p", [0.02, 0.1, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("least", [0.0, -1.0])
def test_the_lower_end_is_above_the_mean_no_more_often_than_it_may_be(p, least):
    n, delta = 7, 0.25
    outcomes = np.array(list(product((0, 1), repeat=n)))
    chances = np.prod(np.where(outcomes, p, 1 - p), axis=1)
    low, high = least, 2.0  # mostly low: heavy above
    mean = low + p * (high - low)
    if mean < 0:  # which it is known not to be
        return
    other = np.where(outcomes, high, low)[:, ::-1] * 0.5 + 0.5 * mean  # another with the same mean
    ends = np.array(
        [
            _lower_end([(low + (high - low) * x, least), (y, least)], high, delta)
            for x, y in zip(outcomes, other)
        ]
    )
    assert chances @ (ends > mean) <= delta
    assert p < 0.5 or chances @ ends > 0.2 * mean


def test_a_stake_depends_on_earlier_episodes_alone():
    x = np.random.default_rng(0).exponential(size=9)
    changed = np.where(np.arange(9) < 5, x, 7.0)
    first, second = (_stakes(values, 3.0, 0.1) for values in (x, changed))
    np.testing.assert_array_equal(first[:6], second[:6])
    assert (first[6:] != second[6:]).all()


def test_two_estimates_of_one_mean_share_the_probability_of_being_wrong():
    x = np.array([1.0, 1.5, 2.0, 0.5] * 5)
    one, doubled = (_lower_end([(x, 0.0)] * n, 4.0, delta) for n, delta in ((1, 0.1), (2, 0.1)))
    assert doubled == pytest.approx(one)
    useless = np.zeros(20)
    assert _lower_end([(x, 0.0), (useless, 0.0)], 4.0, 0.1) <= _lower_end([(x, 0.0)], 4.0, 0.1)


@pytest.mark.parametrize("kind", ["plain", "terminating", "never tried"])
def test_the_interval_holds_the_value_as_often_as_it_says(kind):
    rng = np.random.default_rng(3)
    confidence, n_logs, n_missed = 0.7, 60, 0
    for _ in range(n_logs):
        real, twin = model(rng, 3), model(rng, 3)
        if kind == "terminating":  # the last state is left no more, and earns nothing
            P = real.transitions.toarray()
            P[-2:] = [0, 0, 1]
            r = np.array(real.r)
            r[-1] = 0
            real = FiniteMDP(P.reshape(3, 2, 3), r, GAMMA)
        pi, b = policies(rng, 3)
        if kind == "never tried":
            b[1] = [0.0, 1.0]
        end = 2 if kind == "terminating" else None
        log = rolled_out(rng, real, b, 25, 12, end=end)
        found = off_policy_value(
            log, twin, policy=pi, behaviour=b, reward_range=(0, 1), confidence=confidence
        )
        n_missed += not found.lower <= evaluate(real, pi).v[0] <= found.upper
    assert n_missed <= binom.ppf(0.999, n_logs, 1 - confidence)


TINY = AdmissionControl.tiny()
REAL, TWIN = TINY.mdp(), TINY.perturbed(arrival_rate=-0.1, profit=0.1).mdp()
POLICY = solve(TWIN).policy


def network_log(rng, exploration, n_episodes, n_steps=50):
    b = (1 - exploration) * np.eye(8)[POLICY] + exploration / 8
    chances, next_chances = b.cumsum(axis=1), REAL.transitions.toarray().cumsum(axis=1)
    s, rows = np.zeros(n_episodes, dtype=int), []
    for t in range(n_steps):
        a = (rng.random((n_episodes, 1)) > chances[s]).sum(axis=1).clip(0, 7)
        after = (rng.random((n_episodes, 1)) > next_chances[s * 8 + a]).sum(axis=1).clip(0, 63)
        rows.append((s, a, REAL.r[s, a], after, np.arange(n_episodes), np.full(n_episodes, t)))
        s = after
    return transitions(np.concatenate(rows, axis=1).T), b


def test_a_good_twin_makes_the_estimate_vary_less_and_the_interval_smaller():
    log, b = network_log(np.random.default_rng(0), 0.1, 2000)
    found = off_policy_value(log, TWIN, policy=POLICY, behaviour=b, reward_range=(0, 9))
    assert found.standard_error < 0.5 * found.plain_standard_error
    true = evaluate(REAL, POLICY).v[0]
    assert found.lower < true < found.upper
    assert abs(found.value - true) < 4 * found.standard_error + 0.2
    assert found.upper - found.lower < 0.1 * (9 / (1 - REAL.gamma))
    no_twin = FiniteMDP(TWIN.transitions, 0 * TWIN.r, TWIN.gamma)
    without = off_policy_value(log, no_twin, policy=POLICY, behaviour=b, reward_range=(0, 9))
    assert found.upper - found.lower < 0.7 * (without.upper - without.lower)


def test_on_policy_the_twin_has_nothing_to_add():
    log, b = network_log(np.random.default_rng(1), 0.0, 50)
    found = off_policy_value(log, TWIN, policy=POLICY, behaviour=b, reward_range=(0, 9))
    returns = np.reshape(log.reward, (50, 50)).T @ TWIN.gamma ** np.arange(50)
    assert found.value == pytest.approx(returns.mean(), rel=1e-12)
    assert found.plain_value == pytest.approx(returns.mean(), rel=1e-12)
    assert found.largest_weight == 1


def test_after_an_episode_has_ended_nothing_is_earned():
    ended = [(0, 0, 0.5, 1, k, 0, 1) for k in range(1000)]
    goes_on = [(0, 0, 0.5, 0, 1000, t, 0) for t in range(40)]
    twin = model(np.random.default_rng(0))
    found = off_policy_value(
        transitions(ended + goes_on), twin, policy=[0, 0], behaviour=[0, 0], reward_range=(-1, 1)
    )
    assert 0.4 < found.lower < found.value < found.upper < 0.6


def test_rows_may_come_in_any_order_if_they_are_numbered():
    log, b = network_log(np.random.default_rng(2), 0.2, 30)
    order = np.random.default_rng(0).permutation(len(log.state))
    shuffled = Transitions(**{name: array[order] for name, array in log.arrays.items()})
    options = {"policy": POLICY, "behaviour": b, "reward_range": (0, 9)}
    assert off_policy_value(log, TWIN, **options) == off_policy_value(shuffled, TWIN, **options)


def test_a_behaviour_taken_from_the_log_is_called_an_approximation():
    log, _ = network_log(np.random.default_rng(2), 0.2, 30)
    found = off_policy_value(log, TWIN, policy=POLICY, behaviour=None, reward_range=(0, 9))
    assert any("approximation" in line for line in found.assumptions)


def test_rewards_that_cannot_vary_leave_nothing_open():
    twin = FiniteMDP(np.full((1, 1, 1), 1.0), [[2.0]], GAMMA)
    log = transitions([(0, 0, 2.0, 0, 0, 0)])
    found = off_policy_value(log, twin, policy=[0], behaviour=[0], reward_range=(2, 2))
    assert found.lower == pytest.approx(10)
    assert found.upper == pytest.approx(10)


def one_row(**changes):
    row = {"state": 0, "action": 0, "reward": 1.0, "episode": 0} | changes
    return Transitions(**{name: [value] for name, value in row.items() if value is not None})


@pytest.mark.parametrize(
    ("log", "options", "error", "said"),
    [
        (one_row(episode=None), {}, InvalidParameter, "episode"),
        (one_row(reward=1.5), {}, InvalidParameter, r"lie in \[0, 1\]; got 1.5"),
        (one_row(terminated=1), {"reward_range": (0.5, 1)}, InvalidParameter, "must hold 0"),
        (one_row(action=1), {"behaviour": [0, 0]}, InvalidParameter, r"behaviour\[0, 1\]"),
        (one_row(), {"n_steps": 2}, InvalidParameter, "n_steps"),
        (one_row(), {"confidence": 1}, InvalidParameter, "confidence"),
        (one_row(), {"reward_range": (1, 0)}, InvalidParameter, "low <= high"),
        (one_row(), {"policy": [0, 2]}, InvalidPolicy, r"policy\[1\]"),
        (one_row(state=2), {}, IncompatibleModels, "2 states; the log has state 2"),
    ],
)
def test_what_gives_no_estimate_is_refused(log, options, error, said):
    usual = {"policy": [0, 0], "behaviour": np.full((2, 2), 0.5), "reward_range": (0, 1)}
    with pytest.raises(error, match=said):
        off_policy_value(log, model(np.random.default_rng(0)), **(usual | options))
