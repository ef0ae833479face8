"""What certificates from a log promise, on logs with known networks behind them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import germane
from families import admission, dense
from germane.certificates import SampledComparison, sampled_residual, sampled_value_aware
from germane.errors import IncompatibleModels, InvalidParameter
from samples import drawn

SEEDS = st.integers(0, 10**6)


def networks(seed, *, err=0.05):
    """A real model, its twin, the twin's best policy, and the generator that made them."""
    rng = np.random.default_rng(seed)
    S, A = int(rng.integers(2, 7)), int(rng.integers(1, 4))
    P, Q = rng.dirichlet(np.ones(S), (2, S, A))
    r = rng.uniform(-1, 1, (S, A))
    gamma = float(rng.choice([0.5, 0.9]))
    real = germane.FiniteMDP(P, r, gamma)
    twin = germane.FiniteMDP((1 - err) * P + err * Q, r + err * rng.uniform(-1, 1, (S, A)), gamma)
    return real, twin, germane.solve(twin).policy, rng


@given(SEEDS, st.integers(0, 400), st.booleans(), st.booleans())
def test_the_ledger_adds_up_and_value_aware_is_never_above_the_residual(
    seed, n, fixed, known_rewards
):
    real, twin, policy, rng = networks(seed)
    visits = rng.integers(0, n + 1, real.r.shape)
    log = drawn(real, visits, rng, fixed=fixed)
    c = SampledComparison(
        real=log.mdp, twin=twin, policy=policy, estimate=log, known_rewards=known_rewards
    )
    assert sum(c.ledger.entries.values()) == pytest.approx(0.05, rel=1e-12)
    s3, s8 = sampled_residual(c), sampled_value_aware(c)
    assert s8.value <= s3.value + 1e-9 * c.trivial
    assert (s8.per_state <= s8.value).all()


@given(SEEDS)
def test_with_endless_data_the_bound_is_the_regret(seed):
    real, twin, policy, rng = networks(seed)
    log = drawn(real, 10**9, rng, fixed=False)
    found = germane.certify(log, twin, policy=policy, known_rewards=False)
    regret = germane.regret(real, policy)
    assert found.bound <= regret.max() + 2e-3 * found.trivial
    assert (found.per_state >= regret - 1e-9 * found.trivial).all()


@given(SEEDS, st.integers(1, 200))
def test_for_every_policy_is_never_below_any_policy(seed, n):
    real, twin, policy, rng = networks(seed)
    log = drawn(real, n, rng)
    one = germane.certify(log, twin, policy=policy)
    every = germane.certify(log, twin, twin_regret=one.twin_regret)
    for name, bound in one.rungs.items():
        assert bound.value <= every.rungs[name].value * (1 + 1e-9) + 1e-9


@given(SEEDS)
def test_allowing_for_any_stopping_time_costs_but_never_gains(seed):
    """Not for S4, S8 and S9: a log's KL balls may be smaller than those for fixed counts."""
    real, twin, policy, rng = networks(seed)
    log = drawn(real, 300, rng, fixed=True)
    fixed = germane.certify(log, twin, policy=policy)
    any_time = germane.certify(replace(log, counts_fixed=False), twin, policy=policy)
    assert not fixed.sampling.any_time
    assert any_time.sampling.any_time
    for name in ("S1", "S3"):
        assert fixed.rungs[name].value <= any_time.rungs[name].value


@given(SEEDS)
def test_relabelling_states_and_actions_changes_no_bound(seed):
    real, twin, policy, rng = networks(seed)
    log = drawn(real, 50, rng)
    S, A = real.r.shape
    new = rng.permutation(S)  # new[s] is the new number of s
    old = np.argsort(new)
    pairs = (old[:, None] * A + np.arange(A)).ravel()

    def moved(matrix):
        return sp.csr_array(sp.csr_array(matrix[pairs])[:, old])

    def sums(cells):
        cells = sp.csr_array((cells, log.counts.indices, log.counts.indptr), log.counts.shape)
        kept = moved(cells + log.counts * 0)
        kept.sort_indices()
        return kept.data

    counts = moved(log.counts)
    counts.sort_indices()
    renamed = replace(
        log,
        counts=counts,
        reward_sum=sums(log.reward_sum),
        reward_square_sum=sums(log.reward_square_sum),
    )
    again = germane.FiniteMDP(moved(twin.transitions), twin.r[old], twin.gamma)
    before = germane.certify(log, twin, policy=policy)
    after = germane.certify(renamed, again, policy=policy[old])
    for name, bound in before.rungs.items():
        assert after.rungs[name].value == pytest.approx(bound.value, rel=1e-6)


def test_the_trivial_bound_is_all_that_a_log_without_rows_can_give():
    real, twin, policy, rng = networks(1)
    found = germane.certify(drawn(real, 0, rng), twin, policy=policy)
    assert found.vacuous
    assert found.sampling.n_unvisited == real.r.size
    assert found.sampling.missing_mass == 0.0  # of no visits


def test_a_set_makes_a_log_with_unvisited_pairs_worth_something():
    real, twin = admission(np.random.default_rng(4), 0.9, 0.05)
    policy = germane.solve(twin).policy
    rng = np.random.default_rng(5)
    visits = np.full(real.r.shape, 2000)
    visits[:, -1] = 0
    log = drawn(real, visits, rng)
    alone = germane.certify(log, twin, policy=policy)
    tv = float(germane.total_variation(real, twin).max()) * 1.01
    gap = float(np.abs(real.r - twin.r).max()) * 1.01
    known = germane.RectangularSet(centre=twin, tv=tv, reward_gap=gap, why="tolerances")
    within = germane.certify(log, twin, policy=policy, within=[known])
    assert alone.bound > 0.9 * alone.trivial
    assert germane.regret(real, policy).max() <= within.bound < 0.5 * alone.bound
    assert within.sampling.within == ("tolerances",)


