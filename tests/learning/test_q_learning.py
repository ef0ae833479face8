"""Tabular Q-learning: its update, its walk, and where it ends up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.errors import InvalidParameter
from germane.learning import DiscreteEnv, Schedule, TrainingState, q_learning
from germane.learning._q_table import QTable, first_largest, put, search, update, value
from germane.learning._training import Plan
from germane.mdp import FiniteMDP, bellman_q, regret, solve
from learning.plain import plain_q_learning
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


def step_towards(q, n_visits, s, a, target, *, gamma):
    """One update with the default step size."""
    plan = Plan(Schedule(0.3, 0.0, 1.0, 0.0), Schedule(1.0, 1 - gamma, 1.0, 0.0), 40)
    update(plan, QTable(q, q.argmax(axis=1), q.max(axis=1)), n_visits, s, a, target)


def test_at_learning_rate_one_a_backward_sweep_over_a_chain_that_ends_is_exact():
    # first visits have step size one; state 5 is worth nothing, so q*(s, 0) = gamma^(4 - s)
    q, n_visits = np.zeros((6, 1)), np.zeros((6, 1), dtype=np.int64)
    for s in (4, 3, 2, 1, 0):
        step_towards(q, n_visits, s, 0, float(s == 4) + 0.9 * q[s + 1].max(), gamma=0.9)
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
        target = mdp.r[s, a] + mdp.gamma * q[s_next].max()
        step_towards(q, n_visits, s, a, target, gamma=mdp.gamma)
        mean += p[s_next] * q[s, a]
    assert mean == pytest.approx(q_star[s, a], abs=1e-9)


def test_the_step_sizes_are_one_over_one_plus_one_minus_gamma_n():
    # rewards 1, 0, 0 with gamma 0.5 and an end worth nothing:
    # q = 1; then 1 (1 - 1 / 1.5) = 1/3; then 1/3 (1 - 1/2) = 1/6
    q, n_visits = np.zeros((2, 1)), np.zeros((2, 1), dtype=np.int64)
    seen = []
    for reward in (1.0, 0.0, 0.0):
        step_towards(q, n_visits, 0, 0, reward, gamma=0.5)
        seen.append(q[0, 0])
    assert seen == pytest.approx([1, 1 / 3, 1 / 6])
    assert n_visits[0, 0] == 3


@law
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-2, 2)), max_size=60))
def test_the_greedy_action_that_is_kept_is_the_first_of_the_largest_values(writes):
    table = QTable.empty(2, 5)
    for a, new in writes:  # small whole numbers, so that ties abound
        put(table, 1, a, float(new))
        best = table.q[1].argmax()
        assert table.greedy.tolist() == [0, best]
        assert first_largest(table.q, 1) == best
        assert value(table, 1) == table.q[1, best]
        largest_other = np.delete(table.q[1], best).max()
        assert largest_other <= table.others[1] <= table.q[1, best]
    search(table, 1)
    assert table.others[1] == np.delete(table.q[1], table.q[1].argmax()).max()


@law
@given(mdps(), st.integers(0, 2**32 - 1), st.integers(1, 50))
def test_it_takes_the_steps_of_an_implementation_in_plain_python(mdp, seed, trajectory):
    options = {"n_steps": 300, "epsilon": 0.4, "trajectory": trajectory}
    expected = plain_q_learning(mdp, rng=np.random.default_rng(seed), **options)
    assert (learn(mdp, seed=seed, **options).q == expected).all()


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
    result = learn(mdp, n_steps=40_000, epsilon=0.5, trajectory=4)
    assert np.abs(result.q - bellman_q(mdp, solve(mdp).v)).max() < 0.3


@law
@given(mdps(), st.integers(0, 2**32 - 1))
def test_the_same_generator_gives_the_same_table_bit_for_bit(mdp, seed):
    first, second = learn(mdp, seed=seed), learn(mdp, seed=seed)
    assert first.q.tobytes() == second.q.tobytes()
    assert [c._replace(seconds=0) for c in first.history] == [
        c._replace(seconds=0) for c in second.history
    ]


@law
@given(mdps(), st.integers(1, 40))
def test_how_often_history_is_written_changes_nothing_that_is_learned(mdp, checkpoints):
    assert (learn(mdp, checkpoints=checkpoints).q == learn(mdp).q).all()


def test_the_walk_follows_the_transition_probabilities():
    # from state 0 to states 0, 1, 2 with 0.2, 0.3, 0.5; from there straight back
    P = np.zeros((3, 1, 3))
    P[0, 0], P[1:, 0, 0] = [0.2, 0.3, 0.5], 1
    mdp = FiniteMDP(P, [[0.0], [1.0], [100.0]], 0.9)
    state = TrainingState()
    result = learn(mdp, n_steps=30_000, trajectory=30_000, checkpoints=1, state=state)
    at_0, at_1, at_2 = state.arrays["n_visits"][:, 0]
    # binomial: five standard deviations of a share of some 17 000 visits are below 0.02
    assert at_1 / at_0 == pytest.approx(0.3, abs=0.02)
    assert at_2 / at_0 == pytest.approx(0.5, abs=0.02)
    assert result.history[-1].mean_reward == pytest.approx((at_1 + 100 * at_2) / 30_000)


def test_exploration_and_restarts_reach_what_the_greedy_walk_never_sees():
    # two states that never communicate, and action 1 always looks worse at first
    P = np.broadcast_to(np.eye(2)[:, None, :], (2, 2, 2))
    mdp = FiniteMDP(P, [[1.0, 2.0], [1.0, 2.0]], 0.5)
    assert (learn(mdp, epsilon=0.0, trajectory=10_000).q != 0).sum() == 1
    assert (learn(mdp, epsilon=0.2, trajectory=5).policy == 1).all()


class Corridor:
    """A live environment: 0 -> 1 -> 2, where it ends with reward 1; action 1 does nothing for 0."""

    class Numbers:
        def __init__(self, n):
            self.n = n

    observation_space, action_space = Numbers(3), Numbers(2)

    def __init__(self):
        self.seeds, self.s, self.n_steps = [], 0, 0

    def reset(self, *, seed=None):
        self.seeds.append(seed)
        self.s, self.n_steps = 0, 0
        return self.s, {}

    def step(self, action):
        self.s += 1 - action
        self.n_steps += 1
        return self.s, float(self.s == 2), self.s == 2, self.n_steps == 10, {}


def test_a_live_environment_ends_what_is_to_be_earned_only_where_it_terminates():
    # q*(1, 0) = 1, q*(0, 0) = 0.5, and staying is worth half of the best; truncation changes none of it
    env = Corridor()
    q = q_learning(DiscreteEnv(env, gamma=0.5), n_steps=20_000, rng=np.random.default_rng(0)).q
    assert q == pytest.approx(np.array([[0.5, 0.25], [1, 0.5], [0, 0]]), abs=0.01)
    assert env.seeds[0] is not None
    assert set(env.seeds[1:]) == {None}


@pytest.mark.parametrize("name", ["observation_space", "action_space"])
def test_spaces_that_are_not_discrete_from_zero_on_are_refused(name):
    env = Corridor()
    setattr(env, name, object())
    with pytest.raises(InvalidParameter, match=f"{name} must be Discrete from 0 on"):
        DiscreteEnv(env, gamma=0.5)
    with pytest.raises(InvalidParameter, match=r"gamma must lie in \[0, 1\); got 1"):
        DiscreteEnv(Corridor(), gamma=1)


def test_history_and_progress_tell_the_steps_and_the_mean_reward():
    told = []
    result = learn(chain(1), n_steps=1001, checkpoints=4, epsilon=0.0, progress=told.append)
    assert tuple(told) == result.history
    assert [c.n_steps for c in told] == [250, 500, 750, 1001]
    assert [c.mean_reward for c in told] == [1.0] * 4


def test_history_tells_the_errors_where_the_optimum_is_given():
    mdp = chain(4)
    q_star = bellman_q(mdp, solve(mdp, tol=1e-12).v)
    result = learn(mdp, n_steps=50_000, checkpoints=[100, 1000], q_star=q_star)
    assert [c.n_steps for c in result.history] == [100, 1000, 50_000]
    errors = [c.value_error for c in result.history]
    assert errors[-1] == np.abs(result.q - q_star).max()
    assert errors[-1] < 0.5 < errors[0]
    assert result.history[-1].policy_error == 0
    assert [c.seconds for c in result.history] == sorted(c.seconds for c in result.history)


@law
@given(mdps(), st.integers(1, 999))
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(mdp, stopped_at):
    state, whole = TrainingState(), learn(mdp, checkpoints=[stopped_at])
    learn(mdp, n_steps=stopped_at, checkpoints=1, state=state)
    resumed = learn(mdp, seed=1, checkpoints=[stopped_at], state=state)
    assert (resumed.q == whole.q).all()
    assert [c.mean_reward for c in resumed.history] == [c.mean_reward for c in whole.history]


def test_the_state_of_another_learner_is_refused():
    state = TrainingState()
    learn(chain(3), state=state)
    with pytest.raises(InvalidParameter, match=r"must hold q, float64 of shape \(2, 2\); got"):
        learn(chain(2), state=state)


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
        ({"trajectory": 0}, "trajectory must be at least 1; got 0"),
        ({"checkpoints": 0}, "checkpoints must be at least 1"),
        ({"checkpoints": [3, 3]}, "checkpoints must increase from 1 on"),
        ({"epsilon": 1.5}, r"epsilon must stay within \[0, 1\]; got 1.5"),
        ({"epsilon": float("nan")}, "epsilon must be finite"),
        (
            {"step_size": Schedule(0.5, rate=-1)},
            "step_size must be finite with a rate of at least 0",
        ),
        ({"step_size": Schedule(0.5, 1, power=-1)}, r"step_size must stay within \[0, 1\]"),
        ({"q_star": np.zeros((2, 3))}, r"q_star must have shape \(2, 2\); got \(2, 3\)"),
    ],
)
def test_an_option_out_of_its_range_is_refused_by_name(options, message):
    with pytest.raises(InvalidParameter, match=message):
        learn(chain(2), **options)
