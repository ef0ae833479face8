"""Laws that every regret bound obeys; the exact regret is computed by a second road."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.certificates import Comparison, certify, exact, theorem1, theorem1_tv, trivial
from germane.errors import IncompatibleModels, InvalidParameter, InvalidPolicy
from germane.mdp import FiniteMDP, policy_probabilities, solve
from germane.metrics import dt_bsm
from oracles import policy_value_by_solving
from strategies import mdps, transition_rows

law = settings(max_examples=60, deadline=None)


@st.composite
def deployments(draw):
    """A real model, a twin of the same shape, and a policy: optimal in the twin, or any."""
    gamma, A, S = (
        draw(st.sampled_from([0.0, 0.5, 0.9, 0.99])),
        draw(st.integers(1, 3)),
        draw(st.integers(1, 5)),
    )
    one = mdps(min_states=S, max_states=S, min_actions=A, max_actions=A, gamma=st.just(gamma))
    real, twin = draw(one), draw(one)
    if draw(st.booleans()):
        return real, twin, solve(twin).policy
    pi = np.random.default_rng(draw(st.integers(0, 999))).dirichlet(np.ones(A), S)
    return real, twin, pi


def regret_by_enumeration(mdp, policy):
    every = np.ndindex(*[mdp.n_actions] * mdp.n_states)
    values = [policy_value_by_solving(mdp, policy_probabilities(mdp, np.array(c))) for c in every]
    return np.max(values, axis=0) - policy_value_by_solving(mdp, policy_probabilities(mdp, policy))


@law
@given(deployments())
def test_no_rung_is_below_the_exact_regret(deployment):
    real, twin, policy = deployment
    regret = regret_by_enumeration(real, policy)
    certificate = certify(real, twin, policy=policy)
    rounding = 1e-13 / (1 - real.gamma) ** 2
    for bound in certificate.rungs.values():
        assert bound.lower - rounding <= regret.max() <= bound.value + rounding
        if bound.per_state is not None:
            assert (regret <= bound.per_state + rounding).all()


@law
@given(mdps(), st.integers(0, 99))
def test_a_perfect_twin_costs_nothing_but_the_training(mdp, seed):
    policy = np.random.default_rng(seed).integers(0, mdp.n_actions, mdp.n_states)
    certificate = certify(mdp, mdp, policy=policy)
    training = (1 + mdp.gamma) / (1 - mdp.gamma) * certificate.twin_regret
    slack = 1e-12 / (1 - mdp.gamma) ** 3
    assert certificate.rungs["L1"].value <= training + slack
    assert certificate.rungs["L3"].value <= training + slack + 1e-5 / (1 - mdp.gamma) ** 2
    assert certificate.drivers == ()


@law
@given(deployments())
def test_the_metric_form_is_never_above_the_total_variation_form(deployment):
    # Lemma 5; the metric to all its digits, so that what is left is rounding.
    real, twin, _ = deployment
    c = Comparison(real=real, twin=twin)
    l3, l1 = theorem1(c, dt_bsm(real, twin, tol=0.0)), theorem1_tv(c)
    assert l3.value <= l1.value + 1e-11 / (1 - real.gamma) ** 3


@law
@given(deployments(), st.floats(0.1, 1), st.floats(0, 1))
def test_bounds_grow_with_the_twins_error(deployment, error, share):
    # Twins on the segment from the real transitions to wrong ones; equal rewards keep Rmax.
    real, wrong, _ = deployment

    def bound(error):
        P = (1 - error) * real.transitions + error * wrong.transitions
        return theorem1_tv(Comparison(real=real, twin=FiniteMDP(P, real.r, real.gamma))).value

    assert bound(share * error) <= bound(error) + 1e-12 / (1 - real.gamma) ** 3


@law
@given(deployments(), st.randoms(use_true_random=False))
def test_relabelling_both_models_changes_no_bound(deployment, random):
    real, twin, policy = deployment
    order = list(range(real.n_states))
    random.shuffle(order)
    models = []
    for m in (real, twin):
        P = m.transitions.toarray().reshape(m.n_states, m.n_actions, m.n_states)
        models.append(FiniteMDP(P[order][:, :, order], m.r[order], m.gamma))
    one = certify(real, twin, policy=policy)
    other = certify(*models, policy=policy[order])
    # Widths of the metrics, of the search for a scale, and of the robust sweeps; else rounding.
    widths = {
        "L3": 1e-5,
        "L3b": 1e-5,
        "L3d": 1e-5,
        "L3t": 1e-5,
        "L3p": 1e-5,
        "L4s*": 1e-5,
        "L6set": 1e-3,
    }
    for name, bound in one.rungs.items():
        slack = widths.get(name, 1e-11 / (1 - real.gamma)) / (1 - real.gamma) ** 2
        assert bound.value == pytest.approx(other.rungs[name].value, abs=slack)


@law
@given(deployments())
def test_the_parts_of_a_bound_add_up_to_it(deployment):
    real, twin, policy = deployment
    certificate = certify(real, twin, policy=policy)
    for name in ("L1", "L3"):
        bound = certificate.rungs[name]
        total = sum(bound.parts.values())
        assert total <= bound.value <= total * (1 + 1e-9) + 1e-11 / (1 - real.gamma) ** 3


@law
@given(deployments(), st.floats(0, 2))
def test_an_answer_never_contradicts_the_truth(deployment, threshold):
    real, twin, policy = deployment
    certificate = certify(real, twin, policy=policy)
    regret = regret_by_enumeration(real, policy).max()
    rounding = 1e-12 / (1 - real.gamma) ** 2
    answer = certificate.answer(threshold)
    assert not (answer == "pass" and regret > threshold + rounding)
    assert not (answer == "fail" and regret <= threshold - rounding)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("gamma", [0.5, 0.9999])
def test_rounding_never_takes_a_bound_below_a_known_regret(gamma, scale):
    # The policy stays at 0 for ever, the best one moves to a state worth scale / (1 - gamma).
    P = np.zeros((2, 2, 2))
    P[0, 0, 0] = P[0, 1, 1] = P[1, :, 1] = 1
    mdp = FiniteMDP(P, scale * np.array([[0.0, 0.0], [1.0, 1.0]]), gamma)
    truth = gamma * scale / (1 - gamma)
    found = exact(Comparison(real=mdp, twin=mdp, policy=[0, 0]))
    assert found.lower <= truth <= found.value
    assert found.value - found.lower <= 1e-8 * truth
    for bound in certify(mdp, mdp, policy=[0, 0]).rungs.values():
        assert bound.value >= truth


def test_theorem_1_by_hand():
    # Rmax = 1, TV = 0.1 from state 0, rewards equal: d_TV = 9 * 0.1; the metric d(0, 0) = 0.9 by the
    # absorbing pair (1, 2) at distance 10 that 0.1 of the mass confuses: 0.9 * 0.1 * 10.
    P = np.array([[[0, 1, 0]], [[0, 1, 0]], [[0, 0, 1]]], dtype=float)
    Q = P.copy()
    Q[0, 0] = [0, 0.9, 0.1]
    r = [[0.0], [1.0], [0.0]]
    real, twin = FiniteMDP(P, r, 0.9), FiniteMDP(Q, r, 0.9)
    c, trained = (Comparison(real=real, twin=twin, twin_regret=eps) for eps in (0.0, 2.0))
    assert theorem1_tv(c).value == pytest.approx(200 * 0.9, rel=1e-9)
    assert theorem1_tv(trained).value == pytest.approx(200 * 0.9 + 38, rel=1e-9)
    assert theorem1(c, dt_bsm(real, twin)).value == pytest.approx(20 * 0.9, rel=1e-5)
    assert trivial(c).value == pytest.approx(10, rel=1e-12)
    assert theorem1_tv(c).vacuous
    assert theorem1_tv(c).share == pytest.approx(18, rel=1e-9)
    assert theorem1_tv(c).parts["transition gap"] == pytest.approx(180, rel=1e-9)


def test_the_constant_of_theorem_1_is_attained():
    # States s, u, w: rewards s (2D, 0), u (2D + k, k), w (2D - k, -k) with k = (1 - g) D / g; u and w
    # absorb; s stays in the real model, in the twin action 1 leads to w and action 2 to u. Both
    # actions tie at s in the twin; the policy that takes the second loses 2 D / (1 - g).
    g, D = 0.9, 1.0
    k = (1 - g) * D / g
    r = [[2 * D, 0.0], [2 * D + k, k], [2 * D - k, -k]]
    stay = np.repeat(np.eye(3)[:, None, :], 2, axis=1)
    Q = stay.copy()
    Q[0, 0], Q[0, 1] = [0, 0, 1], [0, 1, 0]
    real, twin = FiniteMDP(stay, r, g), FiniteMDP(Q, r, g)
    metric = dt_bsm(real, twin, tol=1e-10)
    assert metric.max_diagonal == pytest.approx((D, D), abs=1e-9)
    policy = [1, 0, 0]
    certificate = certify(real, twin, policy=policy, metric=metric)
    assert certificate.twin_regret == pytest.approx(0, abs=1e-9)
    assert certificate.rungs["exact"].lower == pytest.approx(20 * D, rel=1e-9)
    assert certificate.rungs["L3"].value == pytest.approx(20 * D, rel=1e-7)


def test_a_policy_free_certificate_holds_for_every_policy_that_good_in_the_twin():
    rng = np.random.default_rng(0)
    real, twin = (
        FiniteMDP(transition_rows(rng, "dense", 6, 3), rng.random((3, 2)), 0.8) for _ in range(2)
    )
    certificate = certify(real, twin, twin_regret=0.5)
    assert not certificate.for_policy
    assert "L5r" not in certificate.rungs
    for choice in np.ndindex(2, 2, 2):
        policy = np.array(choice)
        if regret_by_enumeration(twin, policy).max() <= 0.5:
            assert regret_by_enumeration(real, policy).max() <= certificate.bound


def test_drivers_rank_the_pairs_by_what_a_look_ahead_is_off():
    # Action 1 of state 0 reaches the state worth 10 in the real model half as often as in the twin.
    P = np.zeros((3, 2, 3))
    P[0, 0, 2] = P[0, 1, 1] = P[1, :, 1] = P[2, :, 2] = 1
    Q, r = P.copy(), np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    P[0, 1] = [0, 0.5, 0.5]
    r_twin = r.copy()
    r_twin[2, 0] -= 0.25
    drivers = certify(FiniteMDP(P, r, 0.9), FiniteMDP(Q, r_twin, 0.9)).drivers
    assert [(driver.state, driver.action) for driver in drivers] == [(0, 1), (2, 0)]
    assert drivers[0].mismatch == pytest.approx(-0.9 * 0.5 * 10)
    assert drivers[0].total_variation == 0.5
    assert drivers[1].mismatch == pytest.approx(0.25)
    assert drivers[1].reward_gap == 0.25


def test_what_cannot_be_certified_is_refused_by_name():
    mdp = FiniteMDP(np.ones((1, 1, 1)), [[0.0]], 0.9)
    two = FiniteMDP(np.eye(2)[:, None, :], [[0.0], [1.0]], 0.9)
    with pytest.raises(IncompatibleModels, match="n_states"):
        certify(mdp, two)
    with pytest.raises(InvalidPolicy, match=r"policy\[0\]"):
        certify(mdp, mdp, policy=[3])
    with pytest.raises(InvalidParameter, match="not both"):
        certify(mdp, mdp, policy=[0], twin_regret=0.1)
    with pytest.raises(InvalidParameter, match=r"twin_regret.*-1"):
        certify(mdp, mdp, twin_regret=-1.0)
    with pytest.raises(InvalidParameter, match=r"max_regret.*nan"):
        certify(mdp, mdp).answer(float("nan"))
