"""What the theorem of the watch promises: exactly on small models, by simulation on a network."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from germane.certificates import Comparison, SampledComparison, Watch
from germane.certificates._bets import Bets
from germane.certificates._watched_means import watched_means
from germane.errors import IncompatibleModels, InvalidParameter, MalformedFile
from germane.mdp import FiniteMDP, solve
from germane.networks import AdmissionControl
from simulated import Field

TINY = AdmissionControl.tiny()
REAL = TINY.mdp()
POLICY = solve(REAL).policy
BEHAVIOUR = np.eye(REAL.n_actions)[POLICY]


def model(rng, S=2, A=2):
    return FiniteMDP(rng.dirichlet(np.ones(S), (S, A)), rng.uniform(0.2, 0.8, (S, A)), 0.9)


def expected_evidence(real, bets, n_steps, *, ends):
    """Over all paths: rewards are one of two ends, actions depend on what was just seen."""
    P = real.transitions.toarray().reshape(real.n_states, real.n_actions, -1)
    total = 0.0
    for path in product(product(range(real.n_states), (0, 1)), repeat=n_steps):
        s, a, chance, pairs, rewards = 0, 0, 1.0, [], []
        for s_next, high in path:
            p_high = (real.r[s, a] - ends[0]) / (ends[1] - ends[0])
            chance *= P[s, a, s_next] * (p_high if high else 1 - p_high)
            pairs.append(s * real.n_actions + a)
            rewards.append(ends[high])
            s, a = s_next, (a + high + s_next) % real.n_actions
        course, _ = bets().play(
            np.array(pairs),
            np.array(rewards),
            np.array([s_next for s_next, _ in path]),
            n_before=0,
            enough=np.inf,
        )
        total += chance * course[-1]
    return total


@pytest.mark.parametrize("n_steps", [1, 5])  # the smallest bets start again after 4
def test_the_evidence_against_the_true_model_is_one_on_average(n_steps):
    rng = np.random.default_rng(n_steps)
    real, twin, other = model(rng), model(rng), model(rng)
    means = watched_means(
        Comparison(real=real, twin=twin), reward_range=(0.0, 1.0), against={"other": other}
    )
    found = expected_evidence(real, lambda: Bets(means), n_steps, ends=(0.0, 1.0))
    assert 1 - 1e-9 < found < 1 + 1e-14


def test_the_evidence_against_a_set_with_the_true_model_is_at_most_one_on_average():
    rng = np.random.default_rng(4)
    real, twin = model(rng), model(rng)
    log = Field(real, ends=(0.0, 1.0)).sampled(rng, 400)
    c = SampledComparison(real=log.mdp, twin=twin, estimate=log)
    means = watched_means(c, against={"other": model(rng)})
    found = expected_evidence(real, lambda: Bets(means), 4, ends=(0.0, 1.0))
    assert 0.5 < found < 1


@pytest.mark.parametrize("side", ["low", "high"])
def test_the_evidence_against_a_set_with_the_true_model_on_its_edge_is_at_most_one(side):
    rng = np.random.default_rng(3)
    real = model(rng)
    means = watched_means(Comparison(real=real, twin=model(rng)), reward_range=(0.0, 1.0))
    wider = 0.3 * means.spread
    edge = {"low": means.high - wider} if side == "high" else {"high": means.low + wider}
    on_edge = replace(means, **edge)
    found = expected_evidence(real, lambda: Bets(on_edge), 4, ends=(0.0, 1.0))
    assert 0.5 < found < 1 + 1e-14


def test_no_money_is_ever_owed():
    rng = np.random.default_rng(12)
    P = rng.dirichlet([0.05, 0.5, 1], (3, 2)) * 0.999 + 0.001 / 3
    real = FiniteMDP(P, rng.uniform(0, 1, (3, 2)), 0.9)
    bets = Bets(watched_means(Comparison(real=real, twin=real), reward_range=(0.0, 1.0)))
    for rarest in (True, False):
        pair = np.tile(np.arange(6), 20)
        order = np.argsort(P.reshape(6, 3), axis=1)[pair, 0 if rarest else 2]
        course, _ = bets.play(pair, rng.choice([0.0, 1.0], 120), order, n_before=0, enough=np.inf)
        assert (bets.money > 0).all()
        assert course.min() > 0
    assert bets.weights.sum() == pytest.approx(1)  # once every pair was seen


def test_the_set_of_a_log_keeps_the_means_of_the_true_network():
    rng = np.random.default_rng(5)
    log = Field(REAL).sampled(rng, 2000)
    twin, feared = TINY.perturbed(mean_service=0.1).mdp(), TINY.perturbed(arrival_rate=0.3).mdp()
    m = watched_means(
        SampledComparison(real=log.mdp, twin=twin, estimate=log), against={"more": feared}
    )
    P, Q, T = (x.transitions.toarray() for x in (REAL, feared, twin))
    both = np.where(Q + T > 0, Q + T, 1)
    told = (P * np.where(Q + T > 0, 2 * Q / both, 1)).sum(axis=1)
    true = np.vstack([m.of_reward[:-1, None] * REAL.r.ravel() + m.of_state @ P.T, told])
    assert (m.low <= true).all()
    assert (true <= m.high).all()
    width = (m.high - m.low) / np.maximum(m.most - m.least, 1e-9)
    assert (width < 0.35).all()  # and they say something


def test_an_unchanged_network_raises_too_few_alarms_to_doubt_the_promise():
    alpha, n_streams = 0.2, 300
    rng = np.random.default_rng(6)
    c = Comparison(real=REAL, twin=TINY.perturbed(arrival_rate=-0.1).mdp())
    n_alarms = 0
    for _ in range(n_streams):
        watch = Watch(c, alpha=alpha, reward_range=(0, 9))
        n_alarms += feed(watch, REAL, rng, 3000) is not None
    assert n_alarms <= binom.ppf(0.999, n_streams, alpha)
    assert n_alarms > 0  # the test has teeth: the promise is not met by never raising one


def feed(watch, mdp, rng, n, behaviour=BEHAVIOUR):
    return watch.update(*transitions(mdp, rng, n, behaviour))


def transitions(mdp, rng, n, behaviour=BEHAVIOUR):
    pair, s_next, _ = Field(mdp).rolled_out(rng, behaviour, n).path.T
    return pair // mdp.n_actions, pair % mdp.n_actions, mdp.r.ravel()[pair], s_next


@pytest.mark.parametrize("error", [-0.1, 0.1])
def test_a_change_of_arrivals_by_a_tenth_is_noticed_and_in_the_right_direction(error):
    changed = TINY.perturbed(arrival_rate=error).mdp()
    for seed in range(5):
        watch = Watch(
            Comparison(real=REAL, twin=REAL),
            against={"more": TINY.perturbed(arrival_rate=0.2).mdp()},
        )
        alarm = feed(watch, changed, np.random.default_rng(seed), 10_000)
        assert alarm is not None
        assert np.sign(alarm.departures[0].shift) == np.sign(error)


def test_a_late_change_is_noticed_and_dated():
    rng = np.random.default_rng(8)
    watch = Watch(Comparison(real=REAL, twin=REAL), reward_range=(0, 9))
    assert feed(watch, REAL, rng, 20_000) is None
    alarm = feed(watch, TINY.perturbed(arrival_rate=-0.5).mdp(), rng, 2000)
    assert alarm is not None
    assert 20_000 < alarm.step < 20_600
    assert abs(alarm.departures[0].since - 20_000) < 600


def test_a_change_of_one_pair_is_noticed_there():
    P = REAL.transitions.toarray()
    s = int(np.bincount(transitions(REAL, np.random.default_rng(9), 5000)[0]).argmax())
    pair = s * REAL.n_actions + int(POLICY[s])
    row = P[pair].copy()
    P[pair] = np.where(np.arange(64) >= np.argmax(row > 0) + 1, row, 0) + 1e-3 * row
    P[pair] /= P[pair].sum()
    changed = FiniteMDP(P.reshape(64, 8, 64), REAL.r, REAL.gamma)
    watch = Watch(Comparison(real=REAL, twin=REAL))
    alarm = feed(watch, changed, np.random.default_rng(10), 20_000)
    assert alarm is not None
    found = next(d for d in alarm.departures if d.state is not None)
    assert (found.state, found.action) == (s, int(POLICY[s]))


def test_what_the_model_rules_out_raises_the_alarm_at_once():
    never = int(np.argmax(REAL.transitions.toarray()[0] == 0))
    watch = Watch(Comparison(real=REAL, twin=REAL))
    alarm = watch.update([0, 0], [0, 0], None, [0, never])
    assert (alarm.step, alarm.evidence, watch.p_value) == (2, np.inf, 0.0)
    assert f"led to state {never}" in alarm.reason


def test_a_reward_outside_of_its_range_raises_the_alarm_at_once():
    watch = Watch(Comparison(real=REAL, twin=REAL), reward_range=(0, 9))
    alarm = watch.update([0], [0], [9.5], [0])
    assert alarm.step == 1
    assert "earned 9.5" in alarm.reason


def test_a_transition_that_a_log_never_showed_is_no_alarm_by_itself():
    log = Field(REAL).sampled(np.random.default_rng(0), 5)
    c = SampledComparison(real=log.mdp, twin=REAL, estimate=log)
    never = int(np.argmax(REAL.transitions.toarray()[0] == 0))
    assert Watch(c).update([0], [0], [0.0], [never]) is None
    known = SampledComparison(real=log.mdp, twin=REAL, estimate=log, known_support=True)
    assert Watch(known).update([0], [0], [0.0], [never]) is not None


def test_the_network_may_do_anything_in_pairs_that_the_log_never_tried():
    counts = np.zeros(REAL.r.shape, dtype=int)
    counts[:, 0] = 3000
    log = Field(REAL).sampled(np.random.default_rng(1), counts)
    watch = Watch(SampledComparison(real=log.mdp, twin=REAL, estimate=log))
    stuck = np.zeros(5000, dtype=int)
    assert watch.update(stuck, stuck + 1, 0.0 * stuck, stuck) is None
    assert watch.update(stuck, stuck, 0.0 * stuck, stuck) is not None


def test_it_does_not_matter_how_the_stream_is_cut_nor_whether_the_watch_was_saved(tmp_path):
    s, a, r, s_next = transitions(REAL, np.random.default_rng(2), 3000)
    c = Comparison(real=REAL, twin=REAL)
    whole = Watch(c, reward_range=(0, 9))
    whole.update(s, a, r, s_next)
    parts = Watch(c, reward_range=(0, 9))
    for i in (0, 1, 2, 1000, 2500):
        j = {0: 1, 1: 2, 2: 1000, 1000: 2500, 2500: 3000}[i]
        parts.update(s[i:j], a[i:j], r[i:j], s_next[i:j])
        parts.save(tmp_path / "watch.npz")
        parts = Watch(c, reward_range=(0, 9)).resume(tmp_path / "watch.npz")
    assert parts.n_transitions == whole.n_transitions == 3000
    assert parts.evidence == pytest.approx(whole.evidence, rel=1e-12)
    assert parts.departures() == whole.departures()
    np.testing.assert_allclose(parts.history, whole.history, rtol=1e-12)
    assert len(whole.history) <= 1026


def test_a_saved_alarm_comes_back(tmp_path):
    watch = Watch(Comparison(real=REAL, twin=REAL), reward_range=(0, 9))
    watch.update([0], [0], [9.5], [0])
    watch.save(tmp_path / "watch.npz")
    again = Watch(Comparison(real=REAL, twin=REAL), reward_range=(0, 9))
    assert again.resume(tmp_path / "watch.npz").alarm == watch.alarm
    assert again.evidence == np.inf


def test_a_watch_resumes_only_what_it_saved(tmp_path):
    path = tmp_path / "watch.npz"
    Watch(Comparison(real=REAL, twin=REAL)).save(path)
    for other in (
        Watch(Comparison(real=REAL, twin=REAL), alpha=0.01),
        Watch(Comparison(real=REAL, twin=REAL), reward_range=(0, 9)),
        Watch(Comparison(real=TINY.perturbed(arrival_rate=0.01).mdp(), twin=REAL)),
    ):
        with pytest.raises(IncompatibleModels, match="saved by a watch over another set"):
            other.resume(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(MalformedFile, match="not a saved watch"):
        Watch(Comparison(real=REAL, twin=REAL)).resume(path)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (([0], [0], [0.0], [64]), r"s_next\[0\] must lie in 0..63; got 64"),
        (([0, -1], [0, 0], [0.0, 0.0], [0, 0]), r"s\[1\] must lie in 0..63; got -1"),
        (([0], [8], [0.0], [0]), r"a\[0\] must lie in 0..7; got 8"),
        (([0], [0], [np.nan], [0]), r"r\[0\] must be finite; got nan"),
        (([0], [0], None, [0]), "r must not be None"),
        (([0], [0], [0.0, 1.0], [0]), "equally long"),
        (([0.5], [0], [0.0], [0]), "s must be a sequence of whole numbers"),
    ],
)
def test_rows_that_are_no_transitions_are_refused_whole(rows, said):
    watch = Watch(Comparison(real=REAL, twin=REAL), reward_range=(0, 9))
    with pytest.raises(InvalidParameter, match=said):
        watch.update(*rows)
    assert watch.n_transitions == 0


def test_a_watch_that_cannot_be_is_refused():
    c = Comparison(real=REAL, twin=REAL)
    with pytest.raises(InvalidParameter, match="alpha"):
        Watch(c, alpha=0)
    with pytest.raises(InvalidParameter, match="hold the mean rewards"):
        Watch(c, reward_range=(0, 5))
    with pytest.raises(IncompatibleModels, match="n_states"):
        Watch(c, against={"other": AdmissionControl.small().mdp()})
    log = Field(REAL).sampled(np.random.default_rng(0), 5)
    with pytest.raises(InvalidParameter, match="give none"):
        Watch(SampledComparison(real=log.mdp, twin=REAL, estimate=log), reward_range=(0, 9))
