"""The plan of further samples, against the certificates that such samples give."""

from __future__ import annotations

import json

import numpy as np
import pytest

import germane
from families import dense, power
from germane.certificates._sample_plan import _extended
from germane.errors import InvalidParameter
from samples import drawn


def scene(family=dense, n=100, seed=0):
    """A log with ``n`` visits of each pair, the real model, its twin and the twin's best policy."""
    rng = np.random.default_rng(seed)
    real, twin = family(rng, 0.9, 0.05)
    return drawn(real, n, rng), real, twin, germane.solve(twin).policy


@pytest.mark.parametrize(("family", "n"), [(dense, 0), (dense, 100), (power, 1000)])
def test_the_samples_bring_the_certificate_where_it_was_expected(family, n):
    """Fresh samples of the real network: in the middle, within a fifth of what the plan expects."""
    log, real, twin, policy = scene(family, n)
    trivial = germane.certify(log, twin, policy=policy).trivial
    plan = germane.sample_plan(log, twin, policy=policy, target=0.1 * trivial)
    assert plan.expected_bound <= plan.target < plan.bound_now
    reached = [
        germane.certify(
            drawn(real, log.n_visits + plan.more, np.random.default_rng(seed)), twin, policy=policy
        ).bound
        for seed in range(5)
    ]
    assert np.median(reached) == pytest.approx(plan.expected_bound, rel=0.2)


def test_an_equal_number_of_each_pair_costs_more():
    """What the gaps of an action's value are good for: here at least 1.7 times as many."""
    log, _, twin, policy = scene()
    trivial = germane.certify(log, twin, policy=policy).trivial
    plan = germane.sample_plan(log, twin, policy=policy, target=0.1 * trivial)
    each = int(np.ceil(1.7 * plan.n_samples / plan.more.size))
    equal = np.full(plan.more.shape, each)
    assert germane.certify(_extended(log, twin, equal), twin, policy=policy).bound > plan.target


def test_a_lower_target_needs_more_and_a_dear_pair_is_visited_less():
    log, _, twin, policy = scene()
    trivial = germane.certify(log, twin, policy=policy).trivial
    near, far = (
        germane.sample_plan(log, twin, policy=policy, target=x * trivial) for x in (0.2, 0.1)
    )
    assert near.n_samples < far.n_samples
    played = np.zeros(near.more.shape)
    played[np.arange(len(policy)), policy] = 1.0
    prices = 1 + 99 * played  # what the policy does is dear: let the others have narrow intervals
    cheap, dear = (
        germane.sample_plan(log, twin, policy=policy, target=0.1 * trivial, cost=cost)
        for cost in (1.0, prices)
    )
    assert (dear.more * played).sum() < (cheap.more * played).sum()
    assert dear.cost <= float((prices * cheap.more).sum()) * 1.1
    assert dear.cost == float((prices * dear.more).sum())


def test_nothing_more_is_needed_where_the_target_is_met():
    log, _, twin, policy = scene(n=3000)
    now = germane.certify(log, twin, policy=policy)
    plan = germane.sample_plan(log, twin, policy=policy, target=now.bound)
    assert plan.n_samples == 0
    assert plan.ranked() == []
    assert plan.expected_bound == pytest.approx(now.bound, rel=1e-9)


def test_the_plan_speaks_for_every_policy_too_and_as_json():
    log, _, twin, _ = scene()
    trivial = germane.certify(log, twin).trivial
    plan = germane.sample_plan(log, twin, target=0.2 * trivial)
    told = json.loads(json.dumps(plan.to_json()))
    assert sum(row["visits"] for row in told["more"]) == plan.n_samples > 0
    assert [row["visits"] for row in told["more"]] == sorted(plan.more[plan.more > 0])[::-1]


def test_what_a_log_would_look_like_keeps_what_it_has_and_adds_what_was_planned():
    log, _, twin, _ = scene(n=7)
    more = np.arange(log.n_visits.size).reshape(log.n_visits.shape)
    longer = _extended(log, twin, more)
    assert (longer.n_visits == log.n_visits + more).all()
    ends = np.sort([log.mdp.r, np.clip(twin.r, *log.reward_range)], axis=0)
    assert (longer.mdp.r >= ends[0] - 1e-12).all()
    assert (longer.mdp.r <= ends[1] + 1e-12).all()
    same = _extended(log, twin, 0 * more)
    assert (same.counts != log.counts).nnz == 0


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({"target": 0.0}, "target must be above"),
        ({"target": float("nan")}, "target must be above"),
        ({"target": 1.0, "cost": 0.0}, "cost must be finite and above 0"),
    ],
)
def test_what_cannot_be_planned_is_said(options, culprit):
    log, _, twin, policy = scene()
    with pytest.raises(InvalidParameter, match=culprit):
        germane.sample_plan(log, twin, policy=policy, **options)


def test_a_target_below_what_is_lost_in_log_and_twin_is_out_of_reach():
    log, _, twin, policy = scene()
    worst = (policy + 1) % twin.n_actions
    lost = min(germane.regret(mdp, worst).max() for mdp in (log.mdp, twin))
    with pytest.raises(InvalidParameter, match="no number of samples"):
        germane.sample_plan(log, twin, policy=worst, target=0.5 * lost)