def test_a_box_of_parameters_is_such_a_set():
    """One action was never tried: alone the log is worth little."""
    network = germane.AdmissionControl.tiny()
    box = germane.ParameterBox(network, {"arrival_rate": 0.02, "profit": 0.02})
    twin = network.mdp()
    real = network.perturbed(arrival_rate=0.015, profit=-0.01).mdp()
    visits = np.full(real.r.shape, 400)
    visits[:, -1] = 0
    log = drawn(real, visits, np.random.default_rng(5))
    policy = germane.solve(twin).policy
    within = germane.certify(log, twin, policy=policy, within=[box])
    assert germane.regret(real, policy).max() <= within.bound
    assert within.bound < 0.2 * germane.certify(log, twin, policy=policy).bound
    assert "box" in within.sampling.within[0]


def test_a_set_that_the_log_refutes_is_named():
    real, _twin, policy, rng = networks(2)
    log = drawn(real, 100_000, rng)
    wrong = germane.FiniteMDP(real.transitions, real.r + 0.5, real.gamma)
    known = germane.RectangularSet(centre=wrong, tv=0.001, reward_gap=0.001, why="a wrong belief")
    with pytest.raises(IncompatibleModels, match="a wrong belief"):
        germane.certify(log, real, policy=policy, within=[known])


def test_the_probability_that_a_set_fails_is_taken_from_the_log():
    real, twin, policy, rng = networks(3)
    log = drawn(real, 100, rng)
    known = germane.RectangularSet(centre=twin, tv=1.0, reward_gap=9.0, alpha=0.02, why="by counts")
    found = germane.certify(log, twin, policy=policy, within=[known])
    assert sum(found.sampling.ledger.values()) == pytest.approx(0.05)
    assert found.sampling.ledger["set 1: by counts"] == 0.02
    assert found.bound >= germane.certify(log, twin, policy=policy).bound
    with pytest.raises(InvalidParameter, match="leaves nothing"):
        germane.certify(log, twin, policy=policy, within=[known] * 3)


def test_a_support_that_is_known_helps_and_is_refused_when_the_log_denies_it():
    real, twin = admission(np.random.default_rng(6), 0.9, 0.05)
    policy = germane.solve(twin).policy
    log = drawn(real, 500, np.random.default_rng(7))
    open_, known = (
        germane.certify(log, twin, policy=policy, known_support=known) for known in (False, True)
    )
    for name in ("S3", "S4", "S8"):
        assert known.rungs[name].value < open_.rungs[name].value
    stays = germane.FiniteMDP(np.eye(real.n_states)[:, None].repeat(real.n_actions, 1), twin.r, 0.9)
    with pytest.raises(InvalidParameter, match="known_support: the log has"):
        germane.certify(log, replace_gamma(stays, log), policy=policy, known_support=True)


def replace_gamma(mdp, log):
    return germane.FiniteMDP(mdp.transitions, mdp.r, log.gamma)


def test_a_twin_estimated_from_the_same_rows_is_refused_and_from_others_is_not():
    real, _twin = dense(np.random.default_rng(8), 0.9, 0.05)
    rng = np.random.default_rng(9)
    source = (germane.Source(name="log.csv", sha256="0" * 64, n_bytes=1),)

    def part(k, n):
        log = drawn(real, 200, rng)
        return replace(log, provenance=replace(log.provenance, sources=source, part=(k, n)))

    found = germane.certify(part(0, 2), part(1, 2))
    assert found.bound >= 0
    for mine, theirs in (((0, 2), (0, 2)), ((0, 1), (1, 2)), ((0, 2), (2, 4)), ((1, 2), (0, 3))):
        with pytest.raises(InvalidParameter, match="split the log"):
            germane.certify(part(*mine), part(*theirs))


def test_terminal_states_need_no_visits():
    """0 -> 1 ends the episode with reward 1; nothing else can happen, so one pair is all there is."""
    P = np.array([[[0.0, 1.0]], [[0.0, 1.0]]])
    real = germane.FiniteMDP(P, [[1.0], [0.0]], 0.9)
    log = drawn(real, np.array([[4000], [0]]), np.random.default_rng(0), terminal=[False, True])
    assert len(log.unvisited) == 0
    assert (log.mdp.r == real.r).all()
    found = germane.certify(log, real, known_support=True)
    assert found.bound < 0.05 * found.trivial


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({"confidence": 1.0}, "confidence must lie in"),
        ({"confidence": float("nan")}, "confidence must lie in"),
        ({"twin_regret": -1.0}, "twin_regret"),
        ({"policy": [0, 0], "twin_regret": 0.0}, "not both"),
    ],
)
def test_options_out_of_range_are_named(options, culprit):
    real = germane.FiniteMDP(np.full((2, 1, 2), 0.5), [[0.0], [1.0]], 0.9)
    log = drawn(real, 10, np.random.default_rng(0))
    with pytest.raises(InvalidParameter, match=culprit):
        germane.certify(log, real, **options)


def test_options_of_logs_are_refused_without_one():
    real = germane.FiniteMDP(np.full((2, 1, 2), 0.5), [[0.0], [1.0]], 0.9)
    with pytest.raises(InvalidParameter, match="for a log alone"):
        germane.certify(real, real, known_support=True)
