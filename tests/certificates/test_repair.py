"""Repair advice: what it promises is what a repair does, and it finds what was broken."""

from dataclasses import replace

import numpy as np
import pytest

from germane.certificates import (
    Comparison,
    bellman_residual,
    exact,
    repair_advice,
    value_mismatch,
)
from germane.errors import IncompatibleModels
from germane.mdp import FiniteMDP, solve
from germane.networks import AdmissionControl
from strategies import transition_rows

TINY = AdmissionControl.tiny()

# Every number of the tiny network that its value depends on: a sensor's queue is full anyway, and
# a control task gives up within the step whatever its patience.
NUMBERS = [
    (name, i)
    for name in TINY.perturbable
    for i in range(3)
    if (name, i) not in {("arrival_rate", 1), ("timeout", 1), ("timeout", 2)}
]


def models(seed, n_states=5, n_actions=3, n_wrong=1):
    """A real model and a twin whose rows ``(s, a)`` in a list are wrong, both ways."""
    rng = np.random.default_rng(seed)
    rows = transition_rows(rng, "dense", n_states * n_actions, n_states)
    other = transition_rows(rng, "dense", n_states * n_actions, n_states).toarray()
    r = rng.random((n_states, n_actions))
    wrong = rng.choice(n_states * n_actions, n_wrong, replace=False)
    P, R = rows.toarray(), r.copy()
    P[wrong] = other[wrong]
    R.flat[wrong] += 0.5
    shape = n_states, n_actions, n_states
    pairs = [divmod(int(pair), n_actions) for pair in wrong]
    return FiniteMDP(rows, r, 0.9), FiniteMDP(P.reshape(shape), R, 0.9), pairs


def slices(name, i, error):
    return {name: [error if j == i else 0.0 for j in range(3)]}


@pytest.mark.parametrize(("name", "i"), NUMBERS)
def test_correcting_the_only_wrong_parameter_leaves_nothing(name, i):
    twin = TINY.perturbed(**slices(name, i, 0.1))
    best = repair_advice(TINY, twin)[0]
    assert (best.part, best.subject) == ("parameter", TINY.parameter_label(name, i)[0])
    assert best.after < 1e-8 < best.before
    field = TINY.perturbable[name]
    assert (best.in_real, best.in_twin) == (getattr(TINY, field)[i], getattr(twin, field)[i])


def test_the_parameter_perturbed_most_comes_first_in_9_of_10_random_perturbations():
    # One number is off by 20 %, all others by up to 1 %.
    rng = np.random.default_rng(2024)
    found = 0
    for _ in range(10):
        errors = {name: rng.uniform(-0.01, 0.01, 3) for name in TINY.perturbable}
        name, i = NUMBERS[rng.integers(len(NUMBERS))]
        errors[name][i] = rng.choice([-0.2, 0.2])
        first = repair_advice(TINY, TINY.perturbed(**errors), n_rows=0)[0]
        found += first.subject == TINY.parameter_label(name, i)[0]
    assert found >= 9


@pytest.mark.parametrize("rung", [value_mismatch, bellman_residual, exact])
def test_a_repair_promises_the_bound_of_the_twin_planned_again(rung):
    twin = TINY.perturbed(profit=(0.2, 0, 0), mean_service=(0, -0.15, 0))
    repairs = {repair.subject: repair for repair in repair_advice(TINY, twin, rung=rung)}
    corrected = replace(twin, profit=TINY.profit).mdp()
    promised = rung(Comparison(real=TINY.mdp(), twin=corrected))
    repair = repairs["eMBB: profit of a request"]
    assert repair.after == promised.value
    assert repair.before == rung(Comparison(real=TINY.mdp(), twin=twin.mdp())).value
    assert repair.rung == promised.name
    assert repair.fall == repair.before - repair.after


def test_a_policy_that_is_given_is_kept():
    twin = TINY.perturbed(profit=(0.5, 0, 0))
    policy = solve(twin.mdp()).policy
    kept = repair_advice(TINY, twin, policy=policy, rung=bellman_residual)[0]
    c = Comparison(real=TINY.mdp(), twin=TINY.mdp(), policy=policy)
    assert kept.after == bellman_residual(c).value
    assert kept.after > 1e-3  # the twin is right then, and the policy as wrong as before


@pytest.mark.parametrize("seed", range(5))
def test_correcting_the_only_wrong_row_leaves_nothing_and_half_of_it_leaves_something(seed):
    real, twin, [(s, a)] = models(seed)
    repairs = repair_advice(real, twin)
    assert (repairs[0].part, repairs[0].state, repairs[0].actions) == ("row", s, (a,))
    assert repairs[0].subject == f"state {s}, action {a}"
    assert repairs[0].after < 1e-9
    halves = {repair.part: repair for repair in repairs[1:]}
    assert set(halves) == {"transitions", "reward"}
    assert all(half.after > 1e-3 for half in halves.values())
    assert halves["reward"].in_twin == halves["reward"].in_real + 0.5


def test_the_lowest_bound_comes_first_and_the_rows_tried_are_the_worst():
    real, twin, wrong = models(7, n_wrong=4)
    repairs = repair_advice(real, twin, n_rows=2)
    assert [repair.after for repair in repairs] == sorted(repair.after for repair in repairs)
    e, _ = Comparison(real=real, twin=twin).mismatch()
    worst = sorted(wrong, key=lambda pair: -abs(e[pair]))[:2]
    assert {(repair.state, *repair.actions) for repair in repairs} == set(worst)


def test_actions_that_do_the_same_are_corrected_together():
    # Both actions of state 0 are one, in the real model and in the twin: half a repair is none.
    P = np.zeros((2, 2, 2))
    P[0, :, 1] = P[1, :, 0] = 1.0
    real = FiniteMDP(P, [[1.0, 1.0], [0.0, 0.0]], 0.9)
    twin = FiniteMDP(P, [[2.0, 2.0], [0.0, 0.0]], 0.9)
    [repair] = repair_advice(real, twin)
    assert (repair.state, repair.actions, repair.part) == (0, (0, 1), "reward")
    assert repair.after < 1e-9
    assert str(repair) == (
        "state 0, action 0 or 1, reward: 2 in the twin, 1 in the real network: L4 from 20 to "
        f"{repair.after:.4g}"
    )


def test_a_perfect_twin_needs_no_repair():
    assert repair_advice(TINY, TINY) == ()
    assert repair_advice(TINY.mdp(), TINY.mdp()) == ()


def test_a_network_against_a_file_is_repaired_row_by_row_in_the_words_of_the_network():
    repairs = repair_advice(TINY.mdp(), TINY.perturbed(profit=0.1), n_rows=1)
    assert {repair.part for repair in repairs} == {"reward"}
    assert repairs[0].subject.startswith("eMBB: 1 queued")


def test_models_that_cannot_be_compared_are_refused():
    with pytest.raises(IncompatibleModels):
        repair_advice(TINY, models(0)[0])
