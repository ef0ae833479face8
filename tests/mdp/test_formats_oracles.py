"""Oracles: Gymnasium's tables with episodes that end, QuantEcon's own solver."""

import gymnasium
import numpy as np
import pytest
from quantecon.markov import DiscreteDP

from germane.mdp import (
    DiscreteDPArrays,
    FiniteMDP,
    from_gymnasium,
    from_quantecon,
    solve,
    to_quantecon,
)

GAMMA = 0.9

# name, options, states that the model has beyond those of the environment:
# FrozenLake's holes and goal are absorbing with reward 0; CliffWalking's goal and the places where
# Taxi drops off go on with ordinary rows, so ending there needs a state of its own
TOY_TEXT = [
    ("FrozenLake-v1", {"is_slippery": True}, 0),
    ("FrozenLake-v1", {"is_slippery": False}, 0),
    ("FrozenLake-v1", {"map_name": "8x8"}, 0),
    ("CliffWalking-v1", {}, 1),
    ("CliffWalking-v1", {"is_slippery": True}, 1),
    ("Taxi-v4", {}, 1),
    ("Taxi-v4", {"is_rainy": True}, 1),
]


def episodic_value(P, gamma, tol):
    """Optimal value when ``done`` ends the episode: value iteration on the table itself."""
    v = np.zeros(len(P))
    while True:
        w = np.array(
            [
                max(
                    sum(p * (r + gamma * (not done) * v[t]) for p, t, r, done in P[s][a])
                    for a in P[s]
                )
                for s in range(len(P))
            ]
        )
        if np.abs(w - v).max() * gamma / (1 - gamma) <= tol:
            return w
        v = w


@pytest.mark.parametrize(("name", "options", "n_extra"), TOY_TEXT)
def test_the_model_of_an_environment_has_its_episodic_value(name, options, n_extra):
    P = gymnasium.make(name, **options).unwrapped.P
    mdp = from_gymnasium(P, GAMMA)
    assert mdp.n_states == len(P) + n_extra
    # both sides stop within 1e-6 of the fixed point
    ours = solve(mdp, tol=1e-6).v
    np.testing.assert_allclose(ours[: len(P)], episodic_value(P, GAMMA, 1e-6), rtol=0, atol=2.1e-6)
    assert not mdp.r[len(P) :].any()


def random_ddp(rng, S, A):
    P, R = rng.dirichlet(np.ones(S), size=(S, A)), rng.normal(size=(S, A))
    R[:, :-1][rng.random((S, A - 1)) < 0.3] = -np.inf
    rng.permuted(R, axis=1, out=R)  # the action that is sure to be feasible may be any
    return DiscreteDP(R, P, 0.9)


@pytest.mark.parametrize("form", ["dense", "pairs", "sparse pairs"])
@pytest.mark.parametrize("seed", range(3))
def test_a_model_from_quantecon_has_the_optimum_quantecon_finds(form, seed):
    ddp = random_ddp(np.random.default_rng(seed), 6, 4)
    if form != "dense":
        ddp = ddp.to_sa_pair_form(sparse=form == "sparse pairs")
    theirs = ddp.solve(method="policy_iteration").v
    # theirs is exact up to a linear solve with a matrix of condition at most 19
    np.testing.assert_allclose(solve(from_quantecon(ddp), tol=1e-9).v, theirs, rtol=0, atol=1.1e-9)


@pytest.mark.parametrize("dense", [True, False])
def test_quantecon_takes_our_arrays_and_finds_our_optimum(dense):
    rng = np.random.default_rng(7)
    mdp = FiniteMDP(rng.dirichlet(np.ones(5), size=(5, 3)), rng.normal(size=(5, 3)), 0.9)
    theirs = DiscreteDP(*to_quantecon(mdp, dense=dense)).solve(method="policy_iteration").v
    np.testing.assert_allclose(solve(mdp, tol=1e-9).v, theirs, rtol=0, atol=1.1e-9)


def test_the_three_quantecon_forms_are_one_model():
    ddp = random_ddp(np.random.default_rng(1), 5, 3)
    forms = [ddp, ddp.to_sa_pair_form(sparse=True), ddp.to_sa_pair_form(sparse=False)]
    prints = {from_quantecon(form).fingerprint() for form in forms}
    prints.add(from_quantecon(DiscreteDPArrays(ddp.R, ddp.Q, ddp.beta)).fingerprint())
    assert len(prints) == 1
