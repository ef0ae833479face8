"""Tabular Q-learning: its update, its walk, and where it ends up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.errors import InvalidParameter
from germane.learning import q_learning
from germane.learning._q_learning import update, walk
from germane.mdp import FiniteMDP, bellman_q, regret, solve
from strategies import mdps

law = settings(max_examples=25, deadline=None)


def chain(n, gamma=0.9):
    """0 -> 1 -> ... -> n - 1, which stays and earns 1; action 1 stays and earns 0."""
    P = np.zeros((n, 2, n))
    r = np.zeros((n, 2))
    for s in range(n):
        P[s, 0, min(s + 1, n - 1)] = P[s, 1, s] = 1
    r[n - 1, 0] = 1
    return FiniteMDP(P, r, gamma)


def learn(mdp, *, seed=0, **options):
    return q_learning(mdp, rng=np.random.default_rng(seed), **({"n_steps": 1000} | options))


def test_at_learning_rate_one_a_backward_sweep_over_a_chain_that_ends_is_exact():
    # first visits have step size one; state 5 is worth nothing, so q*(s, 0) = gamma^(4 - s)
    q, n_visits = np.zeros((6, 1)), np.zeros((6, 1), dtype=np.int64)
    for s in (4, 3, 2, 1, 0):
        update(q, n_visits, s, 0, float(s == 4), s + 1, 0.9)
    assert q[:5, 0] == pytest.approx([0.9 ** (4 - s) for s in range(5)], rel=1e-15)


@law
@given(mdps(), st.data())
def test_the_optimal_values_are_a_stationary_point_of_the_expected_update(mdp, data):
    # averaging the update over s_next, from q*, at any visit count: q* + alpha (T q* - q*) = q*
    q_star = bellman_q(mdp, solve(mdp, tol=1e-10).v)
    s = data.draw(st.integers(0, mdp.n_states - 1))
    a = data.draw(st.integers(0, mdp.n_actions - 1))
    n = data.draw(st.integers(0, 1000))
    p = mdp.transitions[[s * mdp.n_actions + a]].toarray().ravel()
    mean = 0.0
    for s_next in np.flatnonzero(p):
        q, n_visits = np.array(q_star), np.full(q_star.shape, n)
        update(q, n_visits, s, a, mdp.r[s, a], s_next, mdp.gamma)
        mean += p[s_next] * q[s, a]
    assert mean == pytest.approx(q_star[s, a], abs=1e-9)


def test_the_step_sizes_are_one_over_one_plus_one_minus_gamma_n():
    # rewards 1, 0, 0 with gamma 0.5 and an end worth nothing:
    # q = 1; then 1 (1 - 1 / 1.5) = 1/3; then 1/3 (1 - 1/2) = 1/6
    q, n_visits = np.zeros((2, 1)), np.zeros((2, 1), dtype=np.int64)
    seen = []
    for reward in (1.0, 0.0, 0.0):
        update(q, n_visits, 0, 0, reward, 1, 0.5)
        seen.append(q[0, 0])
    assert seen == pytest.approx([1, 1 / 3, 1 / 6])
    assert n_visits[0, 0] == 3


def test_q_learning_solves_a_chain():
    mdp = chain(6)
    result = learn(mdp, n_steps=200_000)
    assert (regret(mdp, result.policy) <= 1e-9).all()
    assert np.abs(result.q.max(axis=1) - solve(mdp).v).max() < 0.05


@settings(max_examples=10, deadline=None)
@given(mdps(gamma=st.just(0.5)))
def test_q_learning_comes_close_to_the_optimal_values(mdp):
    # rewards in [-1, 1], so q in [-2, 2]: after 40 000 steps every pair has been visited some 100
    # times even with 5 states and 3 actions, and averages of that many are good to 0.3 or so
    result = learn(mdp, n_steps=40_000, epsilon=0.5, restart=0.3)
    assert np.abs(result.q - bellman_q(mdp, solve(mdp).v)).max() < 0.3


@law
@given(mdps(), st.integers(0, 2**32 - 1))
def test_the_same_generator_gives_the_same_table_bit_for_bit(mdp, seed):
    first, second = learn(mdp, seed=seed), learn(mdp, seed=seed)
    assert first.q.tobytes() == second.q.tobytes()
    assert first.history == second.history


@law
@given(mdps(), st.integers(1, 40))
def test_how_often_history_is_written_changes_nothing_that_is_learned(mdp, n_checkpoints):
    assert (learn(mdp, n_checkpoints=n_checkpoints).q == learn(mdp).q).all()


def test_the_walk_follows_the_transition_probabilities():
    # from state 0 to states 0, 1, 2 with 0.2, 0.3, 0.5; from there straight back
    P = np.zeros((3, 1, 3))
    P[0, 0], P[1:, 0, 0] = [0.2, 0.3, 0.5], 1
    rows = FiniteMDP(P, [[0.0], [1.0], [100.0]], 0.9).transitions
    u = np.random.default_rng(0).random((30_000, 3))
    q, n_visits = np.zeros((3, 1)), np.zeros((3, 1), dtype=np.int64)
    r = np.array([[0.0], [1.0], [100.0]])
    _, earned = walk(q, n_visits, 0, u, 0.0, 0.0, rows.indptr, rows.indices, rows.data, r, 0.9)
    at_0, at_1, at_2 = n_visits[:, 0]
    # binomial: five standard deviations of a share of some 17 000 visits are below 0.02
    assert at_1 / at_0 == pytest.approx(0.3, abs=0.02)
    assert at_2 / at_0 == pytest.approx(0.5, abs=0.02)
    assert earned == at_1 + 100 * at_2


def test_exploration_and_restarts_reach_what_the_greedy_walk_never_sees():
    # two states that never communicate, and action 1 always looks worse at first
    P = np.broadcast_to(np.eye(2)[:, None, :], (2, 2, 2))
    mdp = FiniteMDP(P, [[1.0, 2.0], [1.0, 2.0]], 0.5)
    assert (learn(mdp, epsilon=0.0, restart=0.0).q != 0).sum() == 1
    assert (learn(mdp, epsilon=0.2, restart=0.2).policy == 1).all()


def test_history_and_progress_tell_the_steps_and_the_mean_reward():
    told = []
    result = learn(chain(1), n_steps=1001, n_checkpoints=4, epsilon=0.0, progress=told.append)
    assert tuple(told) == result.history
    assert [c.n_steps for c in told] == [250, 500, 750, 1001]
    assert [c.mean_reward for c in told] == [1.0] * 4


def test_progress_may_stop_the_training():
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(chain(2), progress=stop)


def test_the_result_is_read_only():
    result = learn(chain(2))
    with pytest.raises(ValueError, match="read-only"):
        result.q[0, 0] = 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_steps": 0}, "n_steps must be at least 1; got 0"),
        ({"n_checkpoints": 0}, "n_checkpoints must be at least 1"),
        ({"epsilon": 1.5}, "epsilon must be a probability; got 1.5"),
        ({"restart": float("nan")}, "restart must be a probability; got nan"),
    ],
)
def test_an_option_out_of_its_range_is_refused_by_name(options, message):
    with pytest.raises(InvalidParameter, match=message):
        learn(chain(2), **options)
